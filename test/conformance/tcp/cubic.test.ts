import { describe } from "vitest";
import { scripted } from "../harness.js";
import { NO_SACK, SACK, STAMPED, segments, tells, tenOut } from "./flights.js";

describe("CUBIC (RFC 9438) in short transfers", () => {
  scripted("a loss: ssthresh 0.7 of cwnd, then growth", (t) => {
    tenOut(t, 40_000);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    t.write(10_000);
    tells(t, { snd_cwnd: 20 });
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:30001>
      > . 10001:11001(1000) ack 1`);
    segments(t, 30_001, 43_001);
    tells(t, { ca_state: 3, snd_cwnd: 14, snd_ssthresh: 14 });
    t.play(`
      +0.1 < . 1:1(0) ack 30001
      > . 43001:44001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 14, snd_ssthresh: 14 });
    t.write(20_000);
    t.play("+0.1 < . 1:1(0) ack 44001");
    segments(t, 44_001, 60_001);
    tells(t, { snd_cwnd: 16, snd_ssthresh: 14 });
    t.play("+0.1 < . 1:1(0) ack 58001");
    segments(t, 60_001, 70_001);
    tells(t, { snd_cwnd: 16, snd_ssthresh: 14 });
    t.play("+0.1 < . 1:1(0) ack 70001");
    tells(t, { snd_cwnd: 16, snd_ssthresh: 14 });
  });

  scripted("a timeout: ssthresh 0.7, slow start up to it", (t) => {
    tenOut(t, 40_000, NO_SACK);
    t.play("+0.3 > . 1:1001(1000) ack 1");
    t.quiet(0.05);
    tells(t, { ca_state: 4, snd_cwnd: 1, snd_ssthresh: 7 });
    t.play(`
      +0.05 < . 1:1(0) ack 1001
      > . 10001:11001(1000) ack 1
      > . 11001:12001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001
      > . 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 12001`);
    segments(t, 12_001, 19_001);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("fast convergence: a second loss below the last maximum", (t) => {
    tenOut(t, 40_000);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    t.write(10_000);
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:30001>
      > . 10001:11001(1000) ack 1`);
    segments(t, 30_001, 43_001);
    tells(t, { ca_state: 3, snd_cwnd: 14, snd_ssthresh: 14 });
    t.play("+0.1 < . 1:1(0) ack 43001");
    segments(t, 43_001, 50_001);
    t.write(30_000);
    segments(t, 50_001, 58_001);
    tells(t, { ca_state: 0, snd_cwnd: 15, snd_ssthresh: 14 });
    t.play(`
      +0.1 < . 1:1(0) ack 43001 <nop,nop,sack 44001:57001>
      > . 43001:44001(1000) ack 1`);
    segments(t, 58_001, 66_001);
    tells(t, { ca_state: 3, snd_cwnd: 10, snd_ssthresh: 10 });
    t.play(`
      +0.1 < . 1:1(0) ack 60001
      > . 66001:67001(1000) ack 1
      > P. 67001:68001(1000) ack 1
      > . 68001:69001(1000) ack 1
      > P. 69001:70001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 10 });
  });

  scripted("slow start doubles", (t) => {
    tenOut(t, 40_000);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    t.write(10_000);
    tells(t, { snd_cwnd: 20, snd_ssthresh: 2_147_483_647 });
    t.play("+0.1 < . 1:1(0) ack 30001");
    segments(t, 30_001, 50_001);
    t.write(20_000);
    segments(t, 50_001, 70_001);
    tells(t, { snd_cwnd: 40, snd_ssthresh: 2_147_483_647 });
  });

  scripted("TCP_CONGESTION reno on the socket", (t) => {
    t.passive(SACK);
    t.set("TCP_CONGESTION", "reno");
    t.write(30_000);
    segments(t, 1, 10_001);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    tells(t, { snd_cwnd: 20 });
    t.play(`
      +0.1 < . 1:1(0) ack 10001 <nop,nop,sack 11001:30001>
      > . 10001:11001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 10, snd_ssthresh: 10 });
    t.play("+0.1 < . 1:1(0) ack 30001");
    tells(t, { ca_state: 0, snd_cwnd: 10, snd_ssthresh: 10 });
  });

  scripted("app limited: cwnd stays", (t) => {
    t.passive(SACK);
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 4001`);
    tells(t, { snd_cwnd: 10 });
    t.write(4000);
    t.play(`
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1
      > P. 7001:8001(1000) ack 1
      +0.1 < . 1:1(0) ack 8001`);
    tells(t, { snd_cwnd: 10 });
  });

  scripted("idle restart", (t) => {
    tenOut(t, 30_000);
    t.play("+0.1 < . 1:1(0) ack 10001");
    segments(t, 10_001, 30_001);
    t.play("+0.1 < . 1:1(0) ack 30001");
    tells(t, { snd_cwnd: 40 });
    t.quiet(1.2);
    t.write(30_000);
    segments(t, 30_001, 40_001);
    tells(t, { snd_cwnd: 10, snd_ssthresh: 2_147_483_647 });
  });

  scripted("an undo restores cwnd", (t) => {
    t.passive(STAMPED);
    t.write(40_000);
    segments(t, 1, 9881, 988);
    t.play("+0.1 < . 1:1(0) ack 9881 <nop,nop,TS>");
    segments(t, 9881, 29_641, 988);
    t.write(10_000);
    tells(t, { snd_cwnd: 20 });
    t.play(`
      +0.1 < . 1:1(0) ack 9881 <nop,nop,TS,nop,nop,sack 10869:13833>
      > . 9881:10869(988) ack 1
      > . 29641:30629(988) ack 1
      > P. 30629:31617(988) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 19, snd_ssthresh: 14 });
    t.play(`
      +0.02 < . 1:1(0) ack 29641 <nop,nop,TS val 5000 ecr 200>
      > . 31617:32605(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 32605:33593(988) ack 1 <nop,nop,TS ecr 5000>
      > . 33593:34581(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 34581:35569(988) ack 1 <nop,nop,TS ecr 5000>
      > . 35569:36557(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 36557:37545(988) ack 1 <nop,nop,TS ecr 5000>
      > . 37545:38533(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 38533:39521(988) ack 1 <nop,nop,TS ecr 5000>
      > . 39521:40509(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 40509:41497(988) ack 1 <nop,nop,TS ecr 5000>
      > . 41497:42485(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 42485:43473(988) ack 1 <nop,nop,TS ecr 5000>
      > . 43473:44461(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 44461:45449(988) ack 1 <nop,nop,TS ecr 5000>
      > . 45449:46437(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 46437:47425(988) ack 1 <nop,nop,TS ecr 5000>
      > . 47425:48413(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 48413:49401(988) ack 1 <nop,nop,TS ecr 5000>
      > P. 49401:50001(600) ack 1 <nop,nop,TS ecr 5000>`);
    tells(t, { ca_state: 0, snd_cwnd: 37, snd_ssthresh: 2_147_483_647 });
  });
});
