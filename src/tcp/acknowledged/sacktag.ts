import { seqGe, seqGt, seqLe, seqLt } from "../../wire/seqnum.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";
import { CA_LOSS } from "../constants.js";
import { rackDelivered } from "../loss/rack.js";
import { highestSacked, noteSackReordering } from "../loss/reorder.js";
import { ACK_DSACK, ACK_DSACK_PROBE, ACK_NEW_SACK, ACK_ORIGINAL } from "./ack-state.js";
import { dataLength, remove, split, untime } from "./flight.js";
import { rateDelivered } from "./rate.js";
import {
  END,
  FLAGS,
  MSS,
  NEXT,
  PREV,
  SEGS,
  SENT_EVER,
  SENT_FIN,
  SENT_LOST,
  SENT_PSH,
  SENT_RETRANS,
  SENT_SACKED,
  SEQ,
  XMIT_US,
} from "./sent.js";

/*
 * The scoreboard (RFC 2018 §5, RFC 6675): what the blocks of an acknowledgment say of the records in flight.
 */

const TOUCHED = SENT_RETRANS | SENT_EVER;
/** A header has room for four. */
const BLOCKS_MAX = 4;

/** Blocks of the segment in hand that are worth looking at, in order; stack-wide scratch is safe: nothing reenters. */
const starts = new Int32Array(BLOCKS_MAX);
const ends = new Int32Array(BLOCKS_MAX);
const dups = new Uint8Array(BLOCKS_MAX);

/** Marks what the segment's SACK blocks cover. @param priorUna SND.UNA before this segment */
export function tagSacked(c: Connection, seg: Segment, priorUna: number): void {
  const { ack } = c.tcp;
  ack.reorderedFrom = c.sndNxt;
  const dsack = checkDsack(c, seg, priorUna);
  // Older than any window: not even for its SACKs
  if (seqLt(seg.ack, (priorUna - c.maxWnd) | 0) || c.packetsOut === 0) return;
  const n = takeBlocks(c, seg, dsack, priorUna);
  for (let i = 0, at = c.rtxHead; i < n && at !== 0; i++) at = walk(c, at, i);
  if (c.caState !== CA_LOSS || c.undoable) noteSackReordering(c, ack.reorderedFrom, false);
}

/** RFC 2883 §4: whether the first block reports a duplicate. */
function checkDsack(c: Connection, seg: Segment, priorUna: number): boolean {
  const { dv } = c.tcp.memory;
  const { counters } = c.tcp;
  const start = dv.getInt32(seg.sack);
  const end = dv.getInt32(seg.sack + 4);
  if (seqLt(start, seg.ack)) counters.TcpExtTCPDSACKRecv++;
  else {
    if (seg.sackBlocks < 2) return false;
    if (seqGt(end, dv.getInt32(seg.sack + 12)) || seqLt(start, dv.getInt32(seg.sack + 8))) return false;
    counters.TcpExtTCPDSACKOfoRecv++;
  }
  const segs = dsackSegments(c, start, end);
  if (segs === 0) {
    counters.TcpExtTCPDSACKIgnoredDubious++;
    return false;
  }
  counters.TcpExtTCPDSACKRecvSegs += segs;
  // For data already forgotten
  if (c.undoable && c.undoRetrans > 0 && seqLe(end, priorUna) && seqGt(end, c.undoMarker))
    c.undoRetrans = Math.max(0, c.undoRetrans - segs);
  return true;
}

/** How many of our retransmissions a DSACK shows to have been needless; 0: it cannot be believed. */
function dsackSegments(c: Connection, start: number, end: number): number {
  const { ack } = c.tcp;
  if (!seqLt(start, end)) return 0;
  const length = (end - start) | 0;
  if (length > c.maxWnd) return 0;
  let segs = 1;
  let probe = false;
  if (length > c.mss) segs = Math.ceil(length / c.mss);
  else if (c.tlpHighSeq !== 0 && c.tlpHighSeq === end) probe = true;
  c.dsackDups += segs;
  // More duplicates than retransmissions: the network makes them
  if (c.dsackDups > c.totalRetransmits) return 0;
  // RFC 8985 §6.2: needless fast retransmissions widen the window, a probe's duplicate does not
  if (c.reordSeen > 0 && !probe) c.rackDsackSeen = true;
  ack.flags |= ACK_DSACK | (probe ? ACK_DSACK_PROBE : 0);
  ack.sackDelivered += segs;
  return segs;
}

/** Collects the valid blocks, sorted. */
function takeBlocks(c: Connection, seg: Segment, dsack: boolean, priorUna: number): number {
  const { dv } = c.tcp.memory;
  const { counters } = c.tcp;
  let n = 0;
  const count = Math.min(seg.sackBlocks, BLOCKS_MAX);
  for (let i = 0; i < count; i++) {
    const start = dv.getInt32(seg.sack + 8 * i);
    const end = dv.getInt32(seg.sack + 8 * i + 4);
    const dup = i === 0 && dsack;
    if (!blockValid(c, dup, start, end)) {
      if (dup) {
        if (c.undoable) counters.TcpExtTCPDSACKIgnoredOld++;
        else counters.TcpExtTCPDSACKIgnoredNoUndo++;
      } else if (seg.ack === c.sndUna || seqGt(end, c.sndUna)) counters.TcpExtTCPSACKDiscard++;
      continue;
    }
    if (seqLe(end, priorUna)) continue;
    let to = n++;
    for (; to > 0 && seqGt(starts[to - 1] as number, start); to--) {
      starts[to] = starts[to - 1] as number;
      ends[to] = ends[to - 1] as number;
      dups[to] = dups[to - 1] as number;
    }
    starts[to] = start;
    ends[to] = end;
    dups[to] = dup ? 1 : 0;
  }
  return n;
}

/** Whether a block can be about anything sent; a DSACK may be about what is acknowledged. */
function blockValid(c: Connection, dsack: boolean, start: number, end: number): boolean {
  if (seqGt(end, c.sndNxt) || !seqLt(start, end) || !seqLt(start, c.sndNxt)) return false;
  if (seqGt(start, c.sndUna)) return true;
  if (!dsack || !c.undoable || seqGt(end, c.sndUna)) return false;
  if (seqGe(start, c.undoMarker)) return true;
  if (seqLe(end, c.undoMarker)) return false;
  return seqGe(start, (end - c.maxWnd) | 0);
}

/** Tags what block `i` covers, from record `from` on. @returns the record where the next block's walk may begin */
function walk(c: Connection, from: number, i: number): number {
  const start = starts[i] as number;
  const end = ends[i] as number;
  let at = from;
  // The blocks may overlap (a DSACK lies inside another): go back to what both cover
  const back = c.tcp.sent.data;
  while (at !== 0 && (back[at + PREV] as number) !== 0 && seqGt(back[at + SEQ] as number, start))
    at = back[at + PREV] as number;
  for (; at !== 0; at = c.tcp.sent.data[at + NEXT] as number) {
    const d = c.tcp.sent.data;
    if (seqGe(d[at + SEQ] as number, end)) return at;
    if (seqLe(d[at + END] as number, start)) continue;
    const dup = dups[i] === 1;
    if (((d[at + FLAGS] as number) & SENT_SACKED) !== 0 && !dup) continue;
    if (!covers(c, at, start, end)) continue;
    tagOne(c, at, dup);
    if (!dup) at = mergeSacked(c, at);
  }
  return c.rtxTail;
}

/**
 * Whether the block covers the record, cutting it if it covers a part: at whole segments, since no receiver takes half
 * of one; what is left over of the last counts as one. False after a cut means that the part behind is covered.
 */
function covers(c: Connection, at: number, start: number, end: number): boolean {
  const d = c.tcp.sent.data;
  const seq = d[at + SEQ] as number;
  const last = d[at + END] as number;
  const head = seqLe(start, seq);
  if (head && seqGe(end, last)) return true;
  if ((d[at + SEGS] as number) <= 1) return false;
  const mss = d[at + MSS] as number;
  let length = head ? (end - seq) | 0 : (start - seq) | 0;
  if (length < mss) {
    if (head) return false;
    length = mss;
  } else if (length > mss) {
    const whole = length - (length % mss);
    length = !head && whole < length ? whole + mss : whole;
  }
  if (length >= ((last - seq) | 0)) return head && length === ((last - seq) | 0);
  if (!split(c, at, (seq + length) | 0, mss)) return false;
  return head;
}

/** One record is SACKed: Linux's tcp_sacktag_one. */
function tagOne(c: Connection, at: number, dup: boolean): void {
  const { tcp } = c;
  const { ack } = tcp;
  const d = tcp.sent.data;
  let flags = d[at + FLAGS] as number;
  const segs = d[at + SEGS] as number;
  const seq = d[at + SEQ] as number;
  const end = d[at + END] as number;
  if (dup && (flags & TOUCHED) !== 0) {
    if (c.undoable && c.undoRetrans > 0 && seqGt(end, c.undoMarker)) c.undoRetrans = Math.max(0, c.undoRetrans - segs);
    if ((flags & SENT_SACKED) !== 0 && seqLt(seq, ack.reorderedFrom)) ack.reorderedFrom = seq;
  }
  if (seqLe(end, c.sndUna)) return;
  if ((flags & SENT_SACKED) === 0) {
    rackDelivered(c, at);
    if ((flags & TOUCHED) === 0) firstDelivery(c, seq, end, d[at + XMIT_US] as number);
    flags = notLost(c, flags, segs) | SENT_SACKED;
    ack.flags |= ACK_NEW_SACK;
    // The first of all: what was known as the top is of another age
    if (c.sackedOut === 0 || seqGt(end, c.sackedTop)) c.sackedTop = end;
    c.sackedOut += segs;
    ack.sackDelivered += segs;
    ack.sackBytes += (end - seq) | 0;
    rateDelivered(c, tcp.rate, tcp.sent, at);
  }
  if (dup && (flags & SENT_RETRANS) !== 0) {
    flags &= ~SENT_RETRANS;
    c.retransOut -= segs;
  }
  d[at + FLAGS] = flags;
  if ((flags & SENT_SACKED) !== 0) untime(c, at);
}

/** What was held lost, and perhaps sent again, has arrived. @returns the flags that are left */
function notLost(c: Connection, flags: number, segs: number): number {
  // Not held lost: a retransmission is still under way
  if ((flags & SENT_LOST) === 0) return flags;
  c.lostOut -= segs;
  if ((flags & SENT_RETRANS) !== 0) c.retransOut -= segs;
  return flags & ~(SENT_LOST | SENT_RETRANS);
}

/** Data sent once and never again has arrived: a round trip to measure, and perhaps reordering. */
function firstDelivery(c: Connection, seq: number, end: number, xmit: number): void {
  const { ack } = c.tcp;
  if (seqLt(seq, highestSacked(c)) && seqLt(seq, ack.reorderedFrom)) ack.reorderedFrom = seq;
  if (seqLe(end, c.highSeq)) ack.flags |= ACK_ORIGINAL;
  if (!ack.sackTimed) {
    ack.sackTimed = true;
    ack.firstSacked = xmit;
  }
  ack.lastSacked = xmit;
}

/**
 * A SACKed record joins a SACKed one before it, and the one behind it likewise, so that a window with few holes has few
 * records. As in Linux one of them sent again makes that of all: DSACKs and round trips are judged by it.
 */
function mergeSacked(c: Connection, at: number): number {
  const d = c.tcp.sent.data;
  const prev = d[at + PREV] as number;
  if (!plainSacked(d, at) || prev === 0 || !plainSacked(d, prev)) return at;
  const size = segmentLength(c, at);
  if (size === 0 || segmentLength(c, prev) !== size) return at;
  join(c, prev, at, size);
  const next = d[prev + NEXT] as number;
  if (next !== 0 && plainSacked(d, next) && segmentLength(c, next) === size) join(c, prev, next, size);
  return prev;
}

function plainSacked(d: Int32Array, at: number): boolean {
  return ((d[at + FLAGS] as number) & (SENT_SACKED | SENT_RETRANS | SENT_LOST)) === SENT_SACKED;
}

/** Linux's tcp_skb_seglen. */
function segmentLength(c: Connection, at: number): number {
  const d = c.tcp.sent.data;
  return (d[at + SEGS] as number) > 1 ? (d[at + MSS] as number) : dataLength(c, at);
}

function join(c: Connection, prev: number, at: number, size: number): void {
  const d = c.tcp.sent.data;
  d[prev + END] = d[at + END] as number;
  d[prev + SEGS] = (d[prev + SEGS] as number) + (d[at + SEGS] as number);
  d[prev + MSS] = size;
  d[prev + FLAGS] = (d[prev + FLAGS] as number) | ((d[at + FLAGS] as number) & (SENT_FIN | SENT_PSH | SENT_EVER));
  remove(c, at);
}
