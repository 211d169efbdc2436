import { seqGt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { type CubicState, RTT_NONE } from "./cubic-state.js";
import { slowStart } from "./reno.js";

/** RFC 9406 §4.3: constants, times in us. */
const MIN_RTT_THRESH = 4000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR_SHIFT = 3;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_SHIFT = 2;
const CSS_ROUNDS = 5;
/** L: segments that one ACK may add, unless the sender is paced. */
const BURST_LIMIT = 8;

/** The first slow start begins. */
export function hystartPlusReset(c: Connection, ca: CubicState): void {
  ca.endSeq = c.sndNxt;
  ca.currRtt = RTT_NONE;
  ca.sampleCnt = 0;
  ca.lastRoundMinRtt = RTT_NONE;
  ca.cssBaseline = RTT_NONE;
  ca.cssRounds = 0;
  ca.cssCredit = 0;
}

/** An RTT of slow start, in us. */
export function hystartPlusUpdate(c: Connection, ca: CubicState, rtt: number): void {
  if (seqGt(c.sndUna, ca.endSeq)) nextRound(c, ca);
  if (ca.found) return;
  if (rtt < ca.currRtt) ca.currRtt = rtt;
  ca.sampleCnt++;
  if (ca.sampleCnt < N_RTT_SAMPLE) return;
  if (ca.cssBaseline !== RTT_NONE) {
    // RFC 9406 §4.2: the RTT fell again, so what ended slow start was no queue
    if (ca.currRtt < ca.cssBaseline) ca.cssBaseline = RTT_NONE;
    return;
  }
  if (ca.lastRoundMinRtt === RTT_NONE) return;
  const eighth = ca.lastRoundMinRtt >> MIN_RTT_DIVISOR_SHIFT;
  const thresh = eighth < MIN_RTT_THRESH ? MIN_RTT_THRESH : eighth > MAX_RTT_THRESH ? MAX_RTT_THRESH : eighth;
  if (ca.currRtt < ca.lastRoundMinRtt + thresh) return;
  // RFC 9406 §4.2: conservative slow start
  ca.cssBaseline = ca.currRtt;
  ca.cssRounds = 0;
  ca.cssCredit = 0;
}

/** Slow start as RFC 9406 §4.2 limits it. @returns segments that are left for congestion avoidance */
export function slowStartPlus(c: Connection, ca: CubicState, acked: number): number {
  let growth = !c.pacing && acked > BURST_LIMIT ? BURST_LIMIT : acked;
  if (ca.cssBaseline !== RTT_NONE) {
    ca.cssCredit += growth;
    growth = ca.cssCredit >> CSS_GROWTH_SHIFT;
    ca.cssCredit -= growth << CSS_GROWTH_SHIFT;
  }
  return slowStart(c, growth);
}

function nextRound(c: Connection, ca: CubicState): void {
  ca.endSeq = c.sndNxt;
  ca.lastRoundMinRtt = ca.currRtt;
  ca.currRtt = RTT_NONE;
  ca.sampleCnt = 0;
  if (ca.cssBaseline === RTT_NONE) return;
  // RFC 9406 §4.2: the round in which it was entered counts, though it was not a whole one
  if (++ca.cssRounds < CSS_ROUNDS) return;
  ca.cssBaseline = RTT_NONE;
  ca.found = true;
  c.ssthresh = c.cwnd;
}
