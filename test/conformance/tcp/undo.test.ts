import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, SACK, STAMPED, STAMPED_NO_SACK, tells, tenOut } from "./flights.js";

describe("undoing what was needless: DSACK (RFC 2883, RFC 3708), Eifel (RFC 3522, RFC 4015)", () => {
  scripted("DSACK: the fast retransmission was needless", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play("+0.05 < . 1:1(0) ack 4001 <nop,nop,sack 1:1001>");
    tells(t, { ca_state: 0, snd_cwnd: 12, snd_ssthresh: 2_147_483_647, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKUndo: 1, TcpExtTCPDSACKRecv: 1, TcpExtTCPFullUndo: 0 });
    t.play("+0.05 < . 1:1(0) ack 10001");
    tells(t, { ca_state: 0, snd_cwnd: 18, snd_ssthresh: 2_147_483_647 });
  });

  scripted("DSACK after recovery is over", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.02 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, snd_cwnd: 8, snd_ssthresh: 7 });
    t.play("+0.02 < . 1:1(0) ack 10001 <nop,nop,sack 1:1001>");
    tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 2_147_483_647, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKUndo: 1, TcpExtTCPDSACKRecv: 1, TcpExtTCPFullUndo: 0 });
  });

  scripted("DSACK on the very ACK that ends recovery (RFC 3708)", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1
      +0.02 < . 1:1(0) ack 10001 <nop,nop,sack 1:1001>`);
    tells(t, { ca_state: 0, snd_ssthresh: 2_147_483_647, dsack_dups: 1 });
    counts(t, { TcpExtTCPFullUndo: 1, TcpExtTCPDSACKUndo: 0, TcpExtTCPDSACKRecv: 1 });
  });

  scripted("two retransmissions, one DSACK: nothing is undone yet", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 2001:6001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, retrans: 2 });
    t.play("+0.02 < . 1:1(0) ack 6001 <nop,nop,sack 1:1001>");
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKUndo: 0 });
    t.play("+0.02 < . 1:1(0) ack 6001 <nop,nop,sack 1001:2001>");
    tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 2_147_483_647, dsack_dups: 2 });
    counts(t, { TcpExtTCPDSACKUndo: 1 });
  });

  scripted("a DSACK of a segment never sent again is dubious", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 2001
      +0.02 < . 1:1(0) ack 2001 <nop,nop,sack 1:1001>`);
    tells(t, { ca_state: 0, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKRecv: 1, TcpExtTCPDSACKIgnoredDubious: 1, TcpExtTCPDSACKRecvSegs: 0 });
  });

  scripted("DSACK within another block (RFC 2883 §4.2)", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 2001:6001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.02 < . 1:1(0) ack 1 <nop,nop,sack 1001:2001 1001:6001>`);
    tells(t, { ca_state: 3, lost: 1, retrans: 1, sacked: 5, dsack_dups: 1 });
    counts(t, { TcpExtTCPDSACKOfoRecv: 1, TcpExtTCPDSACKRecv: 0 });
  });

  scripted("a DSACK of many segments", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 2001:6001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.02 < . 1:1(0) ack 6001 <nop,nop,sack 1:2001>`);
    tells(t, { ca_state: 0, snd_cwnd: 14, snd_ssthresh: 2_147_483_647, dsack_dups: 2 });
    counts(t, { TcpExtTCPDSACKUndo: 1, TcpExtTCPDSACKRecvSegs: 2 });
  });

  scripted("Eifel: the echo is of the original", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 989:3953>
      > . 1:989(988) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play("+0.03 < . 1:1(0) ack 9881 <nop,nop,TS val 400 ecr 100>");
    tells(t, { ca_state: 0, snd_cwnd: 17, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPFullUndo: 1, TcpExtTCPDSACKUndo: 0, TcpExtTCPTSReorder: 0 });
  });

  scripted("Eifel: the echo is of the retransmission", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 989:3953>
      > . 1:989(988) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play("+0.1 < . 1:1(0) ack 9881 <nop,nop,TS>");
    tells(t, { ca_state: 0, snd_cwnd: 8, snd_ssthresh: 7 });
    counts(t, { TcpExtTCPFullUndo: 0 });
  });

  scripted("Eifel, a part only: recovery is called off", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 989:3953>
      > . 1:989(988) ack 1
      +0.03 < . 1:1(0) ack 3953 <nop,nop,TS val 400 ecr 100>`);
    tells(t, { ca_state: 0, snd_cwnd: 11, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPFullUndo: 0, TcpExtTCPPartialUndo: 1, TcpExtTCPTSReorder: 1, TcpExtTCPSACKReorder: 0 });
  });

  scripted("Eifel after a timeout", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.202 > P. 8893:9881(988) ack 1
      +0.3 > . 1:989(988) ack 1`);
    t.quiet(0.398);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7 });
    t.play("+0.03 < . 1:1(0) ack 989 <nop,nop,TS val 400 ecr 100>");
    tells(t, { ca_state: 0, snd_cwnd: 11, snd_ssthresh: 2_147_483_647 });
    t.about("rto", 1_184_000);
    counts(t, { TcpExtTCPLossUndo: 1, TcpExtTCPSpuriousRTOs: 0 });
  });

  scripted("after a timeout the echo is of the retransmission", (t) => {
    tenOut(t, 9880, STAMPED);
    t.play(`
      +0.202 > P. 8893:9881(988) ack 1
      +0.3 > . 1:989(988) ack 1
      +0.498 < . 1:1(0) ack 989 <nop,nop,TS>
      > . 989:1977(988) ack 1
      > . 1977:2965(988) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7 });
    counts(t, { TcpExtTCPLossUndo: 0, TcpExtTCPSpuriousRTOs: 0 });
  });

  scripted(
    "a DSACK after a timeout",
    (t) => {
      t.passive(SACK);
      t.write(2000);
      t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
      t.quiet(0.05);
      tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7 });
      t.play("+0.02 < . 1:1(0) ack 2001");
      tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 2_147_483_647 });
      t.play("+0.02 < . 1:1(0) ack 2001 <nop,nop,sack 1:1001>");
      tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 2_147_483_647 });
      counts(t, {
        TcpExtTCPDSACKUndo: 0,
        TcpExtTCPLossUndo: 1,
        TcpExtTCPDSACKIgnoredNoUndo: 0,
        TcpExtTCPDSACKIgnoredOld: 0,
      });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted("Eifel without SACK: the echo of the original ends recovery", (t) => {
    tenOut(t, 9880, STAMPED_NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      +0.02 < . 1:1(0) ack 1
      > . 1:989(988) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play("+0.02 < . 1:1(0) ack 3953 <nop,nop,TS val 400 ecr 100>");
    tells(t, { ca_state: 0, snd_cwnd: 11, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPFullUndo: 0, TcpExtTCPPartialUndo: 1 });
    t.play("+0.02 < . 1:1(0) ack 9881 <nop,nop,TS val 420 ecr 100>");
    tells(t, { ca_state: 0, snd_cwnd: 17, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPFullUndo: 0, TcpExtTCPPartialUndo: 1 });
  });

  scripted("the SYN was sent twice, and the first was answered: no harm", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +1 > S 0:0(0)
      +0.21 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>
      > . 1:1(0) ack 1`);
    tells(t, { snd_cwnd: 10, ca_state: 0, total_retrans: 1 });
  });

  scripted("the SYN was sent twice, and the echo is of the first", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +1 > S 0:0(0)
      +0.21 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,TS val 100 ecr 1,nop,wscale 7>
      > . 1:1(0) ack 1`);
    tells(t, { snd_cwnd: 10, ca_state: 0, total_retrans: 1 });
    t.about("rtt", 1_209_000);
    t.about("rto", 3_627_000);
  });

  scripted("the SYN was sent twice and has no timestamps: no measure, an RTO of 3 s", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +1 > S 0:0(0)
      +0.21 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > . 1:1(0) ack 1`);
    tells(t, { snd_cwnd: 10, ca_state: 0, total_retrans: 1 });
    t.about("rtt", 0);
    t.about("rto", 3_000_000);
  });

  scripted("the SYN was sent three times: a window of one segment", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +1 > S 0:0(0)
      +1.31 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > . 1:1(0) ack 1`);
    tells(t, { snd_cwnd: 10, ca_state: 0, total_retrans: 1 });
    t.about("rtt", 0);
    t.about("rto", 3_000_000);
  });

  scripted("the SYN-ACK was sent twice", (t) => {
    t.listen();
    t.play(`
      +0.01 < S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > S. 0:0(0) ack 1
      +1 > S. 0:0(0) ack 1
      +0.21 < . 1:1(0) ack 1`);
    t.accept();
    tells(t, { snd_cwnd: 10, ca_state: 0, total_retrans: 1 });
    t.about("rtt", 0);
    t.about("rto", 3_000_000);
  });

  scripted("Eifel without SACK: reordering is measured from what was acknowledged", (t) => {
    tenOut(t, 9880, STAMPED_NO_SACK);
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      > . 1:989(988) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 1
      +0.012 < . 1:1(0) ack 4941 <nop,nop,TS val 400 ecr 100>`);
    tells(t, { ca_state: 1, reordering: 5, reord_seen: 1 });
    counts(t, { TcpExtTCPTSReorder: 1, TcpExtTCPPartialUndo: 1 });
  });
});
