import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/** The stack answers to this many retransmissions of 1:101. */
function unanswered(t: Script, times: readonly number[]): void {
  for (const at of times) t.play(`${at.toFixed(3)} > P. 1:101(100) ack 1`);
}

describe("the retransmission timeout (RFC 6298)", () => {
  scripted("is SRTT + max(4 RTTVAR, 200 ms) after the handshake's measurement", (t) => {
    t.passive();
    t.about("rtt", 100_000);
    t.about("rttvar", 50_000);
    t.about("rto", 300_000);
  });

  scripted("is never below 200 ms", (t) => {
    t.listen();
    t.handshake(undefined, 0);
    t.accept();
    t.about("rto", 201_000);
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      +0.201 > P. 1:101(100) ack 1`);
  });

  scripted("follows the measurements", (t) => {
    t.passive();
    let srtt = 100;
    let rttvar = 50;
    let sent = 1;
    for (const rtt of [100, 150, 80, 130, 100]) {
      if (rtt >= t.info("rto") / 1000) break;
      t.write(10);
      t.play(`
        > P. ${sent}:${sent + 10}(10) ack 1
        +${(rtt / 1000).toFixed(3)} < . 1:1(0) ack ${sent + 10}`);
      sent += 10;
      rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - rtt);
      srtt = 0.875 * srtt + 0.125 * rtt;
      const off = t.subject.exact ? 2 : 18;
      expect(Math.abs(t.info("rtt") / 1000 - srtt)).toBeLessThan(off);
      expect(Math.abs(t.info("rttvar") / 1000 - rttvar)).toBeLessThan(off);
      expect(Math.abs(t.info("rto") / 1000 - (srtt + Math.max(200, 4 * rttvar)))).toBeLessThan(4 * off + 1);
    }
  });

  scripted("doubles with each timeout", (t) => {
    t.passive();
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0, 2.2, 4.6, 9.4, 19.0]);
    expect([t.info("backoff"), t.info("retransmits"), t.info("total_retrans")]).toEqual([6, 6, 6]);
  });

  scripted("Karn: an ACK of what was sent twice measures nothing and keeps the doubled timer", (t) => {
    t.passive();
    t.write(100);
    t.play(`
      0.1 > P. 1:101(100) ack 1
      0.4 > P. 1:101(100) ack 1
      1.0 > P. 1:101(100) ack 1
      1.5 < . 1:1(0) ack 101`);
    t.about("rtt", 100_000);
    t.about("rto", 1_200_000);
    expect(t.info("retransmits")).toBe(0);
    t.write(100);
    t.play(`
      1.5 > P. 101:201(100) ack 1
      2.7 > P. 101:201(100) ack 1
      2.8 < . 1:1(0) ack 201`);
    t.write(100);
    t.play(`
      2.8 > P. 201:301(100) ack 1
      2.9 < . 1:1(0) ack 301`);
    t.about("rto", 300_000);
  });

  scripted("restarts with each ACK of new data (5.3), and stops when all is acknowledged (5.2)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.write(3000);
    t.play(`
      0.1 > . 1:1001(1000) ack 1
      0.1 > P. 1001:2001(1000) ack 1
      0.1 > P. 2001:3001(1000) ack 1
      0.2 < . 1:1(0) ack 1001
      0.35 < . 1:1(0) ack 2001
      0.5 < . 1:1(0) ack 3001`);
    t.quiet(100, 4);
  });

  scripted("after it everything is sent again, put together as it fits", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    for (let i = 0; i < 5; i++) t.write(300);
    for (let i = 0; i < 5; i++) t.play(`0.1 > P. ${1 + 300 * i}:${301 + 300 * i}(300) ack 1`);
    t.play(`
      0.4 > P. 1:901(900) ack 1
      0.5 < . 1:1(0) ack 901
      0.5 > P. 901:1501(600) ack 1
      0.6 < . 1:1(0) ack 1501`);
    t.quiet(10, 4);
  });

  scripted("at 120 s it doubles no more, and after 924 s it is ETIMEDOUT (tcp_retries2 = 15)", (t) => {
    t.listen();
    t.handshake(undefined, 0);
    t.accept();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    let interval = 0.201;
    for (let i = 0; i < 15; i++) {
      t.play(`+${interval.toFixed(3)} > P. 1:101(100) ack 1`);
      interval = Math.min(interval * 2, 120);
    }
    t.state("ESTABLISHED");
    t.quiet(interval);
    t.state("CLOSED");
    expect(t.now).toBeGreaterThan(924);
    expect(t.now).toBeLessThan(926);
    expect(t.error()).toBe("ETIMEDOUT");
    expect(t.counter("TcpExtTCPAbortOnTimeout")).toBe(1);
  });

  scripted(
    "tcp_retries2 = 3",
    (t) => {
      t.passive();
      t.write(100);
      // As long as 200 ms doubled thrice would take: 3 s
      unanswered(t, [0.1, 0.4, 1.0, 2.2]);
      t.quiet(2.4, 3);
      expect(t.error()).toBe("ETIMEDOUT");
    },
    { config: { "net.ipv4.tcp_retries2": 3 } },
  );

  scripted("any progress starts the count anew", (t) => {
    t.passive("win 65535 <mss 100>");
    t.write(200);
    t.play(`
      0.1 > . 1:101(100) ack 1
      0.1 > P. 101:201(100) ack 1
      0.4 > . 1:101(100) ack 1
      1.0 > . 1:101(100) ack 1
      1.1 < . 1:1(0) ack 101
      1.1 > P. 101:201(100) ack 1`);
    expect(t.info("retransmits")).toBe(0);
    t.takeAll();
  });

  scripted("TCP_USER_TIMEOUT ends it to the millisecond", (t) => {
    t.passive();
    t.set("TCP_USER_TIMEOUT", 3000);
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0, 2.2]);
    t.quiet(0.899, 0.5);
    t.state("ESTABLISHED");
    t.quiet(0.001, 0.7);
    t.state("CLOSED");
    expect(t.error()).toBe("ETIMEDOUT");
  });

  scripted("TCP_USER_TIMEOUT counts for a shut window as well", (t) => {
    t.passive("win 0 <mss 1000>");
    t.set("TCP_USER_TIMEOUT", 2000);
    t.write(100);
    t.play(`
      0.4 > . 0:0(0) ack 1
      1.0 > . 0:0(0) ack 1
      2.2 > . 0:0(0) ack 1`);
    t.quiet(2.4, 3);
    expect(t.error()).toBe("ETIMEDOUT");
  });
});

describe("keepalive (RFC 9293 §3.8.4)", () => {
  function kept(t: Script): void {
    t.passive();
    t.set("TCP_KEEPIDLE", 10);
    t.set("TCP_KEEPINTVL", 2);
    t.set("TCP_KEEPCNT", 3);
    t.set("SO_KEEPALIVE", 1);
  }

  scripted("off by default", (t) => {
    t.passive();
    t.quiet(20_000);
    t.state("ESTABLISHED");
  });

  scripted("TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT; then RST and ETIMEDOUT", (t) => {
    kept(t);
    t.play(`
      10.1 > . 0:0(0) ack 1
      12.1 > . 0:0(0) ack 1
      14.1 > . 0:0(0) ack 1
      16.1 > R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted("an answer begins the idle time anew", (t) => {
    kept(t);
    t.play(`
      10.1 > . 0:0(0) ack 1
      12.1 > . 0:0(0) ack 1
      12.2 < . 1:1(0) ack 1
      22.2 > . 0:0(0) ack 1
      22.3 < . 1:1(0) ack 1`);
    t.quiet(9.9);
  });

  scripted("answers count even where probes are further apart than the idle time", (t) => {
    t.passive(undefined, { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 5, TCP_KEEPCNT: 1 });
    t.play("1.1 > . 0:0(0) ack 1");
    for (let i = 0; i < 5; i++)
      t.play(`
        +0.5 < . 1:1(0) ack 1
        +4.5 > . 0:0(0) ack 1`);
    // A probe that got no answer, but data came
    t.play(`
      +0.5 < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      +4.5 > . 0:0(0) ack 11`);
    t.state("ESTABLISHED");
  });

  scripted("so does data, either way", (t) => {
    kept(t);
    t.play(`
      5.1 < P. 1:11(10) ack 1
      5.1 > . 1:1(0) ack 11`);
    t.quiet(5);
    t.write(10);
    t.play(`
      10.1 > P. 1:11(10) ack 11
      10.2 < . 11:11(0) ack 11
      20.2 > . 10:10(0) ack 11`);
  });

  scripted("with data unacknowledged its own timer does the asking", (t) => {
    kept(t);
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0, 2.2, 4.6, 9.4]);
    t.quiet(0.1);
    unanswered(t, [19.0, 38.2]);
    expect(t.clock.nextDeadline() - t.clock.now()).toBeGreaterThan(1_000_000);
    unanswered(t, [76.6]);
  });

  scripted(
    "the settings are the defaults, and every 75 s",
    (t) => {
      t.passive();
      t.set("SO_KEEPALIVE", 1);
      t.play(`
        100.1 > . 0:0(0) ack 1
        175.1 > . 0:0(0) ack 1`);
    },
    { config: { "net.ipv4.tcp_keepalive_time": 100 } },
  );

  scripted("inherited from the listener", (t) => {
    t.passive(undefined, { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1 });
    t.play("+1 > . 0:0(0) ack 1");
  });

  scripted("in CLOSE-WAIT too", (t) => {
    kept(t);
    t.play(`
      5.1 < F. 1:1(0) ack 1
      5.1 > . 1:1(0) ack 2
      15.1 > . 0:0(0) ack 2`);
  });

  scripted("a probe of the peer's is answered", (t) => {
    t.passive();
    t.play(`
      +7200 < . 0:0(0) ack 1
      > . 1:1(0) ack 1
      +75 < . 0:1(1) ack 1
      > . 1:1(0) ack 1`);
  });
});
