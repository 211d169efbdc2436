import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RTO_MAX } from "../../../src/tcp/constants.js";
import { backOff, measureRtt, sample } from "../../../src/tcp/rtt.js";
import { bareConnection } from "./pieces.js";

describe("round trip times (RFC 6298)", () => {
  it("the fixed point follows the formulas", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 50 }), (samples) => {
        const { c } = bareConnection(1);
        let srtt = 0;
        let rttvar = 0;
        for (const [i, r] of samples.entries()) {
          if (i === 0) {
            srtt = r;
            rttvar = r / 2;
          } else {
            rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - r);
            srtt = 0.875 * srtt + 0.125 * r;
          }
          sample(c, r);
          const rto = Math.min((srtt + Math.max(200_000, 4 * rttvar)) / 1000, RTO_MAX);
          // Each step of the fixed point cuts off less than a microsecond of eight
          if (Math.abs(c.rto - rto) > 1.1) return false;
          if (Math.abs((c.srtt >> 3) - srtt) > 9 || Math.abs((c.rttvar >> 2) - rttvar) > 9) return false;
        }
        return c.minRtt === Math.min(...samples);
      }),
    );
  });

  it("a measurement of nothing is one microsecond", () => {
    const { c } = bareConnection(1);
    sample(c, 0);
    expect([c.srtt >> 3, c.rto]).toEqual([1, 201]);
  });

  it("backing off doubles up to 120 s, and only a measurement undoes it", () => {
    const { c } = bareConnection(1);
    sample(c, 100_000);
    const seen: number[] = [];
    for (let i = 0; i < 11; i++) {
      backOff(c);
      seen.push(c.rto);
    }
    expect(seen).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 120_000, 120_000, 120_000]);
    sample(c, 100_000);
    expect([c.rto, c.backoff]).toEqual([300, 0]);
  });

  it("is taken when the timed segment is acknowledged, across the wrap of both clocks", () => {
    const { c, clock } = bareConnection(1);
    c.rttTiming = true;
    c.rttSeq = 5;
    c.rttStart = -10;
    clock.advance(90);
    c.tcp.time.refresh();
    measureRtt(c, -3);
    expect(c.rttTiming).toBe(true);
    measureRtt(c, 5);
    expect([c.rttTiming, c.srtt >> 3]).toEqual([false, 100]);
  });
});
