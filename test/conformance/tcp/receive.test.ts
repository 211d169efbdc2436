import { describe, expect } from "vitest";
import { READABLE } from "../../../src/socket/types.js";
import { type Script, scripted } from "../harness.js";

/** No quick ACKs from here on. */
function calm(t: Script): Script {
  t.passive();
  t.set("TCP_QUICKACK", 0);
  return t;
}

describe("which segments are acceptable (RFC 9293 §3.10.7.4, first)", () => {
  scripted("data received before is acknowledged and not delivered twice", (t) => {
    t.passive();
    t.play(`
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      < P. 51:81(30) ack 1
      > . 1:1(0) ack 101`);
    t.read(100);
    expect(t.tryRead(1)).toBe(-11);
  });

  scripted("of a segment half old, half new the new half counts", (t) => {
    t.passive();
    t.play(`
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      < P. 51:151(100) ack 1
      > . 1:1(0) ack 151`);
    t.read(150);
  });

  scripted("data beyond the window is answered with an ACK", (t) => {
    t.passive();
    t.play(`
      < P. 65536:65546(10) ack 1
      > . 1:1(0) ack 1
      < P. 1000000:1000010(10) ack 1
      > . 1:1(0) ack 1`);
  });

  scripted("an empty segment before the window is answered, once in 500 ms", (t) => {
    t.passive();
    t.play(`
      < . 0:0(0) ack 1
      > . 1:1(0) ack 1
      +0.3 < . 0:0(0) ack 1
      +0.2 < . 0:0(0) ack 1
      > . 1:1(0) ack 1`);
  });

  scripted("an ACK from a peer that has filled the window, with something lost, counts", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 3000 });
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 1
      < . 1461:2921(1460) ack 1
      > . 11:11(0) ack 1
      < . 2921:2921(0) ack 11`);
    expect(t.info("bytes_acked")).toBe(10);
  });

  scripted(
    "with the window shut, an ACK in a data segment still counts",
    (t) => {
      t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 3000 });
      t.write(10);
      t.play(`
      > P. 1:11(10) ack 1
      < . 1:1461(1460) ack 1
      > . 11:11(0) ack 1461
      < . 1461:2921(1460) ack 1
      +0.04 > . 11:11(0) ack 2921 win 0
      < P. 2921:2922(1) ack 11
      > . 11:11(0) ack 2921 win 0`);
      expect(t.info("bytes_acked")).toBe(10);
    },
    { linux: "from 6.17 on it drops the whole segment, where RFC 9293 makes an allowance for the ACK" },
  );

  scripted("across the wrap of sequence numbers", wrap, { isn: 0xffff_ff00 });
  function wrap(t: Script): void {
    t.passive();
    t.play(`
      < . 1461:2921(1460) ack 1
      > . 1:1(0) ack 1
      < . 1:1461(1460) ack 1
      > . 1:1(0) ack 2921
      < FP. 2921:3001(80) ack 1
      +0.04 > . 1:1(0) ack 3002`);
    t.read(3000);
  }

  scripted("an urgent pointer of 0 is the first octet", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_OOBINLINE: 1 });
    t.play(`
      < UP. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.read(10);
  });
});

describe("reading", () => {
  scripted("peek leaves the data, skip drops it, both end like read", (t) => {
    t.passive();
    const target = new Uint8Array(10);
    expect([t.socket.peek(target), t.socket.skip(5)]).toEqual([-11, -11]);
    t.play(`
      < FP. 1:31(30) ack 1
      +0.04 > . 1:1(0) ack 32`);
    expect([t.socket.peek(target), t.socket.skip(10)]).toEqual([10, 10]);
    const first = target.slice();
    t.socket.peek(target);
    expect(target).not.toEqual(first);
    expect([t.socket.skip(100), t.socket.skip(1), t.socket.peek(target)]).toEqual([20, 0, 0]);
  });
});

describe("out of order", () => {
  scripted("each is answered at once by a duplicate ACK, what fills the hole by one for all", (t) => {
    calm(t);
    t.play(`
      < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 1
      < . 2001:3001(1000) ack 1
      > . 1:1(0) ack 1
      < . 4001:5001(1000) ack 1
      > . 1:1(0) ack 1
      < . 1:1001(1000) ack 1
      > . 1:1(0) ack 3001
      < . 3001:4001(1000) ack 1
      > . 1:1(0) ack 5001`);
    t.read(5000);
  });

  scripted("while there is a hole every segment is acknowledged at once", (t) => {
    calm(t);
    t.play(`
      < . 1001:1501(500) ack 1
      > . 1:1(0) ack 1
      < . 1:101(100) ack 1
      > . 1:1(0) ack 101
      < . 101:201(100) ack 1
      > . 1:1(0) ack 201`);
  });

  scripted("overlapping pieces in every order", (t) => {
    t.passive();
    const pieces = [
      [1, 120],
      [100, 150],
      [140, 260],
      [90, 300],
      [250, 401],
    ] as const;
    let base = 0;
    for (const order of permutations([0, 1, 2, 3, 4])) {
      for (const i of order) {
        const [from, to] = pieces[i] as readonly [number, number];
        t.play(`< P. ${base + from}:${base + to}(${to - from}) ack 1`);
        t.takeAll();
      }
      base += 400;
      t.read(400);
    }
    expect(t.stack.pool.inUse).toBe(0);
  });

  scripted("of more than there is memory for the rest is dropped, and nothing breaks", (t) => {
    t.passive("win 65535 <mss 1460>");
    t.set("SO_RCVBUF", 20_000);
    for (let seq = 2; seq < 160; seq += 2) {
      t.play(`+0.002 < . ${seq}:${seq + 1}(1) ack 1`);
      t.takeAll();
    }
    expect(t.info("rcv_ooopack")).toBe(49);
    expect(t.counter("TcpExtTCPOFODrop")).toBe(79 - 49);
    for (let seq = 1; seq < 200; seq += 100) {
      t.play(`+0.002 < . ${seq}:${seq + 100}(100) ack 1`);
      t.takeAll();
    }
    t.read(200);
    t.skip(0.05);
  });
});

describe("when memory runs out", () => {
  const SCARCE = { memory: 4 << 20, config: { "net.ipv4.tcp_rmem": "4096 8388608 8388608" } };

  scripted(
    "what came out of order gives way to what comes in order",
    (t) => {
      t.passive("win 65535 <mss 1460,nop,wscale 7>");
      t.play(`
        < P. 1:2(1) ack 1
        > . 1:1(0) ack 2`);
      for (let i = 1; i <= 450; i++) {
        t.play(`< . ${2 + 16384 * i}:${3 + 16384 * i}(1) ack 1`);
        t.takeAll();
      }
      // The last eighth is for what comes in order
      expect(t.stack.pool.inUse).toBe((t.stack.pool.capacity / 8) * 7);
      expect(t.counter("TcpExtTCPOFODrop")).toBeGreaterThan(0);
      t.play(`
        < . 2:9002(9000) ack 1
        > . 1:1(0) ack 9002`);
      expect(t.counter("TcpExtOfoPruned")).toBe(1);
      expect(t.stack.pool.inUse).toBe(2);
      t.read(9001);
      expect(t.stack.pool.inUse).toBe(0);
    },
    SCARCE,
  );

  scripted(
    "windows open no further than 32 KB, and do not shrink",
    (t) => {
      t.passive("win 65535 <mss 1460,nop,wscale 7>");
      const { pool } = t.stack;
      const chunks = Array.from({ length: (pool.capacity / 4) * 3 }, () => pool.take());
      // What the SYN offered is not taken back
      let seq = 1;
      for (let i = 0; i < 3; i++) {
        t.play(`< . ${seq}:${seq + 30_000}(30000) ack 1`);
        seq += 30_000;
        t.skip(0.3);
        t.read(30_000);
        t.skip(0.01);
      }
      const edge = (): number => t.socket.info().rcv_wnd as number;
      const before = edge();
      while (seq < 4 << 20) {
        t.play(`< . ${seq}:${seq + 30_000}(30000) ack 1`);
        seq += 30_000;
        t.read(30_000);
        t.skip(0.3);
      }
      expect(before).toBeGreaterThan(1 << 20);
      expect(edge()).toBeLessThanOrEqual(32_768);
      expect(edge()).toBeGreaterThan(32_768 - 256);
      for (const chunk of chunks) pool.give(chunk);
      t.play(`< . ${seq}:${seq + 10}(10) ack 1`);
      t.skip(0.3);
      t.read(10);
      t.skip(0.3);
      expect(edge()).toBeGreaterThan(100_000);
    },
    SCARCE,
  );

  scripted(
    "a writer gets little when it has some, nothing of the last sixteenth, and is not forgotten",
    (t) => {
      t.passive("win 65535 <mss 1460,nop,wscale 7>");
      const { pool } = t.stack;
      const chunks = Array.from({ length: (pool.capacity / 4) * 3 }, () => pool.take());
      expect(t.tryWrite(100_000)).toBe(8192);
      expect(t.tryWrite(100_000)).toBe(-11);
      t.takeAll();
      t.play("+0.05 < . 1:1(0) ack 8193");
      while (pool.inUse < (pool.capacity / 16) * 15) chunks.push(pool.take());
      expect(t.tryWrite(100_000)).toBe(-11);
      for (const chunk of chunks) pool.give(chunk);
    },
    SCARCE,
  );

  scripted(
    "a writer is told when there is some again",
    (t) => {
      t.passive("win 65535 <mss 1460,nop,wscale 7>");
      const { pool } = t.stack;
      const chunks = Array.from({ length: pool.capacity }, () => pool.take());
      const masks: number[] = [];
      expect(t.tryWrite(10)).toBe(-11);
      t.socket.onReady = (_, mask) => masks.push(mask);
      for (const chunk of chunks) pool.give(chunk);
      t.quiet(0.2);
      expect(masks.length).toBe(1);
      t.write(10);
      t.play("> P. 1:11(10) ack 1");
    },
    SCARCE,
  );
});

describe("delayed ACK (§3.8.6.3)", () => {
  scripted("at the start 16 segments are acknowledged at once", (t) => {
    t.passive();
    for (let i = 0; i < 16; i++)
      t.play(`
        < P. ${1 + 10 * i}:${11 + 10 * i}(10) ack 1
        > . 1:1(0) ack ${11 + 10 * i}`);
    t.play(`
      < P. 161:171(10) ack 1
      +0.04 > . 1:1(0) ack 171`);
  });

  scripted("where an answer is expected it waits 40 ms", (t) => {
    calm(t);
    t.play(`
      < P. 1:11(10) ack 1
      +0.02 < P. 11:21(10) ack 1
      +0.02 > . 1:1(0) ack 21
      +0.1 < P. 21:31(10) ack 1
      > . 1:1(0) ack 31`);
    // Nobody had answered: the next did not wait
    expect(t.counter("TcpExtDelayedACKs")).toBe(1);
  });

  scripted("one that is nearly due does not wait for its time", (t) => {
    calm(t);
    t.play(`
      < P. 1:11(10) ack 1
      +0.033 < P. 11:21(10) ack 1
      > . 1:1(0) ack 21`);
  });

  scripted("TCP_QUICKACK brings the one that waits", (t) => {
    calm(t);
    t.play("< P. 1:11(10) ack 1");
    t.read(10);
    t.quiet(0.01);
    t.set("TCP_QUICKACK", 1);
    t.play(`
      > . 1:1(0) ack 11
      < P. 11:21(10) ack 1
      > . 1:1(0) ack 21`);
  });

  scripted("every second full-sized segment is acknowledged at once", (t) => {
    calm(t);
    t.play(`
      < . 1:1461(1460) ack 1
      +0.01 < . 1461:2921(1460) ack 1
      > . 1:1(0) ack 2921
      +0.01 < . 2921:4381(1460) ack 1
      +0.01 < . 4381:5841(1460) ack 1
      > . 1:1(0) ack 5841`);
  });

  scripted(
    "one decision for a batch of segments",
    (t) => {
      calm(t);
      t.play(`
      <& . 1:1461(1460) ack 1
      <& . 1461:2921(1460) ack 1
      <& . 2921:4381(1460) ack 1
      <& . 4381:5841(1460) ack 1
      < . 5841:7301(1460) ack 1
      > . 1:1(0) ack 7301`);
    },
    { linux: "its GRO does not see what a TUN device injects" },
  );

  scripted("one ACK for a frame that stands for several", (t) => {
    calm(t);
    const before = t.info("segs_in");
    t.play(`
      < P. 1:14601(14600) ack 1 gso 1460
      > . 1:1(0) ack 14601`);
    t.read(14600);
    expect([t.info("segs_in") - before, t.info("rcv_mss")]).toEqual([10, 1460]);
  });

  scripted("data of ours carries it", (t) => {
    calm(t);
    t.play("< P. 1:11(10) ack 1");
    t.write(5);
    t.play("> P. 1:6(5) ack 11");
    t.quiet(0.1);
  });

  scripted("an application that answers within the batch needs no ACK of its own, even at the start", (t) => {
    t.passive();
    t.socket.onReady = (s, mask) => {
      const buffer = new Uint8Array(100);
      if ((mask & READABLE) !== 0) s.write(buffer, 0, s.read(buffer));
    };
    t.play(`
      < P. 1:11(10) ack 1
      > P. 1:11(10) ack 11
      +0.05 < P. 11:21(10) ack 11
      > P. 11:21(10) ack 21`);
  });

  scripted("an application that answers later: its answers carry the ACKs (pingpong)", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.write(5);
    t.play(`
      > P. 1:6(5) ack 11
      +0.1 < P. 11:21(10) ack 6`);
    t.quiet(0.02);
    t.write(5);
    t.play(`
      > P. 6:11(5) ack 21
      +0.1 < P. 21:31(10) ack 11
      +0.04 > . 11:11(0) ack 31
      < P. 31:41(10) ack 11
      > . 11:11(0) ack 41`);
  });

  scripted("after a silence longer than the RTO ACKs are quick again", (t) => {
    calm(t);
    t.play(`
      < P. 1:11(10) ack 1
      +0.04 > . 1:1(0) ack 11
      +0.3 < P. 11:21(10) ack 1
      > . 1:1(0) ack 21`);
  });
});

describe("the window we offer (§3.8.6.2.2)", () => {
  scripted("its right edge stands while data is unread", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 10000 });
    t.play(`
      < . 1:1461(1460) ack 1
      > . 1:1(0) ack 1461 win 10220
      < . 1461:2921(1460) ack 1
      > . 1:1(0) ack 2921 win 8760
      < P. 2921:2931(10) ack 1
      > . 1:1(0) ack 2931 win 8760`);
  });

  scripted("over 64 KB it is scaled, and its right edge never moves back", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>", { SO_RCVBUF: 300_000 });
    let edge = 1 + 65535;
    let seq = 1;
    let unread = 0;
    const sizes = [1460, 1, 777, 1460, 13, 1460, 1460, 1459, 333];
    for (let i = 0; i < 600; i++) {
      const size = Math.min(sizes[i % sizes.length] as number, edge - seq);
      if (size > 0) t.play(`< . ${seq}:${seq + size}(${size}) ack 1`);
      seq += size;
      unread += size;
      if (i % 50 === 49) {
        t.read(60_000 < unread ? 60_000 : unread);
        unread -= Math.min(60_000, unread);
      }
      for (const wire of t.takeAll()) {
        const next = ((wire.ack - t.flow.isn) | 0) + (wire.window << 3);
        expect(next).toBeGreaterThanOrEqual(edge);
        edge = next;
      }
    }
    expect(edge).toBeGreaterThan(300_000);
  });
});

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}
