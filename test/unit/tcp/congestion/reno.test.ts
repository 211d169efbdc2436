import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { congAvoidAi, isCwndLimited, RENO } from "../../../../src/tcp/congestion/reno.js";
import { begun } from "./pieces.js";

describe("slow start (RFC 5681 §3.1)", () => {
  it("grows by what is acknowledged, however large the ACK (RFC 3465 with no limit, as Linux)", () => {
    const c = begun(RENO);
    RENO.congAvoid(c, 0, 1);
    expect(c.cwnd).toBe(11);
    RENO.congAvoid(c, 0, 11);
    expect(c.cwnd).toBe(22);
  });

  it("stops at the threshold; what is left counts for avoidance", () => {
    const c = begun(RENO);
    c.ssthresh = 14;
    RENO.congAvoid(c, 0, 9);
    expect([c.cwnd, c.cwndCnt]).toEqual([14, 5]);
  });
});

describe("congestion avoidance (RFC 5681 §3.1, RFC 3465 §2.1)", () => {
  it.each([1, 2, 3])("adds one segment per window acknowledged, with %i segments per ACK", (perAck) => {
    const c = begun(RENO);
    c.ssthresh = 10;
    for (let window = 10; window < 40; window++) {
      let acked = 0;
      while (c.cwnd === window) {
        RENO.congAvoid(c, 0, perAck);
        acked += perAck;
      }
      expect(c.cwnd).toBe(window + 1);
      expect(Math.abs(acked - window)).toBeLessThan(perAck + 1);
    }
  });

  it("grows by one per window on average whatever the sizes of the ACKs, and never by more", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 200 }), (acks) => {
        const c = begun(RENO);
        c.ssthresh = 10;
        let total = 0;
        for (const acked of acks) {
          const before = c.cwnd;
          RENO.congAvoid(c, 0, acked);
          total += acked;
          expect(c.cwnd - before).toBeLessThanOrEqual(Math.ceil(acked / before));
        }
        // Windows 10, 11 ... cwnd-1 were each acknowledged in full, and the next was not
        const price = (to: number): number => ((to - 10) * (to + 9)) / 2;
        expect(price(c.cwnd)).toBeLessThanOrEqual(total + 30 * (c.cwnd - 10));
        expect(price(c.cwnd + 1) + 30 * (c.cwnd - 9)).toBeGreaterThan(total);
      }),
    );
  });

  it("spends credit that was saved under a slower pace one segment at a time", () => {
    const c = begun(RENO);
    c.cwndCnt = 95;
    congAvoidAi(c, 10, 1);
    expect([c.cwnd, c.cwndCnt]).toEqual([11, 1]);
  });
});

describe("a window that is not in the way", () => {
  it("does not grow in avoidance", () => {
    const c = begun(RENO);
    c.cwndLimited = false;
    c.ssthresh = 10;
    c.maxPacketsOut = 9;
    RENO.congAvoid(c, 0, 10);
    expect([c.cwnd, c.cwndCnt]).toEqual([10, 0]);
  });

  it("grows in slow start to twice what was in flight", () => {
    const c = begun(RENO);
    c.cwndLimited = false;
    c.maxPacketsOut = 5;
    expect(isCwndLimited(c)).toBe(false);
    c.maxPacketsOut = 6;
    expect(isCwndLimited(c)).toBe(true);
    RENO.congAvoid(c, 0, 6);
    RENO.congAvoid(c, 0, 6);
    expect(c.cwnd).toBe(16);
  });
});

describe("reduction", () => {
  it.each([
    [40, 20],
    [41, 20],
    [5, 2],
    [3, 2],
    [1, 2],
  ])("halves %i to %i", (cwnd, expected) => {
    const c = begun(RENO);
    c.cwnd = cwnd;
    expect(RENO.ssthresh(c)).toBe(expected);
  });

  it("is undone to the window before it, unless the present one is larger", () => {
    const c = begun(RENO);
    c.priorCwnd = 30;
    expect(RENO.undoCwnd(c)).toBe(30);
    c.cwnd = 31;
    expect(RENO.undoCwnd(c)).toBe(31);
  });
});
