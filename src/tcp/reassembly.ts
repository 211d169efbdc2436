import { seqGe, seqGt, seqLe, seqLt } from "../wire/seqnum.js";
import { dropReceiveBuffer, receiveBuffer } from "./buffers.js";
import type { Connection } from "./connection.js";
import { mayKeep } from "./pressure.js";
import { releaseAhead } from "./receive-buffer.js";
import { dsackExtend, dsackSet, sackReset } from "./sack-out.js";

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
  while (last < count && seqLe(ranges[2 * last] as number, end)) last++;
  if (last === first) {
    if (count === OOO_MAX) return false;
    ranges = widen(c, ranges, count + 1);
    ranges.copyWithin(2 * first + 2, 2 * first, 2 * count);
    c.oooCount = count + 1;
    ranges[2 * first] = start;
    ranges[2 * first + 1] = end;
    return true;
  }
  reportOverlaps(c, first, last, start, end);
  const from = ranges[2 * first] as number;
  const to = ranges[2 * last - 1] as number;
  ranges[2 * first] = seqLt(from, start) ? from : start;
  ranges[2 * first + 1] = seqGt(to, end) ? to : end;
  if (last > first + 1) {
    ranges.copyWithin(2 * first + 2, 2 * last, 2 * count);
    c.oooCount = count - (last - first - 1);
  }
  return true;
}

/** RFC 2883 §4: what of [start, end) is there already, in the ranges from `first` to before `last`, which it touches. */
function reportOverlaps(c: Connection, first: number, last: number, start: number, end: number): void {
  const ranges = c.ooo as Int32Array;
  const { counters } = c.tcp;
  for (let i = first; i < last; i++) {
    const from = ranges[2 * i] as number;
    const to = ranges[2 * i + 1] as number;
    // They touch, no more
    if (to === start || from === end) continue;
    const upTo = seqGt(to, end) ? end : to;
    if (seqLt(from, start)) dsackSet(c, start, upTo);
    else dsackExtend(c, from, upTo);
    // Nothing of it is new, or all of what was there is in it
    if (seqLe(from, start) ? seqGe(to, end) || from === start : upTo === to) counters.TcpExtTCPOFOMerge++;
  }
}

/** Forgets what came ahead of RCV.NXT (RFC 9293 §3.10.7.4 lets it be sent again), and gives its memory back. */
export function pruneOutOfOrder(c: Connection): void {
  sackReset(c);
  if (c.ooo === null) return;
  let bytes = 0;
  for (let i = 0; i < c.oooCount; i++) bytes += ((c.ooo[2 * i + 1] as number) - (c.ooo[2 * i] as number)) | 0;
  releaseAhead(c, bytes);
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
  // What is behind here of a range has come twice
  let high = next;
  while (n < c.oooCount && seqLe(ranges[2 * n] as number, end)) {
    if (seqLt(ranges[2 * n] as number, high)) {
      dsackExtend(c, ranges[2 * n] as number, high);
      if (seqLt(ranges[2 * n + 1] as number, high)) high = ranges[2 * n + 1] as number;
    }
    if (seqGt(ranges[2 * n + 1] as number, end)) end = ranges[2 * n + 1] as number;
    n++;
  }
  if (n > 0 && c.rcvFin && seqLe(next, c.rcvFinSeq) && seqGt(end, c.rcvFinSeq)) {
    // Not past the peer's FIN; what is behind it is thrown away with it
    n--;
    ranges[2 * n] = c.rcvFinSeq;
    ranges[2 * n + 1] = end;
    end = c.rcvFinSeq;
  }
  if (n > 0) {
    ranges.copyWithin(0, 2 * n, 2 * c.oooCount);
    c.oooCount -= n;
    if (c.oooCount === 0) c.ooo = null;
  }
  return (end - next) | 0;
}
