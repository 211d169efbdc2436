import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cubeRoot, cubicDelta } from "../../../../src/tcp/congestion/cube.js";

const LARGEST = 2 ** 53 - 1;

describe("integer cube root", () => {
  it("is the largest integer whose cube is at most the argument, at every magnitude", () => {
    for (let bits = 0; bits <= 53; bits++)
      for (const a of [2 ** bits - 1, Math.min(2 ** bits, LARGEST), Math.min(2 ** bits + 1, LARGEST)]) {
        const x = BigInt(cubeRoot(a));
        expect(x ** 3n <= BigInt(a) && (x + 1n) ** 3n > BigInt(a), `${a}`).toBe(true);
        expect(Math.abs(Number(x) - Math.cbrt(a))).toBeLessThan(1.001);
      }
  });

  it("steps at cubes and nowhere else", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 208_062 }), (x) => {
        expect(cubeRoot(x ** 3)).toBe(x);
        expect(cubeRoot(x ** 3 - 1)).toBe(x - 1);
        expect(cubeRoot(x ** 3 + 3 * x * x + 3 * x)).toBe(x);
      }),
    );
  });
});

describe("C * t^3", () => {
  it("is the kernel's 64-bit integer arithmetic", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 354_999 })), (t) => {
        expect(BigInt(cubicDelta(t))).toBe((410n * BigInt(t) ** 3n) >> 40n);
      }),
    );
  });

  it("stands still where the kernel's product would wrap", () => {
    expect(410n * 355_000n ** 3n < 1n << 64n && 410n * 356_000n ** 3n > 1n << 64n).toBe(true);
    expect(cubicDelta(0x7fffffff)).toBe(cubicDelta(355_000));
  });
});
