import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, NO_SACK, segments, tells, tenOut } from "./flights.js";

describe("recovery: proportional rate reduction (RFC 9937), limited transmit (RFC 3042), NewReno (RFC 6582)", () => {
  scripted("a part of what is acknowledged goes out while in flight is above ssthresh", (t) => {
    tenOut(t, 30_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, lost: 1, retrans: 1, unacked: 10, sacked: 3 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>
      > . 10001:11001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 11, sacked: 4 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:6001>
      > . 11001:12001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 12, sacked: 5 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:7001>
      > . 12001:13001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 13, sacked: 6 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:8001>
      > . 13001:14001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 14, sacked: 7 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:9001>
      > . 14001:15001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 15, sacked: 8 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      > . 15001:16001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, unacked: 16, sacked: 9 });
    t.play(`
      +0.02 < . 1:1(0) ack 10001
      > . 16001:17001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("with many lost it sends as much as was delivered (and one more)", (t) => {
    tenOut(t, 30_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 8001:9001>
      > . 10001:11001(1000) ack 1
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 8001:10001>
      > . 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 1, snd_cwnd: 10, lost: 0, retrans: 0, unacked: 12, sacked: 2 });
    t.play("+0.027 > . 1:1001(1000) ack 1");
    t.quiet(0.023);
    tells(t, { ca_state: 3, snd_cwnd: 3, lost: 8, retrans: 1, unacked: 12, sacked: 2 });
    t.play(`
      +0.05 < . 1:1(0) ack 1001 <nop,nop,sack 8001:10001>
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { snd_cwnd: 4, lost: 7, retrans: 2, unacked: 11, sacked: 2 });
    t.play(`
      +0.01 < . 1:1(0) ack 2001 <nop,nop,sack 8001:10001>
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1`);
    tells(t, { snd_cwnd: 5, lost: 6, retrans: 3, unacked: 10, sacked: 2 });
    t.play(`
      +0.01 < . 1:1(0) ack 3001 <nop,nop,sack 8001:10001>
      > . 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
    tells(t, { snd_cwnd: 6, lost: 5, retrans: 4, unacked: 9, sacked: 2 });
    t.play(`
      +0.1 < . 1:1(0) ack 10001
      > . 12001:13001(1000) ack 1
      > P. 13001:14001(1000) ack 1
      > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      > . 16001:17001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7 });
  });

  scripted("cwnd is ssthresh at the end", (t) => {
    tenOut(t, 30_000);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    tells(t, { snd_cwnd: 20 });
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:20001>
      > . 10001:11001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 14, snd_ssthresh: 14, lost: 1, retrans: 1, unacked: 20, sacked: 9 });
    t.play("+0.05 < . 1:1(0) ack 10001 <nop,nop,sack 11001:28001>");
    tells(t, { ca_state: 3, snd_cwnd: 14, snd_ssthresh: 14, lost: 1, retrans: 1, unacked: 20, sacked: 17 });
    t.play("+0.05 < . 1:1(0) ack 30001");
    tells(t, { ca_state: 0, snd_cwnd: 14, snd_ssthresh: 14 });
  });

  scripted("a full ACK in one piece", (t) => {
    tenOut(t, 30_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      > . 1:1001(1000) ack 1`);
    segments(t, 10_001, 16_001);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play(`
      +0.1 < . 1:1(0) ack 13001
      > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1
      > . 18001:19001(1000) ack 1
      > P. 19001:20001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted(
    "reno: ssthresh half",
    (t) => {
      tenOut(t, 30_000);
      t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      > . 10001:11001(1000) ack 1`);
      tells(t, { ca_state: 3, snd_cwnd: 8, snd_ssthresh: 5, lost: 1, retrans: 1, unacked: 11, sacked: 3 });
      t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:6001>
      > . 11001:12001(1000) ack 1`);
      tells(t, { snd_cwnd: 7, unacked: 12, sacked: 5 });
      t.play("+0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:8001>");
      tells(t, { snd_cwnd: 5, unacked: 12, sacked: 7 });
      t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      > . 12001:13001(1000) ack 1
      > P. 13001:14001(1000) ack 1`);
      tells(t, { snd_cwnd: 5, unacked: 14, sacked: 9 });
      t.play(`
      +0.05 < . 1:1(0) ack 13001
      > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1`);
      tells(t, { ca_state: 0, snd_cwnd: 5, snd_ssthresh: 5 });
    },
    { config: { "net.ipv4.tcp_congestion_control": "reno" } },
  );

  scripted("a second loss in the same window does not reduce again", (t) => {
    tenOut(t, 30_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001 5001:8001>
      > . 4001:5001(1000) ack 1
      > . 10001:11001(1000) ack 1
      > P. 11001:12001(1000) ack 1
      > . 12001:13001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, lost: 2, retrans: 2 });
    t.play(`
      +0.02 < . 1:1(0) ack 4001 <nop,nop,sack 5001:8001>
      > . 13001:14001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, lost: 1, retrans: 1 });
    t.play(`
      +0.1 < . 1:1(0) ack 12001
      > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("limited transmit and recovery without SACK", (t) => {
    tenOut(t, 30_000, NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      > . 10001:11001(1000) ack 1
      +0.01 < . 1:1(0) ack 1
      > . 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 1, snd_cwnd: 10, sacked: 2, unacked: 12 });
    t.play(`
      +0.01 < . 1:1(0) ack 1
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 9, snd_ssthresh: 7, sacked: 3, unacked: 12 });
    t.play(`
      +0.01 < . 1:1(0) ack 1
      > . 12001:13001(1000) ack 1`);
    tells(t, { snd_cwnd: 9, sacked: 4, unacked: 13 });
    t.play(`
      +0.01 < . 1:1(0) ack 1
      > . 13001:14001(1000) ack 1`);
    tells(t, { snd_cwnd: 9, sacked: 5, unacked: 14 });
    t.play("+0.01 < . 1:1(0) ack 1");
    tells(t, { snd_cwnd: 8, sacked: 6, unacked: 14 });
    t.play(`
      +0.05 < . 1:1(0) ack 12001
      > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1
      > . 18001:19001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("NewReno: partial ACKs send one hole each", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, sacked: 3 });
    t.play(`
      +0.05 < . 1:1(0) ack 3001
      > . 3001:4001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 6, sacked: 1, lost: 1, retrans: 1 });
    t.play(`
      +0.05 < . 1:1(0) ack 7001
      > . 7001:8001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 5, sacked: 0, lost: 1, retrans: 1 });
    t.play("+0.05 < . 1:1(0) ack 10001");
    tells(t, { ca_state: 3, snd_cwnd: 6, sacked: 0, lost: 0, retrans: 0 });
    counts(t, { TcpExtTCPRenoRecovery: 1, TcpRetransSegs: 3 });
  });

  scripted("NewReno: at the full ACK the state is held, so that late duplicates start nothing", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      > . 1:1001(1000) ack 1
      +0.05 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 3, snd_cwnd: 7 });
    t.write(10_000);
    segments(t, 10_001, 17_001);
    t.play(`
      +0.02 < . 1:1(0) ack 10001
      +0.02 < . 1:1(0) ack 10001
      +0.02 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 3, snd_cwnd: 7 });
    t.play(`
      +0.1 < . 1:1(0) ack 12001
      > . 17001:18001(1000) ack 1
      > P. 18001:19001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 7 });
  });

  scripted("NewReno: no fast retransmit after a timeout for what was sent before it", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    t.quiet(0.05);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7 });
    t.play(`
      +0.05 < . 1:1(0) ack 2001
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 3, lost: 8, retrans: 3 });
    t.play(`
      +0.02 < . 1:1(0) ack 2001
      +0.02 < . 1:1(0) ack 2001
      +0.02 < . 1:1(0) ack 2001
      +0.02 < . 1:1(0) ack 2001`);
    tells(t, { ca_state: 4, snd_cwnd: 3, lost: 8, retrans: 3, sacked: 0 });
  });
});
