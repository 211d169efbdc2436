import { describe } from "vitest";
import { scripted } from "../harness.js";
import { counts, NO_SACK, SACK, tells, tenOut } from "./flights.js";

describe("tail loss probes (RFC 8985 §7)", () => {
  scripted("two RTTs after the last: the last segment again", (t) => {
    t.passive(SACK);
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001
      +0.202 > P. 2001:3001(1000) ack 1`);
    t.quiet(0.048);
    tells(t, { ca_state: 0, total_retrans: 1, retrans: 0 });
    counts(t, { TcpExtTCPLossProbes: 1 });
    t.play("+0.05 < . 1:1(0) ack 3001");
    tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 2_147_483_647 });
    counts(t, { TcpExtTCPLossProbeRecovery: 0 });
  });

  scripted("a lone segment: 200 ms more for a delayed ACK", (t) => {
    t.passive(SACK);
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001`);
    t.write(1000);
    t.play(`
      > P. 1001:2001(1000) ack 1
      +0.3 > P. 1001:2001(1000) ack 1`);
    t.quiet(0.2);
    tells(t, { total_retrans: 1 });
    counts(t, { TcpExtTCPLossProbes: 1, TcpExtTCPTimeouts: 0 });
  });

  scripted("new data goes in the place of the last segment", (t) => {
    t.passive("win 2000 <mss 1000,sackOK,nop,nop,nop,wscale 0>");
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 2000
      > . 2001:3001(1000) ack 1
      +0.05 < . 1:1(0) ack 1001 win 5000
      > P. 3001:4001(1000) ack 1
      +0.15 > P. 3001:4001(1000) ack 1`);
    t.quiet(0.15);
    counts(t, { TcpExtTCPLossProbes: 1 });
    tells(t, { total_retrans: 1 });
  });

  scripted("new data beyond cwnd is a probe", (t) => {
    tenOut(t, 12_000);
    t.play("+0.202 > . 10001:11001(1000) ack 1");
    t.quiet(0.048);
    counts(t, { TcpExtTCPLossProbes: 1 });
    tells(t, { total_retrans: 0, snd_cwnd: 10, unacked: 11 });
    t.play(`
      +0.05 < . 1:1(0) ack 11001
      > P. 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 21 });
    counts(t, { TcpExtTCPLossProbeRecovery: 0 });
  });

  scripted("the probe's SACK starts recovery", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 5001
      +0.202 > P. 9001:10001(1000) ack 1`);
    t.quiet(0.048);
    counts(t, { TcpExtTCPLossProbes: 1 });
    t.play("+0.05 < . 1:1(0) ack 5001 <nop,nop,sack 9001:10001>");
    tells(t, { ca_state: 1, lost: 0, sacked: 1, retrans: 0, snd_cwnd: 15 });
    t.quiet(0.05);
    tells(t, { ca_state: 1, lost: 0, sacked: 1, retrans: 0, snd_cwnd: 15 });
    t.play("+0.1 < . 1:1(0) ack 10001");
    tells(t, { ca_state: 0, snd_cwnd: 19 });
  });

  scripted("the probe repairs the loss of the last: the window comes down once (RFC 8985 §7.4.2)", (t) => {
    tenOut(t);
    t.play("+0.1 < . 1:1(0) ack 9001");
    tells(t, { snd_cwnd: 19 });
    t.play(`
      +0.3 > P. 9001:10001(1000) ack 1
      +0.1 < . 1:1(0) ack 10001`);
    tells(t, { ca_state: 0, snd_cwnd: 20, snd_ssthresh: 2_147_483_647 });
    t.write(1000);
    t.play(`
      > P. 10001:11001(1000) ack 1
      +0.1 < . 1:1(0) ack 11001`);
    tells(t, { ca_state: 0, snd_cwnd: 14, snd_ssthresh: 14 });
    counts(t, { TcpExtTCPLossProbeRecovery: 1 });
  });

  scripted("the probe was needless: a DSACK says so", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 9001
      +0.3 > P. 9001:10001(1000) ack 1
      +0.07 < . 1:1(0) ack 10001
      +0.02 < . 1:1(0) ack 10001 <nop,nop,sack 9001:10001>`);
    tells(t, { ca_state: 0, snd_cwnd: 20, dsack_dups: 1 });
    t.write(1000);
    t.play(`
      > P. 10001:11001(1000) ack 1
      +0.1 < . 1:1(0) ack 11001`);
    tells(t, { ca_state: 0, snd_cwnd: 20 });
    counts(t, { TcpExtTCPLossProbeRecovery: 0, TcpExtTCPDSACKRecv: 1 });
  });

  scripted("one probe, then the timeout", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 5001
      +0.202 > P. 9001:10001(1000) ack 1
      +0.3 > . 5001:6001(1000) ack 1
      +0.6 > . 5001:6001(1000) ack 1`);
    t.quiet(0.298);
    tells(t, { ca_state: 4, total_retrans: 3, snd_cwnd: 1, backoff: 2 });
    counts(t, { TcpExtTCPLossProbes: 1, TcpExtTCPTimeouts: 2 });
  });

  scripted("no probe in recovery", (t) => {
    tenOut(t);
    t.play(`
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    t.quiet(0.29);
    counts(t, { TcpExtTCPLossProbes: 0, TcpExtTCPTimeouts: 0 });
    t.play("+0.01 > . 1:1001(1000) ack 1");
    t.quiet(0.09);
    counts(t, { TcpExtTCPLossProbes: 0, TcpExtTCPTimeouts: 1 });
  });

  scripted("no probe without SACK", (t) => {
    t.passive(NO_SACK);
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
    t.quiet(0.2);
    counts(t, { TcpExtTCPLossProbes: 0, TcpExtTCPTimeouts: 1 });
  });

  scripted(
    "no probe when tcp_early_retrans is 0",
    (t) => {
      t.passive(SACK);
      t.write(3000);
      t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
      t.quiet(0.2);
      counts(t, { TcpExtTCPLossProbes: 0, TcpExtTCPTimeouts: 1 });
    },
    { config: { "net.ipv4.tcp_early_retrans": 0 } },
  );

  scripted("the timer is set anew by an ACK", (t) => {
    t.passive(SACK);
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001
      +0.1 < . 1:1(0) ack 2001
      +0.1 < . 1:1(0) ack 3001
      +0.274 > P. 4001:5001(1000) ack 1`);
    t.quiet(0.126);
    counts(t, { TcpExtTCPLossProbes: 1 });
  });

  scripted("the probe never comes later than the RTO", (t) => {
    t.passive(SACK);
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      +0.3 > P. 1:1001(1000) ack 1`);
    t.quiet(0.1);
    counts(t, { TcpExtTCPLossProbes: 1, TcpExtTCPTimeouts: 0 });
    t.play("+0.2 > P. 1:1001(1000) ack 1");
    t.quiet(0.4);
    counts(t, { TcpExtTCPLossProbes: 1, TcpExtTCPTimeouts: 1 });
  });

  scripted("a FIN that was lost is the probe", (t) => {
    t.passive(SACK);
    t.write(2000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001`);
    t.shutdown();
    t.play(`
      > F. 2001:2001(0) ack 1
      +0.3 > F. 2001:2001(0) ack 1`);
    t.quiet(0.15);
    counts(t, { TcpExtTCPLossProbes: 1 });
  });

  scripted("after the probe the next waits for its answer", (t) => {
    t.passive(SACK);
    t.write(3000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > P. 2001:3001(1000) ack 1
      +0.202 > P. 2001:3001(1000) ack 1`);
    t.quiet(0.018);
    t.write(1000);
    t.play("> P. 3001:4001(1000) ack 1");
    t.quiet(0.05);
    tells(t, { total_retrans: 1, unacked: 4 });
    counts(t, { TcpExtTCPLossProbes: 1 });
  });
});
