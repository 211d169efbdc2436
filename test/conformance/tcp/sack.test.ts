import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, NO_SACK, SACK, STAMPED, segments, tells, tenOut } from "./flights.js";

describe("selective acknowledgment (RFC 2018, RFC 6675)", () => {
  scripted("one hole: the third SACK starts recovery", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>");
    tells(t, { ca_state: 1, snd_cwnd: 10, sacked: 1, lost: 0, retrans: 0 });
    t.play("+0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:3001>");
    tells(t, { ca_state: 1, snd_cwnd: 10, sacked: 2, lost: 0, retrans: 0 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, sacked: 3, lost: 1, retrans: 1, reordering: 3 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>
      +0.05 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7, total_retrans: 1, bytes_retrans: 1000, delivered: 11 });
    counts(t, { TcpExtTCPSackRecovery: 1, TcpExtTCPFastRetrans: 1, TcpRetransSegs: 1 });
  });

  scripted("several holes are filled in order of sequence numbers", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 3001:4001 1001:2001>
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 5001:6001 3001:4001 1001:2001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 5, sacked: 3, lost: 3, retrans: 1 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 7001:8001 5001:6001 3001:4001>
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 4, sacked: 4, lost: 4, retrans: 2 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 9001:10001 7001:8001 5001:6001>
      > . 4001:5001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 3, sacked: 5, lost: 5, retrans: 3 });
    t.play(`
      +0.05 < . 1:1(0) ack 2001 <nop,nop,sack 9001:10001 7001:8001 5001:6001>
      > . 6001:7001(1000) ack 1
      > . 8001:9001(1000) ack 1
      +0.01 < . 1:1(0) ack 4001 <nop,nop,sack 9001:10001 7001:8001 5001:6001>
      +0.01 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, snd_cwnd: 7, total_retrans: 5 });
  });

  scripted("the order of blocks does not matter", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 7001:8001 3001:4001 5001:6001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 5 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001 9001:10001>
      > . 4001:5001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 5, lost: 5 });
  });

  scripted("one ACK that SACKs three segments starts recovery at once", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, sacked: 3, lost: 1, retrans: 1 });
  });

  scripted("an ACK with old SACKs again is no news", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.007 > . 1:1001(1000) ack 1
      +0.003 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>`);
    tells(t, { ca_state: 3, sacked: 1, lost: 1 });
  });

  scripted("duplicate ACKs without SACK blocks start nothing", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.01 < . 1:1(0) ack 1
      +0.01 < . 1:1(0) ack 1
      +0.01 < . 1:1(0) ack 1`);
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
  });

  scripted("limited transmit: each SACK lets a new segment out", (t) => {
    tenOut(t, 20_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      > . 10001:11001(1000) ack 1
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:3001>
      > . 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 1, snd_cwnd: 10, sacked: 2, unacked: 12 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 9, sacked: 3, unacked: 12 });
  });

  scripted("a partial ACK in recovery sends the next hole", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 4001:7001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 6, sacked: 3, lost: 4, retrans: 3 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 4001:8001>
      > . 3001:4001(1000) ack 1
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 4001:9001>
      +0.08 < . 1:1(0) ack 1001 <nop,nop,sack 4001:9001>
      > P. 9001:10001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 5, sacked: 5, lost: 4, retrans: 4 });
    t.play("+0.01 < . 1:1(0) ack 2001 <nop,nop,sack 4001:9001>");
    tells(t, { ca_state: 3, snd_cwnd: 6, sacked: 5, lost: 3, retrans: 3 });
    t.play("+0.01 < . 1:1(0) ack 10001");
    tells(t, { ca_state: 0, snd_cwnd: 7, total_retrans: 5 });
  });

  scripted("a block that covers a part of a segment counts for nothing", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:1501>");
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
    t.play("+0.01 < . 1:1(0) ack 1 <nop,nop,sack 1501:3501>");
    tells(t, { ca_state: 1, sacked: 1, lost: 0 });
    t.play(`
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 3500:6001>
      > . 1:1001(1000) ack 1
      > . 1001:2001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 3 });
  });

  scripted("a block beyond SND.NXT is discarded", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 9001:12001>");
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
    counts(t, { TcpExtTCPSACKDiscard: 1 });
    t.play("+0.01 < . 1:1(0) ack 1 <nop,nop,sack 15001:16001>");
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
    counts(t, { TcpExtTCPSACKDiscard: 2 });
  });

  scripted("a block that ends before it begins is discarded", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 3001:2001>");
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
    counts(t, { TcpExtTCPSACKDiscard: 1 });
    t.play("+0.01 < . 1:1(0) ack 1 <nop,nop,sack 3001:3001>");
    tells(t, { ca_state: 0, sacked: 0, lost: 0 });
    counts(t, { TcpExtTCPSACKDiscard: 2 });
  });

  scripted("a block below SND.UNA is taken for a DSACK that nothing was sent again for", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 5001
      +0.01 < . 1:1(0) ack 5001 <nop,nop,sack 1001:2001>`);
    tells(t, { ca_state: 0, sacked: 0, lost: 0, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKRecv: 1, TcpExtTCPDSACKIgnoredDubious: 1, TcpExtTCPSACKDiscard: 1 });
    t.play("+0.01 < . 1:1(0) ack 5001 <nop,nop,sack 1001:2001 6001:7001>");
    tells(t, { ca_state: 1, sacked: 1, lost: 0, dsack_dups: 2 });
  });

  scripted("the SACKs of an old ACK are heard", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 2001
      +0.01 < . 1:1(0) ack 1 <nop,nop,sack 4001:5001>`);
    tells(t, { ca_state: 1, sacked: 1, lost: 0, unacked: 8 });
    t.play(`
      +0.01 < . 1:1(0) ack 1001 <nop,nop,sack 4001:7001>
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 2, unacked: 8 });
  });

  scripted("reneging: what was SACKed is at the head and not acknowledged", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001`);
    tells(t, { ca_state: 3, sacked: 3, lost: 0 });
    t.quiet(0.02);
    tells(t, { ca_state: 3, sacked: 3, lost: 0, snd_cwnd: 7 });
    counts(t, { TcpExtTCPSACKReneging: 0 });
    t.play(`
      +0.03 > . 1001:2001(1000) ack 1
      +0.07 < . 1:1(0) ack 2001
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, sacked: 0, lost: 0, snd_cwnd: 7 });
  });

  scripted("without sackOK in its SYN the peer's blocks mean nothing", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>");
    tells(t, { ca_state: 1, sacked: 1, lost: 0 });
  });

  scripted("four blocks", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001 5001:6001 7001:8001>
      > . 1:1001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > . 4001:5001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 4, lost: 4, retrans: 4, snd_cwnd: 6 });
  });

  scripted("SACKs of everything but the first, then the retransmission is acknowledged", (t) => {
    tenOut(t, 20_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      > . 1:1001(1000) ack 1`);
    segments(t, 10_001, 16_001);
    tells(t, { ca_state: 3, sacked: 9, lost: 1, retrans: 1, snd_cwnd: 7, unacked: 16 });
    t.play(`
      +0.1 < . 1:1(0) ack 10001
      > . 16001:17001(1000) ack 1`);
    tells(t, { ca_state: 0, sacked: 0, lost: 0, retrans: 0, snd_cwnd: 7, unacked: 7 });
  });

  scripted("the FIN is SACKed like a segment", (t) => {
    t.passive(SACK);
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1`);
    t.shutdown();
    t.play(`
      > F. 3001:3001(0) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:3002>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 1, retrans: 1 });
    t.play("+0.1 < . 1:1(0) ack 3002");
    t.state("FIN-WAIT-2");
  });

  scripted("a lost FIN is sent again with what is before it", (t) => {
    t.passive(SACK);
    t.write(4500);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > P. 4001:4501(500) ack 1`);
    t.shutdown();
    t.play(`
      > F. 4501:4501(0) ack 1
      +0.1 < . 1:1(0) ack 4001
      +0.202 > F. 4501:4501(0) ack 1
      +0.098 < . 1:1(0) ack 4502`);
    tells(t, { total_retrans: 1 });
    t.state("FIN-WAIT-2");
  });

  scripted("small segments that are lost are joined", (t) => {
    t.passive(SACK);
    t.set("TCP_NODELAY", 1);
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.write(100);
    t.play("> P. 101:201(100) ack 1");
    t.write(100);
    t.play("> P. 201:301(100) ack 1");
    t.write(1000);
    t.play("> P. 301:1301(1000) ack 1");
    t.write(1000);
    t.play("> P. 1301:2301(1000) ack 1");
    t.write(1000);
    t.play(`
      > P. 2301:3301(1000) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 301:3301>
      > P. 1:301(300) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 1, retrans: 1, unacked: 4 });
    t.play("+0.1 < . 1:1(0) ack 3301");
  });

  scripted("three blocks beside timestamps", (t) => {
    t.passive(STAMPED);
    t.write(10_000);
    segments(t, 1, 9881, 988);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 989:1977 2965:3953 4941:5929>
      > . 1:989(988) ack 1
      > . 1977:2965(988) ack 1
      > . 3953:4941(988) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 3, retrans: 3, snd_cwnd: 7, snd_mss: 988 });
  });
});
