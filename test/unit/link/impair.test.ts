import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ImpairOptions, impair } from "../../../src/link/impair.js";
import { type MemoryLinkOptions, memoryLinkPair } from "../../../src/link/memory.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { headersOf, numbered, parse, TestHost } from "./harness.js";

function rig(options: ImpairOptions, link: MemoryLinkOptions = {}) {
  const clock = new VirtualClock();
  const [left, right] = memoryLinkPair(link);
  const impaired = impair(left, options);
  const a = new TestHost(clock).open(impaired);
  const b = new TestHost(clock).open(right);
  return { clock, impaired, right, a, b, count: (name: string) => impaired.counters()[`TapstackImpair${name}`] };
}

/** An IPv4 TCP frame of which `n` is the whole identity. */
function frame(n: number, payload = 64): Uint8Array {
  const { head } = headersOf({ seq: n }, payload);
  return Uint8Array.from([...head, ...numbered(payload, n)]);
}

const seqs = (host: TestHost): number[] => host.received.map((f) => new DataView(f.bytes.buffer).getInt32(38));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Sends `count` numbered frames, `gap` microseconds apart. */
function stream(from: TestHost, clock: VirtualClock, count: number, gap = 10, payload = 64): void {
  for (let i = 0; i < count; i++) {
    from.send(frame(i, payload));
    clock.advance(gap);
  }
  clock.advance(10e6);
}

describe("impair", () => {
  it("looks like the link it wraps, without its offloads", () => {
    const [left] = memoryLinkPair({ offload: true, mtu: 9000, names: ["x", "y"] });
    const link = impair(left);
    new TestHost(new VirtualClock(), true).open(link);
    expect([link.layer, link.mtu, link.name, link.mac, link.features]).toEqual(["ethernet", 9000, "x", left.mac, 0]);
    expect(left.features).toBe(0);
  });

  it("with nothing asked of it passes everything at once, both ways, in order", () => {
    const { clock, a, b } = rig({});
    a.send(...range(300).map((n) => frame(n)));
    b.send(...range(300).map((n) => frame(n)));
    clock.advance(0);
    expect(seqs(b)).toEqual(range(300));
    expect(seqs(a)).toEqual(range(300));
    expect(clock.pendingTimers()).toBe(0);
    expect(a.received.every((f) => f.alignment === 2)).toBe(true);
  });

  it("loses about as many as asked for, each way on its own", () => {
    const { clock, a, b, count } = rig({ seed: 7, tx: { loss: 0.2 }, rx: { loss: 0.5 } });
    stream(a, clock, 2000);
    stream(b, clock, 2000);
    expect(count("TxLost")).toBe(2000 - b.received.length);
    expect(count("RxLost")).toBe(2000 - a.received.length);
    expect(Math.abs((count("TxLost") as number) - 400)).toBeLessThan(80);
    expect(Math.abs((count("RxLost") as number) - 1000)).toBeLessThan(100);
  });

  it("loses nothing at 0 and everything at 1", () => {
    const { clock, a, b } = rig({ rx: { loss: 1 } });
    stream(a, clock, 50);
    stream(b, clock, 50);
    expect([b.received.length, a.received.length]).toEqual([50, 0]);
  });

  it("duplicates whole frames, one right after the other", () => {
    const { clock, a, b, count } = rig({ duplicate: 1, delay: 1 });
    stream(a, clock, 10);
    expect(seqs(b)).toEqual(range(10).flatMap((n) => [n, n]));
    expect(b.received[1]?.bytes).toEqual(frame(0));
    expect(count("TxDuplicated")).toBe(10);
  });

  it("corrupts exactly one bit of the IP packet, so that a checksum sees every one", () => {
    const { clock, a, b, count } = rig({ corrupt: 1, seed: 3 });
    const whole = frame(5, 100);
    const dv = new DataView(whole.buffer);
    dv.setUint16(50, 0);
    // A complete checksum, so that what arrives can be judged.
    const sum = ~sumOf(whole) & 0xffff;
    dv.setUint16(50, sum);
    for (let i = 0; i < 400; i++) a.send(whole);
    clock.advance(0);
    expect(parse(whole)).toMatchObject({ ipOk: true, l4Ok: true });
    for (const { bytes } of b.received) {
      const flipped = bytes.reduce((n, byte, i) => n + bits(byte ^ (whole[i] as number)), 0);
      expect(flipped).toBe(1);
      expect(bytes.subarray(0, 14)).toEqual(whole.subarray(0, 14));
    }
    expect(count("TxCorrupted")).toBe(400);
    expect(new Set(b.received.map((f) => f.bytes.join())).size).toBeGreaterThan(250);
  });

  it("leaves ARP alone", () => {
    const { clock, a, b, count } = rig({ corrupt: 1 });
    const arp = numbered(42);
    arp.set([8, 6], 12);
    a.send(arp);
    clock.advance(0);
    expect(b.received[0]?.bytes).toEqual(arp);
    expect(count("TxCorrupted")).toBe(0);
  });

  it("delays by milliseconds, and jitter never changes the order", () => {
    const { clock, a, b } = rig({ delay: 20, jitter: 15, seed: 1 });
    const sent = clock.now();
    stream(a, clock, 200, 100);
    expect(seqs(b)).toEqual(range(200));
    const delays = b.received.map((f, i) => f.at - sent - i * 100);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(5000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(35000 + 20000);
    expect(new Set(delays).size).toBeGreaterThan(10);
  });

  it("delays by exactly what was asked without jitter, in batches", () => {
    const { clock, a, b } = rig({ delay: 12.5 });
    a.send(frame(0), frame(1));
    clock.advance(12499);
    expect(b.received.length).toBe(0);
    clock.advance(1);
    expect(b.batches).toEqual([2]);
    b.send(frame(2));
    clock.advance(12500);
    expect(a.received[0]?.at).toBe(25000);
  });

  it("lets later frames overtake those it holds back", () => {
    const { clock, a, b, count } = rig({ reorder: 0.2, seed: 11 });
    stream(a, clock, 500, 500);
    const order = seqs(b);
    expect([...order].sort((x, y) => x - y)).toEqual(range(500));
    const overtaken = order.filter((n, i) => order.slice(i + 1).some((later) => later < n)).length;
    expect(overtaken).toBeGreaterThan(50);
    expect(Math.abs((count("TxReordered") as number) - 100)).toBeLessThan(40);
    const late = order.map((n, i) => i - n).filter((by) => by > 0);
    expect(Math.max(...late)).toBeLessThanOrEqual(4);
  });

  it("passes a bottleneck at its rate", () => {
    const { clock, a, b } = rig({ tx: { rate: 8e6, delay: 1 } });
    a.send(...range(10).map((n) => frame(n, 946)));
    clock.advance(1e6);
    // 1000 bytes at a byte a microsecond.
    expect(b.received.map((f) => f.at)).toEqual(range(10).map((n) => 2000 + 1000 * n));
  });

  it("drops the tail of a full queue: by bytes at the bottleneck, by frames held", () => {
    const bytes = rig({ tx: { rate: 8e6, limitBytes: 5000 } });
    bytes.a.send(...range(20).map((n) => frame(n, 946)));
    bytes.clock.advance(1e6);
    expect(seqs(bytes.b)).toEqual(range(5));
    expect(bytes.count("TxOverlimit")).toBe(15);
    bytes.a.send(frame(99, 946));
    bytes.clock.advance(1e6);
    expect(seqs(bytes.b).at(-1)).toBe(99);

    const frames = rig({ delay: 10, limit: 3 });
    frames.a.send(...range(5).map((n) => frame(n)));
    frames.clock.advance(1e6);
    expect(seqs(frames.b)).toEqual(range(3));
  });

  it("drops exactly the frames a filter names", () => {
    const seen: string[] = [];
    const { clock, a, b, count } = rig({
      filter: (bytes, direction) => {
        seen.push(`${direction}${bytes.length}`);
        return new DataView(bytes.buffer, bytes.byteOffset).getInt32(38) === 3 ? "drop" : "pass";
      },
    });
    a.send(...range(5).map((n) => frame(n)));
    b.send(frame(3), frame(4));
    clock.advance(0);
    expect(seqs(b)).toEqual([0, 1, 2, 4]);
    expect(seqs(a)).toEqual([4]);
    expect([count("TxFiltered"), count("RxFiltered")]).toEqual([1, 1]);
    expect(seen.filter((s) => s === "tx118").length).toBe(5);
  });

  it("does the same for the same seed, something else for another, and accounts for every frame", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.record({
          loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
          duplicate: fc.double({ min: 0, max: 0.3, noNaN: true }),
          corrupt: fc.double({ min: 0, max: 0.3, noNaN: true }),
          reorder: fc.double({ min: 0, max: 0.3, noNaN: true }),
          delay: fc.integer({ min: 0, max: 50 }),
          jitter: fc.integer({ min: 0, max: 50 }),
          limit: fc.integer({ min: 20, max: 1000 }),
        }),
        (seed, impairment) => {
          const runs = [seed, seed, seed + 1].map((s) => {
            const r = rig({ ...impairment, seed: s });
            stream(r.a, r.clock, 150, 700);
            expect(r.clock.pendingTimers()).toBe(0);
            const n = (name: string): number => r.count(name) as number;
            expect(150 + n("TxDuplicated") - n("TxLost") - n("TxOverlimit")).toBe(r.b.received.length);
            return r.b.received.map((f) => `${f.at}:${f.bytes.join()}`).join("\n");
          });
          expect(runs[0]).toBe(runs[1]);
          if (impairment.loss > 0.1) expect(runs[0]).not.toBe(runs[2]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("treats the two directions differently under one seed", () => {
    const { clock, a, b } = rig({ loss: 0.5, seed: 1 });
    stream(a, clock, 100);
    stream(b, clock, 100);
    expect(seqs(a)).not.toEqual(seqs(b));
  });

  it("draws its seed from the stack's randomness when it is given none", () => {
    const fates = [1, 2].map(() => {
      const r = rig({ loss: 0.5 });
      stream(r.a, r.clock, 100);
      return seqs(r.b).join();
    });
    expect(fates[0]).toBe(fates[1]);
  });

  it("waits for an inner link that is full, and loses nothing by it", () => {
    const { clock, a, b } = rig({ delay: 3 }, { queue: 20 });
    a.send(...range(600).map((n) => frame(n)));
    clock.advance(3000);
    expect(seqs(b)).toEqual(range(600));
    expect(clock.pendingTimers()).toBe(0);
  });

  it("changes while it runs", () => {
    const { clock, a, b, impaired } = rig({ delay: 5 });
    a.send(frame(0));
    impaired.change({ loss: 1 });
    a.send(frame(1));
    clock.advance(5000);
    impaired.change({});
    a.send(frame(2));
    clock.advance(0);
    expect(seqs(b)).toEqual([0, 2]);
  });

  it("close forgets what is on the way, and leaves no timer and no memory", () => {
    const { clock, a, b, impaired, right } = rig({ delay: 5 });
    a.send(frame(0));
    b.send(frame(1));
    clock.advance(1000);
    impaired.close();
    impaired.close();
    expect(clock.pendingTimers()).toBe(0);
    clock.advance(1e6);
    expect([a.received.length, b.received.length]).toEqual([0, 0]);
    right.close();
    const empty = new TestHost().memory.available;
    expect([a.memory.available, b.memory.available]).toEqual([empty, empty]);
  });

  it("closes a link that it never opened", () => {
    const [left] = memoryLinkPair();
    let closes = 0;
    left.close = () => void closes++;
    impair(left).close();
    expect(closes).toBe(1);
  });

  it("delivers what comes after a batch that made the stack throw", () => {
    const { clock, a, b } = rig({ rx: { delay: 1, jitter: 1 } });
    a.onReceive = () => {
      a.onReceive = null;
      throw new Error("the stack's");
    };
    b.send(...range(20).map((n) => frame(n)));
    expect(() => clock.advance(1e6)).toThrow("the stack's");
    clock.advance(1e6);
    expect(a.received.length).toBe(20);
  });

  it("may be closed from inside receive", () => {
    const { clock, a, b, impaired } = rig({ rx: { delay: 1 } });
    a.onReceive = () => impaired.close();
    b.send(...range(200).map((n) => frame(n)));
    clock.advance(1e6);
    expect(a.batches.length).toBe(1);
    expect(clock.pendingTimers()).toBe(0);
  });

  it.each([
    [{ loss: 20 }, "loss is 20; give a probability from 0 to 1"],
    [{ tx: { corrupt: -1 } }, "corrupt is -1"],
    [{ rx: { delay: Number.NaN } }, "delay is NaN; give a number from 0 up"],
    [{ rate: -5 }, "rate is -5"],
  ])("refuses %j", (options, sentence) => {
    expect(() => impair(memoryLinkPair()[0], options)).toThrow(sentence);
    expect(() => impair(memoryLinkPair()[0]).change(options)).toThrow("EINVAL");
  });
});

function bits(byte: number): number {
  return byte === 0 ? 0 : (byte & 1) + bits(byte >> 1);
}

/** The TCP sum of a frame whose checksum field is zero. */
function sumOf(whole: Uint8Array): number {
  const l4 = whole.slice(34);
  const padded = Uint8Array.from([...whole.subarray(26, 34), 0, 6, l4.length >> 8, l4.length & 255, ...l4]);
  let sum = 0;
  for (let i = 0; i < padded.length; i += 2) sum += ((padded[i] as number) << 8) | (padded[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
