import { ECONNRESET } from "../../base/errors.js";
import { seqGt, seqLt } from "../../wire/seqnum.js";
import { FIN, URG } from "../../wire/tcp.js";
import type { Segment } from "../arriving/segment.js";
import { resetUnknown } from "../arriving/stateless.js";
import type { Connection } from "../connection.js";
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  EVENT_READABLE,
  FIN_WAIT_1,
  FIN_WAIT_2,
  QUICK_ACKS,
  SYN_RECEIVED,
  URGENT_AWAITED,
} from "../constants.js";
import { ecnReceived, tellEdge } from "../ecn/ecn-in.js";
import { destroy, enterTimeWait, setState } from "../ending/close.js";
import { touch, wake } from "../notify.js";
import { sendAck } from "../sending/transmit.js";
import { decideAck, enterPingpong, enterQuickAck, hasHoles } from "./ack-policy.js";
import { flushSacks, sendOwedAck } from "./ack-timers.js";
import { joinAhead, KEPT, keepAhead, NOTHING_NEW } from "./out-of-order.js";
import { wakeReader } from "./readable.js";
import { admitted, pruneOutOfOrder, receiveAhead, receiveNext } from "./reassembly.js";
import { dataArrived, growBuffer, growWindow, measureSize } from "./receive-buffer.js";
import { chargeOf, chargeReceived } from "./receive-queue.js";
import { dsackSet, sackAdd, sackAdvance, sackOverflows, sackReset } from "./sack-out.js";
import { urgentText } from "./urgent.js";

/** Sixth, URG, and seventh: the segment text. What is old of it has been cut off, see oldBytes(). */
export function processText(c: Connection, seg: Segment): void {
  // Behind a FIN nothing can come
  if (c.state !== ESTABLISHED && c.state !== FIN_WAIT_1 && c.state !== FIN_WAIT_2) return;
  if ((seg.flags & URG) !== 0 || c.urgent === URGENT_AWAITED) urgentText(c, seg);
  if (seg.length === 0) {
    // Where nothing can be delivered any more, a FIN ahead of data says that there was some
    if ((seg.flags & FIN) !== 0 && seqGt(seg.seq, c.rcvNxt) && undeliverable(c)) abortOnData(c, seg);
    return;
  }
  // RFC 2883 §4: a duplicate is reported once; but this may be the one whose front is a duplicate
  if (cutOff(seg) === 0) c.dsackDue = false;
  if (!fitsWindow(c, seg)) return;
  // Data behind the peer's FIN cannot be; what is in order passes over a FIN that was none, see acceptNext
  if (c.rcvFin && seg.seq !== c.rcvNxt && seqGt((seg.seq + seg.length) | 0, c.rcvFinSeq))
    seg.length = Math.max(0, (c.rcvFinSeq - seg.seq) | 0);
  if (seg.length === 0) {
    c.ackNow = true;
    touch(c);
    return;
  }
  if (undeliverable(c)) {
    abortOnData(c, seg);
    return;
  }
  ecnReceived(c, seg);
  // Where only reading was shut it can still be read, as on Linux
  if (seg.seq === c.rcvNxt) acceptNext(c, seg);
  else acceptAhead(c, seg);
}

/** RFC 1122 §4.2.2.13: data after the application closed can be delivered to nobody. */
function undeliverable(c: Connection): boolean {
  return c.orphan || (c.readShut && c.state !== ESTABLISHED);
}

function abortOnData(c: Connection, seg: Segment): void {
  c.tcp.counters.TcpExtTCPAbortOnData++;
  resetUnknown(c.tcp, seg);
  destroy(c, ECONNRESET);
}

/** Bytes that were cut off the front of a segment, having come before. */
function cutOff(seg: Segment): number {
  return seg.payload - seg.options - seg.optionsLength;
}

/** Whether there is a window for the text. RFC 9293 §3.10.7.4: what is not acceptable is answered with an ACK. */
export function fitsWindow(c: Connection, seg: Segment): boolean {
  const room = (c.rcvAdv - seg.seq) | 0;
  if (seg.length <= room) return true;
  if (c.rcvQueued === 0 && room > 0) {
    // Linux takes all of it: nothing is queued, so there is memory
    return true;
  }
  seg.flags &= ~FIN;
  if (c.rcvQueued > 0) {
    // And of what runs over the window while data is unread it takes nothing
    c.tcp.counters.TcpExtBeyondWindow++;
    c.ackNow = true;
  } else {
    if (seg.seq === c.rcvNxt) c.tcp.counters.TcpExtTCPZeroWindowDrop++;
    enterQuickAck(c, QUICK_ACKS);
    c.ackDue = true;
  }
  touch(c);
  return false;
}

/**
 * A segment that is not acceptable, before its ACK is sent. What it has of old data is reported (RFC 2883 §4.1), and
 * since our ACKs seem to be lost or late, the next are not delayed.
 */
export function staleText(c: Connection, seg: Segment): void {
  const span = seg.length + ((seg.flags & FIN) !== 0 ? 1 : 0);
  if (span === 0) return;
  const end = (seg.seq + span) | 0;
  if (!seqLt(seg.seq, c.rcvNxt)) return;
  c.tcp.counters.TcpExtDelayedACKLost++;
  dsackSet(c, seg.seq, seqGt(end, c.rcvNxt) ? c.rcvNxt : end);
  enterQuickAck(c, QUICK_ACKS);
}

/** The front of a segment was received before (RFC 2883 §4.2.1); the rest of it is the next in order. */
export function oldBytes(c: Connection, seq: number, end: number): void {
  dsackSet(c, seq, end);
}

/** Stores the next text in order. */
function acceptNext(c: Connection, seg: Segment): void {
  // A FIN before the end of what is in order never was
  if (c.rcvFin && seqGt((seg.seq + seg.length) | 0, c.rcvFinSeq)) c.rcvFin = false;
  if (!admitted(c, seg.seq) && refused(c, seg)) return;
  let moved = receiveNext(c, seg.payload, seg.length);
  if (moved < 0 && c.oooCount > 0) {
    // What holds the memory may be what waits for this
    pruneOutOfOrder(c);
    c.tcp.counters.TcpExtOfoPruned++;
    moved = receiveNext(c, seg.payload, seg.length);
  }
  if (moved < 0) {
    c.tcp.counters.TcpExtTCPRcvQDrop++;
    dropped(c, seg);
    return;
  }
  c.keepProbes = 0;
  // As Linux: nothing comes behind a FIN that is in order, and that what did is gone fills no hole
  const fin = (seg.flags & FIN) !== 0 && moved === seg.length;
  if (fin && c.oooCount > 0) pruneOutOfOrder(c);
  const holes = !fin && hasHoles(c);
  // What is old of it came, too, and a segment that begins with old bytes is not put into another
  const old = cutOff(seg);
  if (old > 0) c.rcvTailRoom = 0;
  chargeReceived(c, moved, old + seg.optionsLength);
  dataArrived(c, old + seg.length, seg.segmentSize, seg.optionsLength, seg.flags);
  if (c.oooCount > 0) moved += joinAhead(c);
  c.bytesReceived += moved;
  if (holes) {
    const left = hasHoles(c);
    sackAdvance(c, left);
    // RFC 5681 §4.2: what fills the last hole is acknowledged at once
    if (!left) c.ackNow = true;
  }
  if (c.slowPath && c.oooCount === 0 && c.rcvCharge < 2 * c.rcvLimit) c.slowPath = false;
  touch(c);
  wakeReader(c);
}

/**
 * There is no room for the next in order: as Linux does, the window is shut. Where nothing waits to be read it is taken
 * all the same, or nobody would ever open the window again.
 */
function refused(c: Connection, seg: Segment): boolean {
  c.noMemory = true;
  c.ackDue = true;
  wake(c, EVENT_READABLE);
  if (c.rcvQueued > 0) {
    c.tcp.counters.TcpExtTCPRcvQDrop++;
    dropped(c, seg);
    return true;
  }
  c.ackNow = true;
  return false;
}

/** Stores text that came out of order, and answers it. */
function acceptAhead(c: Connection, seg: Segment): void {
  const { counters } = c.tcp;
  const { seq, length } = seg;
  const end = (seq + length + ((seg.flags & FIN) !== 0 ? 1 : 0)) | 0;
  const kept = admitted(c, seq) ? receiveAhead(c, seq, seg.payload, length, seg.optionsLength) : -1;
  if (kept < 0) {
    // In silence, as Linux: the next ACK says the same, and the peer will send it again
    counters.TcpExtTCPOFODrop++;
    seg.flags &= ~FIN;
    wake(c, EVENT_READABLE);
    return;
  }
  c.keepProbes = 0;
  c.ackDue = true;
  c.slowPath = true;
  c.rcvOooPack += seg.segments;
  counters.TcpExtTCPOFOQueue++;
  measureSize(c, length, seg.segmentSize, seg.optionsLength, seg.flags);
  // As in Linux this is the answer to the segment, though it does not say yet that it came
  if (c.compressedAcks > 0 && sackOverflows(c, seq, end)) flushSacks(c);
  sackAdd(c, seq, end);
  if (kept !== NOTHING_NEW) {
    // Without SACK a window that moved would make the duplicate ACK none (RFC 5681 §2)
    if (c.sackOk) growAhead(c, length, chargeOf(length + seg.optionsLength), kept === KEPT);
  }
  if (!c.orphan && !c.embryonic) growBuffer(c, c.rcvSpace);
  // RFC 5681 §4.2: each is answered, not each batch of them
  if (decideAck(c)) sendOwedAck(c);
}

/** The window is opened before the segment is charged for, if it is. */
function growAhead(c: Connection, length: number, charge: number, charged: boolean): void {
  if (charged) c.rcvCharge -= charge;
  growWindow(c, length, charge);
  if (charged) c.rcvCharge += charge;
}

/** There is no memory for it: the peer will send it again. */
function dropped(c: Connection, seg: Segment): void {
  seg.flags &= ~FIN;
  c.ackNow = true;
  touch(c);
}

/** Eighth, first half: remembers where the peer's FIN stands, which may be ahead of data still missing. */
export function noteFin(c: Connection, seg: Segment): void {
  const at = (seg.seq + seg.length) | 0;
  if (c.rcvFin && at !== c.rcvNxt) {
    // A FIN sent again, before what is missing in front of it has come
    c.ackNow = true;
    touch(c);
    return;
  }
  if (seg.length === 0 && at !== c.rcvNxt && !admitted(c, at)) {
    c.tcp.counters.TcpExtTCPOFODrop++;
    return;
  }
  c.rcvFin = true;
  c.rcvFinSeq = at;
  if (seg.length > 0 || c.rcvFinSeq === c.rcvNxt) return;
  // Out of order, like data; what came with it has been answered
  c.ackDue = true;
  c.rcvOooPack++;
  c.tcp.counters.TcpExtTCPOFOQueue++;
  measureSize(c, 0, 0, seg.optionsLength, seg.flags);
  c.slowPath = true;
  // Of a duplicate the FIN's place is reported
  if (keepAhead(c, at, at, seg.optionsLength) === NOTHING_NEW && c.dsackDue) c.dsackEnd = (at + 1) | 0;
  sackAdd(c, c.rcvFinSeq, (c.rcvFinSeq + 1) | 0);
  if (decideAck(c)) sendOwedAck(c);
}

/** Eighth, second half: once everything before it has come, the FIN counts. */
export function processFin(c: Connection): void {
  if (!c.rcvFin || c.rcvFinSeq !== c.rcvNxt || c.index < 0) return;
  switch (c.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      setState(c, CLOSE_WAIT);
      // The application will close, too, and its FIN can bear the ACK (Linux)
      enterPingpong(c);
      break;
    case FIN_WAIT_1:
      // Our FIN is not acknowledged (that would have made it FIN-WAIT-2): both closed at once
      setState(c, CLOSING);
      takeFin(c);
      // Not later: the ACK that ends CLOSING may be in this batch
      sendAck(c);
      return;
    case FIN_WAIT_2:
      takeFin(c);
      sendAck(c);
      enterTimeWait(c);
      return;
    default:
      return;
  }
  takeFin(c);
  touch(c);
}

function takeFin(c: Connection): void {
  c.rcvNxt = (c.rcvNxt + 1) | 0;
  // As Linux counts
  c.bytesReceived++;
  c.ackDue = true;
  tellEdge(c);
  // What came from behind it cannot be
  if (c.oooCount > 0) pruneOutOfOrder(c);
  sackReset(c);
  wake(c, EVENT_READABLE);
}
