import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, NO_SACK, SACK, STAMPED, segments, tells, tenOut } from "./flights.js";

describe("selective acknowledgment, odd cases", () => {
  scripted("MSS boundaries: a block ends inside a segment", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4501>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 3, lost: 1, retrans: 1 });
    t.play("+0.03 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>");
    tells(t, { ca_state: 3, sacked: 4, lost: 1, retrans: 1 });
  });

  scripted("an ACK in the middle of a segment", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 501");
    tells(t, { unacked: 10, snd_cwnd: 10 });
    t.play("+0.03 < . 1:1(0) ack 1501");
    tells(t, { unacked: 9, snd_cwnd: 11 });
    t.play(`
      +0.03 < . 1:1(0) ack 1501 <nop,nop,sack 2001:6001>
      > . 1501:2001(500) ack 1`);
    tells(t, { ca_state: 3, lost: 1, sacked: 4, unacked: 9 });
  });

  scripted("the head is sent again and partly acknowledged", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 501 <nop,nop,sack 1001:4001>`);
    tells(t, { ca_state: 3, lost: 1, retrans: 1, unacked: 10, sacked: 3 });
    t.play("+0.2 > . 501:1001(500) ack 1");
    t.quiet(0.3);
  });

  scripted("reneging that is taken back: the hole comes soon", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.12 < . 1:1(0) ack 1001
      +0.004 < . 1:1(0) ack 4001`);
    segments(t, 4001, 10_001);
    t.quiet(0.05);
    counts(t, { TcpExtTCPSACKReneging: 0 });
    tells(t, { ca_state: 3, sacked: 0, lost: 6 });
  });

  scripted("reneging, and the whole is sent again", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 3001:10001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 3001
      +0.05 > . 3001:4001(1000) ack 1`);
    t.quiet(0.05);
    tells(t, { ca_state: 4, sacked: 0, lost: 7, retrans: 1, snd_cwnd: 1 });
    counts(t, { TcpExtTCPSACKReneging: 1, TcpExtTCPTimeouts: 1 });
    t.play(`
      +0.1 < . 1:1(0) ack 4001
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      +0.1 < . 1:1(0) ack 6001
      > . 6001:7001(1000) ack 1
      > P. 7001:8001(1000) ack 1
      > . 8001:9001(1000) ack 1
      > P. 9001:10001(1000) ack 1
      +0.1 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("the peer's window shrinks below what was sent", (t) => {
    t.passive("win 30000 <mss 1000,sackOK,nop,nop,nop,wscale 0>");
    t.write(10_000);
    segments(t, 1, 10_001);
    t.play("+0.1 < . 1:1(0) ack 2001 win 2000");
    tells(t, { unacked: 8 });
    t.play(`
      +0.02 < . 1:1(0) ack 2001 win 2000 <nop,nop,sack 3001:6001>
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 3, lost: 1, retrans: 1 });
    t.play("+0.303 > . 2001:3001(1000) ack 1");
    t.quiet(0.197);
  });

  scripted("window 0 with data in flight: the timeout probes", (t) => {
    t.passive("win 30000 <mss 1000,sackOK,nop,nop,nop,wscale 0>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0
      +0.203 > . 1001:2001(1000) ack 1
      +0.6 > . 1001:2001(1000) ack 1`);
    t.quiet(0.397);
    tells(t, { ca_state: 4, snd_cwnd: 1, backoff: 2, retransmits: 0 });
    t.play("+0.05 < . 1:1(0) ack 4001 win 10000");
    tells(t, { ca_state: 0, snd_cwnd: 2 });
  });

  scripted("the segment size shrinks by an ICMP while a hole is open", (t) => {
    t.passive("win 65535 <mss 1460,sackOK,nop,nop,nop,wscale 7>");
    t.write(14_600);
    segments(t, 1, 14_601, 1460);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1461:5841>
      > . 1:1461(1460) ack 1`);
    tells(t, { ca_state: 3, lost: 1, retrans: 1 });
  });

  scripted("duplicates with data do not count (without SACK)", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play(`
      +0.1 < P. 1:101(100) ack 1
      > . 10001:10001(0) ack 101
      +0.02 < P. 101:201(100) ack 1
      > . 10001:10001(0) ack 201
      +0.02 < P. 201:301(100) ack 1
      > . 10001:10001(0) ack 301
      +0.02 < P. 301:401(100) ack 1
      > . 10001:10001(0) ack 401`);
    tells(t, { ca_state: 0, sacked: 0 });
  });

  scripted("duplicates that change the window do not count (without SACK)", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1 win 65000
      +0.02 < . 1:1(0) ack 1 win 64000
      +0.02 < . 1:1(0) ack 1 win 63000
      > . 1:1001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 win 62000`);
    tells(t, { ca_state: 3, sacked: 4 });
  });

  scripted("SACKs with data count", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < P. 1:101(100) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      > . 10001:10001(0) ack 101`);
    tells(t, { ca_state: 3, sacked: 3, lost: 1, retrans: 1 });
  });

  scripted("SACK of what was sent by limited transmit", (t) => {
    tenOut(t, 20_000);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      > . 10001:11001(1000) ack 1
      +0.012 < . 1:1(0) ack 1 <nop,nop,sack 1001:3001>
      > . 11001:12001(1000) ack 1
      +0.027 > . 1:1001(1000) ack 1
      +0.073 < . 1:1(0) ack 1 <nop,nop,sack 10001:12001 1001:3001>
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1`);
    tells(t, { ca_state: 3, sacked: 4, lost: 8, retrans: 3, snd_cwnd: 3 });
  });

  scripted("recovery with a FIN waiting", (t) => {
    tenOut(t, 12_000);
    t.shutdown();
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:7001>
      > . 10001:11001(1000) ack 1
      > FP. 11001:12001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:10001>
      +0.1 < . 1:1(0) ack 12002`);
    tells(t, { ca_state: 0, snd_cwnd: 7 });
    t.state("FIN-WAIT-2");
  });

  scripted(
    "tcp_sack 0: none is offered",
    (t) => {
      t.passive(STAMPED);
      t.write(4000);
      t.play(`
      > . 1:989(988) ack 1
      > P. 989:1977(988) ack 1
      > . 1977:2965(988) ack 1
      > P. 2965:3953(988) ack 1
      > P. 3953:4001(48) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 989:2965>`);
      tells(t, { ca_state: 1, sacked: 1 });
    },
    { config: { "net.ipv4.tcp_sack": 0 } },
  );

  scripted(
    "tcp_reordering 5 starts recovery at the fifth",
    (t) => {
      tenOut(t, 10_000, NO_SACK);
      t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1`);
      tells(t, { ca_state: 1 });
      t.play(`
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      > . 1:1001(1000) ack 1`);
      tells(t, { ca_state: 3, reordering: 5 });
    },
    { config: { "net.ipv4.tcp_reordering": 5 } },
  );

  scripted("Reno reordering: more duplicates than holes", (t) => {
    t.passive(NO_SACK);
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      > . 1:1001(1000) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1`);
    tells(t, { ca_state: 3, reordering: 4, sacked: 3, reord_seen: 3 });
    counts(t, { TcpExtTCPRenoReorder: 3 });
  });

  scripted("no recovery begins for a segment sent after the SACKed one", (t) => {
    t.passive(SACK);
    t.write(2000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1`);
    t.quiet(0.04);
    t.write(2000);
    t.play(`
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1`);
    t.quiet(0.04);
    t.write(2000);
    t.play(`
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      +0.05 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.027 > . 1:1001(1000) ack 1`);
    t.quiet(0.173);
  });

  scripted("a lost retransmission of the lone hole: RTO", (t) => {
    t.passive(SACK);
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>
      > . 1:1001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1
      +0.6 > . 1:1001(1000) ack 1`);
    t.quiet(0.1);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, retrans: 1, lost: 1 });
    counts(t, { TcpExtTCPTimeouts: 2, TcpExtTCPLostRetransmit: 2 });
  });

  scripted("new data after SACKs while the head is lost twice: RACK finds it by new data", (t) => {
    t.passive(SACK);
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:5001>
      > . 1:1001(1000) ack 1`);
    t.write(2000);
    t.play(`
      > . 5001:6001(1000) ack 1
      > P. 6001:7001(1000) ack 1
      +0.12 < . 1:1(0) ack 1 <nop,nop,sack 1001:7001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, retrans: 1, lost: 1 });
    counts(t, { TcpExtTCPLostRetransmit: 1 });
    t.quiet(0.1);
  });

  scripted("DSACK for a TLP does not undo", (t) => {
    t.passive(SACK);
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1
      +0.202 > P. 2001:3001(1000) ack 1
      +0.078 < . 1:1(0) ack 3001
      +0.01 < . 1:1(0) ack 3001 <nop,nop,sack 2001:3001>`);
    tells(t, { ca_state: 0, snd_cwnd: 10, dsack_dups: 1 });
  });

  scripted("DSACK before any retransmission: dubious, and a later one counts", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1001 <nop,nop,sack 1:1001>
      +0.012 < . 1:1(0) ack 1001 <nop,nop,sack 2001:5001>
      > . 1001:2001(1000) ack 1
      +0.03 < . 1:1(0) ack 5001 <nop,nop,sack 1001:2001>`);
    tells(t, { ca_state: 3, snd_cwnd: 7, dsack_dups: 2 });
    counts(t, { TcpExtTCPDSACKUndo: 0, TcpExtTCPDSACKIgnoredDubious: 2 });
  });

  scripted("reo_wnd grows with each DSACK round", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.012 < . 1:1(0) ack 4001
      +0.05 < . 1:1(0) ack 4001 <nop,nop,sack 1:1001>
      +0.05 < . 1:1(0) ack 10001`);
    t.write(10_000);
    segments(t, 10_001, 20_001);
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:12001>
      +0.027 > . 10001:11001(1000) ack 1
      +0.067 < . 1:1(0) ack 12001
      +0.02 < . 1:1(0) ack 12001 <nop,nop,sack 10001:11001>
      +0.05 < . 1:1(0) ack 20001`);
    t.write(10_000);
    segments(t, 20_001, 30_001);
    t.play(`
      +0.1 < . 1:1(0) ack 20001 <nop,nop,sack 21001:22001>
      +0.027 > . 20001:21001(1000) ack 1`);
    t.quiet(0.093);
    tells(t, { ca_state: 3, retrans: 1, lost: 1 });
  });

  scripted("a DSACK within SACKed segments of which one was sent again", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:6001>
      > . 1:1001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { lost: 2, retrans: 2 });
    t.play(`
      +0.05 < . 1:1(0) ack 1 <nop,nop,sack 1001:6001>
      +0.012 < . 1:1(0) ack 1 <nop,nop,sack 4001:5001 1001:6001>
      +0.05 < . 1:1(0) ack 6001 <nop,nop,sack 1:1001>
      > . 6001:7001(1000) ack 1
      > P. 7001:8001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 2, dsack_dups: 2 });
    counts(t, { TcpExtTCPDSACKUndo: 1 });
  });
});
