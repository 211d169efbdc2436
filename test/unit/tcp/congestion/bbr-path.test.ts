import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateSample } from "../../../../src/tcp/acknowledged/rate.js";
import { BBR } from "../../../../src/tcp/congestion/bbr.js";
import { bdp, pacingRateOf, withBursts } from "../../../../src/tcp/congestion/bbr-path.js";
import { type BbrState, MODE_DRAIN, MODE_PROBE_BW } from "../../../../src/tcp/congestion/bbr-state.js";
import { CA_LOSS, CA_OPEN, CA_RECOVERY } from "../../../../src/tcp/constants.js";
import { Simulation } from "./simulation.js";

const stateOf = (s: Simulation): BbrState => s.c.ca as BbrState;

describe("losses", () => {
  it.each([0.001, 0.01, 0.05])("a rate of %f does not cost more than what is lost", (loss) => {
    const s = new Simulation(BBR);
    s.loss = loss;
    s.until(3);
    const delivered = s.until(10) / 7;
    expect(s.lostPackets).toBeGreaterThan(10);
    expect(delivered).toBeGreaterThan(0.9 * 2000 * (1 - loss));
  });

  it("recovery sends a segment for a segment in its first round, and then gets the window back", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const { c } = s;
    const before = c.cwnd;
    const rs = new RateSample();
    c.packetsOut = 60;
    c.ssthresh = BBR.ssthresh(c);
    c.caState = CA_RECOVERY;
    rs.losses = 3;
    rs.ackedSacked = 2;
    BBR.congControl?.(c, 2, rs);
    expect(c.cwnd).toBe(62);
    c.packetsOut = 61;
    rs.losses = 1;
    BBR.congControl?.(c, 1, rs);
    expect(c.cwnd).toBe(62);
    c.caState = CA_OPEN;
    rs.losses = 0;
    BBR.congControl?.(c, 1, rs);
    expect(c.cwnd).toBe(before);
  });

  it("a timeout ends the round, and undoing it forgets what was thought of the pipe", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const ca = stateOf(s);
    ca.roundStart = false;
    BBR.setState?.(s.c, CA_LOSS);
    expect([ca.roundStart, ca.prevCaState, ca.fullBw, ca.ltSampling]).toEqual([true, CA_LOSS, 0, true]);
    ca.fullBwCount = 2;
    expect(BBR.undoCwnd(s.c)).toBe(s.c.cwnd);
    expect([ca.fullBwCount, ca.ltSampling]).toEqual([0, false]);
  });

  it("finds the rate of a policer, and goes by it", () => {
    const s = new Simulation(BBR);
    s.rate = 10_000;
    s.policed = 1000;
    s.bucket = 300;
    let used = false;
    let lost = 0;
    let since = 0;
    s.watch = () => {
      const ca = stateOf(s);
      if (ca.ltUseBw && !used) {
        used = true;
        lost = s.lostPackets;
        since = s.c.delivered;
        expect(Math.abs((ca.ltBw / 2 ** 24) * 1e6 - 1000)).toBeLessThan(150);
      }
    };
    s.until(4);
    expect(used).toBe(true);
    expect((s.lostPackets - lost) / (s.c.delivered - since)).toBeLessThan(0.3);
  });
});

describe("a policer believed", () => {
  it("is so for 48 round trips", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const ca = stateOf(s);
    ca.ltUseBw = true;
    ca.ltBw = 1000;
    ca.ltRounds = 0;
    const rs = new RateSample();
    let rounds = 0;
    while (ca.ltUseBw && rounds < 100) {
      rs.priorDelivered = s.c.delivered;
      s.c.delivered += 10;
      rs.delivered = 10;
      rs.interval = 40_000;
      rs.appLimited = true;
      BBR.congControl?.(s.c, 10, rs);
      rounds++;
    }
    expect(rounds).toBe(48);
  });

  it("has its interval in whole ms of the clock, though both clocks have wrapped", () => {
    for (const start of [0, 2 ** 31 - 7, 2 ** 31 * 1000 - 7, 2 ** 32 * 1000 + 123_456]) {
      const s = new Simulation(BBR, start);
      const { c, world } = s;
      const ca = stateOf(s);
      c.deliveredStamp = (start + 5_999) | 0;
      world.at(start + 17_001);
      BBR.undoCwnd(c);
      expect(ca.ltLastAt).toBe(Math.floor((start + 5_999) / 1000) | 0);
    }
  });
});

describe("targets", () => {
  it("have room for three bursts, are even, and two larger while probing", () => {
    const s = new Simulation(BBR);
    const ca = stateOf(s);
    ca.mode = MODE_DRAIN;
    s.c.pacingRate = 100_000;
    expect([withBursts(s.c, ca, 10), withBursts(s.c, ca, 11)]).toEqual([14, 14]);
    s.c.pacingRate = 1024 * 1448 * 5;
    expect(withBursts(s.c, ca, 11)).toBe(26);
    s.c.pacingRate = 1e12;
    expect(withBursts(s.c, ca, 10)).toBe(10 + 3 * 45 + 1);
    ca.mode = MODE_PROBE_BW;
    ca.cycleIndex = 0;
    expect(withBursts(s.c, ca, 10)).toBe(148);
    ca.cycleIndex = 1;
    expect(withBursts(s.c, ca, 10)).toBe(146);
  });

  it("are those of the kernel's 64-bit integers", () => {
    const s = new Simulation(BBR);
    const value = fc.integer({ min: 1, max: 2 ** 25 });
    fc.assert(
      fc.property(
        value,
        fc.integer({ min: 1, max: 200_000 }),
        fc.constantFrom(88, 192, 256, 320, 512, 739),
        (bw, rtt, gain) => {
          const ca = stateOf(s);
          ca.minRtt = rtt;
          const wide = ((BigInt(bw) * BigInt(rtt) * BigInt(gain)) >> 8n) + (1n << 24n) - 1n;
          expect(BigInt(bdp(ca, bw, gain))).toBe(wide >> 24n);
          const rate = (((BigInt(bw) * 1448n * BigInt(gain)) >> 8n) * 990_000n) >> 24n;
          expect(BigInt(pacingRateOf(s.c, bw, gain))).toBe(rate);
        },
      ),
    );
  });
});

describe("ACKs in lumps", () => {
  it("get a larger window, so that the path stays full", () => {
    const s = new Simulation(BBR);
    s.lumps = 80_000;
    s.until(3);
    const delivered = s.until(8) / 5;
    expect(stateOf(s).extraAcked).toBeGreaterThan(30);
    expect(delivered).toBeGreaterThan(0.93 * 2000);
  });

  it("count for five to ten round trips", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const ca = stateOf(s);
    ca.extraAcked = 77;
    ca.extraAckedBefore = 0;
    ca.extraAckedRounds = 0;
    const first = ca.rounds;
    while (Math.max(ca.extraAcked, ca.extraAckedBefore) >= 77) s.until((s.now + 1000) / 1e6);
    expect(ca.rounds - first).toBe(10);
  });
});
