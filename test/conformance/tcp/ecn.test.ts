import { describe } from "vitest";
import { scripted } from "../harness.js";
import { agreed, SACK, tells, tenOut } from "./flights.js";

describe("ECN (RFC 3168)", () => {
  scripted("tcp_ecn 2: agreed when asked", (t) => {
    agreed(t);
    t.write(1000);
    t.play(`
      > [ect0] P. 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001`);
    tells(t, { options: 14 });
  });

  scripted("tcp_ecn 2: does not ask", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > . 1:1(0) ack 1`);
    t.write(1000);
    t.play("> P. 1:1001(1000) ack 1");
    tells(t, { options: 6 });
  });

  scripted(
    "tcp_ecn 1: asks, and is answered",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +0.1 < SE. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > . 1:1(0) ack 1`);
      t.write(1000);
      t.play(`
      > [ect0] P. 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001`);
      tells(t, { options: 14 });
    },
    { config: { "net.ipv4.tcp_ecn": 1 } },
  );

  scripted(
    "tcp_ecn 1: refused",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > . 1:1(0) ack 1`);
      t.write(1000);
      t.play("> P. 1:1001(1000) ack 1");
      tells(t, { options: 6 });
    },
    { config: { "net.ipv4.tcp_ecn": 1 } },
  );

  scripted(
    "tcp_ecn 1: the SYN sent again asks no more",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +1 > S 0:0(0)`);
      t.quiet(1.2);
    },
    { config: { "net.ipv4.tcp_ecn": 1 } },
  );

  scripted(
    "tcp_ecn 1 and tcp_ecn_fallback 0: the SYN sent again asks again",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +1 > SEW 0:0(0)`);
      t.quiet(1.2);
    },
    { config: { "net.ipv4.tcp_ecn": 1, "net.ipv4.tcp_ecn_fallback": 0 } },
  );

  scripted(
    "tcp_ecn 0: not agreed",
    (t) => {
      t.listen();
      t.play(`
      +0.01 < SEW 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
      t.accept();
      t.write(1000);
      t.play("> P. 1:1001(1000) ack 1");
      tells(t, { options: 6 });
    },
    { config: { "net.ipv4.tcp_ecn": 0 } },
  );

  scripted("a SYN with one of the bits only asks for nothing", (t) => {
    t.listen();
    t.play(`
      +0.01 < SE 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
    t.accept();
    t.write(1000);
    t.play("> P. 1:1001(1000) ack 1");
    tells(t, { options: 6 });
  });

  scripted("a SYN with ECT in its IP header is no good asking", (t) => {
    t.listen();
    t.play(`
      +0.01 < [ect0] SEW 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
    t.accept();
    t.write(1000);
    t.play("> P. 1:1001(1000) ack 1");
    tells(t, { options: 6 });
  });

  scripted("ECE: the window comes down once, CWR on the next new data", (t) => {
    agreed(t);
    t.write(30_000);
    t.play(`
      > [ect0] . 1:1001(1000) ack 1
      > [ect0] P. 1001:2001(1000) ack 1
      > [ect0] . 2001:3001(1000) ack 1
      > [ect0] P. 3001:4001(1000) ack 1
      > [ect0] . 4001:5001(1000) ack 1
      > [ect0] P. 5001:6001(1000) ack 1
      > [ect0] . 6001:7001(1000) ack 1
      > [ect0] P. 7001:8001(1000) ack 1
      > [ect0] . 8001:9001(1000) ack 1
      > [ect0] P. 9001:10001(1000) ack 1
      +0.1 < E. 1:1(0) ack 2001
      > [ect0] W. 10001:11001(1000) ack 1
      > [ect0] P. 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 10, snd_ssthresh: 7 });
    t.play(`
      +0.02 < E. 1:1(0) ack 4001
      > [ect0] . 12001:13001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 9, snd_ssthresh: 7 });
    t.play("+0.02 < E. 1:1(0) ack 6001");
    tells(t, { ca_state: 2, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play(`
      +0.02 < . 1:1(0) ack 10001
      > [ect0] . 13001:14001(1000) ack 1
      > [ect0] P. 14001:15001(1000) ack 1
      > [ect0] . 15001:16001(1000) ack 1
      > [ect0] P. 16001:17001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play(`
      +0.1 < . 1:1(0) ack 12001
      > [ect0] . 17001:18001(1000) ack 1
      > [ect0] P. 18001:19001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 7, snd_ssthresh: 7, delivered_ce: 6 });
  });

  scripted("ECE in the next window reduces again", (t) => {
    agreed(t);
    t.write(40_000);
    t.play(`
      > [ect0] . 1:1001(1000) ack 1
      > [ect0] P. 1001:2001(1000) ack 1
      > [ect0] . 2001:3001(1000) ack 1
      > [ect0] P. 3001:4001(1000) ack 1
      > [ect0] . 4001:5001(1000) ack 1
      > [ect0] P. 5001:6001(1000) ack 1
      > [ect0] . 6001:7001(1000) ack 1
      > [ect0] P. 7001:8001(1000) ack 1
      > [ect0] . 8001:9001(1000) ack 1
      > [ect0] P. 9001:10001(1000) ack 1
      +0.1 < E. 1:1(0) ack 10001
      > [ect0] W. 10001:11001(1000) ack 1
      > [ect0] P. 11001:12001(1000) ack 1
      > [ect0] . 12001:13001(1000) ack 1
      > [ect0] P. 13001:14001(1000) ack 1
      > [ect0] . 14001:15001(1000) ack 1
      > [ect0] P. 15001:16001(1000) ack 1
      > [ect0] . 16001:17001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play(`
      +0.1 < E. 1:1(0) ack 16001
      > [ect0] W. 17001:18001(1000) ack 1
      > [ect0] P. 18001:19001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 4, snd_ssthresh: 4 });
    t.play(`
      +0.1 < . 1:1(0) ack 19001
      > [ect0] . 19001:20001(1000) ack 1
      > [ect0] P. 20001:21001(1000) ack 1
      > [ect0] . 21001:22001(1000) ack 1
      > [ect0] P. 22001:23001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 4, snd_ssthresh: 4 });
  });

  scripted("a retransmission has no ECT", (t) => {
    agreed(t);
    t.write(10_000);
    t.play(`
      > [ect0] . 1:1001(1000) ack 1
      > [ect0] P. 1001:2001(1000) ack 1
      > [ect0] . 2001:3001(1000) ack 1
      > [ect0] P. 3001:4001(1000) ack 1
      > [ect0] . 4001:5001(1000) ack 1
      > [ect0] P. 5001:6001(1000) ack 1
      > [ect0] . 6001:7001(1000) ack 1
      > [ect0] P. 7001:8001(1000) ack 1
      > [ect0] . 8001:9001(1000) ack 1
      > [ect0] P. 9001:10001(1000) ack 1
      +0.1 < . 1:1(0) ack 1 <nop,nop,sack 1001:4001>
      > . 1:1001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7 });
    t.write(10_000);
    t.play(`
      +0.1 < . 1:1(0) ack 10001
      > [ect0] W. 10001:11001(1000) ack 1
      > [ect0] P. 11001:12001(1000) ack 1
      > [ect0] . 12001:13001(1000) ack 1
      > [ect0] P. 13001:14001(1000) ack 1
      > [ect0] . 14001:15001(1000) ack 1
      > [ect0] P. 15001:16001(1000) ack 1
      > [ect0] . 16001:17001(1000) ack 1
      > [ect0] P. 17001:18001(1000) ack 1`);
    tells(t, { ca_state: 0, snd_cwnd: 8 });
  });

  scripted("a timeout reduces, and CWR goes with the next new data", (t) => {
    t.listen();
    t.play(`
      +0.01 < SEW 0:0(0) win 65535 <mss 1000,nop,wscale 7>
      > SE. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
    t.accept();
    t.write(3000);
    t.play(`
      > [ect0] . 1:1001(1000) ack 1
      > [ect0] P. 1001:2001(1000) ack 1
      > [ect0] P. 2001:3001(1000) ack 1
      +0.3 > . 1:1001(1000) ack 1`);
    t.quiet(0.05);
    tells(t, { ca_state: 4, snd_cwnd: 1 });
    t.play("+0.1 < . 1:1(0) ack 3001");
    t.write(2000);
    t.play(`
      > [ect0] W. 3001:4001(1000) ack 1
      > [ect0] P. 4001:5001(1000) ack 1`);
  });

  scripted("CE: ECE until CWR", (t) => {
    agreed(t);
    t.play(`
      +0.02 < [ect0] P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      +0.02 < [ce] P. 101:201(100) ack 1
      > E. 1:1(0) ack 201
      +0.02 < [ect0] P. 201:301(100) ack 1
      > E. 1:1(0) ack 301
      +0.02 < [ect0] WP. 301:401(100) ack 1
      > . 1:1(0) ack 401
      +0.02 < [ect0] P. 401:501(100) ack 1
      > . 1:1(0) ack 501`);
  });

  scripted("CE and CWR in one segment: ECE goes on", (t) => {
    agreed(t);
    t.play(`
      +0.02 < [ect0] P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      +0.02 < [ce] P. 101:201(100) ack 1
      > E. 1:1(0) ack 201
      +0.02 < [ce] WP. 201:301(100) ack 1
      > E. 1:1(0) ack 301
      +0.02 < [ect0] P. 301:401(100) ack 1
      > E. 1:1(0) ack 401`);
  });

  scripted("our data bears ECE, too", (t) => {
    agreed(t);
    t.play(`
      +0.02 < [ect0] P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      +0.02 < [ce] P. 101:201(100) ack 1
      > E. 1:1(0) ack 201`);
    t.write(1000);
    t.play(`
      > [ect0] PE. 1:1001(1000) ack 201
      +0.1 < W. 201:201(0) ack 1001`);
    t.write(1000);
    t.play(`
      > [ect0] P. 1001:2001(1000) ack 201
      +0.1 < [ect0] WP. 201:301(100) ack 1001
      > . 2001:2001(0) ack 301`);
    t.write(1000);
    t.play("> [ect0] P. 2001:3001(1000) ack 301");
  });

  scripted("CE without ECN agreed means nothing", (t) => {
    t.passive(SACK);
    t.play(`
      +0.02 < [ce] P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      +0.02 < [ce] P. 101:201(100) ack 1
      > . 1:1(0) ack 201`);
  });

  scripted("ECE without ECN agreed means nothing", (t) => {
    tenOut(t);
    t.play("+0.1 < E. 1:1(0) ack 2001");
    tells(t, { ca_state: 0, snd_cwnd: 12 });
  });

  scripted("no ECT on a FIN alone", (t) => {
    agreed(t);
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      +0.1 < . 1:1(0) ack 2`);
  });

  scripted("ECE and loss in one window: one reduction", (t) => {
    agreed(t);
    t.write(30_000);
    t.play(`
      > [ect0] . 1:1001(1000) ack 1
      > [ect0] P. 1001:2001(1000) ack 1
      > [ect0] . 2001:3001(1000) ack 1
      > [ect0] P. 3001:4001(1000) ack 1
      > [ect0] . 4001:5001(1000) ack 1
      > [ect0] P. 5001:6001(1000) ack 1
      > [ect0] . 6001:7001(1000) ack 1
      > [ect0] P. 7001:8001(1000) ack 1
      > [ect0] . 8001:9001(1000) ack 1
      > [ect0] P. 9001:10001(1000) ack 1
      +0.1 < E. 1:1(0) ack 2001
      > [ect0] W. 10001:11001(1000) ack 1
      > [ect0] P. 11001:12001(1000) ack 1`);
    tells(t, { ca_state: 2, snd_cwnd: 10, snd_ssthresh: 7 });
    t.play(`
      +0.02 < E. 1:1(0) ack 2001 <nop,nop,sack 3001:6001>
      > . 2001:3001(1000) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
    t.play(`
      +0.1 < . 1:1(0) ack 14001
      > . 12001:12001(0) ack 1`);
    tells(t, { ca_state: 3, snd_cwnd: 7, snd_ssthresh: 7 });
  });

  scripted("a SYN-ACK that is sent again agrees again", (t) => {
    t.listen();
    t.play(`
      +0.01 < SEW 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>
      > SE. 0:0(0) ack 1
      +1 > SE. 0:0(0) ack 1
      +0.3 < . 1:1(0) ack 1`);
    t.accept();
    t.write(1000);
    t.play("> [ect0] P. 1:1001(1000) ack 1");
  });

  scripted("IP_TOS keeps its own bits", (t) => {
    agreed(t);
    t.set("IP_TOS", 16);
    t.write(1000);
    t.play("> [ect0] P. 1:1001(1000) ack 1");
  });
});
