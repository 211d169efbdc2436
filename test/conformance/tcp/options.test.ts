import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

describe("TCP_RTO_MAX_MS", () => {
  scripted("bounds the back-off of the retransmission timer (RFC 6298 §2.5)", (t) => {
    t.passive();
    t.set("TCP_RTO_MAX_MS", 1000);
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 1
      +0.3 > P. 1:11(10) ack 1
      +0.6 > P. 1:11(10) ack 1
      +1 > P. 1:11(10) ack 1
      +1 > P. 1:11(10) ack 1`);
    expect(t.info("rto")).toBe(1_000_000);
  });

  scripted("... and of zero-window probes (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 0 <mss 1000>");
    t.set("TCP_RTO_MAX_MS", 1000);
    t.write(10);
    t.play(`
      +0.3 > . 0:0(0) ack 1
      +0.6 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1`);
  });

  for (const [where, options, config] of [
    ["the listener's option", { TCP_RTO_MAX_MS: 1000 }, {}],
    ["the setting", {}, { "net.ipv4.tcp_rto_max_ms": 1000 }],
  ] as const)
    scripted(
      `... but ${where} not of SYN-ACKs (Linux)`,
      (t) => {
        t.listen(80, undefined, options);
        t.play(`
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1
        +1 > S. 0:0(0) ack 1
        +2 > S. 0:0(0) ack 1`);
      },
      { config },
    );

  scripted(
    "... unless one is the SYN-ACK of a fast open",
    (t) => {
      t.listen(80, undefined, { TCP_RTO_MAX_MS: 1500, TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460>
      > S. 0:0(0) ack 11
      +1 > S. 0:0(0) ack 11
      +1.5 > S. 0:0(0) ack 11
      +1.5 > S. 0:0(0) ack 11`);
    },
    { config: { "net.ipv4.tcp_fastopen": 0x203 } },
  );

  scripted("is 1000 to 120000, and what the setting was when the socket was made", (t) => {
    const listener = t.listen(80, undefined, { TCP_RTO_MAX_MS: 4000 });
    t.handshake();
    t.accept();
    expect(t.socket.getOption("TCP_RTO_MAX_MS")).toBe(4000);
    for (const bad of [0, 999, 120_001]) expect(() => listener.setOption("TCP_RTO_MAX_MS", bad)).toThrow(/EINVAL/);
  });
});

describe("TCP_RTO_MIN_US", () => {
  scripted("the least RTO of this socket (RFC 6298 §2.4)", (t) => {
    t.listen(80, undefined, { TCP_RTO_MIN_US: 20_000 });
    t.handshake("win 65535 <mss 1000>", 0.02);
    t.accept();
    expect(t.socket.getOption("TCP_RTO_MIN_US")).toBe(20_000);
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 1
      +0.06 > P. 1:11(10) ack 1
      +0.12~0.03 > P. 1:11(10) ack 1`);
    for (const bad of [0, 1000, 200_001]) expect(() => t.set("TCP_RTO_MIN_US", bad)).toThrow(/EINVAL/);
  });
});

describe("IP_MTU_DISCOVER 4 and 5 (IP_PMTUDISC_INTERFACE, IP_PMTUDISC_OMIT)", () => {
  for (const mode of [4, 5])
    scripted(`${mode}: no DF, and a report of a smaller path brings nothing at once (RFC 1191)`, (t) => {
      t.passive();
      t.set("IP_MTU_DISCOVER", mode);
      expect(t.socket.getOption("IP_MTU_DISCOVER")).toBe(mode);
      t.write(1460);
      t.play("> P. 1:1461(1460) ack 1 df 0");
      t.icmp(3, 4, { seq: 1, second: 1000 });
      // The timer's segment is of the size that the route has learnt all the same
      t.play("+0.3 > . 1:961(960) ack 1 df 0");
    });
});

describe("SO_PRIORITY", () => {
  scripted("follows IP_TOS, and can be set by itself", (t) => {
    t.passive();
    expect(t.socket.getOption("SO_PRIORITY")).toBe(0);
    const seen = [8, 16, 24, 0xb8].map((tos) => {
      t.set("IP_TOS", tos);
      return t.socket.getOption("SO_PRIORITY");
    });
    expect(seen).toEqual([2, 6, 4, 4]);
    t.set("SO_PRIORITY", 5);
    expect(t.socket.getOption("SO_PRIORITY")).toBe(5);
  });
});
