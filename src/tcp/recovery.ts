import { seqGe, seqGt } from "../wire/seqnum.js";
import { grow } from "./congestion/window.js";
import type { Connection } from "./connection.js";
import { CA_LOSS, CA_OPEN, CA_RECOVERY, DUPTHRESH } from "./constants.js";
import { retransmitFirst } from "./output.js";

/** RFC 5681 §2: a duplicate ACK, while something is outstanding. */
export function duplicateAck(c: Connection): void {
  c.dupAcks++;
  if (c.caState === CA_RECOVERY) {
    // RFC 6582 §3.2 step 3 (RFC 5681 §3.2 step 4): each one says that a segment has left the network
    c.cwnd += c.mss;
    return;
  }
  if (c.caState === CA_LOSS || c.dupAcks !== DUPTHRESH) return;
  // RFC 6582 §3.2 step 2 and §4.1: dup ACKs for data sent before the last recovery ended say nothing new
  if (c.recoverArmed && !seqGt(c.sndUna, c.recover)) return;
  enterRecovery(c);
}

/** RFC 6582 §3.2 step 2. */
function enterRecovery(c: Connection): void {
  const { counters } = c.tcp;
  counters.TcpExtTCPRenoRecovery++;
  counters.TcpExtTCPFastRetrans++;
  c.ssthresh = c.congestion.thresholdAfterLoss(c);
  c.recover = c.sndMax;
  c.recoverArmed = true;
  c.caState = CA_RECOVERY;
  c.cwnd = c.ssthresh + DUPTHRESH * c.mss;
  retransmitFirst(c);
}

/**
 * New data was acknowledged; SND.UNA has moved by `acked`. Runs what recovery and congestion control make of it.
 */
export function newAck(c: Connection, acked: number): void {
  c.dupAcks = 0;
  if (c.caState === CA_RECOVERY) {
    if (seqGe(c.sndUna, c.recover)) fullAck(c);
    else partialAck(c, acked);
    return;
  }
  if (c.caState === CA_LOSS && seqGe(c.sndUna, c.recover)) c.caState = CA_OPEN;
  if (c.recoverArmed && seqGt(c.sndUna, c.recover)) c.recoverArmed = false;
  grow(c, acked);
}

/** RFC 6582 §3.2 step 3, full acknowledgment: deflate, without letting a burst out. */
function fullAck(c: Connection): void {
  const flight = (c.sndMax - c.sndUna) | 0;
  c.cwnd = Math.min(c.ssthresh, Math.max(flight, c.mss) + c.mss);
  c.caState = CA_OPEN;
  c.partialAcks = 0;
  c.cwndCredit = 0;
}

/** RFC 6582 §3.2 step 3, partial acknowledgment: the next hole is lost as well. */
function partialAck(c: Connection, acked: number): void {
  c.partialAcks++;
  retransmitFirst(c);
  c.cwnd = Math.max(c.cwnd - acked, c.mss);
  if (acked >= c.mss) c.cwnd += c.mss;
}

/** RFC 5681 §3.1 (4) and the paragraph after it: what a timeout does to the window; everything is sent again. */
export function timeoutLoss(c: Connection): void {
  if (c.caState !== CA_LOSS || c.retransmits === 0) c.ssthresh = c.congestion.thresholdAfterLoss(c);
  c.caState = CA_LOSS;
  c.partialAcks = 0;
  c.cwnd = c.mss;
  c.cwndCredit = 0;
  c.dupAcks = 0;
  // RFC 6582 §3.2 step 4
  c.recover = c.sndMax;
  c.recoverArmed = true;
  c.sndNxt = c.sndUna;
}
