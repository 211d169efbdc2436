import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { below, SeededRandom, SystemRandom, unit } from "../../../src/platform/random.js";

/** xoshiro128** as its authors publish it, on BigInt. */
function* reference(state: [number, number, number, number]): Generator<number> {
  const mask = 0xffffffffn;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask;
  let [s0, s1, s2, s3] = state.map((x) => BigInt(x >>> 0)) as [bigint, bigint, bigint, bigint];
  for (;;) {
    yield Number(BigInt.asIntN(32, rotl((s1 * 5n) & mask, 7n) * 9n));
    const t = (s1 << 9n) & mask;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotl(s3, 11n);
  }
}

describe("SeededRandom", () => {
  it("is xoshiro128**", () => {
    for (const seed of [0, 1, -1, 123456789]) {
      const random = new SeededRandom(seed);
      const { a, b, c, d } = random as unknown as { a: number; b: number; c: number; d: number };
      const published = reference([a, b, c, d]);
      for (let i = 0; i < 1000; i++) expect(random.int32()).toBe(published.next().value);
    }
  });

  it("gives the same numbers from the same seed for ever", () => {
    const random = new SeededRandom(42);
    expect([random.int32(), random.int32(), random.int32()]).toMatchInlineSnapshot(`
      [
        660444221,
        -642143564,
        77678286,
      ]
    `);
  });

  it("gives unrelated numbers from neighbouring seeds", () => {
    const first = new Set(Array.from({ length: 1000 }, (_, seed) => new SeededRandom(seed).int32()));
    expect(first.size).toBe(1000);
    let differing = 0;
    for (let seed = 0; seed < 1000; seed++)
      differing += bits(new SeededRandom(seed).int32() ^ new SeededRandom(seed + 1).int32());
    expect(Math.abs(differing / 1000 - 16)).toBeLessThan(1);
  });

  it("is even over its bits and over ranges", () => {
    const random = new SeededRandom(3);
    const counts = new Array(10).fill(0);
    let ones = 0;
    for (let i = 0; i < 20000; i++) {
      counts[below(random, 10)]++;
      ones += bits(random.int32());
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
    expect(Math.abs(ones / 20000 - 16)).toBeLessThan(0.2);
  });
});

describe("below and unit", () => {
  it("stay in their ranges for any draw", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 0x7fffffff }), (draw, n) => {
        const random = { int32: () => draw };
        const b = below(random, n);
        const u = unit(random);
        expect(Number.isInteger(b) && b >= 0 && b < n && u >= 0 && u < 1).toBe(true);
      }),
      {
        examples: [
          [-1, 0x7fffffff],
          [-1, 1],
          [0, 1],
        ],
      },
    );
  });

  it("reach both ends", () => {
    expect([below({ int32: () => 0 }, 10), below({ int32: () => -1 }, 10)]).toEqual([0, 9]);
  });
});

describe("SystemRandom", () => {
  it("does not repeat itself when it refills", () => {
    const random = new SystemRandom();
    const drawn = new Set(Array.from({ length: 5000 }, () => random.int32()));
    expect(drawn.size).toBeGreaterThan(4990);
    for (const n of drawn) expect(n | 0).toBe(n);
  });
});

function bits(n: number): number {
  let count = 0;
  for (let x = n; x !== 0; x &= x - 1) count++;
  return count;
}
