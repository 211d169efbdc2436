import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SYN = "win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>";

/** The peer has closed, and now the owner does: through LAST-ACK. */
function closed(t: Script, una: number, port = ""): void {
  t.play(`
    < ${port}F. 1:1(0) ack ${una} win 65535
    > ${port}. ${una}:${una}(0) ack 2`);
  t.close();
  t.play(`
    > ${port}F. ${una}:${una}(0) ack 2
    +0.01 < ${port}. 2:2(0) ack ${una + 1}`);
}

/** The peer's next connection, with a round trip of 20 ms. */
function next(t: Script, port = "[40001] "): void {
  t.play(`
    +0.1 < ${port}S 0:0(0) ${SYN}
    > ${port}S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>
    +0.02 < ${port}. 1:1(0) ack 1`);
  t.accept();
}

/** Five segments, too few for cwnd to grow, of which the last comes first. */
function reordered(t: Script, port = ""): void {
  t.write(5000);
  t.takeAll();
  t.play(`
    +0.02 < ${port}. 1:1(0) ack 1 <nop,nop,sack 4001:5001>
    +0.005 < ${port}. 1:1(0) ack 5001`);
  t.takeAll();
  expect(t.info("reordering")).toBe(5);
}

/** A loss among twenty segments, and a while of congestion avoidance. @returns the threshold that is saved then */
function congested(t: Script): number {
  t.passive(SYN);
  t.write(30_000);
  t.takeAll();
  t.play("+0.1 < . 1:1(0) ack 10001");
  t.takeAll();
  t.play("+0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:20001>");
  t.skip(0.05);
  t.play("+0.05 < . 1:1(0) ack 30001");
  t.takeAll();
  expect(t.info("ca_state")).toBe(0);
  return Math.max(t.info("snd_ssthresh"), t.info("snd_cwnd") >> 1);
}

/** A connection whose round trip is 108.75 ms at last. */
function slow(t: Script): void {
  t.passive(SYN);
  t.write(1000);
  t.play(`
    > P. 1:1001(1000) ack 1
    +0.17 < . 1:1(0) ack 1001`);
}

describe("what is remembered of a path (RFC 9040)", () => {
  scripted("the round trip makes the first RTO of the next connection, and nothing else", (t) => {
    slow(t);
    closed(t, 1001);
    next(t);
    t.about("rtt", 20_000);
    // The round trip of the FIN counts as well: 96 ms
    t.about("rto", (96 + 200) * 1000);
    expect([t.info("snd_cwnd"), t.info("snd_ssthresh"), t.info("reordering")]).toEqual([10, 2147483647, 3]);
    t.write(10);
    t.play("> [40001] P. 1:11(10) ack 1");
    // The first measurement is the new one's
    t.play("+0.02 < [40001] . 1:1(0) ack 11");
    t.about("rto", 220_000);
  });

  scripted("TIME-WAIT saves it, too", (t) => {
    slow(t);
    t.close();
    t.play(`
      > F. 1001:1001(0) ack 1
      +0.1 < F. 1:1(0) ack 1002
      > . 1002:1002(0) ack 2`);
    next(t);
    t.about("rto", (107 + 2 * 107) * 1000);
  });

  scripted("a connection that was reset saves nothing", (t) => {
    slow(t);
    t.play("< R. 1:1(0) ack 1001");
    next(t);
    t.about("rto", 220_000);
  });

  scripted(
    "nor does any with tcp_no_metrics_save",
    (t) => {
      slow(t);
      closed(t, 1001);
      next(t);
      t.about("rto", 220_000);
    },
    { config: { "net.ipv4.tcp_no_metrics_save": 1 } },
  );

  scripted("one that timed out at last, and got no round trip since, makes it forgotten", (t) => {
    slow(t);
    closed(t, 1001);
    next(t);
    t.play(`
      < [40001] F. 1:1(0) ack 1
      > [40001] . 1:1(0) ack 2`);
    t.close();
    t.skip(1.2);
    t.play(`
      < [40001] . 2:2(0) ack 2`);
    next(t, "[40002] ");
    t.about("rto", 220_000);
  });

  scripted("reordering seen in the first slow start is not remembered", (t) => {
    t.passive(SYN);
    reordered(t);
    closed(t, 5001);
    next(t);
    expect(t.info("reordering")).toBe(3);
  });

  scripted(
    "the threshold, if tcp_no_ssthresh_metrics_save is 0 (RFC 9040 §3); below it, reordering, too (RFC 6675 §5)",
    (t) => {
      const most = congested(t);
      closed(t, 30_001);
      next(t);
      expect(t.info("snd_ssthresh")).toBe(most);
      reordered(t, "[40001] ");
      closed(t, 5001, "[40001] ");
      next(t, "[40002] ");
      expect(t.info("reordering")).toBe(5);
    },
    { config: { "net.ipv4.tcp_no_ssthresh_metrics_save": 0 } },
  );
});
