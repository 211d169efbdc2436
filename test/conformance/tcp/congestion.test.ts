import { describe, expect } from "vitest";
import { scripted as plain, type Script } from "../harness.js";

const LARGE = "win 65535 <mss 1000,nop,wscale 7>";

const RENO = { "net.ipv4.tcp_congestion_control": "reno", "net.ipv4.tcp_wmem": "4096 1000000 4194304" };

/** With Reno, and room to write all at once. */
function scripted(name: string, test: (t: Script) => void, config: Record<string, number> = {}): void {
  plain(name, test, { config: { ...RENO, ...config } });
}

/** Segments [from, to) of 1000 bytes, counted from 0, expected now. `last`: PSH on the last; else where runs end. */
function expectSegments(t: Script, from: number, to: number, last = false): void {
  for (let i = from; i < to; i++) {
    const flags = last && i === to - 1 ? "P." : "p.";
    t.play(`> ${flags} ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1`);
  }
}

const ack = (segments: number): string => `< . 1:1(0) ack ${1 + 1000 * segments}`;

/** A connection with a window of 16 segments: 10 out, then all acknowledged one by one. */
function ten(t: Script): void {
  t.passive(LARGE);
  t.play("< . 1:1(0) ack 1 win 1000");
  t.write(100_000);
  expectSegments(t, 0, 10);
}

/** Three duplicate ACKs for segment 0 while 0..9 are out: 10 and 11 by limited transmit, then 0 again. */
function lossOfFirst(t: Script): void {
  ten(t);
  // More than 1 ms apart: sooner, what is to be sent would wait to be sent with more
  t.play(`+0.1 ${ack(0)}`);
  expectSegments(t, 10, 11);
  t.play(`+0.01 ${ack(0)}`);
  expectSegments(t, 11, 12);
  t.play(`+0.01 ${ack(0)}`);
  expectSegments(t, 0, 1);
}

describe("slow start (RFC 5681 §3.1, RFC 6928)", () => {
  scripted("ten segments at first", (t) => {
    ten(t);
    t.quiet(0.2);
    expect(t.info("snd_cwnd")).toBe(10);
  });

  scripted("every segment acknowledged brings out two", (t) => {
    ten(t);
    t.play(`+0.1 ${ack(2)}`);
    expectSegments(t, 10, 14);
    t.play(ack(4));
    expectSegments(t, 14, 18);
    t.play(ack(10));
    expectSegments(t, 18, 30);
    expect(t.info("snd_cwnd")).toBe(20);
  });

  scripted("a window that is not used does not grow", (t) => {
    t.passive(LARGE);
    t.play("< . 1:1(0) ack 1 win 1000");
    for (let i = 0; i < 20; i++) {
      t.write(1000);
      t.play(`
        > P. ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1
        +0.1 ${ack(i + 1)}`);
    }
    expect(t.info("snd_cwnd")).toBe(10);
  });

  scripted("more than half used counts as used", (t) => {
    t.passive(LARGE);
    t.play("< . 1:1(0) ack 1 win 1000");
    t.write(6000);
    expectSegments(t, 0, 6, true);
    t.play(`+0.1 ${ack(6)}`);
    expect(t.info("snd_cwnd")).toBe(16);
  });

  scripted("after an idle time longer than the RTO: back to ten (§4.1)", (t) => {
    ten(t);
    t.play(`+0.1 ${ack(10)}`);
    expectSegments(t, 10, 30);
    t.play(`+0.1 ${ack(30)}`);
    expectSegments(t, 30, 70);
    t.play(`+0.1 ${ack(70)}`);
    expectSegments(t, 70, 100, true);
    t.play(`+0.1 ${ack(100)}`);
    expect(t.info("snd_cwnd")).toBeGreaterThan(70);
    t.quiet(1);
    t.write(50_000);
    expectSegments(t, 100, 110);
  });

  scripted(
    "unless tcp_slow_start_after_idle is 0",
    (t) => {
      ten(t);
      t.play(`+0.1 ${ack(10)}`);
      expectSegments(t, 10, 30);
      t.play(`+0.1 ${ack(30)}`);
      expectSegments(t, 30, 70);
      t.play(`+0.1 ${ack(70)}`);
      expectSegments(t, 70, 100, true);
      t.play(`+0.1 ${ack(100)}`);
      t.quiet(1);
      t.write(50_000);
      expectSegments(t, 100, 150, true);
    },
    { "net.ipv4.tcp_slow_start_after_idle": 0 },
  );
});

describe("congestion avoidance (§3.1)", () => {
  scripted("one segment more for each window acknowledged", (t) => {
    lossOfFirst(t);
    // Full acknowledgment: cwnd = ssthresh = 5
    t.play(`+0.1 ${ack(12)}`);
    t.takeAll();
    let done = 12;
    const cwnds: number[] = [];
    for (let i = 0; i < 5; i++) {
      const cwnd = t.info("snd_cwnd");
      cwnds.push(cwnd);
      for (let n = 0; n < cwnd; n++) {
        t.play(`+0.001 ${ack(++done)}`);
        t.takeAll();
      }
    }
    expect(cwnds).toEqual([5, 6, 7, 8, 9]);
    expect(t.info("snd_ssthresh")).toBe(5);
  });
});

describe("fast retransmit and recovery (RFC 5681 §3.2, RFC 6582)", () => {
  scripted("limited transmit on the first two duplicates (RFC 3042), retransmission on the third", (t) => {
    lossOfFirst(t);
    expect([t.info("ca_state"), t.info("snd_ssthresh"), t.info("snd_cwnd")]).toEqual([3, 5, 9]);
    expect([t.counter("TcpExtTCPFastRetrans"), t.counter("TcpRetransSegs")]).toEqual([1, 1]);
  });

  scripted("further duplicates reduce the window proportionally (PRR, RFC 9937): a segment for two of them", (t) => {
    lossOfFirst(t);
    t.play(`+0.01 ${ack(0)}`);
    t.play(`+0.01 ${ack(0)}`);
    expectSegments(t, 12, 13);
    t.play(`+0.01 ${ack(0)}`);
    t.play(`+0.01 ${ack(0)}`);
    expectSegments(t, 13, 14);
    expect(t.info("ca_state")).toBe(3);
  });

  scripted("a full acknowledgment brings the window to ssthresh, one of more ends it", (t) => {
    lossOfFirst(t);
    for (let i = 0; i < 8; i++) {
      t.play(`+0.01 ${ack(0)}`);
      t.takeAll();
    }
    t.play(`+0.1 ${ack(12)}`);
    t.takeAll();
    // Without SACK the state is kept while duplicates of before may come (tcp_try_undo_recovery)
    expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([3, 5]);
    t.play(`+0.05 ${ack(13)}`);
    t.takeAll();
    expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([0, 5]);
  });

  scripted("the first partial acknowledgment sends nothing again, the second the next hole", (t) => {
    lossOfFirst(t);
    t.play(`+0.1 ${ack(3)}`);
    t.quiet(0.01);
    expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([3, 7]);
    t.play(`+0.1 ${ack(7)}`);
    expectSegments(t, 7, 8);
    expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([3, 5]);
    t.play(`+0.1 ${ack(12)}`);
    expectSegments(t, 12, 17);
    expect(t.info("ca_state")).toBe(3);
  });

  scripted("after them the timeout is left", (t) => {
    lossOfFirst(t);
    t.play(`0.3 ${ack(3)}`);
    t.play(`0.4 ${ack(7)}`);
    expectSegments(t, 7, 8);
    t.play("+0.5~0.1 > . 7001:8001(1000) ack 1");
    expect(t.info("ca_state")).toBe(4);
  });

  scripted("it is entered once for a window of data", (t) => {
    lossOfFirst(t);
    t.play(`+0.1 ${ack(12)}`);
    expectSegments(t, 12, 14);
    for (let i = 0; i < 4; i++) {
      t.play(ack(12));
      t.takeAll();
    }
    expect(t.counter("TcpExtTCPFastRetrans")).toBe(1);
  });

  scripted("an ACK that only changes the window counts as a duplicate", (t) => {
    ten(t);
    t.play("+0.1 < . 1:1(0) ack 1 win 1001");
    expectSegments(t, 10, 11);
    t.play("+0.01 < . 1:1(0) ack 1 win 1002");
    expectSegments(t, 11, 12);
    t.play("+0.01 < . 1:1(0) ack 1 win 1003");
    expectSegments(t, 0, 1);
    expect(t.info("ca_state")).toBe(3);
  });

  scripted("an ACK with data does not", (t) => {
    ten(t);
    for (let i = 0; i < 4; i++)
      t.play(`
        +0.01 < P. ${1 + 10 * i}:${11 + 10 * i}(10) ack 1
        > . 10001:10001(0) ack ${11 + 10 * i}`);
    expect(t.counter("TcpExtTCPFastRetrans")).toBe(0);
  });

  scripted("nor is one with nothing outstanding", (t) => {
    t.passive();
    for (let i = 0; i < 5; i++) t.play("< . 1:1(0) ack 1");
    expect(t.counter("TcpExtTCPFastRetrans")).toBe(0);
  });

  scripted("a lost retransmission is for the timeout", (t) => {
    lossOfFirst(t);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([4, 1]);
  });
});

describe("after a timeout (RFC 5681 §3.1)", () => {
  scripted("half the flight becomes ssthresh, the window one segment; F-RTO then tries what is new (RFC 5682)", (t) => {
    ten(t);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    expect([t.info("snd_ssthresh"), t.info("snd_cwnd"), t.info("ca_state")]).toEqual([5, 1, 4]);
    t.play(`+0.1 ${ack(1)}`);
    expectSegments(t, 10, 12);
    expect([t.info("snd_cwnd"), t.info("ca_state")]).toEqual([2, 4]);
    // Acknowledged though never sent again: the timeout was spurious, and all is undone
    t.play(`+0.1 ${ack(3)}`);
    expectSegments(t, 12, 14);
    expect([t.info("snd_ssthresh"), t.info("snd_cwnd"), t.info("ca_state")]).toEqual([0x7fffffff, 12, 0]);
    t.play(`+0.1 ${ack(7)}`);
    expectSegments(t, 14, 22);
    expect(t.info("snd_cwnd")).toBe(16);
  });

  scripted("what the peer had all along is not sent again", (t) => {
    ten(t);
    t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.1 ${ack(10)}`);
    // Four make slow start's five of one, the other six a sixth
    expect(t.info("snd_cwnd")).toBe(6);
    expectSegments(t, 10, 16);
  });

  scripted("a second timeout of the same segment leaves ssthresh", (t) => {
    ten(t);
    t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.6 > . 1:1001(1000) ack 1`);
    expect([t.info("snd_ssthresh"), t.info("snd_cwnd")]).toEqual([5, 1]);
  });

  scripted("duplicates of what was sent before it start no fast retransmit (RFC 6582 §4.1)", (t) => {
    ten(t);
    t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.1 ${ack(2)}`);
    t.takeAll();
    for (let i = 0; i < 5; i++) {
      t.play(`+0.01 ${ack(2)}`);
      t.takeAll();
    }
    expect(t.counter("TcpExtTCPFastRetrans")).toBe(0);
  });
});
