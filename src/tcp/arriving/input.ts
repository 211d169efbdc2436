import { ECONNRESET, EPIPE } from "../../base/errors.js";
import { seqGt, seqLe, seqLt, seqMax } from "../../wire/seqnum.js";
import { ACK, FIN, RST, SYN } from "../../wire/tcp.js";
import { ACK_TAKEN, ACK_UNSENT, processAck } from "../acknowledged/ack.js";
import type { Connection } from "../connection.js";
import {
  CLOSE_WAIT,
  CLOSING,
  ECN_ACC,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
} from "../constants.js";
import { type AccEcn, reflection } from "../ecn/accecn.js";
import { countMarks } from "../ecn/accecn-feedback.js";
import { destroy, enterTimeWait, limitFinWait2, setState } from "../ending/close.js";
import { touch } from "../notify.js";
import { opensFast, suspectReset } from "../opening/fast-open.js";
import { fastOpenComplete, fastOpenInput } from "../opening/fast-open-server.js";
import { simultaneousAck, synReceivedAck, synSent } from "../opening/opening.js";
import { aheadEnd } from "../receiving/out-of-order.js";
import { fitsWindow, noteFin, oldBytes, processFin, processText, staleText } from "../receiving/receive.js";
import { measureRttByEcho } from "../receiving/receive-buffer.js";
import { saveMetrics } from "../sending/metrics.js";
import { sendAck } from "../sending/transmit.js";
import { challenge, mayAnswerInvalid } from "./challenge.js";
import { parseOptions } from "./options.js";
import { pawsRejectsSegment } from "./paws.js";
import type { Segment } from "./segment.js";
import { resetUnknown } from "./stateless.js";

/** RFC 9293 §3.10.7: a segment for a connection, by its state. */
export function connectionInput(c: Connection, seg: Segment): void {
  c.segsIn += seg.segments;
  if (seg.length > 0) c.dataSegsIn += seg.segments;
  takeOptions(c, seg);
  if (c.state === SYN_SENT) synSent(c, seg);
  else synchronized(c, seg, true);
}

/** The same for the segment that made the connection of a record of its SYN: Linux's counts of marks begin behind it. */
export function childInput(c: Connection, seg: Segment): void {
  c.segsIn += seg.segments;
  if (seg.length > 0) c.dataSegsIn += seg.segments;
  takeOptions(c, seg);
  synchronized(c, seg, (c.ecn & ECN_ACC) !== 0);
}

/** Reads the options, and what of them is the connection's. */
function takeOptions(c: Connection, seg: Segment): void {
  // A SYN's absent options say something, too
  if (seg.optionsLength === 0 && (seg.flags & SYN) === 0) {
    seg.ts = false;
    seg.sackBlocks = 0;
    seg.accecn = 0;
  } else parseOptions(c.tcp, seg);
  c.sawTs = seg.ts && (c.tsOk || c.state === SYN_SENT);
  if (!c.sawTs) return;
  c.rcvTsval = seg.tsval;
  c.rcvTsecr = seg.tsecr === 0 ? 0 : (seg.tsecr - c.tsOffset) | 0;
}

/** RFC 9293 §3.10.7.4: the states from SYN-RECEIVED on, step by step. */
function synchronized(c: Connection, seg: Segment, marks: boolean): void {
  // Not a step, but sensible: without any of them a segment says nothing
  if ((seg.flags & (ACK | RST | SYN)) === 0) return;
  if (opensFast(c) && !fastOpenInput(c, seg)) return;
  if (!checkTimestamp(c, seg)) return;
  if (!checkSequence(c, seg)) return;
  if (!checkReset(c, seg)) return;
  if (!checkSyn(c, seg)) return;
  // Fifth: a segment without ACK is dropped
  if ((seg.flags & ACK) === 0) return;
  if (marks && c.state === ESTABLISHED) countMarks(c, seg);
  const measured = c.sawTs && c.state === ESTABLISHED;
  if (!checkAck(c, seg)) return;
  if (measured) measureRttByEcho(c, seg.length + ((seg.flags & FIN) !== 0 ? 1 : 0));
  if (isOld(c, seg) || behindTheirFin(c, seg)) return;
  trimOld(c, seg);
  processText(c, seg);
  if ((seg.flags & FIN) !== 0 && c.index >= 0) noteFin(c, seg);
  processFin(c);
}

/** RFC 7323 §5.3 R1, before all else. A reset is looked at whatever its timestamp says. */
function checkTimestamp(c: Connection, seg: Segment): boolean {
  if (!c.sawTs || (seg.flags & RST) !== 0 || !pawsRejectsSegment(c, seg)) return true;
  const { counters } = c.tcp;
  if ((seg.flags & SYN) !== 0) return challengeSyn(c);
  // As Linux: a bare ACK that was overtaken by data of the peer's is common, and asks for no answer
  if ((seg.flags & ACK) !== 0 && !isData(seg) && seqGt(c.rcvNxt, seg.seq)) {
    counters.TcpExtPAWSOldAck++;
    return false;
  }
  counters.TcpExtPAWSEstab++;
  if (isData(seg) || mayAnswerInvalid(c)) {
    staleText(c, seg);
    sendAck(c);
  } else counters.TcpExtTCPACKSkippedPAWS++;
  return false;
}

/** What occupies sequence numbers is answered always: it is no part of a loop of ACKs. */
function isData(seg: Segment): boolean {
  return (seg.length > 0 || (seg.flags & FIN) !== 0) && (seg.flags & SYN) === 0;
}

/** First: is any of it in the window? What is old or beyond is answered with an ACK. */
function checkSequence(c: Connection, seg: Segment): boolean {
  if (acceptable(c, seg)) return true;
  const { counters } = c.tcp;
  if ((seg.flags & RST) !== 0) {
    if (behindFin(c, seg)) reset(c);
    return false;
  }
  if ((seg.flags & SYN) !== 0) return challengeSyn(c);
  if (seqGt(seg.seq, c.rcvNxt)) counters.TcpExtBeyondWindow++;
  if (isData(seg) || mayAnswerInvalid(c)) {
    staleText(c, seg);
    sendAck(c);
  } else counters.TcpExtTCPACKSkippedSeq++;
  return false;
}

/**
 * RFC 9293 §3.4 as Linux has it: from what the last ACK said on to one past the right edge.
 */
function acceptable(c: Connection, seg: Segment): boolean {
  const end = (seg.seq + seg.length + ((seg.flags & SYN) !== 0 ? 1 : 0) + ((seg.flags & FIN) !== 0 ? 1 : 0)) | 0;
  if (((end - c.rcvAcked) | 0) < 0) return false;
  // A FIN that was taken may stand behind the edge. Text beyond it is refused later: its ACK counts (§3.10.7.4)
  return ((seg.seq - seqMax(c.rcvAdv, c.rcvNxt)) | 0) <= 0;
}

/** §3.10.7.4 with Linux: right behind the FIN that was taken, from a peer that closed and then reset. */
function behindFin(c: Connection, seg: Segment): boolean {
  const { state } = c;
  return seg.seq === ((c.rcvNxt - 1) | 0) && (state === CLOSE_WAIT || state === LAST_ACK || state === CLOSING);
}

/** A retransmission of what has all come: our ACK was lost, or late. It is acknowledged again, at once. */
function isOld(c: Connection, seg: Segment): boolean {
  const span = seg.length + ((seg.flags & FIN) !== 0 ? 1 : 0);
  if (span === 0 || seqGt((seg.seq + span) | 0, c.rcvNxt)) return false;
  staleText(c, seg);
  c.ackDue = true;
  touch(c);
  return true;
}

/**
 * RFC 9293 §3.10.7.4, seventh: text that comes after the peer's FIN is ignored. What began before that and runs beyond it
 * is a contradiction: as Linux, a reset.
 */
function behindTheirFin(c: Connection, seg: Segment): boolean {
  const { state } = c;
  if (state !== CLOSE_WAIT && state !== LAST_ACK && state !== CLOSING) return false;
  if (c.rcvQueued > 0 && !fitsWindow(c, seg)) return true;
  if (seqLt(seg.seq, c.rcvNxt) && seqGt((seg.seq + seg.length) | 0, c.rcvNxt)) {
    c.tcp.counters.TcpExtTCPAbortOnData++;
    resetUnknown(c.tcp, seg);
    destroy(c, state === CLOSE_WAIT ? EPIPE : ECONNRESET);
  }
  return true;
}

/** Drops what was received before. */
function trimOld(c: Connection, seg: Segment): void {
  const old = (c.rcvNxt - seg.seq) | 0;
  if (old <= 0 || seg.length === 0) return;
  const n = old < seg.length ? old : seg.length;
  oldBytes(c, seg.seq, (seg.seq + n) | 0);
  seg.seq = (seg.seq + n) | 0;
  seg.payload += n;
  seg.length -= n;
}

/**
 * Second: RST. RFC 5961 §3.2: only the exact number resets, or the end of what was SACKed (a peer that has sent so far);
 * another in the window is challenged.
 */
function checkReset(c: Connection, seg: Segment): boolean {
  if ((seg.flags & RST) === 0) return true;
  if (seg.seq !== c.rcvNxt && !behindFin(c, seg) && !endsSacked(c, seg.seq)) {
    suspectReset(c);
    return challenge(c);
  }
  reset(c);
  return false;
}

function endsSacked(c: Connection, seq: number): boolean {
  return c.sackOk && c.oooCount > 0 && aheadEnd(c) === seq;
}

function reset(c: Connection): void {
  const { counters } = c.tcp;
  switch (c.state) {
    case CLOSE_WAIT:
      destroy(c, EPIPE);
      break;
    default:
      // Only in SYN-RECEIVED has it not come to anything
      if (c.state === SYN_RECEIVED) counters.TcpAttemptFails++;
      destroy(c, ECONNRESET);
  }
}

/**
 * Fourth: SYN in a synchronized state. RFC 5961 §4.2: a challenge, whatever its number. But in a simultaneous open (RFC 9293
 * §3.5, figure 8) the peer's SYN comes again, with the ACK of ours.
 */
function checkSyn(c: Connection, seg: Segment): boolean {
  if ((seg.flags & SYN) === 0) return true;
  const answer = c.state === SYN_RECEIVED && c.owner !== null && (seg.flags & (ACK | FIN)) === ACK && seg.length === 0;
  if (!answer || seg.seq !== c.irs || seg.ack !== c.sndNxt) return challengeSyn(c);
  simultaneousAck(c, seg);
  return false;
}

function challengeSyn(c: Connection): false {
  c.tcp.counters.TcpExtTCPSYNChallenge++;
  // RFC 9768 §3.1.5: as the handshake's ACK was
  return challenge(c, (c.ecn & ECN_ACC) !== 0 ? reflection((c.accecn as AccEcn).synField) : 0);
}

/** Fifth: the acknowledgment, and what it means for the state. @returns whether the rest is to be looked at */
function checkAck(c: Connection, seg: Segment): boolean {
  const result = processAck(c, seg, c.state === ESTABLISHED);
  if (c.state === SYN_RECEIVED) {
    if (result !== ACK_TAKEN || !seqGt(seg.ack, c.iss)) {
      resetUnknown(c.tcp, seg);
      return false;
    }
    synReceivedAck(c, seg);
  } else if (result < 0) {
    // RFC 5961 §5.2; of what was never sent, RFC 9293 §3.10.7.4
    if (c.state !== ESTABLISHED || result === ACK_UNSENT) challenge(c);
    return false;
  }
  // Closed before the SYN-ACK was answered
  if (opensFast(c) && seqGt(seg.ack, c.iss)) fastOpenComplete(c, seg);
  return finAcknowledged(c, seg);
}

/** What it means that our FIN is acknowledged. Returns whether the connection goes on. */
function finAcknowledged(c: Connection, seg: Segment): boolean {
  if (!c.finSent || !seqLe(c.sndNxt, c.sndUna)) return true;
  switch (c.state) {
    case FIN_WAIT_1:
      setState(c, FIN_WAIT_2);
      return limitFinWait2(c, seg);
    case CLOSING:
      enterTimeWait(c);
      return false;
    case LAST_ACK:
      saveMetrics(c);
      destroy(c, 0);
      return false;
    default:
      return true;
  }
}
