import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, SACK, segments, tells, tenOut } from "./flights.js";

describe("RACK (RFC 8985 §6)", () => {
  scripted("the reordering timer: a quarter of the least RTT, and 2 ms", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>");
    tells(t, { ca_state: 1, lost: 0 });
    t.play("+0.027 > . 1:1001(1000) ack 1");
    t.quiet(0.073);
    tells(t, { ca_state: 3, lost: 1, retrans: 1, snd_cwnd: 9 });
    counts(t, { TcpExtTCPSackRecovery: 1 });
  });

  scripted("a segment that comes within the reordering window is not sent again", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 1:1(0) ack 2001`);
    tells(t, { ca_state: 0, reord_seen: 1, reordering: 3 });
    t.quiet(0.1);
    tells(t, { total_retrans: 0 });
  });

  scripted("reordering once seen: three SACKs no longer start recovery, the timer does", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.001 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001>
      +0.001 < . 1:1(0) ack 2001 <nop,nop,sack 3001:4001>
      +0.001 < . 1:1(0) ack 4001`);
    tells(t, { ca_state: 0, reord_seen: 2, reordering: 4 });
    counts(t, { TcpExtTCPSACKReorder: 2 });
    t.write(10_000);
    segments(t, 10_001, 16_001);
    t.play(`
      +0.1 < . 1:1(0) ack 10001
      > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1
      > . 18001:19001(1000) ack 1
      > P. 19001:20001(1000) ack 1
      +0.02 < . 1:1(0) ack 10001 <nop,nop,sack 11001:15001>`);
    tells(t, { ca_state: 1, lost: 0, sacked: 4 });
    t.play("+0.027 > . 10001:11001(1000) ack 1");
    t.quiet(0.073);
    tells(t, { ca_state: 3, lost: 1, sacked: 4, retrans: 1 });
  });

  scripted("reordering beyond three segments raises reordering", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:3001>
      +0.001 < . 1:1(0) ack 1 <nop,nop,sack 1001:3001 6001:7001>
      > . 1:1001(1000) ack 1
      +0.001 < . 1:1(0) ack 3001 <nop,nop,sack 6001:7001>
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1`);
    tells(t, { ca_state: 3, reord_seen: 0, reordering: 3 });
    counts(t, { TcpExtTCPSACKReorder: 0 });
  });

  scripted("a lost retransmission is found by what was sent after it", (t) => {
    tenOut(t, 20_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, lost: 1, retrans: 1 });
    t.play(`
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>
      > . 10001:11001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:7001>
      > . 11001:12001(1000) ack 1
      > P. 12001:13001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      > . 13001:14001(1000) ack 1
      > P. 14001:15001(1000) ack 1
      > . 15001:16001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, lost: 1, retrans: 1, unacked: 16 });
    t.play(`
      +0.05 < . 1:1(0) ack 1 <nop,nop,sack 1001:11001>
      > . 1:1001(1000) ack 1
      > . 16001:17001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, lost: 1, retrans: 1, unacked: 17 });
    counts(t, { TcpExtTCPLostRetransmit: 1 });
    t.play(`
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:13001>
      > . 17001:18001(1000) ack 1
      > P. 18001:19001(1000) ack 1`);
    tells(t, { snd_cwnd: 7, lost: 1, retrans: 1, unacked: 19 });
    counts(t, { TcpExtTCPLostRetransmit: 1 });
    t.play(`
      +0.1 < . 1:1(0) ack 13001
      > . 13001:14001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 4, total_retrans: 3 });
  });

  scripted("an RTT faster than any is a late original", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.01 < . 1:1(0) ack 4001`);
    tells(t, { ca_state: 3, lost: 0, retrans: 0, snd_cwnd: 7 });
  });

  scripted("DSACK widens the reordering window", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.01 < . 1:1(0) ack 4001
      +0.05 < . 1:1(0) ack 4001 <nop,nop,sack 1:1001>`);
    tells(t, { ca_state: 0, snd_cwnd: 10, dsack_dups: 1, reord_seen: 0 });
    counts(t, { TcpExtTCPDSACKRecv: 1, TcpExtTCPDSACKUndo: 1 });
    t.play("+0.01 < . 1:1(0) ack 10001");
    t.write(10_000);
    segments(t, 10_001, 20_001);
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:15001>
      > . 10001:11001(1000) ack 1`);
    tells(t, { ca_state: 3, lost: 1 });
    t.quiet(0.15);
    tells(t, { ca_state: 3, lost: 1 });
  });

  scripted("a reordering timer that finds two lost sends both", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 2001:3001>");
    tells(t, { lost: 0 });
    t.play("+0.027 > . 1:1001(1000) ack 1");
    t.quiet(0.073);
    tells(t, { lost: 2, retrans: 1, snd_cwnd: 8, snd_ssthresh: 7 });
  });

  scripted("recovery: everything older than what was SACKed is lost without a wait", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { lost: 1, ca_state: 3 });
    t.play(`
      +0.03 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001 6001:7001>
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1`);
    tells(t, { lost: 3, retrans: 3, ca_state: 3 });
    t.play("+0.03 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001 6001:10001>");
    tells(t, { lost: 3, retrans: 3, ca_state: 3 });
  });

  scripted(
    "tcp_recovery 5: no duplicate threshold, only the timer",
    (t) => {
      tenOut(t);
      t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>");
      tells(t, { lost: 0, ca_state: 1 });
      t.play("+0.027 > . 1:1001(1000) ack 1");
      t.quiet(0.073);
      tells(t, { lost: 1, ca_state: 3 });
    },
    { config: { "net.ipv4.tcp_recovery": 5 } },
  );

  scripted("sent in two bursts: only the older is lost", (t) => {
    t.passive(SACK);
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1`);
    t.quiet(0.05);
    t.write(4000);
    t.play(`
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1
      > P. 7001:8001(1000) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 4001:5001>
      > . 1:1001(1000) ack 1`);
    tells(t, { lost: 4, ca_state: 3, sacked: 1 });
    t.quiet(0.1);
    tells(t, { lost: 4, ca_state: 3 });
  });

  scripted("a hole below and one above the segment SACKed last", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 4001:7001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { lost: 4, ca_state: 3, sacked: 3, retrans: 3, snd_cwnd: 6 });
  });
});
