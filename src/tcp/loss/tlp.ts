import { seqGt, seqLt } from "../../wire/seqnum.js";
import { ACK_ADVANCED, ACK_DSACK_PROBE, ACK_NEW_SACK, ACK_NOT_DUP } from "../acknowledged/ack-state.js";
import { dataLength, split } from "../acknowledged/flight.js";
import { SEGS, SEQ } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_CWR, TIMER_LOSS_PROBE } from "../constants.js";
import { firstFits, hasUnsent, PUSH_ONE, push } from "../sending/output.js";
import { currentMss } from "../sending/send-rules.js";
import { beginReduction, endReduction, keepOpen, setCaState } from "./reduction.js";
import { resend } from "./retransmit.js";
import { rearmRetransmit } from "./retransmit-timer.js";

/*
 * Tail loss probe (RFC 8985 §7): the last of a flight is lost without a trace; one more segment brings the SACK that
 * tells.
 */

/** RFC 8985 §7.3: new data if there is any that may go, else the last segment again. */
export function lossProbeTimeout(c: Connection): void {
  // One probe at a time
  if (c.tlpHighSeq === 0 && sendProbe(c)) {
    c.tlpHighSeq = c.sndNxt;
    c.tcp.counters.TcpExtTCPLossProbes++;
    c.timers &= ~TIMER_LOSS_PROBE;
  }
  rearmRetransmit(c);
}

function sendProbe(c: Connection): boolean {
  c.tlpRetrans = false;
  const mss = currentMss(c);
  if (hasUnsent(c) && firstFits(c, mss)) {
    const before = c.packetsOut;
    push(c, PUSH_ONE);
    return c.packetsOut > before;
  }
  let at = c.rtxTail;
  if (at === 0) return false;
  const d = c.tcp.sent.data;
  const segs = d[at + SEGS] as number;
  const whole = (segs - 1) * mss;
  if (segs > 1 && dataLength(c, at) > whole) {
    if (!split(c, at, ((d[at + SEQ] as number) + whole) | 0, mss)) return false;
    at = c.rtxTail;
  }
  if (resend(c, at, 1) < 0) return false;
  c.tlpRetrans = true;
  return true;
}

/** RFC 8985 §7.4.2: whether the probe repaired a loss, which has to be answered like any other. */
export function probeAnswered(c: Connection, ackSeq: number): void {
  const { flags } = c.tcp.ack;
  if (seqLt(ackSeq, c.tlpHighSeq)) return;
  if (!c.tlpRetrans || (flags & ACK_DSACK_PROBE) !== 0) c.tlpHighSeq = 0;
  else if (seqGt(ackSeq, c.tlpHighSeq)) {
    beginReduction(c);
    setCaState(c, CA_CWR);
    endReduction(c);
    keepOpen(c);
    c.tcp.counters.TcpExtTCPLossProbeRecovery++;
  } else if ((flags & (ACK_ADVANCED | ACK_NOT_DUP | ACK_NEW_SACK)) === 0) c.tlpHighSeq = 0;
}
