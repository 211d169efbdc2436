import { describe, expect, it } from "vitest";
import { RateSample } from "../../../../src/tcp/acknowledged/rate.js";
import { BBR } from "../../../../src/tcp/congestion/bbr.js";
import {
  type BbrState,
  MODE_DRAIN,
  MODE_PROBE_BW,
  MODE_PROBE_RTT,
  MODE_STARTUP,
} from "../../../../src/tcp/congestion/bbr-state.js";
import { CA_EVENT_TX_START } from "../../../../src/tcp/congestion/congestion.js";
import { SSTHRESH_INFINITE } from "../../../../src/tcp/constants.js";
import { begun, World } from "./pieces.js";
import { Simulation } from "./simulation.js";

const stateOf = (s: Simulation): BbrState => s.c.ca as BbrState;
/** The estimate in segments per second. */
const bwOf = (s: Simulation): number => (stateOf(s).bw.best / 2 ** 24) * 1e6;

describe("the model of the path", () => {
  it.each([
    ["slow and long", 200, 200_000, 0],
    ["middling", 2000, 40_000, 0],
    ["fast and short", 20_000, 5000, 0],
    ["both clocks wrapping", 2000, 40_000, 2 ** 31 * 1000 - 1_500_000],
    ["the clock of microseconds wrapping", 2000, 40_000, 2 ** 31 - 1_500_000],
  ])("finds bandwidth and RTT: %s", (_, rate, rtt, start) => {
    const s = new Simulation(BBR, start);
    s.rate = rate;
    s.rtt = rtt;
    s.until(3);
    const more = s.until(6);
    expect(Math.abs(bwOf(s) - rate) / rate).toBeLessThan(0.05);
    expect(Math.abs(stateOf(s).minRtt - rtt - 1e6 / rate) / rtt).toBeLessThan(0.05);
    expect(more / 3).toBeGreaterThan(0.95 * rate);
    expect(stateOf(s).mode).toBe(MODE_PROBE_BW);
  });

  it("goes through STARTUP, DRAIN and PROBE_BW, and leaves with the queue of STARTUP drained", () => {
    const s = new Simulation(BBR);
    const modes: number[] = [];
    let most = 0;
    let drained = Number.POSITIVE_INFINITY;
    s.watch = () => {
      const { mode } = stateOf(s);
      if (modes.at(-1) !== mode) {
        modes.push(mode);
        if (mode === MODE_PROBE_BW) drained = s.queued;
      }
      most = Math.max(most, s.queued);
    };
    s.until(2);
    expect(modes).toEqual([MODE_STARTUP, MODE_DRAIN, MODE_PROBE_BW]);
    // The BDP is 80; room for bursts is 8 or so
    expect(most).toBeGreaterThan(80);
    expect(drained).toBeLessThan(15);
    expect(s.c.ssthresh).toBeGreaterThan(80);
    expect(s.c.ssthresh).toBeLessThan(100);
  });

  it("follows the bandwidth up and down", () => {
    const s = new Simulation(BBR);
    s.until(3);
    s.rate = 1000;
    s.until(8);
    expect(Math.abs(bwOf(s) - 1000)).toBeLessThan(50);
    s.rate = 3000;
    s.until(16);
    expect(Math.abs(bwOf(s) - 3000)).toBeLessThan(150);
  });

  it("takes nothing less from a sender that has little to send", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const before = bwOf(s);
    s.offered = 100;
    s.until(8);
    expect(bwOf(s)).toBeGreaterThan(0.95 * before);
  });
});

describe("STARTUP", () => {
  it("paces at 2.89 times the initial window per RTT, less a percent, from the first RTT known", () => {
    const world = new World();
    const c = begun(BBR, world);
    expect([c.pacing, c.ssthresh]).toEqual([true, SSTHRESH_INFINITE]);
    // 1 ms as long as none is known
    expect(Math.abs(c.pacingRate / (2.8867 * 0.99 * 10 * 1448 * 1000) - 1)).toBeLessThan(0.001);
    c.srtt = 100_000 << 3;
    BBR.init(c);
    expect(Math.abs(c.pacingRate / (2.8867 * 0.99 * 10 * 1448 * 10) - 1)).toBeLessThan(0.001);
  });

  it("doubles the window each round trip", () => {
    const s = new Simulation(BBR);
    s.rate = 100_000;
    s.buffer = 100_000;
    s.until(0.06);
    expect(s.c.cwnd).toBe(20);
    s.until(0.118);
    expect(s.c.cwnd).toBe(40);
  });

  it("ends after three rounds without a quarter more", () => {
    const s = new Simulation(BBR);
    const ca = stateOf(s);
    ca.minRtt = 10_000;
    const rs = new RateSample();
    /** A round that ends with a rate, in segments per 10 ms. */
    const round = (rate: number, appLimited = false): boolean => {
      rs.priorDelivered = s.c.delivered;
      s.c.delivered += rate;
      rs.delivered = rate;
      rs.interval = 10_000;
      rs.appLimited = appLimited;
      BBR.congControl?.(s.c, rate, rs);
      return ca.fullBwReached;
    };
    expect([round(1000), round(1000), round(1249)]).toEqual([false, false, false]);
    // A quarter more: it counts anew
    expect([round(1250), round(1250), round(1250)]).toEqual([false, false, false]);
    // Rates of a sender that had nothing to send do not count
    expect([round(1250, true), round(10, true)]).toEqual([false, false]);
    expect(ca.mode).toBe(MODE_STARTUP);
    expect(round(1250)).toBe(true);
    expect(ca.mode).toBe(MODE_PROBE_BW);
  });
});

describe("PROBE_BW", () => {
  it("cycles through its gains, a round trip each", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const gains: [number, number][] = [];
    s.watch = () => {
      const { pacingGain, cycleIndex } = stateOf(s);
      if (gains.at(-1)?.[0] !== cycleIndex) gains.push([cycleIndex, pacingGain]);
    };
    s.until(5);
    const from = gains.findIndex(([i]) => i === 0);
    const expected = [320, 192, 256, 256, 256, 256, 256, 256, 320, 192].map((gain, i) => [i % 8, gain]);
    expect(gains.slice(from, from + 10)).toEqual(expected);
    // A phase lasts min_rtt or, probing, until the flight has grown: 40 to 60 ms
    expect(gains.length).toBeGreaterThan(2 / 0.06);
    expect(gains.length).toBeLessThan(2 / 0.035);
  });

  it("begins in a phase of chance, but never by draining", () => {
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const s = new Simulation(BBR);
      for (let skip = 0; skip < i; skip++) s.world.random.int32();
      const ca = stateOf(s);
      ca.fullBwReached = true;
      ca.minRtt = 1000;
      BBR.congControl?.(s.c, 0, s.rs);
      expect(ca.mode).toBe(MODE_PROBE_BW);
      seen.add(ca.cycleIndex);
    }
    expect([...seen].sort()).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it("keeps two bandwidth-delay products in flight at most, and a short queue", () => {
    const s = new Simulation(BBR);
    s.until(3);
    let most = 0;
    let queue = 0;
    let acks = 0;
    s.watch = () => {
      most = Math.max(most, s.c.inFlight);
      queue += s.queued;
      acks++;
    };
    s.until(8);
    expect(s.c.cwnd).toBeGreaterThan(2 * 80);
    expect(s.c.cwnd).toBeLessThan(2 * 80 + 20);
    expect(most).toBeLessThan(1.3 * 80 + 20);
    expect(queue / acks).toBeLessThan(8);
  });
});

describe("PROBE_RTT", () => {
  it("comes when no RTT as short has been seen for 10 s, holds four segments for 200 ms, and learns the new RTT", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const known = stateOf(s).minRttAt;
    s.rtt = 60_000;
    let began = 0;
    let ended = 0;
    let held = 0;
    let limited = true;
    s.watch = () => {
      const probing = stateOf(s).mode === MODE_PROBE_RTT;
      if (probing && began === 0) began = s.world.time.ms;
      if (!probing && began > 0 && ended === 0) ended = s.world.time.ms;
      if (probing) limited &&= s.c.appLimited === ((s.c.delivered + s.c.inFlight) | 0);
      if (probing && s.c.cwnd === 4 && s.c.inFlight <= 4) held++;
    };
    s.until(16);
    const last = stateOf(s).minRttAt;
    expect(began - known).toBeGreaterThan(9000);
    expect(began).toBeLessThan(14_000);
    expect(ended - began).toBeGreaterThan(260);
    expect(ended - began).toBeLessThan(420);
    expect(held).toBeGreaterThan(4);
    // Its low rates are marked as the sender's own
    expect(limited).toBe(true);
    expect(Math.abs(stateOf(s).minRtt - 60_500)).toBeLessThan(600);
    expect(last).toBeGreaterThanOrEqual(began);
    // The window is back
    expect(s.c.cwnd).toBeGreaterThan(2 * 120);
    expect(stateOf(s).mode).toBe(MODE_PROBE_BW);
  });

  it("does not come while the RTT is as short as it was", () => {
    const s = new Simulation(BBR);
    let probed = false;
    s.offered = 200;
    s.watch = () => {
      probed ||= stateOf(s).mode === MODE_PROBE_RTT;
    };
    s.until(25);
    expect(probed).toBe(false);
  });
});

describe("after idle", () => {
  it("paces at the bandwidth, and does not begin PROBE_RTT until something is acknowledged", () => {
    const s = new Simulation(BBR);
    s.until(3);
    const ca = stateOf(s);
    s.c.appLimited = 1;
    s.world.at(30_000_000);
    ca.pacingGain = 320;
    BBR.cwndEvent?.(s.c, CA_EVENT_TX_START);
    expect(ca.idleRestart).toBe(true);
    expect(Math.abs(s.c.pacingRate / (0.99 * bwOf(s) * 1448) - 1)).toBeLessThan(0.001);
    const rs = new RateSample();
    BBR.congControl?.(s.c, 0, rs);
    expect(ca.mode).toBe(MODE_PROBE_BW);
    rs.delivered = 1;
    rs.interval = 40_000;
    rs.appLimited = true;
    BBR.congControl?.(s.c, 1, rs);
    expect([ca.mode, ca.idleRestart]).toEqual([MODE_PROBE_BW, false]);
    BBR.congControl?.(s.c, 1, rs);
    expect(ca.mode).toBe(MODE_PROBE_RTT);
  });

  it("changes nothing where the sender was not short of data", () => {
    const s = new Simulation(BBR);
    s.until(3);
    s.c.appLimited = 0;
    BBR.cwndEvent?.(s.c, CA_EVENT_TX_START);
    expect(stateOf(s).idleRestart).toBe(false);
  });
});

describe("what it tells", () => {
  it("gives bandwidth in bytes per second, RTT in us, gains in 1/256", () => {
    const s = new Simulation(BBR);
    expect(BBR.info?.(s.c)).toEqual({
      bbr_bw: 0,
      bbr_min_rtt: 0xffffffff,
      bbr_pacing_gain: 739,
      bbr_cwnd_gain: 739,
    });
    s.until(5);
    const info = BBR.info?.(s.c);
    expect(Math.abs((info?.bbr_bw as number) / (2000 * 1448) - 1)).toBeLessThan(0.05);
    expect(info?.bbr_min_rtt).toBe(stateOf(s).minRtt);
    expect(info?.bbr_cwnd_gain).toBe(512);
  });

  it("sends in bursts of one segment at least at low rates, of two otherwise", () => {
    const s = new Simulation(BBR);
    s.c.pacingRate = 149_999;
    expect(BBR.minTsoSegs?.(s.c)).toBe(1);
    s.c.pacingRate = 150_000;
    expect(BBR.minTsoSegs?.(s.c)).toBe(2);
  });
});
