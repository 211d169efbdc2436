import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const UNREACHABLE = 3;
const REDIRECT = 5;
const TIME_EXCEEDED = 11;
const PARAMETER = 12;

/** 100 bytes are out, and have been sent again at 0.4, 1.0 and 2.2 s: the next is due at 4.6 s. */
function silent(t: Script): void {
  t.passive();
  t.write(100);
  t.play(`
    > P. 1:101(100) ack 1
    +0.3 > P. 1:101(100) ack 1
    +0.6 > P. 1:101(100) ack 1
    +1.2 > P. 1:101(100) ack 1`);
  expect(t.info("backoff")).toBe(3);
}

describe("long disruptions of connectivity (RFC 6069)", () => {
  for (const code of [0, 1])
    scripted(`unreachable, code ${code}, takes a doubling of the timeout back`, (t) => {
      silent(t);
      t.skip(0.3);
      t.icmp(UNREACHABLE, code, { seq: 1 });
      expect(t.info("backoff")).toBe(2);
      t.about("rto", 1_200_000, 60_000);
      t.play("+0.9~0.1 > P. 1:101(100) ack 1");
      expect(t.info("backoff")).toBe(3);
    });

  scripted("where the shorter one has run out, the segment goes again at once", (t) => {
    silent(t);
    t.skip(1.6);
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    t.play("> P. 1:101(100) ack 1");
    expect([t.info("backoff"), t.info("total_rto")]).toEqual([3, 4]);
  });

  scripted("each message takes one back", (t) => {
    silent(t);
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    expect(t.info("backoff")).toBe(1);
    t.play("+0.6~0.1 > P. 1:101(100) ack 1");
  });

  const others: readonly (readonly [string, number, number])[] = [
    ["port unreachable", UNREACHABLE, 3],
    ["administratively prohibited", UNREACHABLE, 13],
    ["TTL exceeded", TIME_EXCEEDED, 0],
  ];
  for (const [name, type, code] of others)
    scripted(`not ${name}`, (t) => {
      silent(t);
      t.icmp(type, code, { seq: 1 });
      expect(t.info("backoff")).toBe(3);
    });

  scripted("not about a segment other than the first in flight", (t) => {
    t.passive();
    t.write(1560);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:1561(100) ack 1
      +0.3 > . 1:1461(1460) ack 1`);
    t.icmp(UNREACHABLE, 1, { seq: 1461 });
    expect(t.info("backoff")).toBe(1);
  });

  scripted("not before a timeout", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    t.play("+0.3 > P. 1:101(100) ack 1");
    expect(t.info("backoff")).toBe(1);
  });
});

describe("what a router hints at (RFC 1122 §4.2.3.9)", () => {
  scripted("SO_ERROR tells it, once; the connection goes on", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(PARAMETER, 0, { seq: 1 });
    expect([t.error(), t.error()]).toEqual(["EPROTO", ""]);
    t.state("ESTABLISHED");
    t.play("< . 1:1(0) ack 101");
  });

  scripted("calls do not fail of it", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    expect(t.tryRead(10)).toBe(-11);
    t.write(10);
    t.play(`
      +0.05 < . 1:1(0) ack 101
      > P. 101:111(10) ack 1`);
  });

  scripted("IP_RECVERR: the next call fails of it; the connection goes on", (t) => {
    t.passive("win 65535 <mss 1460>", { IP_RECVERR: 1 });
    expect(t.socket.getOption("IP_RECVERR")).toBe(1);
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(UNREACHABLE, 3, { seq: 1 });
    expect([t.tryWrite(10), t.tryRead(10)]).toEqual([-111, -11]);
    t.icmp(UNREACHABLE, 1, { seq: 1 });
    expect([t.error(), t.error()]).toEqual(["EHOSTUNREACH", ""]);
    t.state("ESTABLISHED");
    t.play("+0.05 < . 1:1(0) ack 101");
  });

  scripted("that a fragment was missing at the other end is none (Linux)", (t) => {
    t.connect();
    t.play("> S 0:0(0)");
    t.icmp(TIME_EXCEEDED, 1);
    t.state("SYN-SENT");
    expect(t.error()).toBe("");
  });

  scripted("a redirect is none of TCP's business", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(REDIRECT, 1, { seq: 1, second: 0x0a0000fe });
    expect(t.error()).toBe("");
    t.play("+0.05 < . 1:1(0) ack 101");
    t.write(10);
    t.play("> P. 101:111(10) ack 1");
  });
});

describe("orphans when memory is short (Linux's tcp_out_of_resources)", () => {
  const MACHINE = "tcp_max_orphans is the whole machine's";

  scripted(
    "a retransmission timer asks: RST, and it is gone",
    (t) => {
      t.passive();
      t.write(100);
      t.play("> P. 1:101(100) ack 1");
      t.close();
      t.play("> F. 101:101(0) ack 1");
      t.stack.sysctl("net.ipv4.tcp_max_orphans", 0);
      t.play("+0.3 > R. 102:102(0) ack 1");
      expect(t.counter("TcpExtTCPAbortOnMemory")).toBe(1);
      expect(t.count("connections")).toBe(0);
    },
    { linux: MACHINE },
  );

  scripted(
    "an ICMP error counts for a doubling",
    (t) => {
      t.passive();
      t.write(100);
      t.play("> P. 1:101(100) ack 1");
      t.close();
      t.play("> F. 101:101(0) ack 1");
      t.stack.sysctl("net.ipv4.tcp_max_orphans", 1);
      t.play("+0.3 > FP. 1:101(100) ack 1");
      t.icmp(UNREACHABLE, 3, { seq: 1 });
      t.play("+0.6 > R. 102:102(0) ack 1");
    },
    { linux: MACHINE },
  );

  scripted(
    "and the timer of window probes",
    (t) => {
      t.passive("win 0 <mss 1460>");
      t.write(100);
      t.close();
      t.stack.sysctl("net.ipv4.tcp_max_orphans", 0);
      t.play("+0.3 > R. 1:1(0) ack 1");
      expect(t.counter("TcpExtTCPAbortOnMemory")).toBe(1);
    },
    { linux: MACHINE },
  );
});
