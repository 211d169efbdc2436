import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LINK_CSUM, LINK_TSO4, LINK_USO4, RX_CSUM_PARTIAL } from "../../../src/link/link.js";
import { type MemoryLinkOptions, memoryLinkPair } from "../../../src/link/memory.js";
import { GSO_TCP4, GSO_UDP4 } from "../../../src/link/tx-queue.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { headersOf, numbered, parse, TestHost } from "./harness.js";

function pair(options: MemoryLinkOptions = {}, offloads: [boolean, boolean] = [false, false]) {
  const clock = new VirtualClock();
  const links = memoryLinkPair(options);
  const a = new TestHost(clock, offloads[0]).open(links[0]);
  const b = new TestHost(clock, offloads[1]).open(links[1]);
  return { clock, links, a, b };
}

const settle = (clock: VirtualClock): void => clock.advance(0);

describe("memoryLinkPair", () => {
  it("describes itself", () => {
    const [a, b] = memoryLinkPair({ names: ["left", "right"], mtu: 9000 });
    expect([a.name, b.name, a.mtu, a.layer, a.features]).toEqual(["left", "right", 9000, "ethernet", 0]);
    expect(a.mac).not.toEqual(b.mac);
    expect((a.mac as Uint8Array)[0] as number & 3).toBe(2);
    expect(memoryLinkPair({ layer: "ip" })[0].mac).toBeUndefined();
  });

  it("delivers both ways, in order, in one batch, once transmit has returned", () => {
    const { clock, a, b } = pair();
    const frames = [60, 61, 62, 1514].map((n) => numbered(n, n));
    a.send(...frames);
    b.send(...frames.slice(0, 2));
    expect(b.received.length).toBe(0);
    settle(clock);
    expect(b.received.map((f) => f.bytes)).toEqual(frames);
    expect(a.received.map((f) => f.bytes)).toEqual(frames.slice(0, 2));
    expect(b.batches).toEqual([4]);
    expect(b.received.every((f) => f.alignment === 2 && f.flags === 0 && f.gso === 0)).toBe(true);
  });

  it("delivers within a microtask of a real event loop", async () => {
    const { a, b } = pair();
    a.send(numbered(60));
    await Promise.resolve();
    expect(b.received.length).toBe(1);
  });

  it("answers from inside receive arrive in a later call", () => {
    const { clock, a, b } = pair();
    let hops = 0;
    const bounce = (host: TestHost) => () => {
      if (hops++ < 10) host.send(numbered(60, hops));
    };
    a.onReceive = bounce(a);
    b.onReceive = bounce(b);
    a.send(numbered(60));
    settle(clock);
    expect(hops).toBe(11);
    expect(b.received.length).toBe(6);
    expect(a.received.length).toBe(5);
  });

  it("holds the sender back when the queue is full, and loses nothing", () => {
    const { clock, a, b, links } = pair({ queue: 100 });
    const frames = Array.from({ length: 700 }, (_, i) => numbered(200, i));
    a.send(...frames);
    expect(a.queue.pending).toBe(600);
    settle(clock);
    expect(a.writables).toBeGreaterThan(0);
    expect(a.queue.pending).toBe(0);
    expect(b.received.map((f) => f.bytes)).toEqual(frames);
    expect(Math.max(...b.batches)).toBe(64);
    expect(links[0].counters()).toEqual({ TapstackLinkUnplugged: 0, TapstackLinkTooLong: 0 });
  });

  it("loses and counts what goes to an end that is not open, and what is longer than the MTU", () => {
    const clock = new VirtualClock();
    const [left, right] = memoryLinkPair({ mtu: 1000 });
    const a = new TestHost(clock).open(left);
    a.send(numbered(60), numbered(61));
    const b = new TestHost(clock).open(right);
    a.send(numbered(1014), numbered(1015), numbered(62));
    settle(clock);
    expect(b.received.map((f) => f.bytes.length)).toEqual([1014, 62]);
    right.close();
    right.close();
    a.send(numbered(60));
    settle(clock);
    expect(left.counters()).toEqual({ TapstackLinkUnplugged: 3, TapstackLinkTooLong: 1 });
    expect(b.received.length).toBe(2);
  });

  it("lets a sender that was held back go on when the other end closes", () => {
    const { clock, a, links } = pair({ queue: 10 });
    a.send(...Array.from({ length: 30 }, () => numbered(60)));
    expect(a.queue.pending).toBe(20);
    links[1].close();
    settle(clock);
    expect([a.queue.pending, a.writables]).toEqual([0, 1]);
  });

  it("gives its memory back", () => {
    const { a, b, links, clock } = pair({ offload: true }, [true, true]);
    const before = new TestHost(clock, true).memory.available;
    expect(a.memory.available).toBeLessThan(before);
    for (const link of links) link.close();
    expect([a.memory.available, b.memory.available]).toEqual([before, before]);
    a.open(links[0]);
    b.open(links[1]);
    a.send(numbered(60));
    settle(clock);
    expect(b.received.length).toBe(1);
  });

  it("sets aside little by default", () => {
    const { a } = pair();
    const empty = new TestHost().memory.available;
    expect(empty - a.memory.available).toBeLessThan(400_000);
    const small = pair({ queue: 32 });
    expect(empty - small.a.memory.available).toBeLessThan(50_000);
    expect(() => memoryLinkPair({ offload: true, bytes: 65536 })).toThrow(/EINVAL/);
  });
});

describe("memoryLinkPair with offload", () => {
  it("carries large frames and partial checksums as they are", () => {
    const { clock, a, b, links } = pair({ offload: true }, [true, true]);
    expect(links[0].features).toBe(LINK_CSUM | LINK_TSO4 | LINK_USO4);
    const payload = numbered(40000);
    const { head, csum } = headersOf({}, payload.length);
    const pieces = [0, 8000, 16000, 24000, 32000].map((at) => payload.slice(at, at + 8000));
    a.enqueue(head, pieces, (GSO_TCP4 << 16) | 1460, csum, head.length);
    a.enqueue(head, [numbered(1000)], 0, 0, head.length);
    a.flush();
    settle(clock);
    const [large, plain] = b.received;
    expect(large).toMatchObject({ gso: (GSO_TCP4 << 16) | 1460, flags: RX_CSUM_PARTIAL, alignment: 2 });
    expect(large?.bytes).toEqual(Uint8Array.from([...head, ...payload]));
    expect(plain).toMatchObject({ gso: 0, flags: 0 });
  });

  it("lowers frames for an end that opened without offloads, through any backpressure", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("tcp" as const, "udp" as const),
        fc.array(fc.integer({ min: 1, max: 60000 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 100, max: 1460 }),
        fc.constantFrom(5, 256),
        (protocol, lengths, size, queue) => {
          const { clock, a, b, links } = pair({ offload: true, queue }, [true, false]);
          expect(links[1].features).toBe(0);
          const payloads = lengths.map((n) => numbered(n, n));
          const kind = protocol === "tcp" ? GSO_TCP4 : GSO_UDP4;
          for (const payload of payloads) {
            const { head, csum } = headersOf({ protocol }, payload.length);
            const gso = payload.length > size ? (kind << 16) | size : 0;
            const pieces: Uint8Array[] = [];
            for (let at = 0; at < payload.length; at += 7777) pieces.push(payload.slice(at, at + 7777));
            a.enqueue(head, pieces, gso, csum, head.length);
          }
          a.flush();
          settle(clock);
          const got = b.received.map((f) => parse(f.bytes));
          expect(got.every((p) => p.ipOk && p.l4Ok && p.payload.length <= size)).toBe(true);
          const joined = Buffer.concat(got.map((p) => p.payload));
          expect(Buffer.compare(joined, Buffer.concat(payloads))).toBe(0);
          expect(a.queue.pending).toBe(0);
          expect(a.pool.inUse).toBe(0);
          // Nothing is pinned any more: what is given can be taken at once.
          const chunk = a.pool.take();
          a.pool.give(chunk);
          expect(a.pool.take()).toBe(chunk);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("counts what waited for an end that closes", () => {
    const { clock, a, links } = pair({ offload: true, queue: 2 }, [true, false]);
    const payload = numbered(7000);
    const { head, csum } = headersOf({}, payload.length);
    a.enqueue(head, [payload], (GSO_TCP4 << 16) | 1000, csum, head.length);
    a.flush();
    expect(a.queue.pending).toBe(0);
    links[1].close();
    settle(clock);
    a.send(numbered(60));
    expect(links[0].counters().TapstackLinkUnplugged).toBe(6);
  });
});
