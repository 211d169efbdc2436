import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/platform/random.js";
import { TupleTable } from "../../../src/ports/tuple-table.js";

/** Few distinct values, so that tuples meet again, with the signs and extremes that int32 arithmetic trips over. */
const addr = fc.constantFrom(0, -1, 0x0a4d0002, 0x7fffffff, -0x80000000);
const port = fc.constantFrom(0, 1, 80, 32768, 65535);
const tuple = fc.tuple(addr, port, addr, port);
const call = fc.record({ what: fc.constantFrom("put", "remove", "set"), tuple, value: fc.nat() });

describe("TupleTable", () => {
  it("behaves as a Map of 4-tuples", () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 400 }), fc.integer(), (calls, seed) => {
        const table = new TupleTable(new SeededRandom(seed));
        const model = new Map<string, number>();
        for (const { what, tuple: t, value } of calls) {
          const key = t.join();
          if (what === "remove") expect(table.remove(...t)).toBe(model.delete(key));
          else if (what === "set") {
            expect(table.set(...t, value)).toBe(model.has(key));
            if (model.has(key)) model.set(key, value);
          } else if (!model.has(key)) {
            table.insert(...t, value);
            model.set(key, value);
          }
          expect(table.find(...t)).toBe(model.get(key) ?? -1);
          expect(table.size).toBe(model.size);
        }
        for (const [key, value] of model)
          expect(table.find(...(key.split(",").map(Number) as [number, number, number, number]))).toBe(value);
      }),
    );
  });

  it("keeps every entry through growth and deletion of half of them in random order", () => {
    const random = new SeededRandom(5);
    const table = new TupleTable(random);
    const n = 20_000;
    for (let i = 0; i < n; i++) table.insert(0x0a4d0002, 80, i * 7919, i & 0xffff, i);
    for (let i = 0; i < n; i += 2) expect(table.remove(0x0a4d0002, 80, i * 7919, i & 0xffff)).toBe(true);
    for (let i = 0; i < n; i++) expect(table.find(0x0a4d0002, 80, i * 7919, i & 0xffff)).toBe(i % 2 === 0 ? -1 : i);
    expect(table.size).toBe(n / 2);
  });

  it("keeps local and remote apart", () => {
    const table = new TupleTable(new SeededRandom(1));
    table.insert(1, 2, 3, 4, 9);
    expect(table.find(3, 4, 1, 2)).toBe(-1);
    expect(table.find(1, 4, 3, 2)).toBe(-1);
    expect(table.find(1, 2, 3, 4)).toBe(9);
  });

  it("hashes differently under different secrets and evenly under each", () => {
    const a = new TupleTable(new SeededRandom(1));
    const b = new TupleTable(new SeededRandom(2));
    const buckets = new Int32Array(64);
    let same = 0;
    for (let i = 0; i < 64_000; i++) {
      const hash = a.hash(0x0a4d0002, 80, 0x0a4d0001 + (i >> 8), 32768 + (i & 255));
      buckets[hash & 63] = (buckets[hash & 63] as number) + 1;
      if (hash === b.hash(0x0a4d0002, 80, 0x0a4d0001 + (i >> 8), 32768 + (i & 255))) same++;
    }
    expect(same).toBeLessThan(10);
    // 1000 expected in each; 6 standard deviations.
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(190);
  });
});
