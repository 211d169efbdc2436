import { ACK, FIN, PSH } from "../../wire/tcp.js";
import { append, sentNow } from "../acknowledged/flight.js";
import { rateSent } from "../acknowledged/rate.js";
import {
  END,
  MSS,
  NO_RECORDS,
  FLAGS as RECORD_FLAGS,
  SEGS,
  SENT_FIN,
  SENT_PSH,
  SEQ,
  XMIT_US,
} from "../acknowledged/sent.js";
import { CHRONO_BUSY, CHRONO_RWND, chronoStart, chronoStop } from "../chrono.js";
import { noteUse } from "../congestion/window.js";
import type { Connection } from "../connection.js";
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  LAST_ACK,
  SYN_RECEIVED,
  TIMER_LOSS_PROBE,
  TIMER_PERSIST,
  TIMERS_OF_SENDER,
} from "../constants.js";
import { inReduction } from "../loss/reduction.js";
import { rearmRetransmit, scheduleLossProbe } from "../loss/retransmit-timer.js";
import { opensFast } from "../opening/fast-open.js";
import { setSenderTimer } from "../timer-set.js";
import { probeDue, probeSent } from "./mtu-probe.js";
import { armPace, paceDelay, paced } from "./pacing.js";
import { grownHead, headPiece, pieceSize } from "./pieces.js";
import {
  burstSegments,
  currentMss,
  cwndQuota,
  defersBurst,
  HELD_APP,
  HELD_CWND,
  HELD_NOT,
  HELD_WINDOW,
  nagleHolds,
  rowLimit,
  urgentMode,
  windowRoom,
} from "./send-rules.js";
import { goesAlone, transmit } from "./transmit.js";

/**
 * How output goes: as the options say; without Nagle; one segment, whatever cwnd says (a tail loss probe); one burst, with
 * more to come behind it.
 */
export const PUSH = 0;
export const PUSH_NOW = 1;
export const PUSH_ONE = 2;
export const PUSH_FIRST = 3;

/** Whether data or a FIN may still be sent from this state. */
function sendsData(c: Connection): boolean {
  switch (c.state) {
    case ESTABLISHED:
    case CLOSE_WAIT:
    case FIN_WAIT_1:
    case LAST_ACK:
    case CLOSING:
      return true;
    case SYN_RECEIVED:
      // RFC 7413 §4.2.2: the server may answer before the handshake is complete
      return opensFast(c) && !c.finQueued;
    default:
      return false;
  }
}

/** Bytes queued and never sent; below 0 once the FIN has gone. */
export function unsentBytes(c: Connection): number {
  return (c.writeSeq - c.sndNxt) | 0;
}

/** Whether anything waits to be sent for the first time: data, or a FIN. */
export function hasUnsent(c: Connection): boolean {
  return c.writeSeq !== c.sndNxt ? !c.finSent : c.finQueued && !c.finSent;
}

/**
 * Sends what may be sent now: the one place that decides it. Data goes in runs of as many segments as the windows and
 * a row allow; the link cuts them.
 */
export function output(c: Connection): void {
  if (!hasUnsent(c) || !sendsData(c)) return;
  if (push(c, PUSH)) armPersist(c);
}

/** The window is in the way, or a cork, and nothing is in flight that would bring an ACK: ask (RFC 9293 §3.8.6.1). */
export function armPersist(c: Connection): void {
  if (c.packetsOut === 0 && (c.timers & TIMERS_OF_SENDER) === 0)
    setSenderTimer(c, TIMER_PERSIST, persistBase(c) + paceDelay(c));
}

/** The first interval of zero-window probes. */
export function persistBase(c: Connection): number {
  return Math.max(c.rto, Math.ceil(c.rtoMinUs / 1000));
}

/** @returns whether something waits and nothing is in flight, so that the persist timer has to run */
export function push(c: Connection, how: number): boolean {
  if (!sendsData(c)) return false;
  const mss = currentMss(c);
  const most = burstSegments(c, mss);
  const size = pieceSize(c, mss);
  let sent = 0;
  if (how !== PUSH_ONE) {
    const probe = probeDue(c, unsentBytes(c));
    if (probe < 0) return false;
    if (probe > 0 && sendProbe(c, probe)) sent++;
  }
  let held = HELD_NOT;
  while (hasUnsent(c)) {
    const quota = quotaNow(c, how);
    if (quota === 0) break;
    const burst = (quota < most ? quota : most) * mss;
    const head = grownHead(c, unsentBytes(c), burst, size);
    held = holdsBack(c, head, mss, most, how);
    if (held !== HELD_NOT) break;
    const segments = sendNew(c, how === PUSH_ONE ? Math.min(head, mss) : runLength(c, head, mss, burst, how), mss, how);
    if (segments < 0) break;
    sent += segments;
    if (how >= PUSH_ONE) break;
  }
  if (held === HELD_WINDOW) chronoStart(c, CHRONO_RWND);
  else chronoStop(c, CHRONO_RWND);
  return finish(c, how, sent, held === HELD_CWND || c.inFlight >= c.cwnd);
}

/** Segments that pacing and cwnd let out now; 0: none. */
function quotaNow(c: Connection, how: number): number {
  if (c.pacing && paced(c)) {
    armPace(c);
    return 0;
  }
  const quota = cwndQuota(c);
  return quota === 0 && how === PUSH_ONE ? 1 : quota;
}

/** Why what is next has to wait (HELD_*): for the window, for more data, or for more ACKs. */
function holdsBack(c: Connection, head: number, mss: number, most: number, how: number): number {
  const last = head === unsentBytes(c);
  if (!fits(c, head, last, mss)) return HELD_WINDOW;
  if (head <= mss) return how === PUSH && last && head < mss && smallWaits(c) ? HELD_APP : HELD_NOT;
  return how >= PUSH_ONE ? HELD_NOT : defersBurst(c, head, last, mss, most);
}

/** RFC 4821 §7.4: one segment that is larger than the others. @returns whether it went */
function sendProbe(c: Connection, size: number): boolean {
  const seq = c.sndNxt;
  const { mss } = c;
  // Not as a run of segments
  c.mss = size;
  const sent = sendRun(c, size, unsentBytes(c) === size ? ACK | PSH : ACK, size);
  c.mss = mss;
  if (sent < 0) return false;
  probeSent(c, seq);
  return true;
}

function finish(c: Connection, how: number, sent: number, cwndLimited: boolean): boolean {
  if (sent > 0 || cwndLimited) noteUse(c, cwndLimited);
  if (sent === 0) return c.packetsOut === 0 && hasUnsent(c);
  if (inReduction(c)) c.prrOut += sent;
  if (how !== PUSH_ONE) scheduleLossProbe(c, false);
  return false;
}

/** Sequence numbers of the first burst: its bytes, and a FIN that goes with them. */
export function headSpan(c: Connection): number {
  const unsent = unsentBytes(c);
  const mss = currentMss(c);
  const quota = cwndQuota(c);
  const most = burstSegments(c, mss);
  const head = grownHead(c, unsent, (quota < most ? quota : most) * mss, pieceSize(c, mss));
  return head === unsent && c.finQueued ? head + 1 : head;
}

/** Whether the window takes the next segment as a whole (Linux's tcp_snd_wnd_test). */
function fits(c: Connection, head: number, last: boolean, mss: number): boolean {
  const span = last && c.finQueued ? head + 1 : head;
  return (head > mss ? mss : span) <= windowRoom(c);
}

/** ... of what there is. */
export function firstFits(c: Connection, mss: number): boolean {
  const unsent = unsentBytes(c);
  const head = headPiece(c, unsent, pieceSize(c, mss));
  return fits(c, head, head === unsent, mss);
}

function smallWaits(c: Connection): boolean {
  return !c.finQueued && !urgentMode(c) && nagleHolds(c);
}

/** Bytes of the next row: whole segments of a piece, and its tail unless that has to wait. */
function runLength(c: Connection, head: number, mss: number, burst: number, how: number): number {
  if (head <= mss) return head;
  // Linux's TSO autosizing, which can be seen: each row ends with PSH
  const limit = Math.min(burst, rowLimit(c, mss));
  const room = windowRoom(c);
  const needed = head < room ? head : room;
  if (limit <= needed) return limit;
  if (limit <= room && head < unsentBytes(c)) return head;
  const tail = needed % mss;
  return tail > 0 && how === PUSH && nagleHolds(c) ? needed - tail : needed;
}

/** Sends the next `length` bytes, with the FIN if it is its turn. @returns segments, or a negative errno: not sent */
function sendNew(c: Connection, length: number, mss: number, how: number): number {
  let rest = length;
  let first = 0;
  const a = c.accecn;
  while (rest > mss && c.ecn !== 0 && goesAlone(c)) {
    if (a !== null) a.inRow = true;
    const one = sendRun(c, mss, ACK, mss);
    if (a !== null) a.inRow = false;
    if (one < 0) {
      block(c);
      return first > 0 ? first : one;
    }
    first += one;
    rest -= mss;
  }
  const last = rest === unsentBytes(c);
  // Linux lets the FIN behind a row run over the window by its one number
  const fin = last && c.finQueued && (length > mss || rest < windowRoom(c));
  // RFC 9293 §3.9.1.2: where the data ends
  const ends = last && rest > 0 && how !== PUSH_FIRST;
  const segments = sendRun(c, rest, ACK | (fin ? FIN : 0) | (ends || first > 0 ? PSH : 0), mss);
  if (segments >= 0) {
    // Of the row, not of the data: sent again it goes without
    if (!ends && first > 0)
      c.tcp.sent.data[c.rtxTail + RECORD_FLAGS] = (c.tcp.sent.data[c.rtxTail + RECORD_FLAGS] as number) & ~SENT_PSH;
    return first + segments;
  }
  block(c);
  return first > 0 ? first : segments;
}

/** Sends [SND.NXT, +length) and the flags, and notes what is in flight. @returns segments, or a negative errno */
export function sendRun(c: Connection, length: number, flags: number, mss: number): number {
  const { sent, time, counters } = c.tcp;
  const at = sent.take();
  if (at === 0) return NO_RECORDS;
  const seq = c.sndNxt;
  const result = transmit(c, seq, length, flags, mss);
  if (result < 0) {
    sent.give(at);
    return result;
  }
  const segments = length > mss ? Math.ceil(length / mss) : 1;
  const end = (seq + length + ((flags & FIN) !== 0 ? 1 : 0)) | 0;
  const d = sent.data;
  d[at + SEQ] = seq;
  d[at + END] = end;
  d[at + SEGS] = segments;
  d[at + MSS] = mss;
  d[at + XMIT_US] = time.us;
  d[at + RECORD_FLAGS] = ((flags & FIN) !== 0 ? SENT_FIN : 0) | ((flags & PSH) !== 0 ? SENT_PSH : 0);
  rateSent(c, sent, at);
  if (length < segments * mss) c.sndSml = end;
  if ((flags & FIN) !== 0) c.finSent = true;
  newDataSent(c, at, segments, end);
  counters.TcpExtTCPOrigDataSent += segments;
  return segments;
}

/** Linux's tcp_event_new_data_sent. */
export function newDataSent(c: Connection, at: number, segments: number, end: number): void {
  const idle = c.packetsOut === 0;
  append(c, at);
  sentNow(c, at);
  c.packetsOut += segments;
  c.sndNxt = end;
  if (idle) chronoStart(c, CHRONO_BUSY);
  // RFC 6298 §5 (5.1)
  if (idle || (c.timers & TIMER_LOSS_PROBE) !== 0) rearmRetransmit(c);
}

/** The link took nothing more: the connection goes on when it is writable again (or by a timer, whichever is first). */
function block(c: Connection): void {
  if (c.blocked) return;
  c.blocked = true;
  c.tcp.blocked.push(c);
}
