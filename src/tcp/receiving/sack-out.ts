import { seqGe, seqGt, seqLe, seqLt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";

/*
 * The SACK blocks that we report (RFC 2018 §4), the one that changed last first, and a duplicate in front of them
 * (RFC 2883 §4). writeOptions puts as many into a segment as fit.
 */

const BLOCKS = 4;
/** Blocks that surely fit into each of several ACKs: a change beyond them is not kept back (Linux). */
const EXPECTED = 2;

/** Whether [start, end) touches block `i`. */
function touches(blocks: Int32Array, i: number, start: number, end: number): boolean {
  return seqLe(start, blocks[2 * i + 1] as number) && seqLe(blocks[2 * i] as number, end);
}

/** The first block that [start, end) touches, or how many there are. */
function blockOf(c: Connection, start: number, end: number): number {
  const blocks = c.sackOut as Int32Array;
  let i = 0;
  while (i < c.sackBlocks && !touches(blocks, i, start, end)) i++;
  return i;
}

/** Whether a range will push others so far back that what has been kept back must be told first. */
export function sackOverflows(c: Connection, start: number, end: number): boolean {
  return c.sackBlocks >= EXPECTED && blockOf(c, start, end) >= EXPECTED;
}

/** A range came out of order: its block goes to the front. */
export function sackAdd(c: Connection, start: number, end: number): void {
  if (!c.sackOk) return;
  if (c.sackOut === null) {
    c.sackOut = new Int32Array(2 * BLOCKS);
    c.sackBlocks = 0;
  }
  const blocks = c.sackOut;
  const count = c.sackBlocks;
  const at = blockOf(c, start, end);
  let from = start;
  let to = end;
  if (at < count) {
    if (seqLt(blocks[2 * at] as number, from)) from = blocks[2 * at] as number;
    if (seqGt(blocks[2 * at + 1] as number, to)) to = blocks[2 * at + 1] as number;
    blocks.copyWithin(2, 0, 2 * at);
  } else {
    // Where there is no place for one more, the last is forgotten
    blocks.copyWithin(2, 0, 2 * Math.min(count, BLOCKS - 1));
    if (count < BLOCKS) c.sackBlocks = count + 1;
  }
  blocks[0] = from;
  blocks[1] = to;
  if (at < count) coalesce(c);
}

/** The first block has grown: those that it reached become part of it. */
function coalesce(c: Connection): void {
  const blocks = c.sackOut as Int32Array;
  for (let i = 1; i < c.sackBlocks; ) {
    if (!touches(blocks, i, blocks[0] as number, blocks[1] as number)) {
      i++;
      continue;
    }
    if (seqLt(blocks[2 * i] as number, blocks[0] as number)) blocks[0] = blocks[2 * i] as number;
    if (seqGt(blocks[2 * i + 1] as number, blocks[1] as number)) blocks[1] = blocks[2 * i + 1] as number;
    blocks.copyWithin(2 * i, 2 * i + 2, 2 * c.sackBlocks);
    c.sackBlocks--;
  }
}

/** RCV.NXT has moved: what it has reached is acknowledged, and no longer reported. */
export function sackAdvance(c: Connection, holes: boolean): void {
  const blocks = c.sackOut;
  if (blocks === null) return;
  if (!holes) {
    c.sackOut = null;
    c.sackBlocks = 0;
    return;
  }
  for (let i = 0; i < c.sackBlocks; ) {
    if (seqGe(c.rcvNxt, blocks[2 * i] as number)) {
      blocks.copyWithin(2 * i, 2 * i + 2, 2 * c.sackBlocks);
      c.sackBlocks--;
    } else i++;
  }
}

/** What is out of order was thrown away. As Linux (tcp_sack_reset): nor is a duplicate reported. */
export function sackReset(c: Connection): void {
  c.dsackDue = false;
  c.sackOut = null;
  c.sackBlocks = 0;
}

/** A duplicate to report. RFC 2883 §4: in the next ACK, and in no other. */
export function dsackSet(c: Connection, start: number, end: number): void {
  const { counters, settings } = c.tcp;
  if (!c.sackOk || settings.dsack === 0) return;
  if (seqLt(start, c.rcvNxt)) counters.TcpExtTCPDSACKOldSent++;
  else counters.TcpExtTCPDSACKOfoSent++;
  c.dsackDue = true;
  c.dsackStart = start;
  c.dsackEnd = end;
}

/** A further duplicate of the same segment: one block reports it if it can. */
export function dsackExtend(c: Connection, start: number, end: number): void {
  if (!c.dsackDue) {
    dsackSet(c, start, end);
    return;
  }
  if (seqGt(start, c.dsackEnd) || seqGt(c.dsackStart, end)) return;
  if (seqLt(start, c.dsackStart)) c.dsackStart = start;
  if (seqGt(end, c.dsackEnd)) c.dsackEnd = end;
}
