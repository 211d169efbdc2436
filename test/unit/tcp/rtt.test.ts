import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACK_MAYBE_DELAYED, ACK_NEW_DATA } from "../../../src/tcp/acknowledged/ack-state.js";
import {
  estimate,
  estimatedRto,
  noHandshakeSample,
  sample,
  updateMinRtt,
  updateRtt,
} from "../../../src/tcp/acknowledged/rtt.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { MIN_RTT_NONE } from "../../../src/tcp/constants.js";
import { bareConnection } from "./pieces.js";

const RTO_MIN_US = 200_000;

/** One round trip: all that was in flight is acknowledged, and more is sent. */
function roundTrip(c: Connection, us: number): void {
  c.sndUna = c.sndNxt;
  sample(c, us);
  c.sndNxt = (c.sndNxt + 1000) | 0;
}

describe("the estimate of the round trip (RFC 6298, as Linux refines it)", () => {
  it("begins with SRTT = R and RTTVAR = R / 2, but not below the least RTO (§2.2)", () => {
    const { c } = bareConnection(1);
    sample(c, 100_000);
    expect([c.srtt >> 3, c.mdev >> 2, c.rttvar, c.rto]).toEqual([100_000, 50_000, RTO_MIN_US, 300]);
    const other = bareConnection(1).c;
    sample(other, 400_000);
    expect([other.srtt >> 3, other.mdev >> 2, other.rttvar, other.rto]).toEqual([400_000, 200_000, 800_000, 1200]);
  });

  it("SRTT follows by an eighth (§2.3)", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 50 }), (samples) => {
        const { c } = bareConnection(1);
        let srtt = 0;
        for (const [i, r] of samples.entries()) {
          srtt = i === 0 ? r : 0.875 * srtt + 0.125 * r;
          roundTrip(c, r);
          // Each step of the fixed point cuts off less than a microsecond of eight
          if (Math.abs((c.srtt >> 3) - srtt) > 9) return false;
          if (c.rttvar < RTO_MIN_US) return false;
          if (c.rto !== Math.min(Math.ceil(((c.srtt >> 3) + c.rttvar) / 1000), 120_000)) return false;
        }
        return true;
      }),
    );
  });

  it("a deviation above the largest raises RTTVAR at once", () => {
    const { c } = bareConnection(1);
    roundTrip(c, 100_000);
    roundTrip(c, 100_000);
    expect(c.rttvar).toBe(RTO_MIN_US);
    roundTrip(c, 600_000);
    // mdev is four times the mean deviation: 200, 150, then 3/4 of that and 500
    expect([c.mdev, c.rttvar]).toEqual([612_500, 612_500]);
  });

  it("it falls by a quarter of the way, once a round trip", () => {
    const { c } = bareConnection(1);
    roundTrip(c, 400_000);
    expect(c.rttvar).toBe(800_000);
    roundTrip(c, 400_000);
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      roundTrip(c, 400_000);
      seen.push(c.rttvar);
    }
    expect(seen).toEqual([712_500, 618_750, 527_344]);
    // Within a round trip it does not
    c.rttSeq = c.sndNxt;
    sample(c, 400_000);
    sample(c, 400_000);
    expect(c.rttvar).toBe(527_344);
  });

  it("a shorter round trip counts an eighth of its deviation", () => {
    const { c } = bareConnection(1);
    roundTrip(c, 100_000);
    for (let i = 0; i < 30; i++) roundTrip(c, 100_000);
    const before = c.mdev;
    roundTrip(c, 20_000);
    expect(c.mdev - before).toBe((80_000 - (before >> 2)) >> 3);
    const again = c.mdev;
    // Less deviation than the mean: the mean falls as ever
    roundTrip(c, (c.srtt >> 3) - 1);
    expect(c.mdev).toBeLessThan(again);
  });

  it("a measurement of nothing counts as one eighth of a microsecond", () => {
    const { c } = bareConnection(1);
    estimate(c, 0);
    expect([c.srtt, c.rttvar]).toEqual([1, RTO_MIN_US]);
    expect(estimatedRto(c)).toBe(200);
  });

  it("the RTO is 120 s at most (§2.5), and a measurement ends the back-off", () => {
    const { c } = bareConnection(1);
    c.backoff = 5;
    sample(c, 100_000_000);
    expect([c.rto, c.backoff]).toEqual([120_000, 0]);
  });

  it("3 s when the handshake measured nothing (§5.7)", () => {
    const { c } = bareConnection(1);
    noHandshakeSample(c);
    expect([c.rto, c.srtt, c.mdev]).toEqual([3000, 0, 3_000_000]);
    sample(c, 50_000);
    expect(c.rto).toBe(250);
  });
});

describe("what an ACK measures", () => {
  const made = bareConnection(1);

  function measure(flags: number, rtt: number, sackRtt: number, last: number): number[] {
    const { c } = bareConnection(1);
    c.tcp.ack.begin(0, 1);
    c.tcp.ack.flags = flags;
    const taken = updateRtt(c, rtt, sackRtt, last);
    return [taken ? 1 : 0, c.srtt >> 3, c.tcp.rate.rtt];
  }

  it("the first segment acknowledged, for SRTT; the last, for the rate", () => {
    expect(measure(ACK_NEW_DATA, 100_000, -1, 90_000)).toEqual([1, 100_000, 90_000]);
  });

  it("what was SACKed where nothing was acknowledged", () => {
    expect(measure(0, -1, 70_000, 60_000)).toEqual([1, 70_000, 60_000]);
  });

  it("nothing, for what was sent twice (Karn), unless a timestamp is echoed (RFC 7323 §4.1)", () => {
    expect(measure(ACK_NEW_DATA, -1, -1, -1)).toEqual([0, 0, -1]);
    const { c, clock } = bareConnection(1);
    clock.advance(130_000);
    c.tcp.time.refresh();
    c.tcp.ack.begin(0, 1);
    c.sawTs = true;
    c.rcvTsecr = 10;
    // It must advance SND.UNA
    expect(updateRtt(c, -1, -1, -1)).toBe(false);
    c.tcp.ack.flags = ACK_NEW_DATA;
    expect(updateRtt(c, -1, -1, -1)).toBe(true);
    expect(c.srtt >> 3).toBe(120_000);
    // An echo of what we never sent
    c.rcvTsecr = 500;
    expect(updateRtt(c, -1, -1, -1)).toBe(false);
  });

  it("the minimum, but not by an ACK that may have been delayed", () => {
    const { c } = made;
    expect(c.minRtt).toBe(MIN_RTT_NONE);
    c.tcp.ack.begin(0, 1);
    c.tcp.ack.flags = ACK_NEW_DATA;
    updateRtt(c, 50_000, -1, 50_000);
    updateRtt(c, 80_000, -1, 80_000);
    expect(c.minRtt).toBe(50_000);
    c.tcp.ack.flags = ACK_NEW_DATA | ACK_MAYBE_DELAYED;
    updateRtt(c, 40_000, -1, 40_000);
    expect(c.minRtt).toBe(40_000);
  });

  it("the minimum of the last 300 s", () => {
    const { c, clock } = bareConnection(1);
    const pass = (s: number): void => {
      clock.advance(s * 1e6);
      c.tcp.time.refresh();
    };
    updateMinRtt(c, 10_000, false);
    pass(100);
    updateMinRtt(c, 30_000, false);
    pass(100);
    updateMinRtt(c, 20_000, false);
    pass(99);
    expect(c.minRtt).toBe(10_000);
    pass(2);
    updateMinRtt(c, 90_000, true);
    expect(c.minRtt).toBe(10_000);
    updateMinRtt(c, 90_000, false);
    expect(c.minRtt).toBe(20_000);
    pass(301);
    updateMinRtt(c, 70_000, false);
    expect(c.minRtt).toBe(70_000);
  });
});
