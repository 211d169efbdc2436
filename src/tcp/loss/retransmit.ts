import { EAGAIN } from "../../base/errors.js";
import { seqGt, seqLt } from "../../wire/seqnum.js";
import { ACK, FIN, PSH, SYN } from "../../wire/tcp.js";
import { dataLength, recount, remove, sentNow, split } from "../acknowledged/flight.js";
import { rateSent } from "../acknowledged/rate.js";
import {
  END,
  FLAGS,
  NEXT,
  SEGS,
  SENT_EVER,
  SENT_FIN,
  SENT_LOST,
  SENT_PSH,
  SENT_RETRANS,
  SENT_SACKED,
  SENT_SYN,
  SEQ,
  XMIT_US,
} from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_LOSS, ECN_ACC, SYN_RECEIVED, TIMER_REORDER, TIMER_RETRANSMIT } from "../constants.js";
import { sendSynAgain } from "../opening/handshake-out.js";
import { armPace, paceDelay, paced } from "../sending/pacing.js";
import { burstSegments, currentMss } from "../sending/send-rules.js";
import { goesAlone, transmit } from "../sending/transmit.js";
import { setSenderTimer } from "../timer-set.js";
import { inReduction } from "./reduction.js";

/**
 * Sends a record again, or its first `most` segments (the rest is cut off). Counts it; what it means for recovery is
 * the caller's.
 * @returns 0 or a negative errno
 */
export function resend(c: Connection, at: number, most: number): number {
  const { counters, sent, time } = c.tcp;
  const d = sent.data;
  if (((d[at + FLAGS] as number) & SENT_SYN) !== 0) return resendSyn(c, at);
  // RFC 4821 §7.6: what becomes of a probe says nothing now
  c.probeSize = 0;
  // A part of the only segment was acknowledged
  if (seqLt(d[at + SEQ] as number, c.sndUna)) d[at + SEQ] = c.sndUna;
  const mss = currentMss(c);
  const result = cut(c, at, (c.ecn & ECN_ACC) !== 0 && goesAlone(c) ? 1 : most, mss);
  if (result < 0) return result;
  const length = dataLength(c, at);
  const segs = sent.data[at + SEGS] as number;
  const flags = sent.data[at + FLAGS] as number;
  counters.TcpRetransSegs += segs;
  c.totalRetransmits += segs;
  c.bytesRetransmitted += length;
  const code =
    ACK | ((flags & SENT_FIN) !== 0 ? FIN : 0) | (segs > 1 || ((flags & SENT_PSH) !== 0 && length > 0) ? PSH : 0);
  const wire = transmit(c, sent.data[at + SEQ] as number, length, code, mss);
  if (wire < 0) {
    counters.TcpExtTCPRetransFail++;
    return wire;
  }
  again(c, at, time.us);
  return 0;
}

function again(c: Connection, at: number, us: number): void {
  const { sent } = c.tcp;
  const d = sent.data;
  d[at + XMIT_US] = us;
  d[at + FLAGS] = (d[at + FLAGS] as number) | SENT_EVER;
  rateSent(c, sent, at);
  sentNow(c, at);
}

function resendSyn(c: Connection, at: number): number {
  const { counters } = c.tcp;
  counters.TcpRetransSegs++;
  counters.TcpExtTCPSynRetrans++;
  c.totalRetransmits++;
  const result = sendSynAgain(c, c.state === SYN_RECEIVED ? SYN | ACK : SYN);
  if (result >= 0) again(c, at, c.tcp.time.us);
  return result;
}

/** Cuts the record to what may go, or joins small ones behind to it. */
function cut(c: Connection, at: number, most: number, mss: number): number {
  const d = c.tcp.sent.data;
  const seq = d[at + SEQ] as number;
  let room = (c.sndUna + c.sndWnd - seq) | 0;
  if (room <= 0) {
    // The window was taken back: the first segment serves as a probe, the others wait
    if (seq !== c.sndUna) return -EAGAIN;
    room = mss;
  }
  let length = mss * most;
  if (length > room) {
    length = room - (room % mss);
    if (length === 0) length = room;
  }
  const has = dataLength(c, at);
  if (has > length) return split(c, at, (seq + length) | 0, mss) ? 0 : -EAGAIN;
  recount(c, at, mss);
  if (has < Math.min(room, mss)) collapse(c, at, Math.min(room, mss) - has);
  return 0;
}

/** Small segments behind a small one go with it (Linux's tcp_retrans_try_collapse). */
function collapse(c: Connection, at: number, room: number): void {
  const d = c.tcp.sent.data;
  if (((d[at + FLAGS] as number) & (SENT_SYN | SENT_FIN)) !== 0) return;
  const edge = (c.sndUna + c.sndWnd) | 0;
  for (let left = room, next = d[at + NEXT] as number; next !== 0; next = d[at + NEXT] as number) {
    const flags = d[next + FLAGS] as number;
    if ((flags & SENT_SACKED) !== 0 || (d[next + SEGS] as number) !== 1) return;
    left -= dataLength(c, next);
    if (left < 0 || seqGt(d[next + END] as number, edge)) return;
    d[at + END] = d[next + END] as number;
    d[at + FLAGS] = (d[at + FLAGS] as number) | (flags & (SENT_FIN | SENT_PSH | SENT_EVER));
    forgetSegment(c, flags);
    remove(c, next);
    if ((flags & SENT_FIN) !== 0) return;
  }
}

/** One segment with these flags is no more. */
function forgetSegment(c: Connection, flags: number): void {
  c.packetsOut--;
  if ((flags & SENT_LOST) !== 0) c.lostOut--;
  if ((flags & SENT_RETRANS) !== 0) c.retransOut--;
  if (!c.sackOk && c.sackedOut > 0) c.sackedOut--;
}

/** Sends a lost record again, as recovery does. @returns 0 or a negative errno */
export function retransmit(c: Connection, at: number, most: number): number {
  const result = resend(c, at, most);
  const d = c.tcp.sent.data;
  const segs = d[at + SEGS] as number;
  // After an undo the one sent before may still be in flight: it is counted once
  if (result >= 0 && ((d[at + FLAGS] as number) & SENT_RETRANS) === 0) {
    d[at + FLAGS] = (d[at + FLAGS] as number) | SENT_RETRANS;
    c.retransOut += segs;
  }
  // Even an attempt that the link refused counts as the first
  if (c.retransStamp === 0) c.retransStamp = c.tcp.time.ms === 0 ? 1 : c.tcp.time.ms;
  if (c.undoRetrans < 0) c.undoRetrans = 0;
  c.undoRetrans += segs;
  return result;
}

/** Sends what is held lost, the oldest first, as far as cwnd lets it (RFC 6675 §5, Linux's tcp_xmit_retransmit_queue). */
export function retransmitLost(c: Connection): void {
  if (c.packetsOut === 0) return;
  const { counters, sent } = c.tcp;
  const mss = currentMss(c);
  const most = burstSegments(c, mss);
  const head = c.rtxHead;
  let rearm = false;
  let hole = false;
  for (let at = c.retransHint !== 0 ? c.retransHint : head; at !== 0; at = sent.data[at + NEXT] as number) {
    if (c.pacing && paced(c)) {
      armPace(c);
      break;
    }
    if (!hole) c.retransHint = at;
    const room = c.cwnd - c.inFlight;
    if (room <= 0 || c.retransOut >= c.lostOut) break;
    const flags = sent.data[at + FLAGS] as number;
    if ((flags & SENT_LOST) === 0) {
      if ((flags & (SENT_RETRANS | SENT_SACKED)) === 0) hole = true;
      continue;
    }
    if ((flags & (SENT_SACKED | SENT_RETRANS)) !== 0) continue;
    if (retransmit(c, at, Math.min(room, most)) < 0) break;
    const segs = sent.data[at + SEGS] as number;
    if (c.caState === CA_LOSS) counters.TcpExtTCPSlowStartRetrans += segs;
    else counters.TcpExtTCPFastRetrans += segs;
    if (inReduction(c)) c.prrOut += segs;
    if (at === head && (c.timers & TIMER_REORDER) === 0) rearm = true;
  }
  if (rearm) setSenderTimer(c, TIMER_RETRANSMIT, c.rto + paceDelay(c));
}
