import { seqGt, seqLt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import {
  EARLIER,
  END,
  FLAGS,
  LATER,
  MSS,
  NEXT,
  PREV,
  SEGS,
  SENT_FIN,
  SENT_LOST,
  SENT_PSH,
  SENT_RETRANS,
  SENT_SACKED,
  SENT_SYN,
  SENT_TIMED,
  SEQ,
  STRIDE,
  XMIT_US,
} from "./sent.js";

/*
 * The retransmission queue of a connection: its records of SentRuns, chained in the order of sequence numbers and in
 * the order of their last sending, and the counts of segments that follow from their flags.
 */

/** Takes a new record to the end of the queue. */
export function append(c: Connection, at: number): void {
  const d = c.tcp.sent.data;
  d[at + PREV] = c.rtxTail;
  d[at + NEXT] = 0;
  c.rtxCount++;
  if (c.rtxTail !== 0) d[c.rtxTail + NEXT] = at;
  else c.rtxHead = at;
  c.rtxTail = at;
}

/** Takes a record out of both orders and gives it back; counts are the caller's. */
export function remove(c: Connection, at: number): void {
  const { sent } = c.tcp;
  const d = sent.data;
  const next = d[at + NEXT] as number;
  const prev = d[at + PREV] as number;
  if (prev !== 0) d[prev + NEXT] = next;
  else c.rtxHead = next;
  if (next !== 0) d[next + PREV] = prev;
  else c.rtxTail = prev;
  untime(c, at);
  c.rtxCount--;
  if (c.retransHint === at) c.retransHint = 0;
  sent.give(at);
}

/** How far stamps may run ahead of the clock, us; a greater difference is that of a clock that wrapped. */
const AHEAD_MOST = 1000;

/**
 * One reading of the clock serves a whole batch, and of what bears one stamp RACK takes the higher number for the later
 * (RFC 8985 §6.2, step 2). What goes against that, a retransmission behind new data, is stamped a microsecond later.
 */
function stampAfter(d: Int32Array, at: number, tail: number): void {
  const stamp = d[tail + XMIT_US] as number;
  const ahead = (stamp - (d[at + XMIT_US] as number)) | 0;
  if (ahead < 0 || ahead > AHEAD_MOST) return;
  d[at + XMIT_US] = seqGt(d[at + END] as number, d[tail + END] as number) ? stamp : (stamp + 1) | 0;
}

/** Just sent: to the end of the order of time. */
export function sentNow(c: Connection, at: number): void {
  untime(c, at);
  const d = c.tcp.sent.data;
  if (c.timeTail !== 0) stampAfter(d, at, c.timeTail);
  d[at + FLAGS] = (d[at + FLAGS] as number) | SENT_TIMED;
  d[at + EARLIER] = c.timeTail;
  d[at + LATER] = 0;
  if (c.timeTail !== 0) d[c.timeTail + LATER] = at;
  else c.timeHead = at;
  c.timeTail = at;
}

/** Out of the order of time: delivered, or held lost. */
export function untime(c: Connection, at: number): void {
  const d = c.tcp.sent.data;
  if (((d[at + FLAGS] as number) & SENT_TIMED) === 0) return;
  d[at + FLAGS] = (d[at + FLAGS] as number) & ~SENT_TIMED;
  const later = d[at + LATER] as number;
  const earlier = d[at + EARLIER] as number;
  if (earlier !== 0) d[earlier + LATER] = later;
  else c.timeHead = later;
  if (later !== 0) d[later + EARLIER] = earlier;
  else c.timeTail = earlier;
}

/** How many segments of `mss` the record's bytes make. */
function count(bytes: number, mss: number): number {
  return bytes <= mss ? 1 : Math.ceil(bytes / mss);
}

/** Bytes of data in a record, without SYN and FIN. */
export function dataLength(c: Connection, at: number): number {
  const d = c.tcp.sent.data;
  const flags = d[at + FLAGS] as number;
  const span = ((d[at + END] as number) - (d[at + SEQ] as number)) | 0;
  return span - ((flags & SENT_SYN) !== 0 ? 1 : 0) - ((flags & SENT_FIN) !== 0 ? 1 : 0);
}

/**
 * Cuts a record at `seq`, which lies within its data: it keeps what is before, a new one behind it has the rest.
 * @returns whether there was a record to be had
 */
export function split(c: Connection, at: number, seq: number, mss: number): boolean {
  const { sent } = c.tcp;
  const rest = sent.take();
  if (rest === 0) return false;
  c.rtxCount++;
  const d = sent.data;
  const was = d[at + SEGS] as number;
  d.copyWithin(rest, at, at + STRIDE);
  const flags = d[at + FLAGS] as number;
  // PSH and FIN belong to the end
  d[at + FLAGS] = flags & ~(SENT_FIN | SENT_PSH);
  d[at + END] = seq;
  d[rest + SEQ] = seq;
  d[at + MSS] = mss;
  d[rest + MSS] = mss;
  d[at + SEGS] = count((seq - (d[at + SEQ] as number)) | 0, mss);
  d[rest + SEGS] = count(((d[rest + END] as number) - seq - ((flags & SENT_FIN) !== 0 ? 1 : 0)) | 0, mss);
  const next = d[at + NEXT] as number;
  d[rest + PREV] = at;
  d[rest + NEXT] = next;
  d[at + NEXT] = rest;
  if (next !== 0) d[next + PREV] = rest;
  else c.rtxTail = rest;
  if ((flags & SENT_TIMED) !== 0) timeBehind(c, at, rest);
  adjust(c, flags, (d[at + SEGS] as number) + (d[rest + SEGS] as number) - was);
  return true;
}

function timeBehind(c: Connection, at: number, rest: number): void {
  const d = c.tcp.sent.data;
  const later = d[at + LATER] as number;
  d[rest + EARLIER] = at;
  d[rest + LATER] = later;
  d[at + LATER] = rest;
  if (later !== 0) d[later + EARLIER] = rest;
  else c.timeTail = rest;
}

/** A record has `more` segments than before: so have the counts that it is in. */
export function adjust(c: Connection, flags: number, more: number): void {
  if (more === 0) return;
  c.packetsOut += more;
  if ((flags & SENT_SACKED) !== 0) c.sackedOut += more;
  if ((flags & SENT_RETRANS) !== 0) c.retransOut += more;
  if ((flags & SENT_LOST) !== 0) c.lostOut += more;
  // Without SACK sackedOut counts duplicate ACKs: some of them were for what is no more
  if (!c.sackOk && c.sackedOut > 0 && more < 0) c.sackedOut = Math.max(0, c.sackedOut + more);
}

/** Recounts a record's segments under another segment size. */
export function recount(c: Connection, at: number, mss: number): void {
  const d = c.tcp.sent.data;
  const was = d[at + SEGS] as number;
  d[at + MSS] = mss;
  d[at + SEGS] = count(dataLength(c, at), mss);
  adjust(c, d[at + FLAGS] as number, (d[at + SEGS] as number) - was);
}

/** Holds a record lost, or its retransmission (Linux's tcp_mark_skb_lost). */
export function markLost(c: Connection, at: number): void {
  const d = c.tcp.sent.data;
  const flags = d[at + FLAGS] as number;
  const segs = d[at + SEGS] as number;
  if ((flags & SENT_SACKED) !== 0) return;
  const hint = c.retransHint;
  if (hint === 0 ? c.retransOut >= c.lostOut : seqLt(d[at + SEQ] as number, d[hint + SEQ] as number))
    c.retransHint = at;
  if ((flags & SENT_LOST) !== 0) {
    if ((flags & SENT_RETRANS) === 0) return;
    // Sent again, and lost again
    d[at + FLAGS] = flags & ~SENT_RETRANS;
    c.retransOut -= segs;
    c.tcp.counters.TcpExtTCPLostRetransmit += segs;
  } else {
    d[at + FLAGS] = flags | SENT_LOST;
    c.lostOut += segs;
  }
  c.lost += segs;
}

/** Forgets everything in flight: the connection is over. */
export function dropFlight(c: Connection): void {
  const { sent } = c.tcp;
  for (let at = c.rtxHead; at !== 0; ) {
    const next = sent.data[at + NEXT] as number;
    sent.give(at);
    at = next;
  }
  c.rtxHead = 0;
  c.rtxTail = 0;
  c.rtxCount = 0;
  c.timeHead = 0;
  c.timeTail = 0;
  c.retransHint = 0;
  // As Linux's tcp_write_queue_purge: what else was counted TCP_INFO goes on to tell
  c.packetsOut = 0;
  c.backoff = 0;
}
