import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SYN = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";
const STAMPED = "win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>";

/** `n` segments of `size` bytes from `seq` on, whatever is said to them. @returns the next number */
function fill(t: Script, seq: number, n: number, size: number): number {
  for (let i = 0; i < n; i++) {
    t.play(`+0.002 < . ${seq}:${seq + size}(${size}) ack 1`);
    t.skip(0.002);
    seq += size;
  }
  return seq;
}

describe("the window of a SYN (RFC 7323 §2.2)", () => {
  scripted("whole segments of the receive buffer, and the scale of the most it can become", (t) => {
    t.listen();
    t.play(`< S 0:0(0) ${SYN}
      > S. 0:0(0) ack 1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>
      +0.1 < . 1:1(0) ack 1`);
  });

  scripted("a segment is smaller with timestamps", (t) => {
    t.listen();
    t.play(`< S 0:0(0) ${STAMPED}
      > S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS,nop,wscale 7>
      +0.1 < . 1:1(0) ack 1`);
  });

  scripted("an active open does not know yet whether there will be timestamps", (t) => {
    t.connect(80);
    t.play(`> S 0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
      +0.1 < S. 0:0(0) ack 1 ${SYN}
      > . 1:1(0) ack 1 win 502`);
  });

  scripted("a buffer set by SO_RCVBUF is what it is", (t) => {
    t.listen(80, undefined, { SO_RCVBUF: 20000 });
    t.play(`< S 0:0(0) ${SYN}
      > S. 0:0(0) ack 1 win 18980 <mss 1460,nop,nop,sackOK,nop,wscale 0>
      +0.1 < . 1:1(0) ack 1`);
  });

  scripted("... and decides the scale", (t) => {
    t.listen(80, undefined, { SO_RCVBUF: 500_000 });
    t.play(`< S 0:0(0) ${SYN}
      > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 3>
      +0.1 < . 1:1(0) ack 1`);
  });

  scripted("TCP_WINDOW_CLAMP bounds it", (t) => {
    t.listen(80, undefined, { TCP_WINDOW_CLAMP: 10_000 });
    t.play(`< S 0:0(0) ${SYN}
      > S. 0:0(0) ack 1 win 8760 <mss 1460,nop,nop,sackOK,nop,wscale 0>
      +0.1 < . 1:1(0) ack 1`);
  });
});

describe("what is offered (RFC 9293 §3.8.6.2.2)", () => {
  scripted("without a scale, whole segments; the edge stays where it is until there is one more", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 20000 });
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001 win 17980
      +0.01 < P. 1001:1101(100) ack 1
      > . 1:1(0) ack 1101 win 17880`);
  });

  scripted("a window of less than a segment is not offered: it goes to 0 in the end", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000);
    t.skip(0.2);
    // The edge does not move back: what is left of it stays
    t.play(`+0.01 < P. ${seq}:${seq + 380}(380) ack 1
      +0.08~0.12 > . 1:1(0) ack ${seq + 380} win 0`);
    expect(t.counter("TcpExtTCPToZeroWindowAdv")).toBe(1);
  });

  scripted("it opens again when reading has made room for twice as much as the peer knows of", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000);
    t.skip(0.2);
    t.read(1000);
    t.quiet(0.05);
    t.read(1000);
    t.play(`> . 1:1(0) ack ${seq} win 2000`);
    t.read(2000);
    t.play(`> . 1:1(0) ack ${seq} win 4000`);
  });

  scripted("from 0 as soon as a segment fits", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000) + 380;
    t.skip(0.1);
    t.play(`+0.2 < P. ${seq - 380}:${seq}(380) ack 1`);
    t.skip(0.2);
    t.read(900);
    t.quiet(0.05);
    t.read(100);
    t.play(`> . 1:1(0) ack ${seq} win 1000`);
    expect(t.counter("TcpExtTCPFromZeroWindowAdv")).toBe(1);
  });

  scripted("a byte beyond a shut window is answered at once, and not taken", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000) + 380;
    t.skip(0.1);
    t.play(`+0.2 < P. ${seq - 380}:${seq}(380) ack 1`);
    t.skip(0.2);
    t.play(`
      +0.3 < . ${seq}:${seq + 1}(1) ack 1
      > . 1:1(0) ack ${seq} win 0
      +0.6 < . ${seq - 1}:${seq - 1}(0) ack 1
      > . 1:1(0) ack ${seq} win 0`);
    expect(t.counter("TcpExtBeyondWindow")).toBe(1);
  });

  scripted("what runs over the window while data is unread is not taken", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000);
    t.skip(0.2);
    t.play(`+0.01 < . ${seq}:${seq + 1000}(1000) ack 1
      > . 1:1(0) ack ${seq} win 380`);
    expect(t.counter("TcpExtBeyondWindow")).toBe(1);
  });

  for (const [what, extra, answer] of [
    ["in the window resets", 380, "> R 1:1(0)"],
    ["over the window, with data unread, is not taken", 381, "> . 1:1(0) ack 4002 win 379"],
  ] as const) {
    scripted(`text from before the peer's FIN to behind it ${what}`, (t) => {
      t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
      const seq = fill(t, 1, 4, 1000);
      t.skip(0.1);
      t.play(`+0.2 < F. ${seq}:${seq}(0) ack 1`);
      t.skip(0.3);
      t.play(`
        +0.1 < P. ${seq}:${seq + extra}(${extra}) ack 1
        ${answer}`);
      expect(t.counter("TcpExtBeyondWindow")).toBe(extra - 380);
    });
  }

  scripted("no update once the peer has sent its FIN", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    const seq = fill(t, 1, 4, 1000);
    t.skip(0.1);
    t.play(`+0.2 < F. ${seq}:${seq}(0) ack 1`);
    t.skip(0.3);
    t.read(4000);
    t.quiet(0.2);
  });

  scripted("the first segments show how much of a buffer is payload", (t) => {
    t.passive(SYN);
    t.play(`+0.01 < . 1:537(536) ack 1
      > . 1:1(0) ack 537 win 501`);
    expect(t.info("rcv_ssthresh")).toBe(64_076);
    t.play(`+0.01 < . 537:1997(1460) ack 1
      > . 1:1(0) ack 1997 win 524`);
    expect(t.info("rcv_ssthresh")).toBe(67_048);
  });
});

describe("a buffer that fits the path (dynamic right-sizing)", () => {
  /** A timestamp of now. */
  const at = (t: Script): number => 101 + Math.round(t.now * 1000);

  /** `n` segments that answer what was sent 50 ms before, each read at once. @returns the next number */
  function round(t: Script, seq: number, n: number, stamp: number): number {
    for (let i = 0; i < n; i++) {
      t.play(`< . ${seq}:${seq + 1448}(1448) ack 1 <nop,nop,TS val ${stamp} ecr ${stamp - 151}>`);
      t.skip(0.0005);
      t.read(1448);
      t.skip(0.0005);
      seq += 1448;
    }
    t.skip(0.1);
    return seq;
  }

  scripted(
    "what the application reads in a round trip makes it grow",
    (t) => {
      t.passive(STAMPED);
      expect(t.info("rcv_space")).toBe(14_480);
      let seq = 1;
      for (let i = 0, n = 5; i < 5; i++, n *= 2) seq = round(t, seq, n, at(t));
      t.about("rcv_rtt", 50_000);
      expect(t.info("rcv_space")).toBeGreaterThan(40_000);
      expect(t.info("rcv_ssthresh")).toBeGreaterThan(100_000);
    },
    { linux: "how much is read in a round trip depends on how long the script takes" },
  );

  scripted(
    "tcp_moderate_rcvbuf 0: it stays",
    (t) => {
      t.passive(STAMPED);
      let seq = 1;
      for (let i = 0, n = 5; i < 5; i++, n *= 2) seq = round(t, seq, n, at(t));
      expect(t.info("rcv_ssthresh")).toBeLessThan(82_000);
      expect(t.socket.getOption("SO_RCVBUF")).toBe(131_072);
    },
    { config: { "net.ipv4.tcp_moderate_rcvbuf": 0 } },
  );

  scripted("one that SO_RCVBUF has set stays, too", (t) => {
    t.passive(STAMPED, { SO_RCVBUF: 65_536 });
    let seq = 1;
    for (let i = 0, n = 5; i < 4; i++, n *= 2) seq = round(t, seq, n, at(t));
    expect(t.socket.getOption("SO_RCVBUF")).toBe(131_072);
    expect(t.info("rcv_ssthresh")).toBeLessThan(82_000);
  });
});
