import { describe, expect, it } from "vitest";
import { CUBIC } from "../../../../src/tcp/congestion/cubic.js";
import type { CubicState } from "../../../../src/tcp/congestion/cubic-state.js";
import type { Connection } from "../../../../src/tcp/connection.js";
import { CA_LOSS, SSTHRESH_INFINITE } from "../../../../src/tcp/constants.js";
import { begun, World } from "./pieces.js";

/** A round: `acks` ACKs of one segment each, `gap` us apart from `from`, each with an RTT. */
function round(c: Connection, world: World, from: number, acks: number, gap: number, rtt: number): void {
  for (let i = 0; i < acks; i++) {
    world.at(from + i * gap);
    c.sndUna = (c.sndUna + c.mss) | 0;
    c.sndNxt = (c.sndNxt + 2 * c.mss) | 0;
    CUBIC.pktsAcked?.(c, 1, rtt, c.cwnd);
    CUBIC.congAvoid(c, c.sndUna, 1);
  }
}

function start(hystart: number, cwnd: number): { c: Connection; world: World; ca: CubicState } {
  const world = new World();
  world.settings.hystart = hystart;
  world.at(1_000_000);
  const c = begun(CUBIC, world);
  c.cwnd = cwnd;
  c.sndNxt = (c.sndUna + cwnd * c.mss) | 0;
  const ca = c.ca as CubicState;
  ca.endSeq = c.sndNxt;
  return { c, world, ca };
}

describe("HyStart: the train of ACKs", () => {
  it("ends slow start when it is longer than half the RTT", () => {
    const { c, world, ca } = start(1, 64);
    // The round before ends with the first ACK. RTT 40 ms, no pacing rate: half is 20 ms, at 1 ms an ACK
    ca.endSeq = c.sndUna;
    round(c, world, 1_040_000, 21, 1000, 40_000);
    expect(c.ssthresh).toBe(SSTHRESH_INFINITE);
    round(c, world, 1_061_000, 1, 1000, 40_000);
    expect(world.counters.TcpExtTCPHystartTrainDetect).toBe(1);
    expect(c.ssthresh).toBe(world.counters.TcpExtTCPHystartTrainCwnd);
    expect(c.ssthresh).toBeLessThan(64 + 22);
  });

  it.each([
    ["leaves room for bursts of the sender", 584_000, false, 20_500],
    ["less of them when it sends fast", 521_720_000, false, 20_250],
    ["takes the whole RTT of a paced sender", 584_000, true, 41_000],
  ])("%s", (_, rate, pacing, threshold) => {
    const { c, world, ca } = start(1, 64);
    c.pacingRate = rate;
    c.pacing = pacing;
    ca.delayMin = 40_000;
    world.at(1_040_000);
    ca.roundStart = 1_040_000 - threshold;
    ca.lastAck = 1_040_000;
    CUBIC.pktsAcked?.(c, 1, 40_000, 10);
    expect(ca.found).toBe(false);
    ca.roundStart--;
    CUBIC.pktsAcked?.(c, 1, 40_000, 10);
    expect(ca.found).toBe(true);
  });

  it("is interrupted by a gap of more than 2 ms", () => {
    const { c, world } = start(1, 64);
    round(c, world, 1_000_000, 60, 2001, 40_000);
    expect(c.ssthresh).toBe(SSTHRESH_INFINITE);
    const near = start(1, 64);
    round(near.c, near.world, 1_000_000, 60, 2000, 40_000);
    expect(near.c.ssthresh).toBeLessThan(SSTHRESH_INFINITE);
  });

  it("is not looked for below 16 segments, nor when switched off, nor twice", () => {
    const low = start(1, 15);
    for (let i = 0; i < 100; i++) {
      low.world.at(1_000_000 + i * 1000);
      CUBIC.pktsAcked?.(low.c, 1, 40_000, 10);
    }
    expect(low.c.ssthresh).toBe(SSTHRESH_INFINITE);
    const off = start(0, 64);
    round(off.c, off.world, 1_000_000, 60, 1000, 40_000);
    expect(off.c.ssthresh).toBe(SSTHRESH_INFINITE);
    const twice = start(1, 64);
    round(twice.c, twice.world, 1_000_000, 30, 1000, 40_000);
    const found = twice.c.ssthresh;
    twice.c.ssthresh = SSTHRESH_INFINITE;
    round(twice.c, twice.world, 1_030_000, 30, 1000, 40_000);
    expect(found).toBeLessThan(SSTHRESH_INFINITE);
    expect(twice.c.ssthresh).toBe(SSTHRESH_INFINITE);
  });
});

describe("HyStart: the delay", () => {
  /** A first round at 80 ms, then nine samples of `rtt`, too far apart to be a train. */
  function grown(rtt: number, samples = 9, base = 80_000): Connection {
    const { c, world } = start(1, 64);
    round(c, world, 1_080_000, 64, 3000, base);
    round(c, world, 1_300_000, samples, 3000, rtt);
    return c;
  }

  it("ends slow start when the shortest of a round's RTTs has grown by an eighth, after eight samples", () => {
    expect(grown(90_000).ssthresh).toBe(SSTHRESH_INFINITE);
    const c = grown(90_001);
    expect(c.ssthresh).toBeLessThan(SSTHRESH_INFINITE);
    const { counters } = c.tcp;
    expect(counters.TcpExtTCPHystartDelayDetect).toBe(1);
    expect(counters.TcpExtTCPHystartDelayCwnd).toBe(c.ssthresh);
    expect(grown(90_001, 8).ssthresh).toBe(SSTHRESH_INFINITE);
  });

  it("takes 4 ms at least and 16 ms at most for growth", () => {
    expect(grown(12_000, 9, 8000).ssthresh).toBe(SSTHRESH_INFINITE);
    expect(grown(12_001, 9, 8000).ssthresh).toBeLessThan(SSTHRESH_INFINITE);
    expect(grown(216_000, 9, 200_000).ssthresh).toBe(SSTHRESH_INFINITE);
    expect(grown(216_001, 9, 200_000).ssthresh).toBeLessThan(SSTHRESH_INFINITE);
  });

  it("does not take a single long RTT for growth", () => {
    const { c, world } = start(1, 64);
    round(c, world, 1_080_000, 64, 3000, 80_000);
    round(c, world, 1_300_000, 1, 3000, 81_000);
    round(c, world, 1_303_000, 30, 3000, 200_000);
    expect(c.ssthresh).toBe(SSTHRESH_INFINITE);
  });

  it("looks again after a timeout", () => {
    const { c, world, ca } = start(1, 64);
    round(c, world, 1_000_000, 30, 1000, 40_000);
    expect(ca.found).toBe(true);
    world.at(2_000_000);
    CUBIC.setState?.(c, CA_LOSS);
    expect([ca.found, ca.roundStart, ca.sampleCnt]).toEqual([false, 2_000_000, 0]);
  });
});

describe("HyStart++ (RFC 9406)", () => {
  /** In conservative slow start: one round at 80 ms, then one at 90. */
  function conservative(): { c: Connection; world: World; ca: CubicState } {
    const made = start(2, 64);
    round(made.c, made.world, 1_080_000, 64, 1000, 80_000);
    round(made.c, made.world, 1_200_000, 8, 1000, 90_000);
    return made;
  }

  it("enters conservative slow start when the RTT has grown by an eighth since the last round, after eight samples", () => {
    const { ca } = conservative();
    expect(ca.cssBaseline).toBe(90_000);
    const less = start(2, 64);
    round(less.c, less.world, 1_080_000, 64, 1000, 80_000);
    round(less.c, less.world, 1_200_000, 20, 1000, 89_999);
    expect(less.ca.cssBaseline).toBe(0x7fffffff);
    const fewer = start(2, 64);
    round(fewer.c, fewer.world, 1_080_000, 64, 1000, 80_000);
    round(fewer.c, fewer.world, 1_200_000, 7, 1000, 90_000);
    expect(fewer.ca.cssBaseline).toBe(0x7fffffff);
  });

  it("grows by a quarter there", () => {
    const { c, world } = conservative();
    const first = c.cwnd;
    round(c, world, 1_300_000, 16, 1000, 90_000);
    expect(c.cwnd).toBe(first + 4);
  });

  it("goes back to slow start when the RTT falls again", () => {
    const { c, world, ca } = conservative();
    round(c, world, 1_300_000, 1, 1000, 85_000);
    expect(ca.cssBaseline).toBe(0x7fffffff);
    const first = c.cwnd;
    round(c, world, 1_301_000, 8, 1000, 85_000);
    expect(c.cwnd).toBe(first + 8);
  });

  it("ends slow start after five rounds", () => {
    const { c, world, ca } = conservative();
    let now = 1_300_000;
    for (let rounds = 0; rounds < 5; rounds++) {
      expect(ca.found).toBe(false);
      const end = ca.endSeq;
      while (ca.endSeq === end && !ca.found) {
        round(c, world, now, 1, 1000, 95_000);
        now += 1000;
      }
    }
    expect(ca.found).toBe(true);
    expect(c.ssthresh).toBeLessThanOrEqual(c.cwnd);
  });

  it("adds eight segments for one ACK at most, unless the sender is paced", () => {
    const { c } = start(2, 64);
    CUBIC.congAvoid(c, 0, 20);
    expect(c.cwnd).toBe(72);
    c.pacing = true;
    CUBIC.congAvoid(c, 0, 20);
    expect(c.cwnd).toBe(92);
  });

  it("is for the first slow start only", () => {
    const { c } = start(2, 64);
    CUBIC.ssthresh(c);
    CUBIC.setState?.(c, CA_LOSS);
    c.cwnd = 2;
    c.ssthresh = 44;
    CUBIC.congAvoid(c, 0, 20);
    expect(c.cwnd).toBe(22);
  });
});
