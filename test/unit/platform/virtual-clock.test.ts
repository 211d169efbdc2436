import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";

describe("VirtualClock", () => {
  it("stands still until told otherwise", async () => {
    const clock = new VirtualClock(1_000_000, 5000);
    await new Promise((resolve) => setTimeout(resolve, 3));
    expect(clock.now()).toBe(5000);
    expect(clock.wallTime()).toBe(1_000_005);
    clock.advance(2500);
    expect([clock.now(), clock.wallTime()]).toEqual([7500, 1_000_007.5]);
  });

  it("runs any set of timers in order of time and then of setting, but for those cleared", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.integer({ min: 0, max: 50 }), clear: fc.boolean() }), {
          maxLength: 300,
          size: "max",
        }),
        fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 10 }),
        (timers, steps) => {
          const clock = new VirtualClock();
          const ran: number[] = [];
          const handles = timers.map(({ at }, i) =>
            clock.setTimer(at, () => {
              expect(clock.now()).toBe(at);
              ran.push(i);
            }),
          );
          timers.forEach(({ clear }, i) => {
            if (clear) clock.clearTimer(handles[i] as (typeof handles)[0]);
          });
          const live = timers.map((t, i) => ({ ...t, i })).filter((t) => !t.clear);
          expect(clock.pendingTimers()).toBe(live.length);
          for (const step of steps) clock.advance(step);
          clock.runUntil(50);
          const expected = live.sort((x, y) => x.at - y.at || x.i - y.i).map((t) => t.i);
          expect(ran).toEqual(expected);
          expect([clock.pendingTimers(), clock.nextDeadline()]).toEqual([0, Number.POSITIVE_INFINITY]);
        },
      ),
    );
  });

  it("runs what is overdue at once, without moving back", () => {
    const clock = new VirtualClock(0, 100);
    let at = -1;
    clock.setTimer(40, () => {
      at = clock.now();
    });
    clock.advance(0);
    expect([at, clock.now()]).toEqual([100, 100]);
  });

  it("runs what timers set on the way, if it is due", () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.now());
      clock.setTimer(clock.now() + 10, again);
    };
    clock.setTimer(10, again);
    clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.nextDeadline()).toBe(40);
  });

  it("runs until a condition holds, or says that nothing is left to wait for", () => {
    const clock = new VirtualClock();
    let n = 0;
    for (let i = 1; i <= 5; i++) clock.setTimer(i * 10, () => n++);
    expect(clock.runUntil(() => n === 3)).toBe(true);
    expect(clock.now()).toBe(30);
    expect(clock.runUntil(() => n === 99)).toBe(false);
    expect(clock.now()).toBe(50);
  });

  it("runs what is deferred before time moves, within the call or a microtask", async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.setTimer(10, () => {
      clock.defer(() => ran.push(`deferred at ${clock.now()}`));
      ran.push("timer");
    });
    clock.setTimer(20, () => ran.push("later"));
    clock.advance(20);
    expect(ran).toEqual(["timer", "deferred at 10", "later"]);
    clock.defer(() => clock.defer(() => ran.push("second")));
    expect(ran.length).toBe(3);
    await Promise.resolve();
    expect(ran[3]).toBe("second");
  });

  it("runs thousands that defer each other, each once", () => {
    const clock = new VirtualClock();
    let n = 0;
    const more = (): void => {
      n++;
      if (n <= 2500) {
        clock.defer(more);
        clock.defer(() => n++);
      }
    };
    clock.defer(more);
    clock.advance(0);
    expect(n).toBeGreaterThan(2500);
    const after = n;
    clock.advance(0);
    expect(n).toBe(after);
  });

  it("runs what was deferred once even if one throws, and the rest after", async () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    clock.defer(() => ran.push(1));
    clock.defer(() => {
      ran.push(2);
      throw new Error("a fault of the program");
    });
    clock.defer(() => ran.push(3));
    expect(() => clock.advance(0)).toThrow("a fault of the program");
    expect(ran).toEqual([1, 2]);
    await Promise.resolve();
    expect(ran).toEqual([1, 2, 3]);
  });

  it("does not grow when a deadline is moved again and again", () => {
    const clock = new VirtualClock();
    let handle = clock.setTimer(1e9, () => {});
    const heap = (clock as unknown as { heap: unknown[] }).heap;
    for (let i = 0; i < 10000; i++) {
      clock.clearTimer(handle);
      clock.clearTimer(handle);
      handle = clock.setTimer(1e9 + i, () => {});
    }
    expect(heap.length).toBeLessThan(200);
    expect(clock.pendingTimers()).toBe(1);
    expect(clock.nextDeadline()).toBe(1e9 + 9999);
  });

  it("ignores the clearing of a timer that has run", () => {
    const clock = new VirtualClock();
    const handle = clock.setTimer(10, () => {});
    clock.setTimer(20, () => {});
    clock.advance(10);
    clock.clearTimer(handle);
    expect(clock.pendingTimers()).toBe(1);
  });

  it("refuses to be advanced from inside what it runs, and goes on all the same", () => {
    const clock = new VirtualClock();
    const errors: unknown[] = [];
    const attempt = (): void => {
      try {
        clock.advance(1);
      } catch (error) {
        errors.push(error);
      }
    };
    clock.setTimer(10, attempt);
    clock.defer(attempt);
    clock.advance(20);
    expect(errors).toHaveLength(2);
    expect(clock.now()).toBe(20);
  });
});
