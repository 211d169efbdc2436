import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_SIZE, ChunkPool } from "../../../src/base/chunks.js";
import { Memory } from "../../../src/base/memory.js";
import { Slots } from "../../../src/base/slots.js";

describe("ChunkPool", () => {
  it("hands out distinct chunks, and while pinned none that was given meanwhile", () => {
    const step = fc.constantFrom("take", "take", "give", "pin", "unpin");
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat()), { maxLength: 300, size: "max" }), (steps) => {
        const memory = new Memory(1 << 20);
        const pool = new ChunkPool(memory, 20);
        const held: number[] = [];
        const limbo = new Set<number>();
        let pins = 0;
        for (const [kind, n] of steps) {
          if (kind === "take") {
            const chunk = pool.take();
            if (held.length + limbo.size === 20) expect(chunk).toBe(-1);
            else {
              expect(chunk % 64).toBe(0);
              expect(chunk + CHUNK_SIZE).toBeLessThanOrEqual(memory.size);
              expect(held.every((other) => Math.abs(other - chunk) >= CHUNK_SIZE)).toBe(true);
              expect(limbo.has(chunk)).toBe(false);
              held.push(chunk);
            }
          } else if (kind === "give" && held.length > 0) {
            const [chunk] = held.splice(n % held.length, 1) as [number];
            pool.give(chunk);
            if (pins > 0) limbo.add(chunk);
          } else if (kind === "pin") {
            pool.pin();
            pins++;
          } else if (kind === "unpin" && pins > 0) {
            pool.unpin();
            if (--pins === 0) limbo.clear();
          }
          expect(pool.inUse).toBe(held.length);
        }
        while (pins-- > 0) pool.unpin();
        for (const chunk of held) pool.give(chunk);
        const all = new Set(Array.from({ length: 20 }, () => pool.take()));
        expect([all.size, all.has(-1), pool.take()]).toEqual([20, false, -1]);
      }),
    );
  });

  it("keeps any number in limbo", () => {
    const pool = new ChunkPool(new Memory(4 << 20), 300);
    const chunks = Array.from({ length: 300 }, () => pool.take());
    pool.pin();
    for (const chunk of chunks) pool.give(chunk);
    expect([pool.inUse, pool.take()]).toEqual([0, -1]);
    pool.unpin();
    expect(new Set(Array.from({ length: 300 }, () => pool.take()))).toEqual(new Set(chunks));
  });

  it("takes the last freed first", () => {
    const pool = new ChunkPool(new Memory(1 << 20), 4);
    const [a, b] = [pool.take(), pool.take()];
    pool.give(b);
    pool.give(a);
    expect([pool.take(), pool.take()]).toEqual([a, b]);
  });

  it.each([0, 9, 1 << 18, 1 << 19])("refuses %d chunks of 64 KiB", (capacity) => {
    const memory = new Memory(65536);
    expect(() => new ChunkPool(memory, capacity)).toThrow("ENOMEM");
    expect(memory.available).toBe(65536 - 64);
  });
});

describe("Slots", () => {
  it("names what it holds, and uses names again", () => {
    const slots = new Slots<string>();
    const [a, b] = [slots.add("a"), slots.add("b")];
    expect([slots.get(a), slots.get(b), slots.count]).toEqual(["a", "b", 2]);
    slots.remove(a);
    const seen: string[] = [];
    slots.forEach((item) => void seen.push(item));
    expect([seen, slots.count]).toEqual([["b"], 1]);
    expect(slots.add("c")).toBe(a);
    expect([slots.get(a), slots.count]).toEqual(["c", 2]);
  });
});
