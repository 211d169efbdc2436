import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WindowedMax } from "../../../../src/tcp/congestion/windowed-max.js";

describe("the largest in a window", () => {
  it("is never older than the window, and never below the latest", () => {
    const step = fc.record({ after: fc.integer({ min: 0, max: 4 }), value: fc.integer({ min: 0, max: 1000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const max = new WindowedMax();
        const all: [number, number][] = [[0, 0]];
        let now = 0;
        for (const { after, value } of steps) {
          now += after;
          max.add(10, now, value);
          all.push([now, value]);
          const recent = all.filter(([at]) => now - at <= 10).map(([, v]) => v);
          expect(max.best).toBeLessThanOrEqual(Math.max(...recent));
          expect(max.best).toBeGreaterThanOrEqual(value);
        }
      }),
    );
  });

  it("keeps a peak for the window, and then takes the best since", () => {
    const max = new WindowedMax();
    max.add(10, 0, 100);
    for (let at = 1; at <= 10; at++) {
      max.add(10, at, at === 4 ? 70 : 50);
      expect(max.best).toBe(100);
    }
    max.add(10, 11, 50);
    expect(max.best).toBe(70);
  });

  it("passes over a successor that is too old itself", () => {
    const max = new WindowedMax();
    max.add(10, 0, 100);
    max.add(10, 3, 90);
    max.add(10, 9, 50);
    max.add(10, 14, 10);
    expect(max.best).toBe(50);
  });

  it("forgets everything after a silence longer than the window", () => {
    const max = new WindowedMax();
    max.add(10, 0, 100);
    max.add(10, 5, 60);
    max.add(10, 30, 10);
    expect(max.best).toBe(10);
  });
});
