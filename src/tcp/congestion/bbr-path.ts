import type { Connection } from "../connection.js";
import { INITIAL_WINDOW_SEGMENTS, MIN_RTT_NONE } from "../constants.js";
import { type BbrState, BW_UNIT, GAIN_UNIT, MODE_PROBE_BW } from "./bbr-state.js";

/** Below 1.2 Mbit/s a burst is one segment. */
const MIN_TSO_RATE = 150_000;
/** What the kernel's largest burst carries: 64 KB less room for headers. */
const BURST_BYTES = 65536 - 321;
const BURST_SEGMENTS = 127;
/** A burst is what goes in about a millisecond. */
const BURSTS_PER_SECOND = 1024;
/** Pacing at a percent below the bandwidth keeps queues from standing. */
const PACED_US = 990_000;
const BW_MAX = 0x7fffffff;
/** Aggregated ACKs are made up for up to so much of the bandwidth, us. */
const EXTRA_ACKED_MAX_US = 100_000;

/** Segments over microseconds as a bandwidth; saturates. */
export function bandwidthOf(segments: number, us: number): number {
  const bw = Math.floor((segments * BW_UNIT) / us);
  return bw < BW_MAX ? bw : BW_MAX;
}

/** The bandwidth to go by: the policer's where there is one. */
export function bandwidth(ca: BbrState): number {
  return ca.ltUseBw ? ca.ltBw : ca.bw.best;
}

/** Bytes in `us` microseconds at a bandwidth with a gain: floors as the kernel's 64-bit integers do. */
export function bytesIn(c: Connection, bw: number, gain: number, us: number): number {
  // The product with `us` may pass 2^53, so that it is made of two halves
  const rate = Math.floor((bw * c.mss * gain) / GAIN_UNIT);
  const high = Math.floor(rate / BW_UNIT);
  return high * us + Math.floor(((rate - high * BW_UNIT) * us) / BW_UNIT);
}

/** Bytes per second to pace at. */
export function pacingRateOf(c: Connection, bw: number, gain: number): number {
  const rate = bytesIn(c, bw, gain, PACED_US);
  return rate < c.maxPacingRate ? rate : c.maxPacingRate;
}

/** Segments that a burst has at least. */
export function minTsoSegs(c: Connection): number {
  return c.pacingRate < MIN_TSO_RATE ? 1 : 2;
}

function tsoSegsGoal(c: Connection): number {
  const bytes = Math.floor(c.pacingRate / BURSTS_PER_SECOND);
  const segments = ((bytes < BURST_BYTES ? bytes : BURST_BYTES) / c.mss) | 0;
  const least = minTsoSegs(c);
  const goal = segments > least ? segments : least;
  return goal < BURST_SEGMENTS ? goal : BURST_SEGMENTS;
}

/** Segments that fill the path, times the gain, rounded up. */
export function bdp(ca: BbrState, bw: number, gain: number): number {
  // No RTT is known when everything so far was sent twice
  if (ca.minRtt === MIN_RTT_NONE) return INITIAL_WINDOW_SEGMENTS;
  return Math.floor((Math.floor((bw * ca.minRtt * gain) / GAIN_UNIT) + BW_UNIT - 1) / BW_UNIT);
}

/** Room for bursts on their way through both hosts, and for ACKs of every second segment. */
export function withBursts(c: Connection, ca: BbrState, cwnd: number): number {
  const room = cwnd + 3 * tsoSegsGoal(c);
  const even = room + (room & 1);
  // The probing phase shows even where the BDP is small
  return ca.mode === MODE_PROBE_BW && ca.cycleIndex === 0 ? even + 2 : even;
}

/** Segments to have in flight for a gain. */
export function inflightFor(c: Connection, ca: BbrState, bw: number, gain: number): number {
  return withBursts(c, ca, bdp(ca, bw, gain));
}

/** Of `inFlight` segments, those in the network when pacing lets the next burst go. */
export function inNetwork(c: Connection, ca: BbrState, inFlight: number): number {
  const wait = (c.lastSentUs - c.tcp.time.us) | 0;
  const delivered = wait > 0 ? Math.floor((bandwidth(ca) * wait) / BW_UNIT) : 0;
  // Rising: will that burst lift it to the target? Falling: will it be below it just before?
  const then = ca.pacingGain > GAIN_UNIT ? inFlight + tsoSegsGoal(c) : inFlight;
  return delivered < then ? then - delivered : 0;
}

/** Segments to add for ACKs that come in lumps. */
export function aggregationRoom(ca: BbrState): number {
  if (!ca.fullBwReached) return 0;
  const most = Math.floor((bandwidth(ca) * EXTRA_ACKED_MAX_US) / BW_UNIT);
  const extra = ca.extraAcked > ca.extraAckedBefore ? ca.extraAcked : ca.extraAckedBefore;
  return extra < most ? extra : most;
}
