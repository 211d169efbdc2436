import { FLAGS, SENT_EVER } from "../acknowledged/sent.js";
import { CA_EVENT_COMPLETE_CWR } from "../congestion/congestion.js";
import type { Connection } from "../connection.js";
import { CA_CWR, CA_DISORDER, CA_OPEN, CA_RECOVERY, ECN_OK, ECN_QUEUE_CWR, SSTHRESH_INFINITE } from "../constants.js";

/*
 * How the window comes down: proportional rate reduction (RFC 6937, and RFC 9937 which replaces it), and the states
 * around it.
 */

/** The one place where caState changes. */
export function setCaState(c: Connection, state: number): void {
  c.congestion.setState?.(c, state);
  c.caState = state;
}

export function inReduction(c: Connection): boolean {
  return c.caState === CA_CWR || c.caState === CA_RECOVERY;
}

/** ssthresh as it would be without the reduction that goes on. */
export function currentSsthresh(c: Connection): number {
  return inReduction(c) ? c.ssthresh : Math.max(c.ssthresh, (c.cwnd >> 1) + (c.cwnd >> 2));
}

/** RFC 3168 §6.1.2: the peer is told that its ECE was heard. */
export function queueCwr(c: Connection): void {
  if ((c.ecn & ECN_OK) !== 0) c.ecn |= ECN_QUEUE_CWR;
}

/** A reduction begins: at its end, when highSeq is acknowledged, cwnd will be ssthresh. */
export function beginReduction(c: Connection): void {
  c.highSeq = c.sndNxt;
  c.tlpHighSeq = 0;
  c.cwndCnt = 0;
  c.priorCwnd = c.cwnd;
  c.prrDelivered = 0;
  c.prrOut = 0;
  c.ssthresh = c.congestion.ssthresh(c);
  queueCwr(c);
}

/**
 * RFC 6937 §3 as Linux has it: what may be sent is in proportion to what was delivered; below ssthresh as much as was
 * delivered, and one more where the ACK made good progress.
 */
export function reduceWindow(c: Connection, delivered: number, lost: number, advanced: boolean): void {
  if (delivered <= 0 || c.priorCwnd === 0) return;
  const { inFlight } = c;
  const delta = c.ssthresh - inFlight;
  let send: number;
  c.prrDelivered += delivered;
  if (delta < 0) send = Math.floor((c.ssthresh * c.prrDelivered + c.priorCwnd - 1) / c.priorCwnd) - c.prrOut;
  else {
    send = Math.max(c.prrDelivered - c.prrOut, delivered);
    if (advanced && lost === 0) send++;
    if (send > delta) send = delta;
  }
  // The fast retransmission that begins it goes in any case
  send = Math.max(send, c.prrOut > 0 ? 0 : 1);
  c.cwnd = inFlight + send;
}

export function endReduction(c: Connection): void {
  if (c.congestion.congControl !== undefined) return;
  if (c.ssthresh < SSTHRESH_INFINITE && (c.caState === CA_CWR || c.undoable)) {
    c.cwnd = c.ssthresh;
    c.cwndStamp = c.tcp.time.ms;
  }
  c.congestion.cwndEvent?.(c, CA_EVENT_COMPLETE_CWR);
}

/** RFC 3168 §6.1.2: congestion without loss. Nothing is undone of it. */
export function enterCwr(c: Connection): void {
  c.priorSsthresh = 0;
  if (c.caState >= CA_CWR) return;
  c.undoable = false;
  beginReduction(c);
  setCaState(c, CA_CWR);
}

/** Whether anything now in flight was ever sent again. */
export function anyRetransmitted(c: Connection): boolean {
  if (c.retransOut > 0) return true;
  return c.rtxHead !== 0 && ((c.tcp.sent.data[c.rtxHead + FLAGS] as number) & SENT_EVER) !== 0;
}

/** Open, or Disorder while anything is amiss. */
export function keepOpen(c: Connection): void {
  const state = c.sackedOut + c.lostOut > 0 || anyRetransmitted(c) ? CA_DISORDER : CA_OPEN;
  if (c.caState === state) return;
  setCaState(c, state);
  c.highSeq = c.sndNxt;
}
