import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimerNode, TimerWheel } from "../../../src/platform/timer-wheel.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";

const START = 5;

class Node extends TimerNode {
  readonly fired: number[] = [];
  also: ((now: number) => void) | null = null;

  override onTimer(now: number): void {
    this.fired.push(now);
    this.also?.(now);
  }
}

function rig(startMs = START) {
  const clock = new VirtualClock(0, startMs * 1000);
  let wakes = 0;
  const wheel: TimerWheel = new TimerWheel(clock, () => {
    wakes++;
    wheel.advance();
  });
  return { clock, wheel, wakes: () => wakes };
}

describe("TimerWheel", () => {
  it.each([
    1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262143, 262144, 262145, 16777215, 16777216, 16777217, 1073741823,
    1073741824, 1073741825, 2000000000,
  ])("fires a node %d ms ahead exactly then", (ahead) => {
    for (const start of [0, 1, 62, 63, 64, 4095, 262143, 16777215]) {
      const { clock, wheel } = rig(start);
      const node = new Node();
      wheel.arm(node, (start + ahead) | 0);
      clock.runUntil((start + ahead) * 1000 - 1);
      expect(node.fired).toEqual([]);
      clock.advance(1);
      expect(node.fired).toEqual([(start + ahead) | 0]);
      expect([wheel.size, clock.pendingTimers()]).toEqual([0, 0]);
    }
  });

  it("goes on where the int32 tick wraps, and where it turns negative", () => {
    for (const start of [2 ** 31 - 100, 2 ** 32 - 100, 2 ** 31 - 5000, 2 ** 32 - 300000]) {
      const { clock, wheel } = rig(start);
      for (const ahead of [1, 50, 99, 100, 101, 164, 5000, 299999, 300001]) {
        const node = new Node();
        wheel.arm(node, (start + ahead) | 0);
        const due = (start + ahead) * 1000;
        const now = clock.now();
        clock.runUntil(due - 1);
        expect(node.fired).toEqual([]);
        clock.runUntil(due);
        expect(node.fired).toEqual([(start + ahead) | 0]);
        expect(clock.now()).toBeGreaterThanOrEqual(now);
      }
    }
  });

  it("does what a sorted list does, for any arming, moving and cancelling", () => {
    const span = fc.oneof(
      fc.integer({ min: -5, max: 130 }),
      fc.integer({ min: 4000, max: 9000 }),
      fc.integer({ min: 250_000, max: 300_000 }),
      fc.integer({ min: 16_000_000, max: 17_500_000 }),
    );
    const step = fc.oneof(
      fc.record({ kind: fc.constant("arm" as const), node: fc.nat(15), span }),
      fc.record({ kind: fc.constant("armBefore" as const), node: fc.nat(15), span }),
      fc.record({ kind: fc.constant("cancel" as const), node: fc.nat(15), span: fc.constant(0) }),
      fc.record({ kind: fc.constant("pass" as const), node: fc.constant(0), span: span.map((n) => Math.abs(n)) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 33 }),
        fc.array(step, { maxLength: 60, size: "max" }),
        (start, steps) => {
          const { clock, wheel } = rig(start);
          const nodes = Array.from({ length: 16 }, () => new Node());
          /** When each is due, absolute milliseconds. */
          const due = new Map<number, number>();
          const expected: number[][] = nodes.map(() => []);
          let now = start;
          // As the stack does: the wheel's tick is the clock's whenever something is armed.
          const arm = (i: number, at: number): void => {
            due.set(i, Math.max(at, now + 1));
            wheel.arm(nodes[i] as Node, at | 0);
          };
          const pass = (until: number): void => {
            for (const [i, at] of due)
              if (at <= until) {
                (expected[i] as number[]).push(at | 0);
                due.delete(i);
              }
            now = until;
            clock.runUntil(until * 1000);
            wheel.advance();
          };
          for (const { kind, node, span: n } of steps) {
            if (kind === "arm") arm(node, now + n);
            else if (kind === "armBefore") {
              const at = due.get(node);
              if (at === undefined || now + n < at) due.set(node, Math.max(now + n, now + 1));
              wheel.armBefore(nodes[node] as Node, (now + n) | 0);
            } else if (kind === "cancel") {
              due.delete(node);
              wheel.cancel(nodes[node] as Node);
            } else pass(now + n);
            expect(wheel.size).toBe(due.size);
          }
          pass(now + 20_000_000);
          expect(nodes.map((node) => node.fired)).toEqual(expected);
          expect([wheel.size, clock.pendingTimers()]).toEqual([0, 0]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("holds one host timer, at the earliest deadline", () => {
    const { clock, wheel } = rig();
    const nodes = [900, 30, 500, 70].map((at) => {
      const node = new Node();
      wheel.arm(node, at);
      return node;
    });
    expect([clock.pendingTimers(), clock.nextDeadline()]).toEqual([1, 30_000]);
    wheel.cancel(nodes[1] as Node);
    // One that stands too early is left to fire and finds nothing.
    clock.runUntil(31_000);
    expect(clock.pendingTimers()).toBe(1);
    expect(clock.nextDeadline()).toBeLessThanOrEqual(70_000);
    clock.runUntil(2_000_000);
    expect(nodes.map((n) => n.fired)).toEqual([[900], [], [500], [70]]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it("wakes seldom for what is far away", () => {
    const { clock, wheel, wakes } = rig();
    wheel.arm(new Node(), 7_200_000);
    clock.runUntil(7_200_000_000);
    expect(wakes()).toBeLessThanOrEqual(5);
  });

  it("catches up in order after the host was late", () => {
    const { clock, wheel } = rig(0);
    const order: number[] = [];
    for (const at of [5000, 70, 64, 63, 4096, 1]) {
      const node = new Node();
      node.also = () => order.push(at);
      wheel.arm(node, at);
    }
    // Time passes without the host's timer being heard.
    const late = new VirtualClock(0, 0);
    const deaf = new TimerWheel(late);
    late.setTimer = () => ({ at: 0 });
    for (const at of [5000, 70, 64, 63, 4096, 1]) {
      const node = new Node();
      node.also = (now) => {
        expect(now).toBe(at);
        order.push(-at);
      };
      deaf.arm(node, at);
    }
    late.advance(6_000_000);
    deaf.advance();
    clock.advance(6_000_000);
    expect(order).toEqual([-1, -63, -64, -70, -4096, -5000, 1, 63, 64, 70, 4096, 5000]);
  });

  it("lets nodes arm, move and cancel themselves and each other while it fires", () => {
    const { clock, wheel } = rig(0);
    const [a, b, c] = [new Node(), new Node(), new Node()];
    a.also = (now) => {
      wheel.cancel(b);
      wheel.arm(a, now);
      wheel.arm(c, now + 3);
    };
    wheel.arm(b, 10);
    wheel.arm(a, 10);
    wheel.arm(c, 10);
    clock.advance(12_000);
    expect(a.fired).toEqual([10, 11, 12]);
    expect(b.fired).toEqual([]);
    clock.advance(100_000);
    expect(a.fired.length).toBe(103);
    expect(wheel.size).toBe(2);
  });

  it("does not fire what was armed for now or the past within the same call", () => {
    const { clock, wheel } = rig();
    const node = new Node();
    wheel.arm(node, START - 100);
    expect(node.fired).toEqual([]);
    clock.advance(0);
    expect(node.fired).toEqual([]);
    clock.advance(1000);
    expect(node.fired).toEqual([START + 1]);
  });

  it("is woken once for all that fall due together, and advances itself unless told otherwise", () => {
    const { clock, wheel, wakes } = rig();
    for (let i = 0; i < 5; i++) wheel.arm(new Node(), START + 10);
    clock.advance(10_000);
    expect(wakes()).toBe(1);
    const plain = new TimerWheel(clock);
    const node = new Node();
    plain.arm(node, START + 20);
    clock.advance(10_000);
    expect(node.fired).toEqual([START + 20]);
  });

  it("advances to a tick that it is given, without looking at the clock", () => {
    const { clock, wheel } = rig();
    const [now, later] = [new Node(), new Node()];
    wheel.arm(now, START + 10);
    wheel.arm(later, START + 11);
    clock.now = () => {
      throw new Error("the clock was read");
    };
    // The host timer is at the earliest deadline before and after, so nothing has to be set.
    expect(() => wheel.advanceTo(START + 1)).not.toThrow();
    expect([now.fired, wheel.tick]).toEqual([[], START + 1]);
  });

  it("goes on after a node that threw", () => {
    const { clock, wheel } = rig();
    const bad = new Node();
    const good = new Node();
    bad.also = () => {
      throw new Error("a fault of the program");
    };
    wheel.arm(bad, START + 10);
    wheel.arm(good, START + 20);
    expect(() => clock.advance(15_000)).toThrow("a fault of the program");
    clock.advance(10_000);
    expect(good.fired).toEqual([START + 20]);
  });

  it("once closed fires nothing and holds no host timer, even when closed by a node", () => {
    for (const byNode of [false, true]) {
      const { clock, wheel } = rig();
      const [first, second, late] = [new Node(), new Node(), new Node()];
      first.also = () => wheel.close();
      wheel.arm(second, START + 10);
      wheel.arm(first, START + 10);
      wheel.arm(late, START + 300);
      if (byNode) clock.advance(10_000);
      else wheel.close();
      const fired = [first, second, late].map((n) => n.fired.length);
      expect(fired.reduce((x, y) => x + y)).toBe(byNode ? 1 : 0);
      wheel.arm(new Node(), START + 20);
      expect(clock.pendingTimers()).toBe(0);
      wheel.advance();
      clock.advance(1e9);
      wheel.advance();
      expect([first, second, late].map((n) => n.fired.length)).toEqual(fired);
      expect(clock.pendingTimers()).toBe(0);
    }
  });
});
