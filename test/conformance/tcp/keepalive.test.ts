import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/** The stack sends 1:101 at these times. */
function unanswered(t: Script, times: readonly number[]): void {
  for (const at of times) t.play(`${at.toFixed(3)} > P. 1:101(100) ack 1`);
}

function kept(t: Script): void {
  t.passive();
  t.set("TCP_KEEPIDLE", 10);
  t.set("TCP_KEEPINTVL", 2);
  t.set("TCP_KEEPCNT", 3);
  t.set("SO_KEEPALIVE", 1);
}

const QUICK = { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 2 };

describe("keepalive", () => {
  scripted("off by default (RFC 9293 §3.8.4)", (t) => {
    t.passive();
    t.quiet(20_000);
    t.state("ESTABLISHED");
  });

  scripted("TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT; then RST and ETIMEDOUT (RFC 9293 §3.8.4)", (t) => {
    kept(t);
    t.play(`
      10.1 > . 0:0(0) ack 1
      12.1 > . 0:0(0) ack 1
      14.1 > . 0:0(0) ack 1
      16.1 > R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted("the same in seconds (RFC 9293 §3.8.4)", (t) => {
    t.passive(undefined, QUICK);
    t.play(`
      +1 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1
      +1 > R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    expect(t.counter("TcpExtTCPKeepAlive")).toBe(2);
  });

  scripted("an answer begins the idle time anew (RFC 9293 §3.8.4)", (t) => {
    kept(t);
    t.play(`
      10.1 > . 0:0(0) ack 1
      12.1 > . 0:0(0) ack 1
      12.2 < . 1:1(0) ack 1
      22.2 > . 0:0(0) ack 1
      22.3 < . 1:1(0) ack 1`);
    t.quiet(9.9);
  });

  scripted("answers count even where probes are further apart than the idle time (RFC 9293 §3.8.4)", (t) => {
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

  scripted("so does data, either way (RFC 9293 §3.8.4)", (t) => {
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

  scripted("with data unacknowledged its own timer does the asking (RFC 9293 §3.8.4)", (t) => {
    kept(t);
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0, 2.2, 4.6, 9.4]);
    t.quiet(0.1);
    unanswered(t, [19.0, 38.2]);
    expect(t.clock.nextDeadline() - t.clock.now()).toBeGreaterThan(1_000_000);
    unanswered(t, [76.6]);
  });

  scripted("nor does it ask where a shut window is probed (RFC 9293 §3.8.4)", (t) => {
    t.passive("win 0 <mss 1000>", QUICK);
    t.write(10);
    t.play(`
      +0.3 > . 0:0(0) ack 1
      +0.6 > . 0:0(0) ack 1
      +1.2 > . 0:0(0) ack 1`);
    t.state("ESTABLISHED");
  });

  scripted(
    "the settings are the defaults, and every 75 s (RFC 9293 §3.8.4)",
    (t) => {
      t.passive();
      t.set("SO_KEEPALIVE", 1);
      t.play(`
        100.1 > . 0:0(0) ack 1
        175.1 > . 0:0(0) ack 1`);
    },
    { config: { "net.ipv4.tcp_keepalive_time": 100 } },
  );

  scripted(
    "all three settings (RFC 9293 §3.8.4)",
    (t) => {
      t.passive();
      t.set("SO_KEEPALIVE", 1);
      t.play(`
        1.1 > . 0:0(0) ack 1
        3.1 > . 0:0(0) ack 1
        5.1 > R. 1:1(0) ack 1`);
    },
    {
      config: {
        "net.ipv4.tcp_keepalive_time": 1,
        "net.ipv4.tcp_keepalive_intvl": 2,
        "net.ipv4.tcp_keepalive_probes": 2,
      },
    },
  );

  scripted("inherited from the listener (RFC 9293 §3.8.4)", (t) => {
    t.passive(undefined, { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1 });
    t.play("+1 > . 0:0(0) ack 1");
  });

  /** Both sides open at once (RFC 9293 figure 8). */
  function bothOpen(t: Script): void {
    t.connect(undefined, { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1 });
    t.play(`
      > S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 7>
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1 <mss 1460,sackOK,TS,nop,wscale 7>`);
  }

  scripted("not of a connection that both sides opened", (t) => {
    bothOpen(t);
    t.play("+0.1 < . 1:1(0) ack 1");
    t.quiet(3, 3);
    t.state("ESTABLISHED");
  });

  scripted("... unless the application asks for it again", (t) => {
    bothOpen(t);
    t.set("TCP_KEEPIDLE", 2);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +2 > . 0:0(0) ack 1`);
  });

  scripted("TCP_USER_TIMEOUT takes the place of the count (RFC 5482 §4.2)", (t) => {
    t.passive(undefined, { ...QUICK, TCP_KEEPCNT: 9, TCP_USER_TIMEOUT: 2500 });
    t.play(`
      +1 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1
      +1 > R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted("... and where it is longer (RFC 5482 §4.2)", (t) => {
    t.passive(undefined, { ...QUICK, TCP_KEEPCNT: 1, TCP_USER_TIMEOUT: 3500 });
    t.play(`
      +1 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1
      +1 > . 0:0(0) ack 1
      +1 > R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted("switched off again (RFC 9293 §3.8.4)", (t) => {
    t.passive(undefined, QUICK);
    t.play("+1 > . 0:0(0) ack 1");
    t.set("SO_KEEPALIVE", 0);
    t.quiet(3);
    t.state("ESTABLISHED");
  });

  scripted(
    "an idle time that is over as it is set: the next probe is due, and with it the end (RFC 9293 §3.8.4)",
    (t) => {
      t.passive(undefined, { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 60, TCP_KEEPCNT: 2 });
      t.play("+1 > . 0:0(0) ack 1");
      t.quiet(0.5, 0.5);
      t.set("TCP_KEEPIDLE", 1);
      t.play("> . 0:0(0) ack 1");
      t.quiet(0.5, 0.5);
      t.set("TCP_KEEPIDLE", 1);
      t.play("> R. 1:1(0) ack 1");
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    },
  );

  scripted("in CLOSE-WAIT too (RFC 9293 §3.8.4)", (t) => {
    t.passive(undefined, QUICK);
    t.play(`
      +0.5 < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      < F. 11:11(0) ack 1`);
    t.takeAll();
    t.skip(0.06);
    t.takeAll();
    t.play("+0.94 > . 0:0(0) ack 12");
  });

  scripted("a probe of the peer's is answered (RFC 9293 §3.8.4)", (t) => {
    t.passive();
    t.play(`
      +0.5 < . 0:0(0) ack 1
      > . 1:1(0) ack 1
      +0.75 < . 0:1(1) ack 1
      > . 1:1(0) ack 1`);
  });
});
