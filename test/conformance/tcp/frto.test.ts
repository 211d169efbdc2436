import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, NO_SACK, segments, tells, tenOut } from "./flights.js";

describe("timeouts and F-RTO (RFC 5682)", () => {
  scripted("a spurious timeout, with SACK", (t) => {
    tenOut(t, 20_000);
    t.play(`
      +0.202 > . 10001:11001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
    t.quiet(0.398);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, total_retrans: 1 });
    t.play(`
      +0.01 < . 1:1(0) ack 1001
      > . 11001:12001(1000) ack 1
      > . 12001:13001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7 });
    t.play("+0.01 < . 1:1(0) ack 2001");
    tells(t, { ca_state: 0, snd_cwnd: 11, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPSpuriousRTOs: 1, TcpExtTCPLossUndo: 1 });
  });

  scripted("a spurious timeout, without SACK", (t) => {
    tenOut(t, 20_000, NO_SACK);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    t.quiet(0.05);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, total_retrans: 1 });
    t.play(`
      +0.02 < . 1:1(0) ack 1001
      > . 10001:11001(1000) ack 1
      > . 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7 });
    t.play(`
      +0.02 < . 1:1(0) ack 2001
      > . 12001:13001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 11, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPSpuriousRTOs: 1, TcpExtTCPLossUndo: 1 });
  });

  scripted("a real timeout, without SACK: a duplicate after the new data", (t) => {
    tenOut(t, 20_000, NO_SACK);
    t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001
      > . 10001:11001(1000) ack 1
      > . 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7 });
    t.play(`
      +0.1 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7, lost: 9, retrans: 1, sacked: 1 });
    t.play(`
      +0.02 < . 1:1(0) ack 1001
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7, lost: 9, retrans: 2, sacked: 2 });
    t.play("+0.05 < . 1:1(0) ack 2001");
    tells(t, { ca_state: 4, snd_cwnd: 3, snd_ssthresh: 7, lost: 8, retrans: 1, sacked: 0 });
    counts(t, { TcpExtTCPSpuriousRTOs: 0, TcpExtTCPLossUndo: 0 });
  });

  scripted(
    "a real timeout, with SACK: the new data is SACKed",
    (t) => {
      tenOut(t, 20_000);
      t.play("+0.3 > . 1:1001(1000) ack 1");
      t.quiet(0.05);
      tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, total_retrans: 1 });
      t.play(`
      +0.05 < . 1:1(0) ack 1001
      > . 10001:11001(1000) ack 1
      > . 11001:12001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7 });
      t.play(`
      +0.1 < . 1:1(0) ack 1001 <nop,nop,sack 10001:11001>
      > . 1001:2001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7, lost: 9, retrans: 1, sacked: 1 });
      t.play(`
      +0.02 < . 1:1(0) ack 1001 <nop,nop,sack 10001:12001>
      > . 2001:3001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 2, snd_ssthresh: 7, lost: 9, retrans: 2, sacked: 2 });
      t.play(`
      +0.1 < . 1:1(0) ack 3001 <nop,nop,sack 10001:12001>
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 4, snd_ssthresh: 7, lost: 7, retrans: 4, sacked: 2 });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted("with nothing new to send it is repaired as ever", (t) => {
    t.passive(NO_SACK);
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1
      +0.08 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, lost: 4, retrans: 2 });
    t.play(`
      +0.05 < . 1:1(0) ack 3001
      > . 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 4, lost: 2, retrans: 2 });
    t.play("+0.05 < . 1:1(0) ack 5001");
    tells(t, { ca_state: 4, snd_cwnd: 6, lost: 0, retrans: 0 });
  });

  scripted(
    "tcp_frto 0",
    (t) => {
      tenOut(t, 20_000, NO_SACK);
      t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.08 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 2, lost: 9, retrans: 2 });
      t.play(`
      +0.05 < . 1:1(0) ack 3001
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 4, lost: 7, retrans: 4 });
    },
    { config: { "net.ipv4.tcp_frto": 0 } },
  );

  scripted("an ACK of everything at once is a spurious timeout", (t) => {
    tenOut(t, 10_000, NO_SACK);
    t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.07 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 4, snd_cwnd: 7, snd_ssthresh: 7 });
    counts(t, { TcpExtTCPSpuriousRTOs: 0 });
  });

  scripted(
    "SACK in step 3: an original is SACKed",
    (t) => {
      tenOut(t);
      t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.07 < . 1:1(0) ack 1 <nop,nop,sack 2001:3001>`);
      tells(t, { ca_state: 1, snd_cwnd: 10, snd_ssthresh: 2_147_483_647, lost: 0, retrans: 1, sacked: 1 });
      counts(t, { TcpExtTCPSpuriousRTOs: 1 });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted(
    "a second timeout: F-RTO again",
    (t) => {
      tenOut(t);
      t.play(`
      +0.3 > . 1:1001(1000) ack 1
      +0.6 > . 1:1001(1000) ack 1`);
      t.quiet(0.2);
      tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, backoff: 2, total_rto: 2, total_rto_recoveries: 1 });
      t.play(`
      +0.02 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.02 < . 1:1(0) ack 3001
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 4, snd_ssthresh: 7 });
      counts(t, { TcpExtTCPSpuriousRTOs: 0 });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted("the window is shut for new data: repaired as ever", (t) => {
    t.passive("win 5000 <mss 1000,nop,wscale 0>");
    t.write(20_000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 4000
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 4, snd_cwnd: 2, lost: 4, retrans: 2 });
  });

  scripted(
    "RTO with SACKs known: they are not sent again",
    (t) => {
      tenOut(t);
      t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 5001:10001>
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
      t.quiet(0.2);
      tells(t, { ca_state: 4, snd_cwnd: 1, lost: 5, retrans: 1, sacked: 5 });
      t.play(`
      +0.05 < . 1:1(0) ack 1001 <nop,nop,sack 5001:10001>
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
      tells(t, { ca_state: 4, snd_cwnd: 2, lost: 4, retrans: 2, sacked: 5 });
      t.play(`
      +0.05 < . 1:1(0) ack 3001 <nop,nop,sack 5001:10001>
      > . 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      +0.05 < . 1:1(0) ack 10001`);
      tells(t, { ca_state: 0, snd_cwnd: 6, snd_ssthresh: 7, total_retrans: 10 });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted("timeout in recovery keeps ssthresh", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_ssthresh: 7 });
    t.play("+0.3 > . 1:1001(1000) ack 1");
    t.quiet(0.1);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7, lost: 7, retrans: 1 });
    counts(t, { TcpExtTCPSackRecoveryFail: 1 });
    t.play("+0.05 < . 1:1(0) ack 10001");
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("slow start after a timeout", (t) => {
    tenOut(t, 30_000, NO_SACK);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    t.play("+0.3 > . 10001:11001(1000) ack 1");
    t.quiet(0.15);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 14, unacked: 20, lost: 20 });
    t.play(`
      +0.1 < . 1:1(0) ack 11001
      > . 11001:12001(1000) ack 1
      > . 12001:13001(1000) ack 1`);
    tells(t, { snd_cwnd: 2, lost: 19, retrans: 2 });
    t.play(`
      +0.1 < . 1:1(0) ack 11001
      +0.02 < . 1:1(0) ack 13001
      > . 13001:14001(1000) ack 1
      > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      > . 16001:17001(1000) ack 1`);
    tells(t, { snd_cwnd: 4, lost: 17, retrans: 4 });
    t.play(`
      +0.1 < . 1:1(0) ack 15001
      > . 17001:18001(1000) ack 1
      > . 18001:19001(1000) ack 1
      > P. 19001:20001(1000) ack 1
      > . 20001:21001(1000) ack 1`);
    tells(t, { snd_cwnd: 6, lost: 15, retrans: 6 });
  });
});
