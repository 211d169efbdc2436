import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { windowScaleFor } from "../../../src/tcp/options.js";
import { windowToOffer, windowUpdateDue } from "../../../src/tcp/window.js";
import { bareConnection } from "./pieces.js";

describe("the window offered", () => {
  const step = fc.record({
    arrives: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 3000 })),
    reads: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 100_000 })),
  });
  const limits = fc.constantFrom(1152, 2304, 5000, 65_535, 65_536, 131_072, 1_000_000, 8_388_608);

  it("never moves its edge back but by a rounding, never lets the peer far beyond the buffer, and opens again", () => {
    const { c } = bareConnection();
    fc.assert(
      fc.property(
        limits,
        fc.integer(),
        fc.integer(),
        fc.array(step, { maxLength: 300 }),
        (limit, irs, extra, steps) => {
          c.advMss = 1460;
          c.rcvLimit = limit;
          c.rcvWscale = windowScaleFor(limit);
          c.rcvQueued = 0;
          c.irs = irs | 0;
          c.rcvNxt = (irs + 1) | 0;
          c.rcvAdv = (c.rcvNxt + Math.min(limit, 65_535)) | 0;
          const unit = 1 << c.rcvWscale;
          let edge = c.rcvAdv;
          for (const { arrives, reads } of steps) {
            const n = Math.min(arrives + (extra & 1), (edge - c.rcvNxt) | 0);
            c.rcvNxt = (c.rcvNxt + n) | 0;
            c.rcvQueued += n;
            c.rcvQueued -= Math.min(reads, c.rcvQueued);
            const field = windowToOffer(c);
            if (field < 0 || field > 65_535) return false;
            const next = (c.rcvNxt + (field << c.rcvWscale)) | 0;
            const back = (edge - next) | 0;
            const overfull = c.rcvQueued + ((next - c.rcvNxt) | 0) > limit;
            if (back > 0 && !(back < unit && overfull)) return false;
            if (((next - c.rcvAdv) | 0) > 0) return false;
            edge = next;
            if (c.rcvQueued > limit + (limit >> 2) + unit) return false;
          }
          c.rcvQueued = 0;
          return windowUpdateDue(c) || ((c.rcvAdv - c.rcvNxt) | 0) >= Math.min(limit >> 1, 1460);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("a peer of one-byte segments cannot fill more than the buffer and a quarter", () => {
    const { c } = bareConnection();
    c.advMss = 1460;
    c.rcvLimit = 131_072;
    c.rcvWscale = 2;
    c.rcvNxt = 1;
    c.rcvAdv = 1 + 65_535;
    let edge = c.rcvAdv;
    let filled = 0;
    for (let i = 0; i < 300_000 && edge !== c.rcvNxt; i++) {
      const n = filled < 130_000 ? Math.min(1460, (edge - c.rcvNxt) | 0) : 1;
      c.rcvNxt += n;
      c.rcvQueued += n;
      filled += n;
      edge = c.rcvNxt + (windowToOffer(c) << 2);
    }
    expect(edge).toBe(c.rcvNxt);
    expect(filled).toBeLessThan(131_072 * 1.25 + 8);
  });

  it("the shift is the least that offers the whole buffer", () => {
    const table = [
      [65_535, 0],
      [65_536, 1],
      [131_071, 1],
      [2 ** 21, 6],
      [2 ** 23, 8],
      [2 ** 30, 14],
    ] as const;
    for (const [limit, shift] of table) expect([limit, windowScaleFor(limit)]).toEqual([limit, shift]);
  });
});
