import { seqGe, seqGt, seqLe, seqLt, seqMax } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { chargeJoined, chargeOf, hasRoom, PAGE_HOLDS, packedCharge, packedRoom, roomFor } from "./receive-queue.js";
import { dsackExtend, dsackSet, sackReset } from "./sack-out.js";
import { windowOf } from "./window.js";

/*
 * What came ahead of RCV.NXT, segment by segment as Linux's out_of_order_queue keeps it, so that memory, duplicates and
 * counters come out the same. A record is four integers: where the segment begins and ends, what it costs, and what its
 * memory has room for. They are sorted by where they begin. Two may overlap, and one may lie within another that was put
 * together with what came behind it.
 */

const START = 0;
const END = 1;
const CHARGE = 2;
const ROOM = 3;
const WORDS = 4;
/** Records at first. */
const FEW = 8;

/** Segments kept ahead of RCV.NXT; a peer that has more under way sends again what comes then. */
export const OOO_MAX = 4096;

/** Of {@link keepAhead}: it is kept; the last one's memory had room for it; all of it has come before. */
export const KEPT = 0;
export const NOTHING_NEW = 1;
export const COALESCED = 2;

/** One past the last byte that was kept; there is one. */
export function aheadEnd(c: Connection): number {
  const records = c.ooo as Int32Array;
  let end = records[END] as number;
  for (let at = WORDS; at < WORDS * c.oooCount; at += WORDS) end = seqMax(end, records[at + END] as number);
  return end;
}

/** Where the record ends that begins last (Linux's ooo_last_skb). */
export function lastEnd(c: Connection): number {
  return (c.ooo as Int32Array)[WORDS * (c.oooCount - 1) + END] as number;
}

/**
 * Notes [start, end), and what of it is there already (RFC 2883 §4).
 * @param n bytes of payload and options
 * @returns KEPT, NOTHING_NEW, COALESCED, or -1: too many
 */
export function keepAhead(c: Connection, start: number, end: number, n: number): number {
  const count = c.oooCount;
  const records = c.ooo;
  if (count === 0 || records === null) return insert(c, 0, start, end, n);
  const before = lastUpTo(records, count, start);
  if (before >= 0) {
    const at = WORDS * before;
    const to = records[at + END] as number;
    if (seqLe(to, start)) {
      if (to === start && joinsTail(c, at, end)) return COALESCED;
    } else if (seqLe(end, to)) {
      c.tcp.counters.TcpExtTCPOFOMerge++;
      dsackSet(c, start, end);
      return NOTHING_NEW;
    } else if (records[at + START] === start) return replace(c, at, end, n);
    else dsackSet(c, start, to);
  }
  const result = insert(c, before + 1, start, end, n);
  if (result === KEPT) dropCovered(c, before + 1);
  return result;
}

/** The last record that begins at `start` or before, or -1. Most segments come behind all others. */
function lastUpTo(records: Int32Array, count: number, start: number): number {
  let low = 0;
  let high = count;
  if (seqLe(records[WORDS * (count - 1)] as number, start)) return count - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqLe(records[WORDS * middle] as number, start)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether the memory of the record at `at`, which it follows, has room for it. */
function joinsTail(c: Connection, at: number, end: number): boolean {
  const records = c.ooo as Int32Array;
  const room = (records[at + ROOM] as number) - ((end - (records[at + END] as number)) | 0);
  if (room < 0) return false;
  c.tcp.counters.TcpExtTCPRcvCoalesce++;
  records[at + END] = end;
  records[at + ROOM] = room;
  return true;
}

/** A longer segment with the same beginning takes the place of the record at `at`. */
function replace(c: Connection, at: number, end: number, n: number): number {
  const records = c.ooo as Int32Array;
  dsackExtend(c, records[at + START] as number, records[at + END] as number);
  c.tcp.counters.TcpExtTCPOFOMerge++;
  charge(c, -(records[at + CHARGE] as number));
  records[at + END] = end;
  records[at + CHARGE] = chargeOf(n);
  records[at + ROOM] = roomFor(n) - n;
  charge(c, chargeOf(n));
  dropCovered(c, at / WORDS);
  return KEPT;
}

function insert(c: Connection, index: number, start: number, end: number, n: number): number {
  const count = c.oooCount;
  if (count >= OOO_MAX) return -1;
  let records = c.ooo;
  if (records === null) {
    records = new Int32Array(WORDS * FEW);
    c.ooo = records;
  } else if (WORDS * count === records.length) records = widen(c, records);
  const at = WORDS * index;
  if (index < count) records.copyWithin(at + WORDS, at, WORDS * count);
  records[at + START] = start;
  records[at + END] = end;
  records[at + CHARGE] = chargeOf(n);
  records[at + ROOM] = roomFor(n) - n;
  charge(c, chargeOf(n));
  c.oooCount = count + 1;
  return KEPT;
}

function widen(c: Connection, records: Int32Array): Int32Array {
  const wider = new Int32Array(records.length * 2);
  wider.set(records);
  c.ooo = wider;
  return wider;
}

function charge(c: Connection, n: number): void {
  c.rcvCharge += n;
  c.oooCharge += n;
}

/** Those behind record `index` that are all in it go; of the next a part may be. */
function dropCovered(c: Connection, index: number): void {
  const records = c.ooo as Int32Array;
  const end = records[WORDS * index + END] as number;
  let next = index + 1;
  for (; next < c.oooCount; next++) {
    const at = WORDS * next;
    const from = records[at + START] as number;
    const to = records[at + END] as number;
    if (seqLe(end, from)) break;
    if (seqLt(end, to)) {
      dsackExtend(c, from, end);
      break;
    }
    dsackExtend(c, from, to);
    c.tcp.counters.TcpExtTCPOFOMerge++;
    charge(c, -(records[at + CHARGE] as number));
  }
  if (next === index + 1) return;
  records.copyWithin(WORDS * (index + 1), WORDS * next, WORDS * c.oooCount);
  c.oooCount -= next - index - 1;
}

/** RCV.NXT has moved: what it has reached is in order now. @returns how many bytes more that is */
export function joinAhead(c: Connection): number {
  const records = c.ooo as Int32Array;
  const next = c.rcvNxt;
  let end = next;
  // What is behind here of a segment has come twice
  let high = next;
  let n = 0;
  for (; n < c.oooCount && seqLe(records[WORDS * n] as number, end); n++) {
    const at = WORDS * n;
    const from = records[at + START] as number;
    let to = records[at + END] as number;
    if (seqLt(from, high)) {
      dsackExtend(c, from, high);
      if (seqLt(to, high)) high = to;
    }
    c.oooCharge -= records[at + CHARGE] as number;
    // Not past the peer's FIN; what is behind it is thrown away when that is taken
    if (c.rcvFin && seqLe(next, c.rcvFinSeq) && seqGt(to, c.rcvFinSeq)) to = c.rcvFinSeq;
    if (seqLe(to, end)) c.rcvCharge -= records[at + CHARGE] as number;
    else {
      chargeJoined(c, (to - end) | 0, records[at + CHARGE] as number, records[at + ROOM] as number, from === end);
      end = to;
    }
  }
  if (n > 0) {
    records.copyWithin(0, WORDS * n, WORDS * c.oooCount);
    c.oooCount -= n;
    if (c.oooCount === 0) c.ooo = null;
  }
  const moved = (end - next) | 0;
  c.rcvNxt = end;
  c.rcvQueued += moved;
  // Nothing that is kept stands behind what is in order now; what was cut off did
  if (c.oooCount === 0) c.rcv?.truncate(c.rcvQueued);
  return moved;
}

/** All of it is thrown away. */
export function forgetAhead(c: Connection): void {
  c.rcvCharge -= c.oooCharge;
  c.oooCharge = 0;
  c.ooo = null;
  c.oooCount = 0;
}

/**
 * Throws away from the end what waits behind holes, an eighth of the buffer at a time, until there is room for what comes
 * at `seq`; but for that nothing that stands in front of it (Linux's tcp_prune_ofo_queue).
 * @returns whether anything was
 */
export function pruneFromEnd(c: Connection, seq: number): boolean {
  const records = c.ooo;
  if (records === null) return false;
  const before = c.oooCount;
  const part = (2 * c.rcvLimit) >> 3;
  let goal = part;
  while (c.oooCount > 0) {
    const at = WORDS * (c.oooCount - 1);
    if (seqGt(seq, records[at + START] as number)) break;
    // As Linux: with the segment goes its FIN
    if (c.rcvFin && c.rcvFinSeq === records[at + END]) c.rcvFin = false;
    goal -= records[at + CHARGE] as number;
    charge(c, -(records[at + CHARGE] as number));
    c.oooCount--;
    if (c.oooCount > 0 && goal > 0) continue;
    if (hasRoom(c)) break;
    goal = part;
  }
  if (c.oooCount === before) return false;
  if (c.oooCount === 0) c.ooo = null;
  sackReset(c);
  return true;
}

/** Puts together what waits behind holes where it costs too much (Linux's tcp_collapse_ofo_queue). */
export function collapseAhead(c: Connection): void {
  let tiny = 0;
  for (let i = 0; i < c.oooCount; ) {
    const records = c.ooo as Int32Array;
    let end = records[WORDS * i + END] as number;
    let cost = records[WORDS * i + CHARGE] as number;
    let next = i + 1;
    for (; next < c.oooCount && seqGe(end, records[WORDS * next] as number); next++) {
      end = seqMax(end, records[WORDS * next + END] as number);
      cost += records[WORDS * next + CHARGE] as number;
    }
    if (next > i + 1 || ((end - (records[WORDS * i] as number)) | 0) >= PAGE_HOLDS) i = packRange(c, i, next, end);
    else {
      tiny += cost;
      if (tiny > (2 * c.rcvLimit) >> 3) return;
      i = next;
    }
  }
}

/** Records `first` to before `next` have no hole between them. @returns the index behind what they have become */
function packRange(c: Connection, first: number, next: number, end: number): number {
  const records = c.ooo as Int32Array;
  let from = first;
  while (from < next && isCompact(c, from, next)) from++;
  if (from === next) return next;
  const start = records[WORDS * from] as number;
  const pages = Math.ceil(((end - start) | 0) / PAGE_HOLDS);
  const lastPage = (start + (pages - 1) * PAGE_HOLDS) | 0;
  // As in Linux: what lies within the last of them is not looked at, and stays
  let until = from;
  while (until < next - 1 && records[WORDS * until + END] !== end) until++;
  until++;
  while (until < next && seqLt(records[WORDS * until] as number, lastPage)) until++;
  const packed = new Int32Array(Math.max(records.length, WORDS * (c.oooCount - (until - from) + pages)));
  packed.set(records.subarray(0, WORDS * from));
  packed.set(records.subarray(WORDS * until, WORDS * c.oooCount), WORDS * (from + pages));
  for (let i = from; i < until; i++) charge(c, -(records[WORDS * i + CHARGE] as number));
  for (let i = 0; i < pages; i++) {
    const at = WORDS * (from + i);
    const n = Math.min(PAGE_HOLDS, (end - start - i * PAGE_HOLDS) | 0);
    packed[at + START] = start + i * PAGE_HOLDS;
    packed[at + END] = start + i * PAGE_HOLDS + n;
    packed[at + CHARGE] = packedCharge(n);
    packed[at + ROOM] = packedRoom(n) - n;
    charge(c, packedCharge(n));
  }
  c.tcp.counters.TcpExtTCPRcvCollapsed += until - from;
  c.ooo = packed;
  c.oooCount += pages - (until - from);
  return from + pages + next - until;
}

/** Whether a record costs no more than it should, and does not overlap the one behind it. */
function isCompact(c: Connection, i: number, next: number): boolean {
  const records = c.ooo as Int32Array;
  const at = WORDS * i;
  const length = ((records[at + END] as number) - (records[at + START] as number)) | 0;
  if (windowOf(c, records[at + CHARGE] as number) > length) return false;
  return i + 1 === next || records[at + END] === records[at + WORDS];
}
