import type { RateSample } from "../acknowledged/rate.js";
import type { Connection } from "../connection.js";
import { CA_LOSS, CA_RECOVERY, INITIAL_WINDOW_SEGMENTS, MIN_RTT_NONE, SSTHRESH_INFINITE } from "../constants.js";
import {
  checkDrain,
  checkFullPipe,
  checkProbeRttDone,
  saveCwnd,
  updateCycle,
  updateGains,
  updateMinRtt,
} from "./bbr-modes.js";
import {
  aggregationRoom,
  bandwidth,
  bandwidthOf,
  bdp,
  bytesIn,
  minTsoSegs,
  pacingRateOf,
  withBursts,
} from "./bbr-path.js";
import { resetPolicer, samplePolicer } from "./bbr-policer.js";
import { BbrState, BW_UNIT, GAIN_UNIT, HIGH_GAIN, MIN_WINDOW, MODE_PROBE_BW, MODE_PROBE_RTT } from "./bbr-state.js";
import { CA_EVENT_TX_START, type CongestionControl } from "./congestion.js";

/** Round trips over which the largest delivery rate counts. */
const BW_ROUNDS = 10;
/** Round trips of a window of ACK aggregation; two such windows count. */
const EXTRA_ACKED_ROUNDS = 5;
const ACK_EPOCH_MAX = 1 << 20;
/** us taken for the RTT before there is one. */
const NOMINAL_RTT = 1000;
const UNKNOWN = 0xffffffff;

/**
 * BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00) as Linux has it: paces at the bottleneck's bandwidth
 * and keeps about two bandwidth-delay products in flight, whatever is lost.
 */
export const BBR: CongestionControl = {
  name: "bbr",

  init(c: Connection): void {
    const ca = new BbrState();
    c.ca = ca;
    c.ssthresh = SSTHRESH_INFINITE;
    ca.minRtt = c.minRtt;
    ca.minRttAt = c.tcp.time.ms;
    ca.ackEpochStamp = c.tcp.time.us;
    resetPolicer(c, ca);
    paceByRtt(c, ca);
    c.pacing = true;
  },

  /** Losses do not lower the threshold; what the window was is remembered. */
  ssthresh(c: Connection): number {
    saveCwnd(c, c.ca as BbrState);
    return c.ssthresh;
  },

  congAvoid(): void {
    // congControl stands in its place
  },

  setState(c: Connection, state: number): void {
    if (state !== CA_LOSS) return;
    const ca = c.ca as BbrState;
    ca.prevCaState = CA_LOSS;
    ca.fullBw = 0;
    // A timeout ends a round
    ca.roundStart = true;
    samplePolicer(c, ca, 1, false);
  },

  cwndEvent(c: Connection, event: number): void {
    if (event !== CA_EVENT_TX_START || c.appLimited === 0) return;
    const ca = c.ca as BbrState;
    ca.idleRestart = true;
    ca.ackEpochStamp = c.tcp.time.us;
    ca.ackEpochAcked = 0;
    // After idle no more speed than the path has been seen to give
    if (ca.mode === MODE_PROBE_BW) setPacingRate(c, ca, bandwidth(ca), GAIN_UNIT);
    else if (ca.mode === MODE_PROBE_RTT) checkProbeRttDone(c, ca);
  },

  undoCwnd(c: Connection): number {
    const ca = c.ca as BbrState;
    ca.fullBw = 0;
    ca.fullBwCount = 0;
    resetPolicer(c, ca);
    return c.cwnd;
  },

  congControl(c: Connection, acked: number, rs: RateSample): void {
    const ca = c.ca as BbrState;
    updateBandwidth(c, ca, rs);
    updateAggregation(c, ca, rs);
    updateCycle(c, ca, rs);
    checkFullPipe(ca, rs);
    checkDrain(c, ca);
    updateMinRtt(c, ca, rs);
    updateGains(ca);
    setPacingRate(c, ca, bandwidth(ca), ca.pacingGain);
    setCwnd(c, ca, acked, rs.losses);
  },

  minTsoSegs,

  sndbufExpand: 3,

  info(c: Connection): Readonly<Record<string, number>> {
    const ca = c.ca as BbrState;
    return {
      bbr_bw: bytesIn(c, bandwidth(ca), GAIN_UNIT, 1_000_000),
      bbr_min_rtt: ca.minRtt === MIN_RTT_NONE ? UNKNOWN : ca.minRtt,
      bbr_pacing_gain: ca.pacingGain,
      bbr_cwnd_gain: ca.cwndGain,
    };
  },
};

function paceByRtt(c: Connection, ca: BbrState): void {
  let rtt = NOMINAL_RTT;
  if (c.srtt !== 0) {
    ca.hasSeenRtt = true;
    rtt = c.srtt >> 3;
    if (rtt < 1) rtt = 1;
  }
  c.pacingRate = pacingRateOf(c, bandwidthOf(c.cwnd, rtt), HIGH_GAIN);
}

function setPacingRate(c: Connection, ca: BbrState, bw: number, gain: number): void {
  if (!ca.hasSeenRtt && c.srtt !== 0) paceByRtt(c, ca);
  const rate = pacingRateOf(c, bw, gain);
  // Until the pipe is full an early, low sample must not slow it down
  if (ca.fullBwReached || rate > c.pacingRate) c.pacingRate = rate;
}

function updateBandwidth(c: Connection, ca: BbrState, rs: RateSample): void {
  ca.roundStart = false;
  if (rs.delivered < 0 || rs.interval <= 0) return;
  // What was sent when the round began has been delivered
  if (((rs.priorDelivered - ca.nextRoundDelivered) | 0) >= 0) {
    ca.nextRoundDelivered = c.delivered;
    ca.rounds++;
    ca.roundStart = true;
    ca.packetConservation = false;
  }
  samplePolicer(c, ca, rs.losses, rs.appLimited);
  const bw = bandwidthOf(rs.delivered, rs.interval);
  // A sender without data tells only of a rate that is possible
  if (!rs.appLimited || bw >= ca.bw.best) ca.bw.add(BW_ROUNDS, ca.rounds, bw);
}

/** How much more than the bandwidth explains is acknowledged in a lump; such lumps need a larger window. */
function updateAggregation(c: Connection, ca: BbrState, rs: RateSample): void {
  if (rs.ackedSacked <= 0 || rs.delivered < 0 || rs.interval <= 0) return;
  if (ca.roundStart) {
    if (++ca.extraAckedRounds >= EXTRA_ACKED_ROUNDS) {
      ca.extraAckedRounds = 0;
      ca.extraAckedBefore = ca.extraAcked;
      ca.extraAcked = 0;
    }
  }
  const epoch = (c.deliveredStamp - ca.ackEpochStamp) | 0;
  let expected = epoch > 0 ? Math.floor((bandwidth(ca) * epoch) / BW_UNIT) : 0;
  if (ca.ackEpochAcked <= expected || ca.ackEpochAcked + rs.ackedSacked >= ACK_EPOCH_MAX) {
    ca.ackEpochAcked = 0;
    ca.ackEpochStamp = c.deliveredStamp;
    expected = 0;
  }
  const acked = ca.ackEpochAcked + rs.ackedSacked;
  ca.ackEpochAcked = acked < ACK_EPOCH_MAX ? acked : ACK_EPOCH_MAX - 1;
  let extra = ca.ackEpochAcked - expected;
  if (extra > c.cwnd) extra = c.cwnd;
  if (extra > ca.extraAcked) ca.extraAcked = extra;
}

function setCwnd(c: Connection, ca: BbrState, acked: number, losses: number): void {
  let { cwnd } = c;
  if (acked > 0) {
    cwnd = recoveryCwnd(c, ca, acked, losses);
    if (!ca.packetConservation) cwnd = towardsTarget(c, ca, cwnd, acked);
  }
  c.cwnd = ca.mode === MODE_PROBE_RTT && cwnd > MIN_WINDOW ? MIN_WINDOW : cwnd;
}

/** The first round of recovery sends a segment for a segment delivered; its end brings the old window back. */
function recoveryCwnd(c: Connection, ca: BbrState, acked: number, losses: number): number {
  const state = c.caState;
  const prev = ca.prevCaState;
  let { cwnd } = c;
  if (losses > 0) cwnd = cwnd - losses > 1 ? cwnd - losses : 1;
  const conserved = c.inFlight + acked;
  if (state === CA_RECOVERY && prev !== CA_RECOVERY) {
    ca.packetConservation = true;
    ca.nextRoundDelivered = c.delivered;
    cwnd = conserved;
  } else if (prev >= CA_RECOVERY && state < CA_RECOVERY) {
    if (ca.priorCwnd > cwnd) cwnd = ca.priorCwnd;
    ca.packetConservation = false;
  }
  ca.prevCaState = state;
  return ca.packetConservation && conserved > cwnd ? conserved : cwnd;
}

/** As slow start up to the target; down to it once the pipe is known to be full. */
function towardsTarget(c: Connection, ca: BbrState, from: number, acked: number): number {
  const target = withBursts(c, ca, bdp(ca, bandwidth(ca), ca.cwndGain) + aggregationRoom(ca));
  let cwnd = from;
  if (ca.fullBwReached) cwnd = cwnd + acked < target ? cwnd + acked : target;
  else if (cwnd < target || (c.delivered >= 0 && c.delivered < INITIAL_WINDOW_SEGMENTS)) cwnd += acked;
  return cwnd > MIN_WINDOW ? cwnd : MIN_WINDOW;
}
