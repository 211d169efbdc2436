import { MSS_DEFAULT } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { GSO_MAX_SIZE } from "../constants.js";
import { currentMss } from "./send-rules.js";

/*
 * Linux keeps what is unsent in buffers of a certain size, and three of its rules can be seen from outside: a row of
 * segments ends where a buffer does; room in the send buffer is asked for when a buffer begins, not for each byte; and
 * every buffer costs something besides its data. Here the bytes stand in one stream, and the buffers ("pieces") are
 * known by their size and by where the last of them begins (c.pieceSeq): those before it are full.
 */

/** What a buffer costs besides its data: room for headers, struct skb_shared_info and struct sk_buff. */
export const HEADERS = 640;
export const BUFFER = 256;
const OVERHEAD = HEADERS + BUFFER;

/** What a buffer takes: a row of segments of `mss`, but half the largest window at most (tcp_xmit_size_goal). */
export function pieceSize(c: Connection, mss: number): number {
  const half = c.maxWnd > MSS_DEFAULT ? c.maxWnd >> 1 : c.maxWnd;
  const most = half > 0 && half < GSO_MAX_SIZE ? half : GSO_MAX_SIZE;
  return most > mss ? most - (most % mss) : mss;
}

/** Of `unsent` bytes, those in the first piece. @param size of a piece */
export function headPiece(c: Connection, unsent: number, size: number): number {
  const before = (c.pieceSeq - c.sndNxt) | 0;
  if (before <= 0 || before >= unsent) return unsent;
  return before <= size ? before : ((before - 1) % size) + 1;
}

/**
 * The first piece as it is sent: grown at the cost of the next until it fills a burst (Linux's tcp_grow_skb).
 * @param burst bytes that may go at once @param size of a piece
 */
export function grownHead(c: Connection, unsent: number, burst: number, size: number): number {
  const head = headPiece(c, unsent, size);
  if (head >= burst || head === unsent) return head;
  const behind = unsent - head;
  // What is behind is the last piece, or a full one
  const next = ((c.sndNxt + head - c.pieceSeq) | 0) === 0 ? behind : Math.min(behind, size);
  return burst - head < next ? burst : head + next;
}

/** Bytes unsent of the last piece; 0: there is none, what is written next begins another. */
export function lastPiece(c: Connection): number {
  const unsent = (c.writeSeq - c.sndNxt) | 0;
  const bytes = (c.writeSeq - c.pieceSeq) | 0;
  return bytes < unsent ? bytes : unsent;
}

/** What is queued and in flight, by the memory that Linux would need for it (sk_wmem_queued). */
export function sendCharge(c: Connection): number {
  let pieces = c.rtxCount;
  const before = (c.pieceSeq - c.sndNxt) | 0;
  if (c.writeSeq !== c.sndNxt) pieces += before > 0 ? 1 + Math.ceil(before / pieceSize(c, currentMss(c))) : 1;
  return c.sndQueued + OVERHEAD * pieces;
}
