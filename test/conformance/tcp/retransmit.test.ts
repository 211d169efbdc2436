import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/** The stack sends 1:101 at these times. */
function unanswered(t: Script, times: readonly number[]): void {
  for (const at of times) t.play(`${at.toFixed(3)} > P. 1:101(100) ack 1`);
}

/** One exchange of ten bytes from `at` on that takes `ms`. */
function exchange(t: Script, at: number, ms: number): void {
  t.write(10);
  t.play(`
    > P. ${at}:${at + 10}(10) ack 1
    +${(ms / 1000).toFixed(3)} < . 1:1(0) ack ${at + 10}`);
}

describe("the estimate of the round trip", () => {
  scripted("is SRTT + max(4 RTTVAR, 200 ms) after the handshake's measurement (RFC 6298 §2.2)", (t) => {
    t.passive();
    t.about("rtt", 100_000);
    t.about("rttvar", 50_000);
    t.about("rto", 300_000);
  });

  scripted("4 RTTVAR where that is more (RFC 6298 §2.2)", (t) => {
    t.listen();
    t.handshake(undefined, 0.3);
    t.accept();
    t.about("rtt", 300_000);
    t.about("rttvar", 150_000);
    t.about("rto", 900_000);
  });

  scripted("a steady round trip brings RTTVAR down to 50 ms slowly (RFC 6298 §2.3)", (t) => {
    t.listen();
    t.handshake(undefined, 0.3);
    t.accept();
    let at = 1;
    // Once a round trip by a quarter of the way, as Linux has it
    for (const rto of [900, 835, 765, 699]) {
      exchange(t, at, 300);
      at += 10;
      t.about("rto", rto * 1000, 60_000);
    }
  });

  scripted("a longer one raises it at once (RFC 6298 §2.3)", (t) => {
    t.passive();
    exchange(t, 1, 100);
    exchange(t, 11, 280);
    t.about("rtt", 122_500);
    t.about("rttvar", 73_125, 25_000);
    t.about("rto", 415_000, 60_000);
  });

  scripted("a shorter one counts an eighth, as it says nothing of variance (RFC 6298 §2.3)", (t) => {
    t.passive();
    exchange(t, 1, 100);
    exchange(t, 11, 100);
    exchange(t, 21, 20);
    t.about("rtt", 90_000);
    t.about("rttvar", 29_746);
    t.about("rto", 290_000);
  });

  scripted("is never below 200 ms (RFC 6298 §2.4)", (t) => {
    t.listen();
    t.handshake(undefined, 0);
    t.accept();
    t.about("rto", 200_000);
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      +0.2 > P. 1:101(100) ack 1`);
  });

  scripted("3 s where the handshake measured nothing (RFC 6298 §5.7)", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      +1 > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
    t.accept();
    t.about("rto", 3_000_000);
    expect(t.info("snd_cwnd")).toBe(10);
  });

  scripted("by timestamps even then (RFC 7323 §4.1)", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,TS val 1 ecr 0>
      > S. 0:0(0) ack 1
      +1 > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS val 2>`);
    t.accept();
    t.about("rtt", 100_000);
    t.about("rto", 300_000);
  });

  scripted("and of what was sent twice, by timestamps only (RFC 6298 §3, RFC 7323 §4.1)", (t) => {
    t.passive("win 65535 <mss 1460,TS val 1 ecr 0>");
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      +0.3 > P. 1:101(100) ack 1
      +0.1 < . 1:1(0) ack 101`);
    t.about("rtt", 100_000);
    t.about("rto", 300_000);
  });
});

describe("the retransmission timeout", () => {
  scripted("doubles with each (RFC 6298 §5.5)", (t) => {
    t.passive();
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0, 2.2, 4.6, 9.4, 19.0]);
    expect([t.info("backoff"), t.info("retransmits"), t.info("total_retrans")]).toEqual([6, 6, 6]);
    expect([t.info("total_rto"), t.info("total_rto_recoveries")]).toEqual([6, 1]);
  });

  scripted("Karn: an ACK of what was sent twice measures nothing and keeps the doubled timer (RFC 6298 §3)", (t) => {
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

  scripted("restarts with each ACK of new data, and stops when all is acknowledged (RFC 6298 §5.2, §5.3)", (t) => {
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

  scripted("sends the first segment only (RFC 6298 §5.4)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1
      +0.6 > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 4001`);
  });

  scripted("at 120 s it doubles no more, and after 924 s it is ETIMEDOUT (RFC 9293 §3.8.3)", (t) => {
    t.listen();
    t.handshake(undefined, 0.01);
    t.accept();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    let interval = 0.21;
    for (let i = 0; i < 15; i++) {
      t.play(`+${interval.toFixed(3)} > P. 1:101(100) ack 1`);
      interval = Math.min(interval * 2, 120);
    }
    t.state("ESTABLISHED");
    t.quiet(interval);
    t.state("CLOSED");
    expect(t.now).toBeGreaterThan(924.6);
    expect(t.error()).toBe("ETIMEDOUT");
    expect(t.counter("TcpExtTCPAbortOnTimeout")).toBe(1);
  });

  scripted(
    "tcp_retries2 = 3: as long as three doublings of 200 ms would take, and no RST (RFC 9293 §3.8.3)",
    (t) => {
      t.passive();
      t.write(100);
      unanswered(t, [0.1, 0.4, 1.0, 2.2]);
      t.quiet(2.3);
      t.state("ESTABLISHED");
      t.quiet(0.2, 0.6);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    },
    { config: { "net.ipv4.tcp_retries2": 3 } },
  );

  scripted(
    "an orphan is given up sooner (RFC 9293 §3.8.3)",
    (t) => {
      t.passive();
      t.write(100);
      t.close();
      t.play(`
        0.1 > P. 1:101(100) ack 1
        0.1 > F. 101:101(0) ack 1
        0.4 > FP. 1:101(100) ack 1
        1.0 > FP. 1:101(100) ack 1
        2.2 > FP. 1:101(100) ack 1`);
      expect(t.count("connections")).toBe(1);
      t.quiet(2.5, 3);
      expect(t.count("connections")).toBe(0);
    },
    { config: { "net.ipv4.tcp_orphan_retries": 3 } },
  );

  scripted("any progress starts the count anew (RFC 9293 §3.8.3)", (t) => {
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

  scripted("TCP_USER_TIMEOUT: to the millisecond after the first retransmission (RFC 5482 §3)", (t) => {
    t.passive();
    t.set("TCP_USER_TIMEOUT", 1500);
    t.write(100);
    unanswered(t, [0.1, 0.4, 1.0]);
    t.quiet(0.899, 0.7);
    t.state("ESTABLISHED");
    t.quiet(0.002, 0.5);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted(
    "TCP_USER_TIMEOUT longer than tcp_retries2 holds as well (RFC 5482 §3)",
    (t) => {
      t.passive();
      t.set("TCP_USER_TIMEOUT", 3000);
      t.write(100);
      unanswered(t, [0.1, 0.4, 1.0, 2.2]);
      t.quiet(1, 0.9);
      t.state("ESTABLISHED");
      t.quiet(0.3, 0.8);
      t.state("CLOSED");
    },
    { config: { "net.ipv4.tcp_retries2": 1 } },
  );
});

describe("what is sent again", () => {
  scripted("small segments as one, as many as fit (RFC 9293 §3.8.1)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    for (let i = 0; i < 5; i++) {
      t.write(300);
      t.play(`> P. ${1 + 300 * i}:${301 + 300 * i}(300) ack 1`);
    }
    t.play(`
      0.4 > P. 1:901(900) ack 1
      0.5 < . 1:1(0) ack 901
      0.5 > P. 901:1501(600) ack 1
      0.6 < . 1:1(0) ack 1501`);
    t.quiet(10, 2);
  });

  scripted("an ACK in the midst of it: the rest goes (RFC 9293 §3.8.1)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    for (let i = 0; i < 2; i++) {
      t.write(300);
      t.play(`> P. ${1 + 300 * i}:${301 + 300 * i}(300) ack 1`);
    }
    t.play(`
      0.4 > P. 1:601(600) ack 1
      0.5 < . 1:1(0) ack 301
      1.0 > P. 301:601(300) ack 1
      +0.1 < . 1:1(0) ack 601`);
  });

  scripted("with the FIN behind it (RFC 9293 §3.8.1)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.write(100);
    t.play("> P. 101:201(100) ack 1");
    t.close();
    t.play(`
      > F. 201:201(0) ack 1
      0.4 > FP. 1:201(200) ack 1
      0.5 < . 1:1(0) ack 202`);
  });

  scripted("not a full one with a small one (RFC 9293 §3.8.1)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    t.write(1000);
    t.play("> P. 1:1001(1000) ack 1");
    t.write(100);
    t.play(`
      > P. 1001:1101(100) ack 1
      0.4 > P. 1:1001(1000) ack 1
      0.5 < . 1:1(0) ack 1001
      > P. 1001:1101(100) ack 1
      < . 1:1(0) ack 1101`);
  });
});

describe("thin streams", () => {
  const times = [0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 1.9];

  scripted("TCP_THIN_LINEAR_TIMEOUTS: six timeouts without doubling (RFC 6298 §5.5)", (t) => {
    t.passive();
    t.set("TCP_THIN_LINEAR_TIMEOUTS", 1);
    t.write(100);
    unanswered(t, times);
    expect([t.info("backoff"), t.info("retransmits")]).toEqual([0, 6]);
    t.play(`
      +0.3 > P. 1:101(100) ack 1
      +0.6 > P. 1:101(100) ack 1`);
  });

  scripted(
    "tcp_thin_linear_timeouts (RFC 6298 §5.5)",
    (t) => {
      t.passive();
      t.write(100);
      unanswered(t, times);
    },
    { config: { "net.ipv4.tcp_thin_linear_timeouts": 1 } },
  );

  scripted(
    "four segments in flight are no thin stream (RFC 6298 §5.5)",
    (t) => {
      t.passive("win 65535 <mss 100>");
      t.write(400);
      t.takeAll();
      t.play(`
        +0.3 > . 1:101(100) ack 1
        +0.6 > . 1:101(100) ack 1`);
    },
    { config: { "net.ipv4.tcp_thin_linear_timeouts": 1 } },
  );
});

describe("the SYN's timer", () => {
  scripted("1 s, doubling (RFC 6298 §2.1)", (t) => {
    t.connect();
    t.play(`
      0 > S 0:0(0)
      1 > S 0:0(0)
      3 > S 0:0(0)
      7 > S 0:0(0)`);
    t.takeAll();
  });

  scripted(
    "tcp_syn_linear_timeouts = 4: 1 s four times more, then doubling (RFC 6298 §2.1)",
    (t) => {
      t.connect();
      for (const at of [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]) t.play(`${at} > S 0:0(0)`);
      t.quiet(63.9);
      t.state("SYN-SENT");
      t.quiet(0.2);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    },
    { config: { "net.ipv4.tcp_syn_linear_timeouts": 4 } },
  );

  scripted("TCP_SYNCNT 1 (RFC 9293 §3.8.3)", (t) => {
    t.connect(80, { TCP_SYNCNT: 1 });
    t.play(`
      0 > S 0:0(0)
      1 > S 0:0(0)`);
    t.quiet(1.9, 1.5);
    t.state("SYN-SENT");
    t.quiet(0.2, 1.2);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted(
    "TCP_SYNCNT 1 with linear timeouts: as long as doubling would have taken (RFC 9293 §3.8.3)",
    (t) => {
      t.connect(80, { TCP_SYNCNT: 1 });
      t.play(`
        0 > S 0:0(0)
        1 > S 0:0(0)
        2 > S 0:0(0)`);
      t.quiet(0.9, 0.6);
      t.state("SYN-SENT");
      t.quiet(0.2, 0.9);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    },
    { config: { "net.ipv4.tcp_syn_linear_timeouts": 4 } },
  );

  scripted("TCP_USER_TIMEOUT ends a connect (RFC 5482 §3)", (t) => {
    t.connect(80, { TCP_USER_TIMEOUT: 2500 });
    t.play(`
      0 > S 0:0(0)
      1 > S 0:0(0)`);
    t.quiet(1.4, 1.1);
    t.state("SYN-SENT");
    t.quiet(0.2, 1);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });
});
