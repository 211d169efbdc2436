import { describe, expect, it } from "vitest";
import { CA_EVENT_TX_START } from "../../../../src/tcp/congestion/congestion.js";
import { CUBIC } from "../../../../src/tcp/congestion/cubic.js";
import type { CubicState } from "../../../../src/tcp/congestion/cubic-state.js";
import type { Connection } from "../../../../src/tcp/connection.js";
import { CA_LOSS } from "../../../../src/tcp/constants.js";
import { begun, World } from "./pieces.js";

const BETA = 717 / 1024;
const C = 410 / 1024;

/** A loss: the window is what ssthresh makes of it. */
function lose(c: Connection): void {
  c.ssthresh = CUBIC.ssthresh(c);
  c.cwnd = c.ssthresh;
  c.cwndCnt = 0;
}

/**
 * ACKs of two segments, evenly over each RTT, for `seconds`; the window at each tenth of a second.
 * @param start us
 */
function run(c: Connection, world: World, start: number, rtt: number, seconds: number): number[] {
  const seen: number[] = [];
  let now = start;
  const end = start + seconds * 1e6;
  let next = start;
  while (now < end) {
    if (now >= next) {
      seen.push(c.cwnd);
      next += 100_000;
    }
    world.at(now);
    CUBIC.pktsAcked?.(c, 2, rtt, c.cwnd);
    CUBIC.congAvoid(c, 0, 2);
    now += (rtt * 2) / c.cwnd;
  }
  return seen;
}

/** In avoidance after a loss at `wmax`, with the RTT known. */
function afterLoss(wmax: number, rtt: number, start = 5_000_000): { c: Connection; world: World } {
  const world = new World();
  world.settings.hystart = 0;
  world.at(start);
  const c = begun(CUBIC, world);
  CUBIC.pktsAcked?.(c, 1, rtt, 1);
  c.cwnd = wmax;
  lose(c);
  return { c, world };
}

describe("the window over time (RFC 9438 §4.2)", () => {
  it.each([
    [300, 100_000, 5_000_000],
    [1000, 50_000, 5_000_000],
    [3000, 100_000, 5_000_000],
    // Both clocks wrap on the way
    [1000, 50_000, 2 ** 31 - 3_000_000],
    [1000, 50_000, 2 ** 31 * 1000 - 3_000_000],
    // Neither an epoch at 0
    [1000, 50_000, 0],
  ])("follows C(t-K)^3 + Wmax from a loss at %i, RTT %i us, at %i us", (wmax, rtt, start) => {
    const { c, world } = afterLoss(wmax, rtt, start);
    const first = c.cwnd;
    expect(first).toBe(Math.floor(wmax * BETA));
    const k = Math.cbrt((wmax - first) / C);
    const windows = run(c, world, start, rtt, 2 * k);
    for (const [i, cwnd] of windows.entries()) {
      const t = i / 10;
      const curve = wmax + C * (t - k) ** 3;
      expect(Math.abs(cwnd - curve), `${cwnd} for ${curve} after ${t} s`).toBeLessThan(1.5 + 0.015 * curve);
    }
  });

  it("is concave up to Wmax and convex beyond", () => {
    const { c, world } = afterLoss(1000, 50_000);
    const w = run(c, world, 5_000_000, 50_000, 18);
    const growth = (from: number, to: number): number => (w[to * 10] as number) - (w[from * 10] as number);
    // K is 9.1 s
    expect(growth(0, 3)).toBeGreaterThan(2 * growth(3, 6));
    expect(growth(3, 6)).toBeGreaterThan(2 * growth(6, 9));
    expect(growth(12, 15)).toBeGreaterThan(2 * growth(9, 12));
    expect(growth(14, 17)).toBeGreaterThan(1.5 * growth(11, 14));
  });

  it("does not depend on the RTT", () => {
    const short = afterLoss(2000, 40_000);
    const long = afterLoss(2000, 160_000);
    const a = run(short.c, short.world, 5_000_000, 40_000, 10).at(-1) as number;
    const b = run(long.c, long.world, 5_000_000, 160_000, 10).at(-1) as number;
    expect(Math.abs(a - b) / a).toBeLessThan(0.03);
  });

  it("looks one RTT ahead, in whole ms", () => {
    const { c, world } = afterLoss(1000, 199_001);
    world.at(5_000_000);
    CUBIC.congAvoid(c, 0, 1);
    // t is 200 ms in 1/1024 s; K is the cube root of 300 / C in the same
    const k = Math.floor(Math.cbrt((300 * 2 ** 40) / 410));
    const target = 1000 - Math.floor((410 * (k - 204) ** 3) / 2 ** 40);
    expect((c.ca as CubicState).cnt).toBe(Math.floor(700 / (target - 700)));
  });

  it("does not take RTTs of the first second of an epoch for the shortest", () => {
    const { c, world } = afterLoss(1000, 50_000);
    const ca = c.ca as CubicState;
    world.at(5_000_000);
    CUBIC.congAvoid(c, 0, 1);
    world.at(5_999_999);
    CUBIC.pktsAcked?.(c, 1, 30_000, 1);
    expect(ca.delayMin).toBe(50_000);
    world.at(6_000_000);
    CUBIC.pktsAcked?.(c, 1, -1, 1);
    CUBIC.pktsAcked?.(c, 1, 30_000, 1);
    expect(ca.delayMin).toBe(30_000);
  });

  it("grows at most by a half in an RTT", () => {
    const { c, world } = afterLoss(10_000, 2_000_000);
    // K is 19.5 s: at its end the curve is far above
    world.at(5_000_000);
    CUBIC.congAvoid(c, 0, 1);
    c.cwnd = 10;
    c.ssthresh = 10;
    world.at(60_000_000);
    CUBIC.congAvoid(c, 0, 1);
    expect((c.ca as CubicState).cnt).toBe(2);
  });
});

describe("the Reno-friendly region (RFC 9438 §4.3)", () => {
  it("grows by 3 (1-beta) / (1+beta) per RTT where that is faster", () => {
    // 20 segments at 10 ms: K is 2.5 s, 250 RTT
    const { c, world } = afterLoss(20, 10_000);
    const first = c.cwnd;
    run(c, world, 5_000_000, 10_000, 1);
    const perRtt = (c.cwnd - first) / 100;
    expect(perRtt).toBeGreaterThan(0.9 * 0.53);
    expect(perRtt).toBeLessThan(1.1 * 0.53);
  });
});

describe("the Reno flow that it is measured by", () => {
  it("begins at the window, and grows by one for 15/8 of a window acknowledged", () => {
    const { c, world } = afterLoss(114, 10_000);
    const ca = c.ca as CubicState;
    const acknowledge = (ms: number, acked: number): void => {
      world.at(ms * 1000);
      c.cwnd = 79;
      c.cwndCnt = 0;
      CUBIC.congAvoid(c, 0, acked);
    };
    acknowledge(5000, 1);
    acknowledge(5040, 147);
    expect([ca.tcpCwnd, ca.ackCnt]).toEqual([79, 148]);
    acknowledge(5080, 1);
    expect([ca.tcpCwnd, ca.ackCnt]).toEqual([80, 1]);
    acknowledge(5120, 3 * 148);
    expect([ca.tcpCwnd, ca.ackCnt, ca.cnt]).toEqual([83, 1, 19]);
  });
});

describe("without a Wmax", () => {
  it("gains a twentieth of what is acknowledged", () => {
    const world = new World();
    world.at(5_000_000);
    const c = begun(CUBIC, world);
    c.cwnd = 100;
    c.ssthresh = 100;
    CUBIC.congAvoid(c, 0, 1);
    expect((c.ca as CubicState).cnt).toBe(20);
    for (let i = 0; i < 39; i++) CUBIC.congAvoid(c, 0, 1);
    expect(c.cwnd).toBe(102);
  });
});

describe("reduction", () => {
  it("is to 0.7 of the window, of 2 segments at least", () => {
    const c = begun(CUBIC);
    c.cwnd = 100;
    expect(CUBIC.ssthresh(c)).toBe(70);
    c.cwnd = 1;
    expect(CUBIC.ssthresh(c)).toBe(2);
  });

  it("remembers the window, or less when it had not come back to it (RFC 9438 §4.7)", () => {
    const c = begun(CUBIC);
    const ca = c.ca as CubicState;
    c.cwnd = 100;
    lose(c);
    expect(ca.lastMaxCwnd).toBe(100);
    c.cwnd = 90;
    lose(c);
    // (1 + beta) / 2
    expect(ca.lastMaxCwnd).toBe(76);
    c.cwnd = 76;
    lose(c);
    expect(ca.lastMaxCwnd).toBe(76);
  });

  it("is undone to the window before it", () => {
    const c = begun(CUBIC);
    c.priorCwnd = 50;
    expect(CUBIC.undoCwnd(c)).toBe(50);
    c.cwnd = 60;
    expect(CUBIC.undoCwnd(c)).toBe(60);
  });

  it("forgets everything with a timeout", () => {
    const { c, world } = afterLoss(100, 10_000);
    world.at(5_100_000);
    CUBIC.congAvoid(c, 0, 1);
    CUBIC.setState?.(c, CA_LOSS);
    const ca = c.ca as CubicState;
    expect([ca.lastMaxCwnd, ca.delayMin, ca.epoch, ca.k, ca.found]).toEqual([0, 0, false, 0, false]);
  });
});

describe("idle time (RFC 9438 §5.8)", () => {
  it("does not count", () => {
    const { c, world } = afterLoss(1000, 50_000);
    const busy = run(c, world, 5_000_000, 50_000, 3).at(-1) as number;
    c.lastSend = 8000;
    world.at(28_000_000);
    CUBIC.cwndEvent?.(c, CA_EVENT_TX_START);
    expect((c.ca as CubicState).epochStart).toBe(25_000);
    const after = run(c, world, 28_000_000, 50_000, 0.2).at(-1) as number;
    expect(after - busy).toBeLessThan(20);
  });

  it("never moves the epoch beyond the present", () => {
    const { c, world } = afterLoss(1000, 50_000);
    world.at(5_000_000);
    CUBIC.congAvoid(c, 0, 1);
    c.lastSend = 1000;
    world.at(6_000_000);
    CUBIC.cwndEvent?.(c, CA_EVENT_TX_START);
    expect((c.ca as CubicState).epochStart).toBe(6000);
  });
});

describe("the window that is not in the way", () => {
  it("does not grow", () => {
    const { c, world } = afterLoss(100, 50_000);
    c.cwndLimited = false;
    const first = c.cwnd;
    run(c, world, 5_000_000, 50_000, 5);
    expect(c.cwnd).toBe(first);
  });
});
