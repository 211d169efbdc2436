import { describe, expect } from "vitest";
import { type Script, scripted, type TestOptions } from "../harness.js";

const LARGE = "win 65535 <mss 1000,nop,wscale 7>";
const RENO: TestOptions = { config: { "net.ipv4.tcp_congestion_control": "reno" } };

/** Segments [from, to) of 1000 bytes, counted from 0, expected now; bursts of two end with PSH. */
function expectSegments(t: Script, from: number, to: number): void {
  for (let i = from; i < to; i++) t.play(`> p. ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1`);
}

const ack = (segments: number): string => `< . 1:1(0) ack ${1 + 1000 * segments}`;

/** A connection with a large window and `n` segments to send: 10 out. */
function ten(t: Script, n = 100): void {
  t.passive(LARGE);
  t.set("SO_SNDBUF", 200_000);
  t.play("< . 1:1(0) ack 1 win 1000");
  t.write(n * 1000);
  expectSegments(t, 0, Math.min(n, 10));
}

/** Ten segments at a time are acknowledged, up to `n`. */
function acknowledge(t: Script, n: number): void {
  for (let i = 10; i <= n; i += 10) {
    t.play(`+0.05 ${ack(i)}`);
    t.takeAll();
  }
}

/** Three duplicate ACKs for segment 0 while 0..9 are out: two by limited transmit, then 0 again. */
function lossOfFirst(t: Script): void {
  ten(t);
  t.play(`+0.1 ${ack(0)}`);
  expectSegments(t, 10, 11);
  t.play(`+0.004 ${ack(0)}`);
  expectSegments(t, 11, 12);
  t.play(`+0.004 ${ack(0)}`);
  expectSegments(t, 0, 1);
}

describe("slow start", () => {
  scripted(
    "ten segments at first (RFC 6928 §2)",
    (t) => {
      ten(t);
      t.quiet(0.2);
      expect([t.info("snd_cwnd"), t.info("unacked")]).toEqual([10, 10]);
    },
    RENO,
  );

  scripted(
    "every segment acknowledged brings out two (RFC 5681 §3.1)",
    (t) => {
      ten(t);
      t.play(`+0.1 ${ack(2)}`);
      expectSegments(t, 10, 14);
      t.play(`+0.01 ${ack(4)}`);
      expectSegments(t, 14, 18);
      t.play(`+0.01 ${ack(10)}`);
      expectSegments(t, 18, 30);
      expect(t.info("snd_cwnd")).toBe(20);
    },
    RENO,
  );

  scripted(
    "also where one of them is acknowledged at a time (RFC 5681 §3.1)",
    (t) => {
      ten(t);
      for (let i = 1; i <= 5; i++) {
        t.play(`+0.01 ${ack(i)}`);
        expectSegments(t, 8 + 2 * i, 10 + 2 * i);
      }
      expect(t.info("snd_cwnd")).toBe(15);
    },
    RENO,
  );

  scripted("CUBIC's is the same (RFC 9438 §4.10)", (t) => {
    ten(t);
    t.play(`+0.1 ${ack(4)}`);
    expectSegments(t, 10, 18);
    expect(t.info("snd_cwnd")).toBe(14);
  });

  scripted(
    "a window that is not used does not grow (RFC 7661 §4.2)",
    (t) => {
      t.passive(LARGE);
      t.play("< . 1:1(0) ack 1 win 1000");
      for (let i = 0; i < 12; i++) {
        t.write(1000);
        t.play(`
          > P. ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1
          +0.1 ${ack(i + 1)}`);
      }
      expect(t.info("snd_cwnd")).toBe(10);
    },
    RENO,
  );

  scripted(
    "more than half used counts as used (RFC 5681 §3.1)",
    (t) => {
      ten(t, 6);
      t.play(`+0.1 ${ack(6)}`);
      expect(t.info("snd_cwnd")).toBe(16);
    },
    RENO,
  );

  scripted(
    "half does not (RFC 5681 §3.1)",
    (t) => {
      ten(t, 5);
      t.play(`+0.1 ${ack(5)}`);
      expect(t.info("snd_cwnd")).toBe(10);
    },
    RENO,
  );
});

describe("a window that is too large", () => {
  scripted(
    "after an idle time longer than the RTO: half for each of it (RFC 5681 §4.1)",
    (t) => {
      ten(t, 70);
      acknowledge(t, 70);
      expect(t.info("snd_cwnd")).toBe(80);
      t.skip(0.5);
      t.write(60_000);
      t.takeAll();
      expect(t.info("snd_cwnd")).toBe(20);
    },
    RENO,
  );

  scripted(
    "down to ten (RFC 5681 §4.1, RFC 6928 §2)",
    (t) => {
      ten(t, 70);
      acknowledge(t, 70);
      t.skip(3);
      t.write(50_000);
      expectSegments(t, 70, 80);
      expect(t.info("snd_cwnd")).toBe(10);
      // Three quarters of what it was would become ssthresh, were there one
      expect(t.info("snd_ssthresh")).toBe(0x7fff_ffff);
    },
    RENO,
  );

  scripted(
    "unless tcp_slow_start_after_idle is 0 (RFC 5681 §4.1)",
    (t) => {
      ten(t, 70);
      acknowledge(t, 70);
      t.skip(3);
      t.write(40_000);
      expectSegments(t, 70, 110);
      expect(t.info("snd_cwnd")).toBe(80);
    },
    { config: { ...RENO.config, "net.ipv4.tcp_slow_start_after_idle": 0 } },
  );

  scripted(
    "a pause shorter than the RTO changes nothing (RFC 5681 §4.1)",
    (t) => {
      ten(t, 30);
      acknowledge(t, 30);
      expect(t.info("snd_cwnd")).toBe(40);
      t.skip(0.15);
      t.write(35_000);
      expectSegments(t, 30, 65);
      expect(t.info("snd_cwnd")).toBe(40);
    },
    RENO,
  );

  scripted(
    "one that the application left unused for an RTO comes half way down (RFC 7661 §4.4)",
    (t) => {
      ten(t, 40);
      acknowledge(t, 40);
      const cwnd = t.info("snd_cwnd");
      expect(cwnd).toBe(50);
      let at = 40;
      // Never idle, as the next is sent with the ACK of the last
      for (let i = 0; i < 8; i++) {
        t.write(2000);
        t.takeAll();
        at += 2;
        t.play(`+0.1 ${ack(at)}`);
      }
      t.takeAll();
      expect(t.info("snd_cwnd")).toBeLessThanOrEqual(cwnd);
    },
    RENO,
  );
});

describe("congestion avoidance", () => {
  scripted(
    "one segment more for each window acknowledged (RFC 5681 §3.1)",
    (t) => {
      lossOfFirst(t);
      t.play(`+0.1 ${ack(12)}`);
      t.takeAll();
      expect(t.info("snd_ssthresh")).toBe(5);
      let done = 12;
      const cwnds: number[] = [];
      for (let i = 0; i < 5; i++) {
        const cwnd = t.info("snd_cwnd");
        cwnds.push(cwnd);
        for (let n = 0; n < cwnd; n++) {
          t.play(`+0.004 ${ack(++done)}`);
          t.takeAll();
        }
      }
      expect(cwnds).toEqual([5, 6, 7, 8, 9]);
    },
    RENO,
  );
});

describe("fast retransmit and recovery", () => {
  scripted(
    "limited transmit on the first two duplicates, retransmission on the third (RFC 3042 §2, RFC 5681 §3.2)",
    (t) => {
      lossOfFirst(t);
      expect([t.info("ca_state"), t.info("snd_ssthresh")]).toEqual([3, 5]);
      expect([t.counter("TcpExtTCPFastRetrans"), t.counter("TcpRetransSegs")]).toEqual([1, 1]);
    },
    RENO,
  );

  scripted(
    "a full acknowledgment ends it with the window at ssthresh (RFC 6582 §3.2)",
    (t) => {
      lossOfFirst(t);
      for (let i = 0; i < 8; i++) {
        t.play(`+0.002 ${ack(0)}`);
        t.takeAll();
      }
      t.play(`+0.1 ${ack(12)}`);
      t.takeAll();
      expect(t.info("snd_ssthresh")).toBe(5);
    },
    RENO,
  );

  scripted(
    "a partial acknowledgment: the next hole is sent again (RFC 6582 §3.2)",
    (t) => {
      lossOfFirst(t);
      t.play(`+0.1 ${ack(3)}`);
      t.takeAll();
      expect(t.info("ca_state")).toBe(3);
      t.play(`+0.1 ${ack(12)}`);
      t.takeAll();
      // Without SACK only more than that ends it, as duplicates may still come
      expect(t.info("ca_state")).toBe(3);
      t.play(`+0.1 ${ack(13)}`);
      t.takeAll();
      expect(t.info("ca_state")).toBe(0);
    },
    RENO,
  );

  scripted(
    "an ACK with data is no duplicate (RFC 5681 §2)",
    (t) => {
      ten(t);
      t.play(`
        +0.1 <& P. 1:11(10) ack 1
        <& P. 11:21(10) ack 1
        <& P. 21:31(10) ack 1
        < P. 31:41(10) ack 1`);
      t.skip(0.05);
      t.takeAll();
      expect(t.counter("TcpExtTCPFastRetrans")).toBe(0);
    },
    RENO,
  );

  scripted(
    "nor is one with nothing outstanding (RFC 5681 §2)",
    (t) => {
      t.passive();
      for (let i = 0; i < 5; i++) t.play("< . 1:1(0) ack 1");
      expect(t.counter("TcpExtTCPFastRetrans")).toBe(0);
    },
    RENO,
  );

  scripted(
    "a lost retransmission is for the timeout (RFC 6582 §3.2)",
    (t) => {
      lossOfFirst(t);
      t.play("+0.3~0.05 > . 1:1001(1000) ack 1");
      expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([4, 1]);
    },
    RENO,
  );
});

describe("after a timeout", () => {
  scripted(
    "half the flight becomes ssthresh, the window one segment (RFC 5681 §3.1)",
    (t) => {
      ten(t);
      t.play("+0.3 > . 1:1001(1000) ack 1");
      expect([t.info("snd_ssthresh"), t.info("snd_cwnd"), t.info("ca_state"), t.info("lost")]).toEqual([5, 1, 4, 10]);
    },
    RENO,
  );

  scripted(
    "the first ACK lets new data out, which shows whether it was spurious (RFC 5682 §2.1)",
    (t) => {
      ten(t);
      t.play(`
        +0.3 > . 1:1001(1000) ack 1
        +0.1 ${ack(1)}`);
      expectSegments(t, 10, 12);
    },
    RENO,
  );

  scripted(
    "without F-RTO slow start goes on behind what was acknowledged (RFC 5681 §3.1)",
    (t) => {
      ten(t);
      t.play(`
        +0.3 > . 1:1001(1000) ack 1
        +0.1 ${ack(1)}`);
      expectSegments(t, 1, 3);
      t.play(`+0.1 ${ack(3)}`);
      expectSegments(t, 3, 7);
      t.play(`+0.1 ${ack(7)}`);
      t.takeAll();
      expect(t.info("snd_cwnd")).toBe(5);
      t.play(`+0.1 ${ack(10)}`);
      t.takeAll();
      // Without SACK it goes on until more than what had been sent is acknowledged
      expect([t.info("ca_state"), t.info("snd_cwnd")]).toEqual([4, 6]);
      t.play(`+0.1 ${ack(12)}`);
      t.takeAll();
      expect(t.info("ca_state")).toBe(0);
    },
    { config: { ...RENO.config, "net.ipv4.tcp_frto": 0 } },
  );

  scripted(
    "a second timeout of the same segment leaves ssthresh (RFC 5681 §3.1)",
    (t) => {
      ten(t);
      t.play(`
        +0.3 > . 1:1001(1000) ack 1
        +0.6 > . 1:1001(1000) ack 1`);
      expect([t.info("snd_ssthresh"), t.info("snd_cwnd")]).toEqual([5, 1]);
    },
    RENO,
  );

  scripted("CUBIC leaves seven tenths (RFC 9438 §4.6)", (t) => {
    ten(t);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    expect([t.info("snd_ssthresh"), t.info("snd_cwnd")]).toEqual([7, 1]);
  });
});

describe("putting off small bursts", () => {
  scripted(
    "limited transmit right behind a sending waits for more (RFC 3042 §2)",
    (t) => {
      ten(t);
      t.play(`+0.11 ${ack(0)}`);
      expectSegments(t, 10, 11);
      // Within a millisecond of the last sending, and an ACK is due any moment
      t.play(`+0.0002 ${ack(0)}`);
      t.quiet(0.05);
    },
    RENO,
  );

  scripted(
    "not when the next ACK is more than a millisecond off (RFC 3042 §2)",
    (t) => {
      ten(t);
      t.play(`+0.06 ${ack(0)}`);
      expectSegments(t, 10, 11);
      t.play(`+0.0002 ${ack(0)}`);
      expectSegments(t, 11, 12);
    },
    RENO,
  );

  scripted(
    "not when the last sending was more than a millisecond ago (RFC 3042 §2)",
    (t) => {
      ten(t);
      t.play(`+0.11 ${ack(0)}`);
      expectSegments(t, 10, 11);
      t.play(`+0.003 ${ack(0)}`);
      expectSegments(t, 11, 12);
    },
    RENO,
  );

  scripted(
    "not in recovery (RFC 6675 §5)",
    (t) => {
      lossOfFirst(t);
      t.play(`+0.0002 ${ack(5)}`);
      expect(t.takeAll().length).toBeGreaterThan(0);
    },
    RENO,
  );
});
