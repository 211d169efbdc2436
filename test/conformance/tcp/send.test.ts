import { describe, expect } from "vitest";
import { WRITABLE } from "../../../src/socket/types.js";
import { type Script, scripted } from "../harness.js";

describe("segments", () => {
  scripted("as large as the MSS, PSH on the last", (t) => {
    t.passive();
    t.write(4000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > P. 2921:4001(1080) ack 1`);
  });

  scripted(
    "as runs where the link takes runs",
    (t) => {
      t.passive();
      t.write(14_000);
      t.play("> P. 1:14001(14000) ack 1 gso 1460");
      t.play("< . 1:1(0) ack 14001");
      t.write(1000);
      t.play("> P. 14001:15001(1000) ack 1");
    },
    { offload: true },
  );

  scripted("across the wrap of sequence numbers", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    // Ours begins wherever it likes: move enough to have wrapped whatever that is, in a few large steps
    const { connections } = t.stack.tcp.context;
    let c = connections.get(0);
    connections.forEach((each) => {
      c = each;
    });
    const shift = (0xffff_ffff - 2000 - (c.sndNxt >>> 0)) | 0;
    for (const name of ["iss", "sndUna", "sndNxt", "sndMax", "sndSml", "sndWl2", "cwndUsageSeq"] as const)
      c[name] = (c[name] + shift) | 0;
    t.flow.iss = c.iss >>> 0;
    t.write(5000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > p. 2921:4381(1460) ack 1
      > P. 4381:5001(620) ack 1
      < . 1:1(0) ack 2921
      < . 1:1(0) ack 5001`);
    expect(t.info("bytes_acked")).toBe(5000);
  });
});

describe("Nagle (RFC 9293 §3.7.4) in Minshall's variant", () => {
  scripted("a second small segment waits for the ACK of the first", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.write(20);
    t.play(`
      +0.1 < . 1:1(0) ack 11
      > P. 11:41(30) ack 1`);
  });

  scripted("a full segment does not wait", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(1470);
    t.play(`
      > p. 11:1471(1460) ack 1
      +0.1 < . 1:1(0) ack 11
      > P. 1471:1481(10) ack 1`);
  });

  scripted("a small one goes while only full ones are out", (t) => {
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

  scripted("TCP_NODELAY switches it off, and sends what waited", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.set("TCP_NODELAY", 1);
    t.play("> P. 11:21(10) ack 1");
    t.write(10);
    t.play("> P. 21:31(10) ack 1");
  });

  scripted("closing sends what waited", (t) => {
    t.passive();
    t.write(10);
    t.play("> P. 1:11(10) ack 1");
    t.write(10);
    t.close();
    t.play("> FP. 11:21(10) ack 1");
  });
});

describe("TCP_CORK", () => {
  scripted("holds what is less than a segment, until the persist timer sends it", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.quiet(0.1);
    t.write(2000);
    t.play(`
      > . 1:1461(1460) ack 1
      +0.1 < . 1:1(0) ack 1461
      +0.3 > P. 1461:2101(640) ack 1
      +0.1 < . 1:1(0) ack 2101`);
  });

  scripted("taking it out sends at once", (t) => {
    t.passive();
    t.set("TCP_CORK", 1);
    t.write(100);
    t.set("TCP_CORK", 0);
    t.play("> P. 1:101(100) ack 1");
    t.quiet(0.25);
    t.takeAll();
  });
});

describe("the peer's window (§3.8.6)", () => {
  scripted("is not overrun", (t) => {
    t.passive("win 3000 <mss 1460>");
    t.write(10_000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      +0.1 < . 1:1(0) ack 1461 win 3000
      > p. 2921:4381(1460) ack 1
      > P. 4381:4461(80) ack 1`);
  });

  scripted("silly window avoidance: wait for a segment or half the largest window", (t) => {
    t.passive("win 4000 <mss 1460>");
    t.write(10_000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      +0.1 < . 1:1(0) ack 2921 win 1000
      +0.1 < . 1:1(0) ack 2921 win 1400
      +0.1 < . 1:1(0) ack 2921 win 1460
      > p. 2921:4381(1460) ack 1`);
  });

  scripted("a window that is always smaller than a segment is filled", (t) => {
    t.passive("win 1000 <mss 1460>");
    t.write(2000);
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1
      +0.1 < . 1:1(0) ack 1001 win 400
      +0.1 < . 1:1(0) ack 1001 win 500
      > . 1001:1501(500) ack 1`);
  });

  scripted("the persist timer ends a silly window", (t) => {
    t.passive("win 4000 <mss 1460>");
    t.write(4000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > P. 2921:4001(1080) ack 1`);
    t.write(5000);
    t.play(`
      +0.1 < . 1:1(0) ack 4001 win 700
      +0.3 > P. 4001:4701(700) ack 1`);
  });

  scripted("shut: probes at the RTO, doubling up to 120 s, for as long as they are answered", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.write(2000);
    t.play(`
      > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0`);
    let interval = 0.3;
    for (let i = 0; i < 40; i++) {
      t.play(`
        +${interval.toFixed(3)} > . 1000:1000(0) ack 1
        < . 1:1(0) ack 1001 win 0`);
      interval = Math.min(interval * 2, 120);
    }
    t.state("ESTABLISHED");
    t.play(`
      +1 < . 1:1(0) ack 1001 win 1000
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 2001 win 0`);
    t.write(10);
    t.play("+0.3 > . 2000:2000(0) ack 1");
  });

  scripted("shut before anything was sent", (t) => {
    t.passive("win 0 <mss 1000>");
    t.write(10);
    t.play(`
      +0.3 > . 0:0(0) ack 1
      +0.6 > . 0:0(0) ack 1
      +0.1 < . 1:1(0) ack 1 win 1000
      > P. 1:11(10) ack 1`);
  });

  scripted(
    "shut, and probes are not answered: ETIMEDOUT",
    (t) => {
      t.passive("win 0 <mss 1000>");
      t.write(10);
      t.play(`
        +0.3 > . 0:0(0) ack 1
        +0.6 > . 0:0(0) ack 1
        +1.2 > . 0:0(0) ack 1
        +2.4 > . 0:0(0) ack 1
        +4.8 > R. 1:1(0) ack 1`);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ETIMEDOUT"]);
    },
    { config: { "net.ipv4.tcp_retries2": 3 } },
  );

  scripted("taken back while data is out: probes, not timeouts, and no giving up", (t) => {
    t.passive("win 3000 <mss 1000>");
    t.write(5000);
    t.play(`
      > . 1:1001(1000) ack 1
      > . 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 0`);
    for (let i = 0; i < 30; i++) {
      t.skip(110);
      t.play("< . 1:1(0) ack 1001 win 0");
      t.takeAll();
    }
    t.state("ESTABLISHED");
    t.play(`
      < . 1:1(0) ack 1001 win 1000
      > . 1001:2001(1000) ack 1`);
  });

  scripted("an old segment changes the window, an older one does not", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.play(`
      < P. 1:11(10) ack 1 win 2000
      > . 1:1(0) ack 11
      < . 5:11(6) ack 1 win 100
      > . 1:1(0) ack 11
      < . 1:11(10) ack 1 win 5000
      > . 1:1(0) ack 11`);
    expect(t.info("snd_wnd")).toBe(100);
  });

  scripted("over 64 KB", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    expect(t.info("snd_wnd")).toBe(65535 << 7);
    // An ACK that acknowledges nothing new only opens it
    t.play("< . 1:1(0) ack 1 win 10000");
    expect(t.info("snd_wnd")).toBe(65535 << 7);
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 1
      < . 1:1(0) ack 11 win 10000`);
    expect(t.info("snd_wnd")).toBe(1_280_000);
  });
});

describe("the send buffer", () => {
  scripted("takes what fits, and says when there is room again", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.set("SO_SNDBUF", 6000);
    const masks: number[] = [];
    t.socket.onReady = (_, mask) => masks.push(mask & WRITABLE);
    expect(t.tryWrite(10_000)).toBe(6000);
    expect(t.tryWrite(1)).toBe(-11);
    expect(t.socket.poll() & WRITABLE).toBe(0);
    t.play(`
      > . 1:1001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 1000
      > . 1001:2001(1000) ack 1`);
    expect(masks).toEqual([]);
    t.play(`
      +0.1 < . 1:1(0) ack 2001 win 1000
      > . 2001:3001(1000) ack 1`);
    expect(masks).toEqual([WRITABLE]);
  });

  scripted("before the connection is made: -EAGAIN; after shutdown: -EPIPE", (t) => {
    t.connect();
    expect(t.tryWrite(1)).toBe(-11);
    t.play(`
      > S 0:0(0)
      < S. 0:0(0) ack 1 win 1000
      > . 1:1(0) ack 1`);
    t.shutdown();
    t.play("> F. 1:1(0) ack 1");
    expect(t.tryWrite(1)).toBe(-32);
  });

  scripted("on a socket never connected: -EPIPE; reading: -ENOTCONN", (t) => {
    t.socket = t.stack.socket("tcp");
    expect(t.tryWrite(1)).toBe(-32);
    expect(t.tryRead(1)).toBe(-107);
    expect(() => t.socket.shutdown("write")).toThrow(/ENOTCONN/);
    t.close();
  });

  scripted("gives its chunks back as they are acknowledged", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.write(14_600);
    expect(t.stack.pool.inUse).toBe(2);
    t.takeAll();
    t.play("< . 1:1(0) ack 8761");
    expect(t.stack.pool.inUse).toBe(1);
    t.play("< . 1:1(0) ack 14601");
    expect(t.stack.pool.inUse).toBe(0);
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

  scripted("a segment that found no room goes when there is some", (t) => {
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
    "for good: given up in the end",
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

  scripted("what waits in its queue goes when it is writable", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.link.blocked = true;
    t.write(10_000);
    t.quiet(0.1);
    t.link.unblock();
    t.drain();
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > p. 2921:4381(1460) ack 1
      > p. 4381:5841(1460) ack 1
      > p. 5841:7301(1460) ack 1
      > p. 7301:8761(1460) ack 1
      > P. 8761:10001(1240) ack 1`);
  });
});
