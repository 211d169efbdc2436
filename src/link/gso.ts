import type { Memory } from "../base/memory.js";
import { complement, fold, pseudoSum4, swapSum } from "../wire/checksum.js";
import { linkHeaderLength } from "./frame-ring.js";
import {
  GSO_TCP4,
  TX_CSUM,
  TX_GSO,
  TX_HEAD,
  TX_HEAD_LENGTH,
  TX_L4,
  TX_LENGTH,
  TX_PIECE,
  TX_PIECES,
  TX_STRIDE,
  type TxQueue,
} from "./tx-queue.js";

/** Offsets in the headers that a segment gets its own values in. */
const IP_TOTAL_LENGTH = 2;
const IP_ID = 4;
const IP_CHECKSUM = 10;
const IP_SRC = 12;
const IP_DST = 16;
const TCP_SEQ = 4;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const UDP_LENGTH = 4;
const UDP_CHECKSUM = 6;
const FIN_PSH = 0x09;
const CWR = 0x80;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
/** Headroom that lets a head stand with its IP header aligned on either layer. */
const ALIGN_ROOM = 2;

/**
 * Does in software what a link without offloads does not: appends to `target` the plain frames (single segments,
 * complete checksums) that row `index` of `source` stands for. Heads, and payload that stood behind them, are copied;
 * pieces are referred to. Both queues are of the same memory and pool.
 *
 * @returns false: there is no room left in `target`. The row of `source` has then been cut down to what is not yet
 * in `target`; call again with the same index once the link has taken rows.
 */
export function lowerRow(source: TxQueue, index: number, target: TxQueue, layer: "ethernet" | "ip"): boolean {
  const row = index * TX_STRIDE;
  if (source.rows[row + TX_GSO] === 0) return lowerPlain(source, row, target, layer);
  for (;;) {
    const left = lowerSegment(source, row, target, layer);
    if (left <= 0) return left === 0;
  }
}

/** Completes the partial L4 checksum of row `index` in place (what TX_CSUM asks a link for), and says so in the row. */
export function completeChecksum(queue: TxQueue, index: number): void {
  const { rows, memory } = queue;
  const row = index * TX_STRIDE;
  const csum = rows[row + TX_CSUM] as number;
  if (csum === 0) return;
  const head = rows[row + TX_HEAD] as number;
  const start = csum >>> 16;
  const l4 = (rows[row + TX_HEAD_LENGTH] as number) - start;
  const first = rows[row + TX_PIECE] as number;
  // The field holds the pseudo-header's sum, so summing over it includes that.
  const sum = memory.sum(head + start, l4) + sumPieces(queue, first, rows[row + TX_PIECES] as number, l4);
  const field = csum & 0xffff;
  // RFC 768: a computed zero is sent as all ones, since zero says that there is none. Elsewhere zero is meant.
  memory.dv.setUint16(head + start + field, complement(sum) || (field === UDP_CHECKSUM ? 0xffff : 0));
  rows[row + TX_CSUM] = 0;
}

/** The sum of pieces whose first byte stands `before` bytes after an even one. */
function sumPieces(queue: TxQueue, first: number, count: number, before: number): number {
  const { pieces, memory } = queue;
  let sum = 0;
  let odd = before & 1;
  for (let p = first; p < first + count; p++) {
    const length = pieces[2 * p + 1] as number;
    const part = memory.sum(pieces[2 * p] as number, length);
    sum += odd === 0 ? part : swapSum(part);
    odd ^= length & 1;
  }
  return sum;
}

function lowerPlain(source: TxQueue, row: number, target: TxQueue, layer: "ethernet" | "ip"): boolean {
  const { rows, pieces, memory } = source;
  const headLength = rows[row + TX_HEAD_LENGTH] as number;
  const head = beginFrame(target, headLength, layer);
  if (head < 0) return false;
  const first = rows[row + TX_PIECE] as number;
  const end = first + (rows[row + TX_PIECES] as number);
  for (let p = first; p < end; p++)
    if (!target.piece(pieces[2 * p] as number, pieces[2 * p + 1] as number)) return false;
  memory.copy(head, rows[row + TX_HEAD] as number, headLength);
  const length = rows[row + TX_LENGTH] as number;
  target.commit(head, headLength, length, 0, rows[row + TX_CSUM] as number, rows[row + TX_L4] as number);
  completeChecksum(target, target.count - 1);
  return true;
}

function beginFrame(target: TxQueue, length: number, layer: "ethernet" | "ip"): number {
  const at = target.begin(length + ALIGN_ROOM);
  return at < 0 || layer === "ethernet" ? at : at + ALIGN_ROOM;
}

/**
 * Appends the first segment of a GSO row to `target` and takes it off the row.
 * @returns payload bytes left in the row; -1: no room, and nothing was done
 */
function lowerSegment(source: TxQueue, row: number, target: TxQueue, layer: "ethernet" | "ip"): number {
  const { rows, memory } = source;
  const headers = rows[row + TX_L4] as number;
  const payload = (rows[row + TX_LENGTH] as number) - headers;
  const length = Math.min((rows[row + TX_GSO] as number) & 0xffff, payload);
  const inHead = Math.min(length, (rows[row + TX_HEAD_LENGTH] as number) - headers);
  const head = beginFrame(target, headers + inHead, layer);
  if (head < 0 || !referTo(source, row, length - inHead, target)) return -1;
  const left = payload - length;
  memory.copy(head, rows[row + TX_HEAD] as number, headers + inHead);
  const csum = rows[row + TX_CSUM] as number;
  target.commit(head, headers + inHead, headers + length, 0, csum, headers);
  const ip = head + linkHeaderLength(layer);
  const l4 = head + (csum >>> 16);
  finishIp(memory, ip, l4 - ip, headers + length - (ip - head));
  const tcp = (rows[row + TX_GSO] as number) >>> 16 === GSO_TCP4;
  // RFC 9293 §3.1: only the last segment ends the stream or asks for a push.
  if (tcp && left > 0) memory.u8[l4 + TCP_FLAGS] = (memory.u8[l4 + TCP_FLAGS] as number) & ~FIN_PSH;
  if (!tcp) memory.dv.setUint16(l4 + UDP_LENGTH, headers + length - (l4 - head));
  seedChecksum(memory, ip, l4, headers + length - (l4 - head), tcp);
  completeChecksum(target, target.count - 1);
  if (left > 0) cutFront(source, row, layer, length, inHead, tcp);
  return left;
}

/** Gives the frame begun in `target` the first `length` bytes of the row's pieces. */
function referTo(source: TxQueue, row: number, length: number, target: TxQueue): boolean {
  const { rows, pieces } = source;
  for (let p = rows[row + TX_PIECE] as number, left = length; left > 0; p++) {
    const n = Math.min(left, pieces[2 * p + 1] as number);
    if (!target.piece(pieces[2 * p] as number, n)) return false;
    left -= n;
  }
  return true;
}

function finishIp(memory: Memory, ip: number, headerLength: number, totalLength: number): void {
  memory.dv.setUint16(ip + IP_TOTAL_LENGTH, totalLength);
  memory.dv.setUint16(ip + IP_CHECKSUM, 0);
  memory.dv.setUint16(ip + IP_CHECKSUM, complement(memory.sum(ip, headerLength)));
}

/** Puts the pseudo-header's sum into the checksum field, as a partial checksum wants it. */
function seedChecksum(memory: Memory, ip: number, l4: number, length: number, tcp: boolean): void {
  const { dv } = memory;
  const src = dv.getInt32(ip + IP_SRC);
  const dst = dv.getInt32(ip + IP_DST);
  const sum = pseudoSum4(src, dst, tcp ? PROTOCOL_TCP : PROTOCOL_UDP, length);
  dv.setUint16(l4 + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM), fold(sum));
}

/**
 * Takes the first `length` bytes of payload, `inHead` of them behind the headers, off a GSO row: what is left is a
 * GSO row again, but for the checksums, which every segment gets its own of.
 */
function cutFront(
  source: TxQueue,
  row: number,
  layer: "ethernet" | "ip",
  length: number,
  inHead: number,
  tcp: boolean,
): void {
  const { rows, memory } = source;
  const headers = rows[row + TX_L4] as number;
  const was = rows[row + TX_HEAD] as number;
  const head = was + inHead;
  if (inHead > 0) memory.copy(head, was, headers);
  rows[row + TX_HEAD] = head;
  rows[row + TX_HEAD_LENGTH] = (rows[row + TX_HEAD_LENGTH] as number) - inHead;
  rows[row + TX_LENGTH] = (rows[row + TX_LENGTH] as number) - length;
  dropFromPieces(source, row, length - inHead);
  const { dv, u8 } = memory;
  const ip = head + linkHeaderLength(layer);
  dv.setUint16(ip + IP_ID, dv.getUint16(ip + IP_ID) + 1);
  if (!tcp) return;
  const l4 = head + ((rows[row + TX_CSUM] as number) >>> 16);
  dv.setInt32(l4 + TCP_SEQ, (dv.getInt32(l4 + TCP_SEQ) + length) | 0);
  // RFC 3168 §6.1.2: one reduction is reported once.
  u8[l4 + TCP_FLAGS] = (u8[l4 + TCP_FLAGS] as number) & ~CWR;
}

function dropFromPieces(source: TxQueue, row: number, length: number): void {
  const { rows, pieces } = source;
  let p = rows[row + TX_PIECE] as number;
  let left = length;
  while (left > 0 && left >= (pieces[2 * p + 1] as number)) {
    left -= pieces[2 * p + 1] as number;
    p++;
  }
  rows[row + TX_PIECES] = (rows[row + TX_PIECES] as number) - (p - (rows[row + TX_PIECE] as number));
  rows[row + TX_PIECE] = p;
  if (left === 0) return;
  pieces[2 * p] = (pieces[2 * p] as number) + left;
  pieces[2 * p + 1] = (pieces[2 * p + 1] as number) - left;
}
