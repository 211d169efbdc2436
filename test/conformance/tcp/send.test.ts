import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const LARGE = "win 65535 <mss 1000,nop,wscale 7>";

describe("segments", () => {
  scripted("as large as the MSS, PSH on the last (RFC 9293 §3.9.1.2)", (t) => {
    t.passive();
    t.write(4000);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      > P. 2921:4001(1080) ack 1`);
  });

  scripted("PSH ends every burst of more than one segment (RFC 9293 §3.9.1.2)", (t) => {
    t.passive(LARGE);
    t.write(9500);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > P. 3001:4001(1000) ack 1
      > . 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1
      > P. 7001:8001(1000) ack 1
      > . 8001:9001(1000) ack 1
      > P. 9001:9501(500) ack 1`);
  });

  scripted("bursts are longer where the round trip is short, and half of cwnd at most (RFC 9293 §3.9.1.2)", (t) => {
    t.listen();
    t.handshake(LARGE, 0.001);
    t.accept();
    t.write(12_000);
    t.play(`
      > . 1:1001(1000) ack 1
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      > . 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      > . 5001:6001(1000) ack 1
      > . 6001:7001(1000) ack 1
      > . 7001:8001(1000) ack 1
      > . 8001:9001(1000) ack 1
      > P. 9001:10001(1000) ack 1
      < . 1:1(0) ack 10001 win 1000
      > . 10001:11001(1000) ack 1
      > P. 11001:12001(1000) ack 1`);
  });

  scripted("a single segment has PSH only where a write ended (RFC 9293 §3.9.1.2)", (t) => {
    t.passive("win 2500 <mss 1000>");
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 2000
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 2000
      > . 3001:4001(1000) ack 1
      +0.1 < . 1:1(0) ack 3001 win 2000
      > P. 4001:5001(1000) ack 1`);
  });

  scripted(
    "as runs where the link takes runs (RFC 9293 §3.9.1.2)",
    (t) => {
      t.passive();
      t.write(4000);
      t.play(`
        > P. 1:2921(2920) ack 1 gso 1460
        > P. 2921:4001(1080) ack 1
        < . 1:1(0) ack 4001`);
      t.write(1000);
      t.play("> P. 4001:5001(1000) ack 1");
    },
    { offload: true },
  );

  scripted("with timestamps are 12 bytes smaller (RFC 7323 §3.2, RFC 6691 §2)", (t) => {
    t.passive("win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>");
    expect(t.info("snd_mss")).toBe(1448);
    t.write(2000);
    t.play(`
      > . 1:1449(1448) ack 1
      > P. 1449:2001(552) ack 1
      +0.1 < . 1:1(0) ack 2001`);
  });

  scripted("bear the ACK of what came (RFC 9293 §3.8.6.3)", (t) => {
    t.passive();
    t.play("< P. 1:11(10) ack 1");
    t.write(5);
    t.play(`
      > . 1:1(0) ack 11
      > P. 1:6(5) ack 11
      +0.1 < P. 11:21(10) ack 6`);
    t.write(5);
    t.play("> P. 6:11(5) ack 21");
    t.quiet(0.1);
    t.play("< . 21:21(0) ack 11");
  });

  scripted("across the wrap of sequence numbers (RFC 9293 §3.4)", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    // Ours begins wherever it likes: move to just before the wrap
    const { connections } = t.stack.tcp.context;
    let c = connections.get(0);
    connections.forEach((each) => {
      c = each;
    });
    const shift = (0xffff_ffff - 2000 - (c.sndNxt >>> 0)) | 0;
    const fields = ["iss", "sndUna", "sndNxt", "writeSeq", "sndSml", "sndUp", "cwndUsageSeq", "rttSeq"] as const;
    for (const name of fields) c[name] = (c[name] + shift) | 0;
    c.highSeq = c.sndNxt;
    t.flow.iss = c.iss >>> 0;
    t.write(5000);
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      > . 2921:4381(1460) ack 1
      > P. 4381:5001(620) ack 1
      < . 1:1(0) ack 2921
      < . 1:1(0) ack 5001`);
    expect(t.info("bytes_acked")).toBe(5000);
  });
});

describe("Nagle (RFC 9293 §3.7.4) in Minshall's variant", () => {
  scripted("a second small segment waits for the ACK of the first (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.write(20);
    t.play(`
      +0.1 < . 1:1(0) ack 11
      > P. 11:41(30) ack 1`);
  });

  scripted("a full segment does not wait (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(1470);
    t.play(`
      > . 11:1471(1460) ack 1
      +0.1 < . 1:1(0) ack 11
      > P. 1471:1481(10) ack 1`);
  });

  scripted("nor do several; their tail does (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(3000);
    t.play(`
      > . 11:1471(1460) ack 1
      > P. 1471:2931(1460) ack 1
      +0.1 < . 1:1(0) ack 11
      > P. 2931:3011(80) ack 1`);
  });

  scripted("a small one goes while only full ones are out (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.write(10);
    t.play("> P. 1461:1471(10) ack 1");
    t.write(10);
    t.play(`
      < . 1:1(0) ack 1461
      < . 1:1(0) ack 1471
      > P. 1471:1481(10) ack 1`);
  });

  scripted("without it too, writes fill segments while cwnd is in the way (RFC 9293 §3.7.4)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_NODELAY", 1);
    t.write(9500);
    t.write(500);
    t.write(700);
    t.takeAll();
    t.write(800);
    t.play(`
      +0.1 < . 1:1(0) ack 5001
      > . 9501:10501(1000) ack 1
      > P. 10501:11501(1000) ack 1
      +0.1 < . 1:1(0) ack 11501`);
  });

  scripted("what was small waits no more once it is full (RFC 9293 §3.7.4)", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(600);
    t.quiet(0.02);
    t.write(600);
    t.play(`
      > . 11:1011(1000) ack 1
      +0.1 < . 1:1(0) ack 11
      > P. 1011:1211(200) ack 1`);
  });

  scripted("TCP_NODELAY switches it off, and sends what waited (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.set("TCP_NODELAY", 1);
    t.play("> P. 11:21(10) ack 1");
    t.write(10);
    t.play("> P. 21:31(10) ack 1");
    t.set("TCP_NODELAY", 0);
    t.write(10);
    t.play(`
      +0.1 < . 1:1(0) ack 31
      > P. 31:41(10) ack 1`);
  });

  scripted("closing sends what waited (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.close();
    t.play("> FP. 11:21(10) ack 1");
  });
});

describe("TCP_CORK", () => {
  scripted("holds what is less than a segment until the persist timer takes it (RFC 9293 §3.8.6.2.1)", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.quiet(0.1);
    t.write(2000);
    t.play("> . 1:1461(1460) ack 1");
    t.quiet(0.1);
    t.play("< . 1:1(0) ack 1461");
    t.play(`
      +0.3 > P. 1461:2101(640) ack 1
      +0.1 < . 1:1(0) ack 2101`);
    t.write(1);
    t.play("+0.3 > P. 2101:2102(1) ack 1");
  });

  scripted("what that timer sent is sent again like anything else (RFC 6298 §5)", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.play(`
      +0.3 > P. 1:101(100) ack 1
      +0.3 > P. 1:101(100) ack 1
      +0.6 > P. 1:101(100) ack 1
      +0.1 < . 1:1(0) ack 101`);
  });

  scripted("taking it out sends at once (RFC 9293 §3.9.1.2)", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.set("TCP_CORK", 0);
    t.play(`
      > P. 1:101(100) ack 1
      +0.1 < . 1:1(0) ack 101`);
  });

  scripted("closing sends what it holds (RFC 9293 §3.9.1.2)", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.close();
    t.play("> FP. 1:101(100) ack 1");
  });

  scripted("is stronger than TCP_NODELAY (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.set("TCP_NODELAY", 1);
    // Setting it pushes once, cork or not
    t.play("> P. 1:101(100) ack 1");
    t.write(100);
    t.quiet(0.1);
    t.set("TCP_CORK", 0);
    t.play(`
      > P. 101:201(100) ack 1
      < . 1:1(0) ack 201`);
  });
});

describe("a link that is full", () => {
  /** So many datagrams wait that there is no room for a segment. */
  function clog(t: Script): void {
    t.link.blocked = true;
    const udp = t.stack.socket("udp");
    udp.connect(9, "10.0.0.1");
    while (udp.write(new Uint8Array(1000)) > 0);
    t.drain();
    udp.close();
  }

  scripted("a segment that found no room goes when there is some (RFC 9293 §3.8)", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    clog(t);
    t.write(1000);
    t.quiet(0.01);
    t.link.unblock();
    t.drain();
    const sent = t.takeAll();
    expect(sent.map((s) => s.payload.length)).toEqual([1000]);
    expect(t.stack.tcp.context.blocked.length).toBe(0);
  });

  scripted(
    "for good: given up in the end (RFC 9293 §3.8.3)",
    (t) => {
      t.passive("win 65535 <mss 1460,nop,wscale 7>");
      clog(t);
      t.write(1000);
      t.quiet(60);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
      expect(t.stack.tcp.context.blocked.length).toBe(0);
      t.link.unblock();
      t.drain();
      t.takeAll();
    },
    { config: { "net.ipv4.tcp_retries2": 3 } },
  );

  scripted("what waits in its queue goes when it is writable (RFC 9293 §3.8)", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.link.blocked = true;
    t.write(10_000);
    t.quiet(0.1);
    t.link.unblock();
    t.drain();
    t.play(`
      > . 1:1461(1460) ack 1
      > P. 1461:2921(1460) ack 1
      > . 2921:4381(1460) ack 1
      > P. 4381:5841(1460) ack 1
      > . 5841:7301(1460) ack 1
      > P. 7301:8761(1460) ack 1
      > P. 8761:10001(1240) ack 1`);
  });
});
