import { ECONNRESET } from "../base/errors.js";
import { seqGt } from "../wire/seqnum.js";
import { FIN } from "../wire/tcp.js";
import { abort, enterTimeWait, setState } from "./close.js";
import { type Connection, touch, wake } from "./connection.js";
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  EVENT_READABLE,
  FIN_WAIT_1,
  FIN_WAIT_2,
  QUICK_ACKS,
  SYN_RECEIVED,
} from "./constants.js";
import { sendAck } from "./output.js";
import { pruneOutOfOrder, receiveData } from "./reassembly.js";
import type { Segment } from "./segment.js";

/** Seventh: the segment text, for which there is a window. */
export function processText(c: Connection, seg: Segment): void {
  if (seg.length === 0) return;
  const room = (c.rcvAdv - seg.seq) | 0;
  if (seg.length > room) {
    seg.length = room > 0 ? room : 0;
    seg.flags &= ~FIN;
  }
  // Data behind the peer's FIN cannot be
  if (c.rcvFin && seqGt((seg.seq + seg.length) | 0, c.rcvFinSeq)) seg.length = Math.max(0, (c.rcvFinSeq - seg.seq) | 0);
  if (seg.length === 0) {
    c.ackNow = true;
    touch(c);
    return;
  }
  // RFC 1122 §4.2.2.13: data after the application closed can be delivered to nobody
  if (c.orphan || (c.readShut && c.state !== ESTABLISHED)) {
    c.tcp.counters.TcpExtTCPAbortOnData++;
    abort(c, ECONNRESET);
    return;
  }
  if (c.readShut) {
    discardText(c, seg);
    return;
  }
  acceptText(c, seg);
}

/** shutdown("read") on a socket that is still held: what comes is acknowledged and thrown away, as Linux does. */
function discardText(c: Connection, seg: Segment): void {
  if (c.oooCount > 0) {
    // What came out of order before reading was shut
    pruneOutOfOrder(c);
  }
  if (seg.seq !== c.rcvNxt) {
    sendAck(c);
    return;
  }
  c.rcvNxt = (c.rcvNxt + seg.length) | 0;
  c.rcvAdv = seqGt(c.rcvNxt, c.rcvAdv) ? c.rcvNxt : c.rcvAdv;
  c.bytesReceived += seg.length;
  c.ackDue = true;
  touch(c);
}

/** Stores text that lies in the window and decides how soon it is acknowledged. */
export function acceptText(c: Connection, seg: Segment): void {
  const { counters, time } = c.tcp;
  // After so long a silence the peer restarts from a small window, which quick ACKs open (Linux)
  if (((time.ms - c.lastReceive) | 0) > c.rto) c.quickAcks = QUICK_ACKS;
  c.lastReceive = time.ms;
  c.keepProbes = 0;
  if (seg.segmentSize > c.rcvMss) c.rcvMss = Math.min(seg.segmentSize, c.advMss);
  const ahead = seg.seq !== c.rcvNxt;
  const hadHoles = c.oooCount > 0;
  let moved = receiveData(c, seg.seq, seg.payload, seg.length);
  if (moved < 0 && !ahead && hadHoles) {
    // What holds the memory may be what waits for this
    pruneOutOfOrder(c);
    counters.TcpExtOfoPruned++;
    moved = receiveData(c, seg.seq, seg.payload, seg.length);
  }
  if (moved < 0) {
    if (ahead) counters.TcpExtTCPOFODrop++;
    else counters.TcpExtTCPRcvQDrop++;
    seg.flags &= ~FIN;
    c.ackNow = true;
    touch(c);
    return;
  }
  if (moved > 0) {
    c.bytesReceived += moved;
    c.ackDue = true;
    // RFC 5681 §4.2: what fills a hole is acknowledged at once
    if (hadHoles) c.ackNow = true;
    touch(c);
    wake(c, EVENT_READABLE);
    return;
  }
  counters.TcpExtTCPOFOQueue++;
  // RFC 5681 §4.2: an out-of-order segment is answered at once with a duplicate ACK
  sendAck(c);
}

/** Eighth, first half: remembers where the peer's FIN stands, which may be ahead of data still missing. */
export function noteFin(c: Connection, seg: Segment): void {
  if (c.rcvFin) {
    // A FIN sent again: our ACK was lost
    c.ackNow = true;
    touch(c);
    return;
  }
  c.rcvFin = true;
  c.rcvFinSeq = (seg.seq + seg.length) | 0;
  // Out of order, like data; what came with it has been answered
  if (seg.length === 0 && c.rcvFinSeq !== c.rcvNxt) sendAck(c);
}

/** Eighth, second half: once everything before it has come, the FIN counts. */
export function processFin(c: Connection): void {
  if (!c.rcvFin || c.rcvFinSeq !== c.rcvNxt || c.index < 0) return;
  switch (c.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      setState(c, CLOSE_WAIT);
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
  c.ackNow = true;
  touch(c);
  wake(c, EVENT_READABLE);
}

function takeFin(c: Connection): void {
  c.rcvNxt = (c.rcvNxt + 1) | 0;
  if (seqGt(c.rcvNxt, c.rcvAdv)) c.rcvAdv = c.rcvNxt;
  wake(c, EVENT_READABLE);
}
