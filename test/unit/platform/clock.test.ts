import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { RealClock } from "../../../src/platform/clock.js";
import { StackTime } from "../../../src/platform/time.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";

describe("RealClock", () => {
  it("starts near zero, never decreases, and knows the date", () => {
    const clock = new RealClock();
    let last = clock.now();
    expect(last).toBeLessThan(1e6);
    for (let i = 0; i < 1000; i++) {
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
    expect(Math.abs(clock.wallTime() - Date.now())).toBeLessThan(2000);
  });

  it("fires timers in time, the overdue at once, the cleared never", async () => {
    const clock = new RealClock();
    const start = clock.now();
    const ran: string[] = [];
    const cleared = clock.setTimer(start + 5000, () => ran.push("cleared"));
    const done = new Promise<number>((resolve) => {
      clock.setTimer(start + 20_000, () => resolve(clock.now()));
    });
    clock.setTimer(start - 1e6, () => ran.push("overdue"));
    clock.clearTimer(cleared);
    clock.clearTimer(cleared);
    // Such timers do not keep the process alive; this one does.
    const keep = setTimeout(() => {}, 5000);
    const at = await done;
    clearTimeout(keep);
    expect(at - start).toBeGreaterThanOrEqual(19_000);
    expect(ran).toEqual(["overdue"]);
  });

  it("waits for what is further away than the host's timers reach", async () => {
    const clock = new RealClock();
    let ran = false;
    const timer = clock.setTimer(clock.now() + 1e14, () => {
      ran = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    clock.clearTimer(timer);
    expect(ran).toBe(false);
  });

  it("lets input that has arrived go before a timer that is due", async () => {
    const clock = new RealClock();
    const order: string[] = [];
    const server = createServer((socket) => {
      socket.on("data", () => order.push("input")).on("end", () => socket.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await new Promise((resolve) => server.once("connection", resolve));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const due = new Promise<void>((resolve) => {
      clock.setTimer(clock.now() + 5000, () => {
        order.push("timer");
        resolve();
      });
    });
    peer.end("x");
    // A standstill: the timer is due, and the input has arrived, before the host's loop turns.
    for (const until = clock.now() + 50_000; clock.now() < until; );
    await due;
    server.close();
    expect(order).toEqual(["input", "timer"]);
  });

  it("defers to a microtask", async () => {
    const clock = new RealClock();
    let ran = false;
    clock.defer(() => {
      ran = true;
    });
    expect(ran).toBe(false);
    await Promise.resolve();
    expect(ran).toBe(true);
  });
});

describe("StackTime", () => {
  it.each([
    [0, 0, 0],
    [1_999, 1, 1_999],
    [0x7fffffff, 2147483, 0x7fffffff],
    [0x80000000, 2147483, -0x80000000],
    [2 ** 31 * 1000, -0x80000000, (2 ** 31 * 1000) | 0],
    [2 ** 32 * 1000 + 5000, 5, (2 ** 32 * 1000 + 5000) | 0],
  ])("at %d µs is %d ms and %d µs, int32 that wrap", (now, ms, us) => {
    const clock = new VirtualClock();
    const time = new StackTime(clock);
    clock.advance(now);
    expect([time.ms, time.us]).toEqual([0, 0]);
    time.refresh();
    expect([time.ms, time.us]).toEqual([ms, us]);
  });
});
