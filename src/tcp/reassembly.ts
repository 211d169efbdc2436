import { seqGe, seqGt, seqLe, seqLt } from "../wire/seqnum.js";
import { type Connection, dropReceiveBuffer, receiveBuffer } from "./connection.js";
import { mayKeep } from "./pressure.js";

/** Ranges kept ahead of RCV.NXT; a peer that makes more holes than this sends again what filled them. */
export const OOO_MAX = 1024;

/**
 * Puts [seq, seq+length) where it belongs in the receive buffer, in any order (RFC 9293 §3.10.7.4, seventh step).
 * The segment lies within the window.
 * @param at memory offset of the payload
 * @returns bytes by which RCV.NXT moved; -1: no memory or too many holes, nothing was kept
 */
export function receiveData(c: Connection, seq: number, at: number, length: number): number {
  const ahead = (seq - c.rcvNxt) | 0;
  if (!mayKeep(c, ahead > 0)) return -1;
  const buffer = receiveBuffer(c);
  const distance = c.rcvQueued + ahead;
  if (ahead > 0) {
    if (buffer.ensure(distance, length) < length) return -1;
    if (!addRange(c, seq, (seq + length) | 0)) return -1;
    buffer.writeFrom(distance, at, length);
    return 0;
  }
  const room = buffer.ensure(distance, length);
  if (room === 0) return -1;
  buffer.writeFrom(distance, at, room);
  let moved = room;
  const next = (c.rcvNxt + room) | 0;
  if (c.oooCount > 0) moved += joinRanges(c, next);
  c.rcvNxt = (c.rcvNxt + moved) | 0;
  c.rcvQueued += moved;
  return moved;
}

/** Adds a range, joining those it touches; sorted, so that the first hole is at the front. */
function addRange(c: Connection, start: number, end: number): boolean {
  let ranges = c.ooo;
  if (ranges === null) {
    ranges = new Int32Array(16);
    c.ooo = ranges;
  }
  const count = c.oooCount;
  // First range that ends at or after our start: most arrivals extend the last one.
  let first = count;
  while (first > 0 && seqGe(ranges[2 * first - 1] as number, start)) first--;
  let last = first;
  let from = start;
  let to = end;
  while (last < count && seqLe(ranges[2 * last] as number, to)) {
    if (seqLt(ranges[2 * last] as number, from)) from = ranges[2 * last] as number;
    if (seqGt(ranges[2 * last + 1] as number, to)) to = ranges[2 * last + 1] as number;
    last++;
  }
  if (last === first) {
    if (count === OOO_MAX) return false;
    ranges = widen(c, ranges, count + 1);
    ranges.copyWithin(2 * first + 2, 2 * first, 2 * count);
    c.oooCount = count + 1;
  } else if (last > first + 1) {
    ranges.copyWithin(2 * first + 2, 2 * last, 2 * count);
    c.oooCount = count - (last - first - 1);
    c.tcp.counters.TcpExtTCPOFOMerge++;
  }
  ranges[2 * first] = from;
  ranges[2 * first + 1] = to;
  return true;
}

/** Forgets what came ahead of RCV.NXT (RFC 9293 §3.10.7.4 lets it be sent again), and gives its memory back. */
export function pruneOutOfOrder(c: Connection): void {
  c.ooo = null;
  c.oooCount = 0;
  if (c.rcvQueued === 0) dropReceiveBuffer(c);
  else c.rcv?.truncate(c.rcvQueued);
}

function widen(c: Connection, ranges: Int32Array, count: number): Int32Array {
  if (2 * count <= ranges.length) return ranges;
  const wider = new Int32Array(ranges.length * 2);
  wider.set(ranges);
  c.ooo = wider;
  return wider;
}

/** Takes the ranges that `next` has reached off the front; returns how many bytes beyond it they hold. */
function joinRanges(c: Connection, next: number): number {
  const ranges = c.ooo as Int32Array;
  let n = 0;
  let end = next;
  while (n < c.oooCount && seqLe(ranges[2 * n] as number, end)) {
    if (seqGt(ranges[2 * n + 1] as number, end)) end = ranges[2 * n + 1] as number;
    n++;
  }
  if (n > 0) {
    ranges.copyWithin(0, 2 * n, 2 * c.oooCount);
    c.oooCount -= n;
    if (c.oooCount === 0) c.ooo = null;
  }
  return (end - next) | 0;
}
