import { describe, expect } from "vitest";
import { WRITABLE } from "../../../src/socket/types.js";
import { scripted } from "../harness.js";

describe("the send buffer", () => {
  scripted("takes what fits, and says when there is room again (RFC 9293 §3.10.2)", (t) => {
    t.passive("win 2000 <mss 1000>");
    t.set("SO_SNDBUF", 3000);
    const masks: number[] = [];
    t.socket.onReady = (_, mask) => masks.push(mask & WRITABLE);
    // Linux counts 896 bytes more for each segment of a thousand
    expect(t.tryWrite(10_000)).toBe(4000);
    expect(t.tryWrite(1)).toBe(-11);
    expect(t.socket.poll() & WRITABLE).toBe(0);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.1 < . 1:1(0) ack 1001 win 1000`);
    expect(masks).toEqual([]);
    t.play(`
      +0.1 < . 1:1(0) ack 2001 win 1000
      > . 2001:3001(1000) ack 1`);
    expect(masks).toEqual([WRITABLE]);
  });

  scripted("before the connection is made: -EAGAIN; after shutdown: -EPIPE (RFC 9293 §3.10.2)", (t) => {
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

  scripted("on a socket never connected: -EPIPE; reading: -ENOTCONN (RFC 9293 §3.10.2)", (t) => {
    t.socket = t.stack.socket("tcp");
    expect(t.tryWrite(1)).toBe(-32);
    expect(t.tryRead(1)).toBe(-107);
    expect(() => t.socket.shutdown("write")).toThrow(/ENOTCONN/);
    t.close();
  });

  scripted("gives its chunks back as they are acknowledged (RFC 9293 §3.8)", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.write(14_600);
    expect(t.stack.pool.inUse).toBe(2);
    t.takeAll();
    t.play("< . 1:1(0) ack 8761");
    expect(t.stack.pool.inUse).toBe(1);
    t.play("< . 1:1(0) ack 14601");
    expect(t.stack.pool.inUse).toBe(0);
  });

  scripted("grows when the connection is made, from 16 KB to what the initial window takes (RFC 6928)", (t) => {
    t.connect();
    expect(t.socket.getOption("SO_SNDBUF")).toBe(16_384);
    t.play(`
      > S 0:0(0)
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
      > . 1:1(0) ack 1`);
    expect(t.socket.getOption("SO_SNDBUF")).toBe(46_080);
  });

  scripted("... for a passive one too (RFC 6928)", (t) => {
    t.passive("win 65535 <mss 1000>");
    expect(t.socket.getOption("SO_SNDBUF")).toBe(46_080);
  });

  scripted("87040 bytes for an MSS of 1460 (RFC 6928)", (t) => {
    t.passive();
    // The header room that Linux adds to a segment before it rounds up depends on how the kernel was built
    expect([46_080, 87_040]).toContain(t.socket.getOption("SO_SNDBUF"));
    if (t.subject.exact) expect(t.socket.getOption("SO_SNDBUF")).toBe(87_040);
  });

  scripted("grows with cwnd where it was what limited (RFC 6928)", (t) => {
    t.passive("win 65535 <mss 1000,nop,wscale 7>");
    const took = t.tryWrite(200_000);
    expect(took).toBeGreaterThan(40_000);
    t.takeAll();
    for (let i = 1; i <= 4; i++) {
      t.play(`+0.1 < . 1:1(0) ack ${10_000 * i + 1}`);
      t.takeAll();
    }
    expect(t.socket.getOption("SO_SNDBUF")).toBeGreaterThan(46_080);
  });

  scripted("grows by an ACK though what it lets out fills cwnd again, where the application waits (RFC 6928)", (t) => {
    t.passive("win 65535 <mss 1000,nop,wscale 7>");
    t.write(36_000);
    t.takeAll();
    expect(t.socket.poll()).toBe(0);
    t.play("+0.1 < . 1:1(0) ack 6001");
    t.takeAll();
    expect([t.info("unacked"), t.info("snd_cwnd"), t.socket.poll()]).toEqual([16, 16, 4]);
    // Two windows of 16 segments
    expect(t.socket.getOption("SO_SNDBUF")).toBe(73_728);
  });

  scripted("SO_SNDBUF doubles what is asked for, and ends the growing (RFC 9293 §3.10.2)", (t) => {
    t.connect(80, { SO_SNDBUF: 10_000 });
    t.play(`
      > S 0:0(0)
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
      > . 1:1(0) ack 1`);
    expect(t.socket.getOption("SO_SNDBUF")).toBe(20_000);
  });
});

describe("a write to a socket that is not connected", () => {
  scripted("asks for no route: nothing is counted, and no MTU is known", (t) => {
    const before = t.counter("IpOutNoRoutes");
    for (const socket of [t.subject.socket(), t.listen()]) {
      expect(socket.write(new Uint8Array(5))).toBe(-32);
      expect(t.counter("IpOutNoRoutes")).toBe(before);
      expect(() => socket.getOption("IP_MTU")).toThrow(/ENOTCONN/);
      socket.close();
    }
  });
});

describe("TCP_NOTSENT_LOWAT", () => {
  const UNSENT = { config: { "net.ipv4.tcp_notsent_lowat": 2000 } };

  scripted("a socket with more unsent is not writable (RFC 9293 §3.10.2)", (t) => {
    t.passive("win 3000 <mss 1000>");
    t.set("TCP_NOTSENT_LOWAT", 2500);
    t.write(4000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      > . 2001:3001(1000) ack 1`);
    expect(t.info("notsent_bytes")).toBe(1000);
    expect(t.socket.poll() & WRITABLE).toBe(WRITABLE);
    expect(t.tryWrite(4000)).toBe(2000);
    expect(t.info("notsent_bytes")).toBe(3000);
    expect(t.socket.poll() & WRITABLE).toBe(0);
    expect(t.tryWrite(1)).toBe(-11);
    t.play(`
      +0.1 < . 1:1(0) ack 3001 win 3000
      > . 3001:4001(1000) ack 1
      > P. 4001:5001(1000) ack 1
      > P. 5001:6001(1000) ack 1`);
    expect(t.socket.poll() & WRITABLE).toBe(WRITABLE);
  });

  scripted(
    "the stack's counts where the socket has none (RFC 9293 §3.10.2)",
    (t) => {
      t.passive("win 1000 <mss 500>");
      t.write(3000);
      t.play(`
        > . 1:501(500) ack 1
        > P. 501:1001(500) ack 1`);
      expect(t.tryWrite(500)).toBe(-11);
      t.play(`
        +0.1 < . 1:1(0) ack 1001 win 1000
        > . 1001:1501(500) ack 1
        > P. 1501:2001(500) ack 1`);
      expect(t.tryWrite(500)).toBe(500);
    },
    UNSENT,
  );

  scripted("who waits is told when the pace has let out what was too much, not by the ACK after", (t) => {
    t.passive("win 16000 <mss 1000>");
    t.set("SO_MAX_PACING_RATE", 20_000);
    t.set("TCP_NOTSENT_LOWAT", 4000);
    t.write(10_000);
    t.skip(0.01);
    t.play("+0.1 < . 1:1(0) ack 10001");
    const told: number[] = [];
    t.socket.onReady = (socket, mask) => {
      if ((mask & WRITABLE) !== 0) told.push(socket.info().notsent_bytes as number);
    };
    expect(t.tryWrite(20_000)).toBe(10_000);
    expect(t.tryWrite(1)).toBe(-11);
    t.play(`
      > . 10001:11001(1000) ack 1
      > P. 11001:12001(1000) ack 1
      +0.09 > . 12001:13001(1000) ack 1
      > P. 13001:14001(1000) ack 1
      +0.1 > . 14001:15001(1000) ack 1
      > P. 15001:16001(1000) ack 1
      +0.1 > . 16001:17001(1000) ack 1
      > P. 17001:18001(1000) ack 1`);
    expect(told).toEqual([]);
    t.play(`
      +0.1 > . 18001:19001(1000) ack 1
      > P. 19001:20001(1000) ack 1`);
    t.drain();
    expect(told).toEqual([0]);
  });

  scripted("who wrote less than was asked for is told when all of that went at once: here memory was short", (t) => {
    t.passive("win 65535 <mss 1000>");
    const { pool } = t.stack;
    let told = 0;
    t.socket.onReady = (_, mask) => {
      if ((mask & WRITABLE) !== 0) told++;
    };
    const chunks = Array.from({ length: (pool.capacity / 4) * 3 - 1 }, () => pool.take());
    expect(t.tryWrite(9000)).toBe(8192);
    t.takeAll();
    t.drain();
    expect(told).toBe(1);
    for (const chunk of chunks) pool.give(chunk);
    t.skip(1);
  });
});
