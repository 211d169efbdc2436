import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Memory } from "../../../src/base/memory.js";
import { FrameRing, RX_BATCH } from "../../../src/link/frame-ring.js";
import { numbered, TestHost } from "./harness.js";

describe("FrameRing", () => {
  it("keeps any frames in order, whole and aligned, within its region", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("ethernet" as const, "ip" as const),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 130, max: 400 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 120 }), fc.constant(0)), { maxLength: 200, size: "max" }),
        (layer, frames, bytes, steps) => {
          const host = new TestHost(undefined, false, 2);
          const free = host.memory.available;
          const ring = new FrameRing(host.memory, layer, frames, bytes);
          const end = host.memory.size - host.memory.available;
          const guard = host.memory.u8.slice(end, end + 64);
          const model: Uint8Array[] = [];
          let seen = 0;
          steps.forEach((step, i) => {
            if (step === 0) ring.deliver(host);
            else {
              const frame = numbered(step, i);
              if (ring.addBytes(frame)) model.push(frame);
              else expect(ring.count).toBeGreaterThan(0);
            }
            expect(ring.count).toBeLessThanOrEqual(frames);
          });
          while (ring.count > 0) ring.deliver(host);
          for (const frame of host.received) {
            expect(frame.bytes).toEqual(model[seen++]);
            expect(frame.alignment).toBe(layer === "ethernet" ? 2 : 0);
          }
          expect(seen).toBe(model.length);
          expect(host.memory.u8.slice(end, end + 64)).toEqual(guard);
          ring.close();
          expect(host.memory.available).toBe(free);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("delivers 64 frames a call at most, and frames added meanwhile in the next", () => {
    const host = new TestHost();
    const ring = new FrameRing(host.memory, "ip", 200, 65536);
    for (let i = 0; i < 150; i++) ring.addBytes(numbered(60, i));
    host.onReceive = () => {
      if (host.batches.length === 1) ring.addBytes(numbered(60, 150));
    };
    while (ring.count > 0) ring.deliver(host);
    expect(host.batches).toEqual([RX_BATCH, RX_BATCH, 150 + 1 - 2 * RX_BATCH]);
    expect(host.received.map((f) => f.bytes[0])).toEqual(Array.from({ length: 151 }, (_, i) => numbered(60, i)[0]));
  });

  it("may be closed from inside receive, and forgets frames whose receiver threw", () => {
    const host = new TestHost();
    const ring = new FrameRing(host.memory, "ip", 8, 4096);
    ring.addBytes(numbered(100));
    host.onReceive = () => {
      throw new Error("a fault of the program");
    };
    expect(() => ring.deliver(host)).toThrow("a fault of the program");
    expect(ring.count).toBe(0);
    ring.addBytes(numbered(100));
    host.onReceive = () => ring.close();
    ring.deliver(host);
    expect(ring.count).toBe(0);
    ring.close();
  });

  it("knows a full ring from an empty one when the next frame would begin where the oldest does", () => {
    const host = new TestHost();
    const ring = new FrameRing(host.memory, "ip", 10, 300);
    const [a, b, c, d] = [100, 104, 96, 100].map((n) => numbered(n, n)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect([ring.addBytes(a), ring.addBytes(b)]).toEqual([true, true]);
    host.onReceive = () => {
      host.onReceive = null;
      ring.addBytes(c);
    };
    ring.deliver(host);
    // c stands alone at 204; two of 100 and one of 4 fill what is before it to the byte.
    expect([d, d, numbered(4)].map((frame) => ring.addBytes(frame))).toEqual([true, true, true]);
    for (const n of [1, 4, 100]) expect(ring.addBytes(numbered(n))).toBe(false);
    while (ring.count > 0) ring.deliver(host);
    expect(host.received.map((f) => f.bytes)).toEqual([a, b, c, d, d, numbered(4)]);
  });

  it("holds as many of the longest frames as bytesFor says", () => {
    for (const length of [60, 1514, 1517, 65549]) {
      const memory = new Memory(2 << 20);
      const ring = new FrameRing(memory, "ethernet", 100, FrameRing.bytesFor(10, length));
      let n = 0;
      while (ring.addBytes(new Uint8Array(length))) n++;
      expect(n).toBe(10);
    }
  });

  it("refuses a region that could not hold one frame", () => {
    expect(() => FrameRing.check(1, 1000, 1514)).toThrow(/EINVAL.*1516 bytes/);
    expect(() => FrameRing.check(0, 10000, 1514)).toThrow(/EINVAL/);
    FrameRing.check(1, 1516, 1514);
  });
});
