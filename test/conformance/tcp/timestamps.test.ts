import { describe, expect } from "vitest";
import { scripted } from "../harness.js";
import { counts, SACK, STAMPED, STAMPED_NO_SACK, tells, tenOut } from "./flights.js";

describe("timestamps (RFC 7323)", () => {
  scripted("RTTM: each ACK that advances measures, with TS too", (t) => {
    t.passive(STAMPED);
    t.write(988);
    t.play(`
      > P. 1:989(988) ack 1
      +0.2 < . 1:1(0) ack 989 <nop,nop,TS>`);
    t.about("rtt", 112_500);
    t.about("rttvar", 62_500);
    t.about("rto", 363_000);
    t.about("min_rtt", 100_000);
    t.write(988);
    t.play(`
      > P. 989:1977(988) ack 1
      +0.05 < . 1:1(0) ack 1977 <nop,nop,TS>`);
    t.about("rtt", 104_687);
    t.about("rttvar", 62_500);
    t.about("rto", 355_000);
    t.about("min_rtt", 50_000);
  });

  scripted("RTTM by the echo when the segment was sent twice", (t) => {
    t.passive(STAMPED_NO_SACK);
    t.write(988);
    t.play(`
      > P. 1:989(988) ack 1
      +0.3 > P. 1:989(988) ack 1
      +0.15 < . 1:1(0) ack 989 <nop,nop,TS>`);
    tells(t, { backoff: 0 });
    t.about("rtt", 106_250);
    t.about("rttvar", 50_000);
    t.about("rto", 307_000);
  });

  scripted("TSecr 0 measures nothing", (t) => {
    t.passive(STAMPED_NO_SACK);
    t.write(988);
    t.play(`
      > P. 1:989(988) ack 1
      +0.3 > P. 1:989(988) ack 1
      +0.15 < . 1:1(0) ack 989 <nop,nop,TS val 500 ecr 0>`);
    tells(t, { backoff: 0 });
    t.about("rtt", 156_250);
    t.about("rttvar", 150_000);
    t.about("rto", 757_000);
  });

  scripted("the echo is of the segment at the left edge: in order", (t) => {
    t.passive(STAMPED);
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 200>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 300 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 300>`);
  });

  scripted("the echo with a hole: that of the last in order, then of what fills the hole", (t) => {
    t.passive(STAMPED);
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 200>
      +0.05 < P. 201:301(100) ack 1 <nop,nop,TS val 300 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS,nop,nop,sack 201:301>
      +0.05 < P. 301:401(100) ack 1 <nop,nop,TS val 350 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS,nop,nop,sack 201:401>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 320 ecr 0>
      > . 1:1(0) ack 401 <nop,nop,TS ecr 320>
      +0.05 < P. 401:501(100) ack 1 <nop,nop,TS val 400 ecr 0>
      > . 1:1(0) ack 501 <nop,nop,TS ecr 400>`);
  });

  scripted("last ACK sent: of two segments under one ACK the first is echoed", (t) => {
    t.passive(STAMPED);
    t.set("TCP_QUICKACK", 0);
    t.play(`
      +0.05 < P. 1:1461(1460) ack 1 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 1461 <nop,nop,TS ecr 200>
      +0.005 < P. 1461:2921(1460) ack 1 <nop,nop,TS val 205 ecr 0>
      > . 1:1(0) ack 2921 <nop,nop,TS ecr 205>`);
  });

  scripted("PAWS: an older timestamp is dropped and ACKed", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 1500 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>`);
    counts(t, { TcpExtPAWSEstab: 1 });
    t.play(`
      +0.6 < P. 101:201(100) ack 1 <nop,nop,TS val 2600 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 2600>`);
  });

  scripted("PAWS: the same timestamp is fine", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 2000>`);
    counts(t, { TcpExtPAWSEstab: 0 });
  });

  scripted("PAWS: one millisecond less is let pass; an old bare ACK is dropped without an answer", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 1999 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 2000>`);
    counts(t, { TcpExtPAWSEstab: 0 });
    t.play("+0.05 < . 101:101(0) ack 1 <nop,nop,TS val 1998 ecr 0>");
    counts(t, { TcpExtPAWSEstab: 0 });
  });

  scripted("PAWS does not hold for RST", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.05 < R. 101:101(0) ack 1 <nop,nop,TS val 500 ecr 0>`);
    t.state("CLOSED");
    expect(t.error()).toBe("ECONNRESET");
  });

  scripted("a segment without the option is dropped (RFC 7323 §3.2)", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <>
      > . 1:1(0) ack 101
      +0.15 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS,nop,nop,sack 1:101>`);
  });

  scripted("an ACK without the option", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.write(988);
    t.play(`
      > P. 1:989(988) ack 1
      +0.05 < . 1:1(0) ack 989 <>`);
    tells(t, { unacked: 0 });
    t.quiet(0.1);
  });

  scripted("a timestamp where none was agreed on means nothing", (t) => {
    t.passive(SACK);
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 1000 ecr 0>
      > . 1:1(0) ack 201`);
  });

  scripted("nor does it before the handshake is complete", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1 <mss 1460>
      +0.1 < P 1:11(10) <nop,nop,TS val 2000 ecr 0>
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS val 1000 ecr 0>`);
    t.accept();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
  });

  scripted("TS.Recent is the SYN's until the handshake is complete: what has no ACK is not remembered", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1000 ecr 0>
      > S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 1000>
      +0.1 < P 1:11(10) <nop,nop,TS val 3000 ecr 0>
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS val 2000>`);
    t.accept();
    t.write(10);
    t.play("> P. 1:11(10) ack 1 <nop,nop,TS ecr 2000>");
  });

  scripted("nor is what TCP_DEFER_ACCEPT holds back: the SYN-ACK echoes the SYN again", (t) => {
    t.listen(80, undefined, { TCP_DEFER_ACCEPT: 2 });
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1000 ecr 0>
      > S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 1000>
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS val 1100>
      +2.9 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 1000>`);
  });

  scripted(
    "tcp_timestamps 0: none is offered and none is taken",
    (t) => {
      t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
      t.play(`
      +0.05 < P. 1:101(100) ack 1 <>
      > . 1:1(0) ack 101`);
      tells(t, { snd_mss: 1000 });
    },
    { config: { "net.ipv4.tcp_timestamps": 0 } },
  );

  scripted("our SYN offers timestamps, the answer has none", (t) => {
    t.active("win 65535 <mss 1000,nop,nop,sackOK,nop,wscale 7>");
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    tells(t, { snd_mss: 1000 });
  });

  scripted("our timestamp counts milliseconds", (t) => {
    t.active("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1 <nop,nop,TS ecr 1000>
      +0.3 > P. 1:101(100) ack 1 <nop,nop,TS ecr 1000>
      +0.2 < . 1:1(0) ack 101 <nop,nop,TS val 1600 ecr 0>`);
    t.write(100);
    t.play(`
      > P. 101:201(100) ack 1 <nop,nop,TS ecr 1600>
      +0.1 < . 1:1(0) ack 201 <nop,nop,TS val 1700 ecr 0>`);
  });

  scripted("wrapped timestamps", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 4294967290 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 4294967295 ecr 0>
      > . 1:1(0) ack 1
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 20 ecr 0>
      > . 1:1(0) ack 1
      +0.05 < P. 201:301(100) ack 1 <nop,nop,TS val 4294967295 ecr 0>
      > . 1:1(0) ack 1`);
    counts(t, { TcpExtPAWSEstab: 3 });
  });

  scripted("a duplicate whose timestamp is old: ACKed, not taken", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.05 < P. 101:201(100) ack 1 <nop,nop,TS val 2100 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 2100>
      +0.6 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS,nop,nop,sack 1:101>`);
    counts(t, { TcpExtPAWSEstab: 1, TcpExtPAWSOldAck: 0 });
  });

  scripted("the timestamp of a duplicate segment is echoed (RFC 7323 §4.3)", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.play(`
      +0.05 < P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS ecr 2000>
      +0.6 < P. 1:101(100) ack 1 <nop,nop,TS val 2600 ecr 0>
      > . 1:1(0) ack 101 <nop,nop,TS,nop,nop,sack 1:101>
      +0.6 < P. 101:201(100) ack 1 <nop,nop,TS val 3200 ecr 0>
      > . 1:1(0) ack 201 <nop,nop,TS ecr 3200>`);
  });

  scripted("the timestamp of an ACK without data is echoed", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      +0.1 < . 1:1(0) ack 101 <nop,nop,TS val 1300 ecr 0>`);
    t.write(100);
    t.play(`
      > P. 101:201(100) ack 1 <nop,nop,TS ecr 1300>
      +0.1 < . 1:1(0) ack 201 <nop,nop,TS val 1400 ecr 0>`);
  });

  scripted("an echo from the future is no measure", (t) => {
    t.passive(STAMPED_NO_SACK);
    t.write(988);
    t.play(`
      > P. 1:989(988) ack 1
      +0.3 > P. 1:989(988) ack 1
      +0.15 < . 1:1(0) ack 989 <nop,nop,TS val 500 ecr 900000>`);
    tells(t, { backoff: 1 });
    t.about("rtt", 100_000);
    t.about("rto", 600_000);
  });

  scripted("the timestamp of an ACK that is old is echoed", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.1 < . 1:1(0) ack 1977 <nop,nop,TS val 300 ecr 0>
      +0.05 < . 1:1(0) ack 989 <nop,nop,TS val 350 ecr 0>`);
    t.write(100);
    t.play("> P. 9881:9981(100) ack 1 <nop,nop,TS ecr 350>");
  });
});
