import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

describe("the peer's window", () => {
  scripted("is not overrun (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 3000 <mss 1460>");
    t.write(10_000);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      +0.1 < . 1:1(0) ack 1461 win 3000
      > . 2921:4381(1460) ack 1
      > P. 4381:4461(80) ack 1          # Minshall lets the rest of the window be used`);
  });

  scripted("what is left of it is not used where nothing larger goes with it (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 4000 <mss 1460>");
    t.write(10_000);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      +0.1 < . 1:1(0) ack 2921 win 1000
      +0.1 < . 1:1(0) ack 2921 win 1400
      +0.05 < . 1:1(0) ack 2921 win 1460
      > . 2921:4381(1460) ack 1`);
  });

  scripted("smaller than two segments halves them (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 1000 <mss 1460>");
    expect(t.info("snd_mss")).toBe(500);
    t.write(2000);
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1
      +0.1 < . 1:1(0) ack 1001 win 400
      +0.1 < . 1:1(0) ack 1001 win 500
      > . 1001:1501(500) ack 1`);
  });

  scripted("... down to 536 bytes, which are one segment (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 536 <mss 1460>");
    expect(t.info("snd_mss")).toBe(536);
    t.write(1000);
    t.play(`
      > P. 1:537(536) ack 1            # more than half the window: PSH
      +0.1 < . 1:1(0) ack 537 win 536
      > P. 537:1001(464) ack 1`);
  });

  scripted("that grows later lets them grow (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 1000 <mss 1460>");
    t.play("+0.1 < . 1:1(0) ack 1 win 2000");
    expect(t.info("snd_mss")).toBe(1000);
    t.play("+0.1 < . 1:1(0) ack 1 win 20000");
    expect(t.info("snd_mss")).toBe(1460);
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
  });

  scripted("an active open scales no SYN-ACK's window (RFC 7323 §2.2)", (t) => {
    t.active("win 1000 <mss 1460,nop,wscale 7>");
    expect(t.info("snd_wnd")).toBe(1000);
    t.write(2000);
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1
      +0.1 < . 1:1(0) ack 1001 win 1000
      > P. 1001:2001(1000) ack 1`);
  });

  scripted("an old segment may take an old window back (RFC 9293 §3.10.7.4)", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.play(`
      < P. 1:11(10) ack 1 win 2000
      > . 1:1(0) ack 11
      < . 5:11(6) ack 1 win 100
      > . 1:1(0) ack 11
      < . 1:11(10) ack 1 win 5000
      > . 1:1(0) ack 11`);
    // RFC 9293 would keep 2000; Linux compares with SND.WL1, which the sequence number of 1:11 set
    expect(t.info("snd_wnd")).toBe(100);
  });

  scripted("over 64 KB (RFC 7323 §2.3)", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    // An ACK that acknowledges nothing and brings nothing only opens it
    t.play("< . 1:1(0) ack 1 win 10000");
    expect(t.info("snd_wnd")).toBe(65_535 << 7);
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      < . 11:11(0) ack 1 win 10000`);
    expect(t.info("snd_wnd")).toBe(1_280_000);
  });

  scripted("shut by the ACK of all, and opened: goes on at once (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 0
      +0.1 < . 1:1(0) ack 2001 win 2000
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1`);
  });

  scripted("lets the FIN behind several segments run over it (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 1500 <mss 1000>");
    t.write(3000);
    t.play(`
      > . 1:751(750) ack 1
      > P. 751:1501(750) ack 1`);
    t.shutdown();
    t.play(`
      +0.1 < . 1:1(0) ack 1501 win 1500
      > . 1501:2251(750) ack 1
      > FP. 2251:3001(750) ack 1          # its number is beyond the window
      +0.1 < . 1:1(0) ack 3002 win 1500`);
    t.state("FIN-WAIT-2");
  });

  scripted("holds the FIN that has no room in it with a single segment (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.write(2000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1`);
    t.shutdown();
    t.quiet(0.05);
    t.play(`
      < . 1:1(0) ack 1001 win 1000
      +0.1 < . 1:1(0) ack 1001 win 1001
      > F. 2001:2001(0) ack 1`);
  });

  scripted("limits what rwnd_limited counts (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 0
      +0.1 < . 1:1(0) ack 2001 win 2000
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 4001 win 2000`);
    t.about("busy_time", 300_000, 40_000);
    t.about("rwnd_limited", 200_000, 40_000);
  });
});

describe("zero-window probes", () => {
  scripted("the persist timer ends a silly window, with what fits (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 4000 <mss 1460>");
    t.write(4000);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      > P. 2921:4001(1080) ack 1`);
    t.write(5000);
    t.play(`
      +0.1 < . 1:1(0) ack 4001 win 700
      +0.3 > P. 4001:4701(700) ack 1`);
  });

  scripted("at the RTO, doubling up to 120 s, for as long as they are answered (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 0`);
    let interval = 0.3;
    for (let i = 0; i < 40; i++) {
      t.play(`
        +${interval.toFixed(3)} > . 2000:2000(0) ack 1
        < . 1:1(0) ack 2001 win 0`);
      interval = Math.min(interval * 2, 120);
    }
    t.state("ESTABLISHED");
    t.play(`
      +1 < . 1:1(0) ack 2001 win 2000
      > P. 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 3001 win 0`);
    t.write(10);
    t.play("+0.3 > . 3000:3000(0) ack 1");
  });

  scripted("before anything was sent (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 0 <mss 1000>");
    t.write(10);
    t.play(`
      +0.3 > . 0:0(0) ack 1
      +0.6 > . 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1 win 1000
      > P. 1:11(10) ack 1`);
    expect([t.info("probes"), t.info("backoff")]).toEqual([0, 0]);
  });

  scripted("an answer counts as a sign of life and moves the timer (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 0 <mss 1000>");
    t.write(10);
    t.play("+0.3 > . 0:0(0) ack 1");
    expect([t.info("probes"), t.info("backoff")]).toEqual([1, 1]);
    t.play("+0.3 < . 1:1(0) ack 1 win 0");
    expect([t.info("probes"), t.info("backoff")]).toEqual([0, 1]);
    t.play("+0.6 > . 0:0(0) ack 1");
  });

  scripted("a window that opens too little lets a probe carry data (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 0
      +0.1 < . 1:1(0) ack 2001 win 300
      +0.3 > P. 2001:2301(300) ack 1
      +0.1 < . 1:1(0) ack 2301 win 2000
      > . 2301:3301(1000) ack 1
      > P. 3301:4001(700) ack 1`);
  });

  scripted("for a FIN that has no room (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 1000 <mss 500>");
    t.write(1000);
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1`);
    t.shutdown();
    t.play(`
      +0.1 < . 1:1(0) ack 1001 win 0
      +0.3 > . 1000:1000(0) ack 1
      +0.1 < . 1:1(0) ack 1001 win 1
      > F. 1001:1001(0) ack 1`);
  });

  scripted(
    "unanswered: ETIMEDOUT, and nothing is sent about it (RFC 9293 §3.8.3)",
    (t) => {
      t.passive("win 0 <mss 1000>");
      t.write(10);
      t.play(`
        +0.3 > . 0:0(0) ack 1
        +0.6 > . 0:0(0) ack 1
        +1.2 > . 0:0(0) ack 1`);
      t.quiet(2.3);
      t.state("ESTABLISHED");
      t.quiet(0.1, 0.8);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
      expect(t.counter("TcpExtTCPAbortOnTimeout")).toBe(1);
    },
    { config: { "net.ipv4.tcp_retries2": 3 } },
  );

  scripted("TCP_USER_TIMEOUT counts from the first probe (RFC 5482 §3)", (t) => {
    t.passive("win 0 <mss 1000>");
    t.set("TCP_USER_TIMEOUT", 1000);
    t.write(100);
    t.play(`
      +0.3 > . 0:0(0) ack 1
      +0.6 > . 0:0(0) ack 1`);
    t.quiet(0.399, 0.25);
    t.state("ESTABLISHED");
    t.quiet(0.002, 0.35);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
  });

  scripted(
    "of an orphan are counted even where they are answered (RFC 9293 §3.8.6.1)",
    (t) => {
      t.passive("win 0 <mss 1000>");
      t.write(10);
      t.close();
      t.play(`
        +0.3 > . 0:0(0) ack 1
        +0.6 > . 0:0(0) ack 1`);
      t.quiet(1.3, 1.7);
      expect(t.count("connections")).toBe(0);
    },
    { config: { "net.ipv4.tcp_orphan_retries": 2 } },
  );

  scripted("taken back while data is out: what is out is the probe, and no giving up (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 3000 <mss 1000>");
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0`);
    let interval = 0.3;
    for (let i = 0; i < 30; i++) {
      t.play(`
        +${interval.toFixed(3)} > P. 1001:2001(1000) ack 1
        < . 1:1(0) ack 1001 win 0`);
      interval = Math.min(interval * 2, 120);
    }
    t.state("ESTABLISHED");
    t.play("< . 1:1(0) ack 1001 win 1000");
  });

  scripted("... and short (RFC 9293 §3.8.6.1)", (t) => {
    t.passive("win 3000 <mss 1000>");
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0
      +0.3 > P. 1001:2001(1000) ack 1
      +0.6 > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0`);
    expect([t.info("retransmits"), t.info("backoff"), t.info("ca_state")]).toEqual([0, 2, 4]);
    t.play("+0.1 < . 1:1(0) ack 3001 win 2000");
    t.takeAll();
  });
});
