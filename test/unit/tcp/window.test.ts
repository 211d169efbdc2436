import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fullSpace, selectInitialWindow, windowToOffer, windowUpdateDue } from "../../../src/tcp/receiving/window.js";
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
          c.rcvCharge = 0;
          const initial = selectInitialWindow(c.tcp, limit, 1460, true, limit);
          c.rcvWscale = initial.scale;
          c.windowClamp = initial.clamp;
          c.rcvSsthresh = initial.clamp;
          c.rcvQueued = 0;
          c.irs = irs | 0;
          c.rcvNxt = (irs + 1) | 0;
          c.rcvAcked = c.rcvNxt;
          c.rcvAdv = (c.rcvNxt + initial.window) | 0;
          const unit = 1 << c.rcvWscale;
          let edge = c.rcvAdv;
          for (const { arrives, reads } of steps) {
            const n = Math.min(arrives + (extra & 1), (edge - c.rcvNxt) | 0);
            c.rcvNxt = (c.rcvNxt + n) | 0;
            c.rcvQueued += n;
            c.rcvQueued -= Math.min(reads, c.rcvQueued);
            // Payload that costs twice itself: the share of the buffer that is window
            c.rcvCharge = 2 * c.rcvQueued;
            const field = windowToOffer(c);
            if (field < 0 || field > 65_535) return false;
            const next = (c.rcvNxt + (field << c.rcvWscale)) | 0;
            const back = (edge - next) | 0;
            if (back > 0 && !(back < unit && c.rcvQueued + ((next - c.rcvNxt) | 0) > limit)) return false;
            if (((next - c.rcvAdv) | 0) > 0) return false;
            edge = next;
            c.rcvAcked = c.rcvNxt;
            if (c.rcvQueued > limit + (limit >> 2) + unit) return false;
          }
          c.rcvQueued = 0;
          c.rcvCharge = 0;
          return windowUpdateDue(c) || 2 * ((c.rcvAdv - c.rcvNxt) | 0) > Math.min(c.windowClamp, limit) - 1460;
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
    c.windowClamp = 131_072;
    c.rcvSsthresh = 131_072;
    c.rcvNxt = 1;
    c.rcvAcked = 1;
    c.rcvAdv = 1 + 65_535;
    let edge = c.rcvAdv;
    let filled = 0;
    for (let i = 0; i < 300_000 && edge !== c.rcvNxt; i++) {
      const n = filled < 130_000 ? Math.min(1460, (edge - c.rcvNxt) | 0) : 1;
      c.rcvNxt += n;
      c.rcvQueued += n;
      c.rcvCharge += 2 * n;
      filled += n;
      edge = c.rcvNxt + (windowToOffer(c) << 2);
      c.rcvAcked = c.rcvNxt;
    }
    expect(edge).toBe(c.rcvNxt);
    expect(filled).toBeLessThan(131_072 * 1.25 + 8);
  });
});

describe("the first window", () => {
  // Buffer, MSS, scaling, clamp: window, scale, clamp; the figures are a Linux 6.18 kernel's
  const table = [
    [65_536, 1460, true, 0, 64_240, 7, 65_535 << 7],
    [65_536, 1448, true, 0, 65_160, 7, 65_535 << 7],
    [65_536, 1460, false, 0, 64_240, 0, 65_535],
    [20_000, 1460, true, 20_000, 18_980, 0, 20_000],
    [5000, 1460, false, 5000, 4380, 0, 5000],
    [500_000, 1460, true, 500_000, 499_320, 3, 500_000],
    [65_536, 1460, true, 10_000, 8760, 0, 10_000],
    [1000, 1460, true, 1000, 1000, 0, 1000],
  ] as const;

  it.each(table)("of %i bytes with an MSS of %i, scaling %s, clamp %i", (limit, mss, scaling, clamp, ...expected) => {
    const { c } = bareConnection();
    const { window, scale, clamp: most } = selectInitialWindow(c.tcp, limit, mss, scaling, clamp);
    expect([window, scale, most]).toEqual(expected);
  });

  it("half of the buffer is window before any segment has come", () => {
    const { c } = bareConnection();
    c.rcvLimit = 65_536;
    expect(fullSpace(c)).toBe(65_536);
  });
});
