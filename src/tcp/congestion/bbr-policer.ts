import type { Connection } from "../connection.js";
import { startProbeBw } from "./bbr-modes.js";
import { bandwidthOf, pacingRateOf } from "./bbr-path.js";
import { type BbrState, GAIN_UNIT, MODE_PROBE_BW } from "./bbr-state.js";

/*
 * A token bucket on the path lets bursts through and then drops what exceeds its rate. Two intervals in a row with
 * many losses and like rates tell of one: BBR then paces at that rate for a while.
 */

/** Round trips of an interval, at least and at most. */
const MIN_ROUNDS = 4;
const MAX_ROUNDS = 16;
/** Lost of what was delivered, in 1/256: about a fifth. */
const LOSSY = 50;
/** Rates are alike within an eighth, or within 4 kbit/s. */
const LIKE_SHIFT = 3;
const LIKE_BYTES = 500;
/** Round trips for which the rate is believed. */
const BELIEVED_ROUNDS = 48;
/** Beyond so many ms an interval in us passes 32 bits. */
const LONGEST_MS = 4_294_967;

/** Forgets the policer. */
export function resetPolicer(c: Connection, ca: BbrState): void {
  ca.ltBw = 0;
  ca.ltUseBw = false;
  ca.ltSampling = false;
  beginInterval(c, ca);
}

function beginInterval(c: Connection, ca: BbrState): void {
  ca.ltLastAt = deliveredAt(c);
  ca.ltLastDelivered = c.delivered;
  ca.ltLastLost = c.lost;
  ca.ltRounds = 0;
}

/** c.deliveredStamp in whole ms of the stack's clock; the two clocks wrap at different times. */
function deliveredAt(c: Connection): number {
  const { ms, us } = c.tcp.time;
  const intoMs = (us - Math.imul(ms, 1000)) | 0;
  const age = (us - c.deliveredStamp) | 0;
  return (ms + Math.floor((intoMs - age) / 1000)) | 0;
}

/** What an ACK says of a policer. */
export function samplePolicer(c: Connection, ca: BbrState, losses: number, appLimited: boolean): void {
  if (ca.ltUseBw) {
    if (ca.mode === MODE_PROBE_BW && ca.roundStart && ++ca.ltRounds >= BELIEVED_ROUNDS) {
      resetPolicer(c, ca);
      startProbeBw(c, ca);
    }
    return;
  }
  // From loss to loss, so that the bucket is empty at both ends
  if (!ca.ltSampling) {
    if (losses === 0) return;
    beginInterval(c, ca);
    ca.ltSampling = true;
  }
  if (appLimited) {
    resetPolicer(c, ca);
    return;
  }
  if (ca.roundStart) ca.ltRounds++;
  if (ca.ltRounds < MIN_ROUNDS) return;
  if (ca.ltRounds > MAX_ROUNDS) {
    resetPolicer(c, ca);
    return;
  }
  if (losses > 0) endInterval(c, ca);
}

function endInterval(c: Connection, ca: BbrState): void {
  const lost = (c.lost - ca.ltLastLost) | 0;
  const delivered = (c.delivered - ca.ltLastDelivered) | 0;
  if (delivered === 0 || lost * 256 < LOSSY * delivered) return;
  const ms = (deliveredAt(c) - ca.ltLastAt) | 0;
  if (ms < 1) return;
  if (ms >= LONGEST_MS) {
    resetPolicer(c, ca);
    return;
  }
  const bw = bandwidthOf(delivered, ms * 1000);
  if (ca.ltBw !== 0 && alike(c, ca, bw)) {
    ca.ltBw = Math.floor((bw + ca.ltBw) / 2);
    ca.ltUseBw = true;
    ca.pacingGain = GAIN_UNIT;
    ca.ltRounds = 0;
    return;
  }
  ca.ltBw = bw;
  beginInterval(c, ca);
}

function alike(c: Connection, ca: BbrState, bw: number): boolean {
  const difference = Math.abs(bw - ca.ltBw);
  return difference * (1 << LIKE_SHIFT) <= ca.ltBw || pacingRateOf(c, difference, GAIN_UNIT) <= LIKE_BYTES;
}
