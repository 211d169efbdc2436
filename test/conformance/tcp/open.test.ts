import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

describe("passive open", () => {
  scripted("SYN, SYN-ACK, ACK", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,nop,wscale 7>
      > S. 0:0(0) ack 1 win 64240 <mss 1460,nop,wscale 7>
      +0.1 < . 1:1(0) ack 1 win 1024`);
    t.accept();
    t.state("ESTABLISHED");
    expect(t.info("snd_wnd")).toBe(1024 << 7);
    t.about("rtt", 100_000);
    expect([t.socket.localAddress, t.socket.localPort]).toEqual(["10.0.0.2", 80]);
    expect([t.socket.remoteAddress, t.socket.remotePort]).toEqual(["10.0.0.1", 40000]);
  });

  scripted("without window scale from the peer there is none from us", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1 win 64240 <mss 1460>
      < . 1:1(0) ack 1 win 500`);
    t.accept();
    expect(t.info("snd_wnd")).toBe(500);
    t.play(`
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101 win 64140`);
  });

  scripted(
    "with tcp_window_scaling=0 the peer's offer is not taken up",
    (t) => {
      t.listen();
      t.play(`
      < S 0:0(0) win 65535 <mss 1460,nop,wscale 7>
      > S. 0:0(0) ack 1 <mss 1460>
      < . 1:1(0) ack 1 win 1024`);
      t.accept();
      expect(t.info("snd_wnd")).toBe(1024);
    },
    { config: { "net.ipv4.tcp_window_scaling": 0 } },
  );

  scripted("a shift above 14 counts as 14", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,nop,wscale 15>
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1 win 1`);
    t.accept();
    expect(t.info("snd_wnd")).toBe(16384);
  });

  scripted("the window of a SYN is not scaled", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 300 <mss 1460,nop,wscale 7>
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1 win 300`);
    t.accept();
    expect(t.info("snd_wnd")).toBe(300 << 7);
  });

  scripted("a peer that names no MSS is sent 536 bytes at a time", (t) => {
    t.passive("win 65535");
    t.write(600);
    t.play(`
      > . 1:537(536) ack 1
      > P. 537:601(64) ack 1`);
  });

  scripted("an MSS of 0 is as good as none", (t) => {
    t.passive("win 65535 <mss 0>");
    expect(t.info("snd_mss")).toBe(536);
  });

  scripted("an absurdly small MSS is not obeyed below tcp_min_snd_mss", (t) => {
    t.passive("win 65535 <mss 10>");
    expect(t.info("snd_mss")).toBe(48);
  });

  scripted(
    "our MSS bounds what we send too",
    (t) => t.passive("win 65535 <mss 9000>") && expect(t.info("snd_mss")).toBe(1460),
  );

  scripted(
    "the MSS offered is that of the interface",
    (t) => {
      t.listen();
      t.play(`
      < S 0:0(0) win 65535 <mss 9000>
      > S. 0:0(0) ack 1 <mss 8960>`);
    },
    { mtu: 9000 },
  );

  scripted("TCP_MAXSEG of the listener is offered and obeyed", (t) => {
    t.listen(80, undefined, { TCP_MAXSEG: 1000 });
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1 <mss 1000>
      < . 1:1(0) ack 1`);
    t.accept();
    expect(t.info("snd_mss")).toBe(1000);
  });

  scripted("unknown options are skipped, a malformed one ends the reading", (t) => {
    t.listen();
    t.play(`
      < [40001] S 0:0(0) win 65535 <0xfe04abcd,sackOK,mss 700,0x080a0000000100000000>
      > [40001] S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 0 ecr 1>
      < [40001] . 1:1(0) ack 1
      < [40002] S 0:0(0) win 65535 <mss 800,0xfe00,wscale 3>
      > [40002] S. 0:0(0) ack 1 <mss 1460>
      < [40002] . 1:1(0) ack 1`);
    t.accept();
    expect(t.info("snd_mss")).toBe(700 - 12);
    t.accept();
    expect(t.info("snd_mss")).toBe(800);
  });

  scripted("the ACK of the handshake may bring data", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101`);
    t.accept();
    t.read(100);
  });

  scripted("the ACK of the handshake may bring a FIN", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < FP. 1:11(10) ack 1
      +0.04 > . 1:1(0) ack 12`);
    t.accept();
    t.state("CLOSE-WAIT");
    t.read(10);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("data in a SYN is left for the peer to send again", (t) => {
    t.listen();
    t.play(`
      < S 0:50(50) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < P. 1:51(50) ack 1
      > . 1:1(0) ack 51`);
    t.accept();
    t.read(50);
  });

  scripted("lost ACK: data completes the handshake", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      +0.5 < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.accept();
    t.read(10);
  });

  scripted("a SYN sent again is answered at once", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      +0.4 < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1`);
    t.accept();
  });

  scripted("after a SYN-ACK sent twice the handshake measures nothing (Karn)", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      +0.4 < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1`);
    t.accept();
    expect([t.info("rtt"), t.info("rto")]).toEqual([0, 3_000_000]);
  });

  scripted("SYN-ACKs go out again after 1, 3, 7, 15, 31 s, and at 63 s it is over", (t) => {
    t.listen();
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1460>
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      3 > S. 0:0(0) ack 1
      7 > S. 0:0(0) ack 1
      15 > S. 0:0(0) ack 1
      31 > S. 0:0(0) ack 1`);
    expect(t.count("synRecords")).toBe(1);
    t.quiet(32);
    expect(t.count("synRecords")).toBe(0);
    t.play(`
      < . 1:1(0) ack 1
      > R 1:1(0)`);
    expect(t.listener.accept()).toBe(null);
  });

  scripted(
    "tcp_synack_retries",
    (t) => {
      t.listen();
      t.play(`
      0 < S 0:0(0) win 65535 <mss 1460>
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1`);
      t.quiet(2, 3.5);
      expect(t.count("synRecords")).toBe(0);
    },
    { config: { "net.ipv4.tcp_synack_retries": 1 } },
  );

  scripted("a handshake with one lost SYN-ACK begins with ten segments and an RTO of 3 s (RFC 6298 §5.7)", (t) => {
    t.listen();
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1460>
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      1.1 < . 1:1(0) ack 1`);
    t.accept();
    expect(t.info("snd_cwnd")).toBe(10);
    t.write(1460);
    t.play(`
      1.1 > P. 1:1461(1460) ack 1
      4.1 > P. 1:1461(1460) ack 1`);
  });

  scripted("SYN-RECEIVED: a SYN in the window is reset and returns to LISTEN", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < S 5000:5000(0) win 65535 <mss 1460>
      > R. ack 5001 win 0`);
    expect(t.count("synRecords")).toBe(0);
    t.play(`
      < S 5000:5000(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 5001`);
  });

  scripted("SYN-RECEIVED: a segment outside the window is told what is expected", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < . 100000:100000(0) ack 1
      > . 1:1(0) ack 1
      < . 1:1(0) ack 1`);
    t.accept();
  });

  scripted("SYN-RECEIVED: empty segments outside the window are told so once in 500 ms", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < . 100000:100000(0) ack 1
      > . 1:1(0) ack 1
      < . 100000:100000(0) ack 1
      +0.52 < . 100000:100000(0) ack 1
      > . 1:1(0) ack 1`);
  });

  scripted("SYN-RECEIVED: a segment without ACK is dropped", (t) => {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < 0 1:11(10)
      < . 1:1(0) ack 1`);
    t.accept();
    expect(t.tryRead(10)).toBe(-11);
  });
});

describe("active open", () => {
  scripted("SYN, SYN-ACK, ACK", (t) => {
    t.connect();
    t.state("SYN-SENT");
    t.play(`
      > S 0:0(0) win 64240 <mss 1460,sackOK,TS val 0 ecr 0,nop,wscale 7>
      +0.05 < S. 0:0(0) ack 1 win 65535 <mss 1400,nop,wscale 8>
      > . 1:1(0) ack 1 win 502`);
    t.state("ESTABLISHED");
    expect([t.info("snd_mss"), t.info("snd_wnd")]).toEqual([1400, 65535]);
    t.about("rtt", 50_000);
    expect(t.error()).toBe("");
  });

  scripted(
    "tcp_window_scaling=0: no offer, and the peer's is void",
    (t) => {
      t.connect();
      t.play(`
      > S 0:0(0) win 64240 <mss 1460,sackOK,TS val 0 ecr 0>
      < S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 7>
      > . 1:1(0) ack 1 win 64240
      < . 1:1(0) ack 1 win 1000`);
      expect(t.info("snd_wnd")).toBe(1000);
    },
    { config: { "net.ipv4.tcp_window_scaling": 0 } },
  );

  scripted("SYNs go out again after 1, 3, 7, 15, 31, 63 s; ETIMEDOUT at 127 s", (t) => {
    t.connect();
    t.play(`
      0 > S 0:0(0) win 64240
      1 > S 0:0(0) win 64240
      3 > S 0:0(0)
      7 > S 0:0(0)
      15 > S 0:0(0)
      31 > S 0:0(0)
      63 > S 0:0(0)`);
    t.quiet(63.999);
    t.state("SYN-SENT");
    t.quiet(0.001);
    t.state("CLOSED");
    expect(t.error()).toBe("ETIMEDOUT");
  });

  scripted("TCP_SYNCNT limits them", (t) => {
    t.connect(80, { TCP_SYNCNT: 1 });
    t.play(`
      0 > S 0:0(0)
      1 > S 0:0(0)`);
    t.quiet(2, 3.5);
    expect(t.error()).toBe("ETIMEDOUT");
  });

  scripted("after one lost SYN: ten segments, and an RTO of 3 s (RFC 6298 §5.7)", (t) => {
    t.connect();
    t.play(`
      0 > S 0:0(0)
      1 > S 0:0(0)
      1.2 < S. 0:0(0) ack 1 win 65535 <mss 1000>
      1.2 > . 1:1(0) ack 1`);
    expect(t.info("snd_cwnd")).toBe(10);
    t.write(1000);
    t.play(`
      1.2 > P. 1:1001(1000) ack 1
      4.2 > P. 1:1001(1000) ack 1`);
  });

  scripted("data in a SYN-ACK is left for the peer to send again", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S. 0:20(20) ack 1 win 65535 <mss 1460>
      > . 1:1(0) ack 1
      < FP. 1:21(20) ack 1
      +0.04 > . 1:1(0) ack 22`);
    t.state("CLOSE-WAIT");
    t.read(20);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("a SYN-ACK sent again is answered, once in 500 ms", (t) => {
    t.active();
    t.play(`
      < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > . 1:1(0) ack 1
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>
      +0.4 < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > . 1:1(0) ack 1`);
  });

  for (const ack of [0, 2, 1000, -5])
    scripted(`SYN-SENT: a SYN-ACK of ${ack} is reset, and the attempt goes on`, (t) => {
      t.connect();
      t.play(`
        > S 0:0(0)
        < S. 0:0(0) ack ${ack} win 65535 <mss 1460>
        > R ${ack}:${ack}(0)`);
      t.state("SYN-SENT");
      t.play(`
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1`);
      t.state("ESTABLISHED");
    });

  scripted("SYN-SENT: an acceptable ACK without SYN is ignored", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < . 0:0(0) ack 1`);
    t.state("SYN-SENT");
  });

  scripted("SYN-SENT: RST with the ACK of our SYN is a refusal", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < R. 0:0(0) ack 1`);
    t.state("CLOSED");
    expect(t.error()).toBe("ECONNREFUSED");
    expect(t.count("connections")).toBe(0);
  });

  scripted("SYN-SENT: RST without ACK, or with another, is ignored", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < R 0:0(0)
      < R. 0:0(0) ack 0
      < R. 0:0(0) ack 2`);
    t.state("SYN-SENT");
  });

  scripted("close in SYN-SENT forgets it; a SYN-ACK then meets a closed port", (t) => {
    t.connect();
    t.play("> S 0:0(0)");
    t.close();
    expect(t.count("connections")).toBe(0);
    t.play(`
      < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > R 1:1(0)`);
  });

  scripted(
    "a socket whose attempt failed can try again",
    (t) => {
      t.connect();
      t.play(`
      > S 0:0(0)
      < R. 0:0(0) ack 1`);
      expect(t.error()).toBe("ECONNREFUSED");
      t.socket.connect(81, "10.0.0.1");
      t.drain();
      t.flow = t.flowOf(t.socket.localPort, 81);
      t.play(`
      > S 0:0(0)
      < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > . 1:1(0) ack 1`);
    },
    { linux: "the first call after it only tells that the attempt is over: ECONNABORTED" },
  );
});

describe("simultaneous open", () => {
  function half(t: Script, options = "<mss 1460,nop,wscale 7>"): void {
    t.connect();
    t.play(`
      > S 0:0(0) win 64240
      < S 0:0(0) win 1000 ${options}`);
  }

  scripted("RFC 9293 figure 8: SYN-ACKs cross", (t) => {
    half(t);
    t.play("> S. 0:0(0) ack 1 win 64240");
    t.state("SYN-RECEIVED");
    t.play("< S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 7>");
    t.state("ESTABLISHED");
    t.play("> . 1:1(0) ack 1");
    t.play("< . 1:1(0) ack 1 win 1000");
    expect(t.info("snd_wnd")).toBe(128_000);
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
  });

  scripted("an ACK completes it as well", (t) => {
    half(t);
    t.play(`
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1 win 50`);
    t.state("ESTABLISHED");
    expect(t.info("snd_wnd")).toBe(6400);
  });

  scripted(
    "the SYN-ACK has the options of the SYN, whatever the peer's had; no scale is used where it had none",
    (t) => {
      half(t, "<mss 1460>");
      t.play(`
      > S. 0:0(0) ack 1 <mss 1460,sackOK,TS,nop,wscale 7>
      < . 1:1(0) ack 1 win 50`);
      expect(t.info("snd_wnd")).toBe(50);
    },
  );

  scripted("the SYN-ACK is sent again", (t) => {
    half(t);
    t.play(`
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      3 > S. 0:0(0) ack 1`);
  });

  scripted("SYN-RECEIVED: an unacceptable ACK is reset", (t) => {
    half(t);
    t.play(`
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 7
      > R 7:7(0)`);
    t.state("SYN-RECEIVED");
  });

  scripted("SYN-RECEIVED: RST is a reset", (t) => {
    half(t);
    t.play(`
      > S. 0:0(0) ack 1
      < R. 1:1(0) ack 1`);
    t.state("CLOSED");
    expect(t.error()).toBe("ECONNRESET");
  });

  scripted("the FIN of a half-close waits for ESTABLISHED; CLOSE does not (RFC 9293 §3.10.4)", (t) => {
    half(t);
    t.play("> S. 0:0(0) ack 1");
    t.shutdown("write");
    t.quiet(0.05);
    t.state("SYN-RECEIVED");
    t.close();
    t.play("> F. 1:1(0) ack 1");
  });

  scripted("CLOSE in SYN-RECEIVED: the FIN goes at once (RFC 9293 §3.10.4)", (t) => {
    half(t);
    t.play("> S. 0:0(0) ack 1");
    t.close();
    t.play("> F. 1:1(0) ack 1");
    t.state("FIN-WAIT-1");
    t.play(`
      +0.1 < . 1:1(0) ack 1
      +0.1 < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    expect(t.count("timeWaits")).toBe(1);
  });
});
