import { TS_SPACE } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { memoryScarce } from "./pressure.js";
import type { SegmentQueue } from "./segment-queue.js";
import { windowOf } from "./window.js";

/*
 * What waits to be read or behind a hole, as Linux counts it: each segment with the memory that a Linux device would
 * have put it into. That bounds what a connection holds: when it comes to more than the buffer, small segments are put
 * together (tcp_collapse), what waits behind holes is thrown away (tcp_prune_ofo_queue), and at last nothing is taken.
 */

/** Payload that one page holds when segments are put together (Linux's SKB_MAX_ORDER(0, 0)). */
export const PAGE_HOLDS = 3776;

/** What a segment costs in memory: the buffer that a Linux device would have put it into. @param n payload and options */
export function chargeOf(n: number): number {
  if (n <= 600) return n <= 152 ? 832 : 1280;
  if (n <= 3675) return n <= 1627 ? 2304 : 4352;
  return 8448 + ((n - 3676) & ~4095);
}

/** How much that buffer holds; a chain of pages has no room for more. */
export function roomFor(n: number): number {
  if (n <= 600) return n <= 152 ? 152 : 600;
  if (n <= 3675) return n <= 1627 ? 1627 : 3675;
  return n;
}

/** The same for what has been put together, without headers in front of it. */
export function packedCharge(n: number): number {
  if (n <= 704) return n <= 256 ? 832 : 1280;
  return n <= 1728 ? 2304 : 4352;
}

export function packedRoom(n: number): number {
  if (n <= 704) return n <= 256 ? 256 : 704;
  return n <= 1728 ? 1728 : PAGE_HOLDS;
}

/** What `n` bytes cost when they have been put together. */
function packed(n: number): number {
  const rest = n % PAGE_HOLDS;
  return ((n - rest) / PAGE_HOLDS) * 4352 + (rest === 0 ? 0 : packedCharge(rest));
}

/** Our MSS, as the peer has to reckon it: less the timestamps. */
export function advertised(c: Connection): number {
  return c.tsOk ? c.advMss - TS_SPACE : c.advMss;
}

/** A segment has been queued in order; what the last one's memory has room for goes in there. */
export function chargeReceived(c: Connection, length: number, options: number): void {
  const room = c.rcvTailRoom - length;
  if (room >= 0) {
    c.tcp.counters.TcpExtTCPRcvCoalesce++;
    c.rcvTailRoom = room;
    if (c.rcvMore === null) c.rcvFront += length;
    else c.rcvMore.growLast(length);
    return;
  }
  const n = length + options;
  const charge = chargeOf(n);
  c.rcvTailRoom = roomFor(n) - n;
  c.rcvCharge += charge;
  append(c, length, charge);
}

function append(c: Connection, length: number, charge: number): void {
  if (c.rcvFrontCharge === 0) {
    c.rcvFront = length;
    c.rcvFrontCharge = charge;
    c.rcvFrontAt = c.tcp.time.us;
    return;
  }
  c.rcvMore ??= c.tcp.segmentQueues.take();
  c.rcvMore.push(length, charge);
}

/** A segment that waited behind a hole is in order now. @param follows it begins where the one in front of it ended */
export function chargeJoined(c: Connection, length: number, charge: number, room: number, follows: boolean): void {
  const left = c.rcvTailRoom - length;
  if (follows && left >= 0) {
    c.tcp.counters.TcpExtTCPRcvCoalesce++;
    c.rcvTailRoom = left;
    c.rcvCharge -= charge;
    if (c.rcvMore === null) c.rcvFront += length;
    else c.rcvMore.growLast(length);
    return;
  }
  append(c, length, charge);
  c.rcvTailRoom = room;
}

/** `n` bytes have been read: whoever has been read to the end gives its memory back. */
export function releaseRead(c: Connection, n: number): void {
  if (c.rcvQueued === 0) {
    releaseAll(c);
    return;
  }
  let left = n;
  while (left >= c.rcvFront && c.rcvFrontCharge > 0) {
    left -= c.rcvFront;
    c.rcvCharge -= c.rcvFrontCharge;
    dropFront(c);
  }
  if (left === 0) return;
  c.rcvFront -= left;
  c.rcvFrontCut = true;
}

/** Nothing waits to be read any more. */
export function releaseAll(c: Connection): void {
  c.rcvCharge = c.oooCount === 0 ? 0 : c.oooCharge;
  c.rcvFront = 0;
  c.rcvFrontCharge = 0;
  if (c.rcvFrontCut) c.rcvFrontCut = false;
  c.rcvTailRoom = 0;
  if (c.rcvMore !== null) giveMore(c);
}

function giveMore(c: Connection): void {
  c.tcp.segmentQueues.give(c.rcvMore as SegmentQueue);
  c.rcvMore = null;
}

function dropFront(c: Connection): void {
  const more = c.rcvMore;
  c.rcvFrontCut = false;
  if (more === null) {
    c.rcvFront = 0;
    c.rcvFrontCharge = 0;
    c.rcvTailRoom = 0;
    return;
  }
  c.rcvFront = more.length(0);
  c.rcvFrontCharge = more.charge(0);
  more.dropFirst();
  if (more.count === 0) giveMore(c);
}

/** Whether one more segment may be queued (Linux's tcp_can_ingest). */
export function hasRoom(c: Connection): boolean {
  return c.rcvCharge <= 2 * c.rcvLimit;
}

/** Linux's tcp_clamp_window: a buffer that the application has not set grows as far as it may. */
export function clampWindow(c: Connection): void {
  const { settings, pool } = c.tcp;
  c.quickAcks = 0;
  if (2 * c.rcvLimit < settings.rmemMax && !c.rcvLocked && !memoryScarce(pool))
    c.rcvLimit = Math.min(c.rcvCharge + 1, settings.rmemMax) >> 1;
  if (c.rcvCharge > 2 * c.rcvLimit) c.rcvSsthresh = Math.min(c.windowClamp, 2 * advertised(c));
}

/** From the first segment on that costs more than it should, what is unread is put together. */
export function collapse(c: Connection): void {
  const more = c.rcvMore;
  const count = more === null ? 0 : more.count;
  const front = c.rcvFrontCut || windowOf(c, c.rcvFrontCharge) > c.rcvFront;
  let from = 0;
  if (!front && more !== null) while (from < count && windowOf(c, more.charge(from)) <= more.length(from)) from++;
  if (c.rcvFrontCharge === 0 || (!front && from === count)) return;
  let bytes = front ? c.rcvFront : 0;
  let charge = front ? c.rcvFrontCharge : 0;
  for (let i = from; more !== null && i < count; i++) {
    bytes += more.length(i);
    charge += more.charge(i);
  }
  c.tcp.counters.TcpExtTCPRcvCollapsed += count - from + (front ? 1 : 0);
  more?.truncate(from);
  if (front) {
    c.rcvFrontCharge = 0;
    c.rcvFrontCut = false;
  }
  c.rcvCharge += packed(bytes) - charge;
  for (let left = bytes; left > 0; ) {
    const n = left < PAGE_HOLDS ? left : PAGE_HOLDS;
    append(c, n, packedCharge(n));
    c.rcvTailRoom = packedRoom(n) - n;
    left -= n;
  }
  if (c.rcvMore !== null && c.rcvMore.count === 0) giveMore(c);
}
