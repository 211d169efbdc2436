import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PortBitmap } from "../../../src/ports/port-bitmap.js";

const NOTHING = new PortBitmap();
const port = fc.integer({ min: 0, max: 65535 });

function filled(from: number, to: number): PortBitmap {
  const bitmap = new PortBitmap();
  for (let p = from; p <= to; p++) bitmap.add(p);
  return bitmap;
}

describe("PortBitmap", () => {
  it("finds what a Set finds", () => {
    fc.assert(
      fc.property(fc.array(port), fc.array(port), fc.array(port), port, port, (mine, also, also2, a, b) => {
        const bitmaps = [mine, also, also2].map((ports) => {
          const bitmap = new PortBitmap();
          for (const p of ports) bitmap.add(p);
          return bitmap;
        }) as [PortBitmap, PortBitmap, PortBitmap];
        const taken = new Set([...mine, ...also, ...also2]);
        let expected = Math.min(a, b);
        while (expected <= Math.max(a, b) && taken.has(expected)) expected++;
        if (expected > Math.max(a, b)) expected = -1;
        expect(bitmaps[0].nextFree(Math.min(a, b), Math.max(a, b), bitmaps[1], bitmaps[2])).toBe(expected);
        expect(bitmaps[0].size).toBe(new Set(mine).size);
      }),
    );
  });

  it.each([
    ["the first", 32768],
    ["one in the middle of a word", 40005],
    ["the last of a word", 40031],
    ["the last", 60999],
  ])("finds the only free port of the default range: %s", (_, free) => {
    const bitmap = filled(32768, 60999);
    bitmap.remove(free);
    expect(bitmap.nextFree(32768, 60999, NOTHING, NOTHING)).toBe(free);
    bitmap.add(free);
    expect(bitmap.nextFree(32768, 60999, NOTHING, NOTHING)).toBe(-1);
  });

  it("counts a port once, however often it is added or removed", () => {
    const bitmap = filled(0, 65535);
    bitmap.add(7);
    expect(bitmap.size).toBe(65536);
    bitmap.remove(7);
    bitmap.remove(7);
    expect(bitmap.size).toBe(65535);
    expect(bitmap.has(7)).toBe(false);
    expect(bitmap.nextFree(0, 65535, NOTHING, NOTHING)).toBe(7);
  });
});
