import { seqGt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { type CubicState, RTT_NONE } from "./cubic-state.js";

/*
 * HyStart as Linux has it (Ha and Rhee, "Taming the elephants", 2011): slow start ends before it overflows the path's
 * queue, when a train of ACKs is as long as half the RTT or when the RTT grows.
 */

/** ACKs closer than this belong to one train, us. */
const ACK_DELTA = 2000;
const LOW_WINDOW = 16;
const MIN_SAMPLES = 8;
/** Growth of the RTT that tells of a queue: an eighth, within these, us. */
const DELAY_MIN = 4000;
const DELAY_MAX = 16_000;
/** Four of the largest segments that the kernel hands to its device: 64 KB less room for headers. */
const FOUR_BURSTS = 4 * (65536 - 321);

/** A round begins: it ends with the ACK of what is sent next. */
export function hystartReset(c: Connection, ca: CubicState): void {
  const { us } = c.tcp.time;
  ca.roundStart = us;
  ca.lastAck = us;
  ca.endSeq = c.sndNxt;
  ca.currRtt = RTT_NONE;
  ca.sampleCnt = 0;
}

/** An RTT of slow start, in us. */
export function hystartUpdate(c: Connection, ca: CubicState, delay: number): void {
  if (seqGt(c.sndUna, ca.endSeq)) hystartReset(c, ca);
  if (c.cwnd < LOW_WINDOW) return;
  detectTrain(c, ca);
  // Both may find it with one ACK; both then count, as in Linux
  detectDelay(c, ca, delay);
}

function detectTrain(c: Connection, ca: CubicState): void {
  const now = c.tcp.time.us;
  if (((now - ca.lastAck) | 0) > ACK_DELTA) return;
  ca.lastAck = now;
  // What bursts of the sender itself add to the train; paced, the sender spreads the segments over half an RTT
  let threshold = ca.delayMin + burstDelay(c);
  if (!c.pacing) threshold >>= 1;
  if (((now - ca.roundStart) | 0) <= threshold) return;
  const { counters } = c.tcp;
  counters.TcpExtTCPHystartTrainDetect++;
  counters.TcpExtTCPHystartTrainCwnd += c.cwnd;
  endSlowStart(c, ca);
}

function detectDelay(c: Connection, ca: CubicState, delay: number): void {
  if (delay < ca.currRtt) ca.currRtt = delay;
  if (ca.sampleCnt < MIN_SAMPLES) {
    ca.sampleCnt++;
    return;
  }
  const eighth = ca.delayMin >> 3;
  const growth = eighth < DELAY_MIN ? DELAY_MIN : eighth > DELAY_MAX ? DELAY_MAX : eighth;
  if (ca.currRtt <= ca.delayMin + growth) return;
  const { counters } = c.tcp;
  counters.TcpExtTCPHystartDelayDetect++;
  counters.TcpExtTCPHystartDelayCwnd += c.cwnd;
  endSlowStart(c, ca);
}

function endSlowStart(c: Connection, ca: CubicState): void {
  ca.found = true;
  c.ssthresh = c.cwnd;
}

/** us that four bursts take at the pacing rate, at most 1 ms. */
function burstDelay(c: Connection): number {
  if (c.pacingRate === 0) return 0;
  const us = Math.floor((FOUR_BURSTS * 1e6) / c.pacingRate);
  return us < 1000 ? us : 1000;
}
