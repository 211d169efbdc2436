import {
  FAST_OPEN_MAGIC,
  MSS_DEFAULT,
  OPT_ACCECN_0,
  OPT_ACCECN_1,
  OPT_END,
  OPT_EXPERIMENT,
  OPT_FAST_OPEN,
  OPT_MSS,
  OPT_NOP,
  OPT_SACK,
  OPT_SACK_OK,
  OPT_TS,
  OPT_WSCALE,
  OPTIONS_MAX,
  SYN,
  TS_SPACE,
  WSCALE_MAX,
} from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { ECN_ACC } from "../constants.js";
import type { TcpContext } from "../context.js";
import type { AccEcn } from "../ecn/accecn.js";
import { accEcnOptionBytes, fitSynAck, sacksBeside, spareHigh, spareLow, writeAccEcn } from "../ecn/accecn-option.js";
import type { Segment } from "./segment.js";

/** `nop,nop,TS` as one word: how data segments of nearly every stack begin (RFC 7323 appendix A). */
export const TS_WORD = (OPT_NOP << 24) | (OPT_NOP << 16) | (OPT_TS << 8) | 10;

/**
 * Reads a segment's options (RFC 9293 §3.2). Unknown kinds are skipped by their length; a length that makes no sense
 * ends the reading, and what stood before it counts, as Linux does. Some kinds count in a SYN only.
 */
export function parseOptions(tcp: TcpContext, seg: Segment): void {
  const { u8, dv } = tcp.memory;
  seg.mss = -1;
  seg.wscale = -1;
  seg.sackOk = false;
  seg.ts = false;
  seg.sackBlocks = 0;
  seg.cookieLength = -1;
  seg.accecn = 0;
  seg.cookieExp = false;
  let at = seg.options;
  const end = at + seg.optionsLength;
  // Nothing but timestamps: no loop
  if (seg.optionsLength === TS_SPACE && dv.getInt32(at) === TS_WORD) {
    takeTimestamps(tcp, seg, at + 4);
    return;
  }
  while (at < end) {
    const kind = u8[at] as number;
    if (kind === OPT_END) return;
    if (kind === OPT_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return;
    const length = u8[at + 1] as number;
    if (length < 2 || at + length > end) return;
    if (kind === OPT_TS) {
      if (length === 10) takeTimestamps(tcp, seg, at + 2);
    } else if (kind === OPT_SACK) {
      // RFC 2018 §3; one block at least, and whole ones
      if (length >= 10 && (length - 2) % 8 === 0) {
        seg.sack = at + 2;
        seg.sackBlocks = (length - 2) >> 3;
      }
    } else if (kind === OPT_ACCECN_0 || kind === OPT_ACCECN_1) seg.accecn = at;
    else if ((seg.flags & SYN) !== 0) synOption(tcp, seg, kind, at, length);
    at += length;
  }
}

function takeTimestamps(tcp: TcpContext, seg: Segment, at: number): void {
  const { dv } = tcp.memory;
  seg.ts = true;
  seg.tsval = dv.getInt32(at);
  seg.tsecr = dv.getInt32(at + 4);
}

function synOption(tcp: TcpContext, seg: Segment, kind: number, at: number, length: number): void {
  const { u8, dv } = tcp.memory;
  if (kind === OPT_MSS && length === 4) seg.mss = dv.getUint16(at + 2);
  // RFC 7323 §2.3
  else if (kind === OPT_WSCALE && length === 3) seg.wscale = Math.min(u8[at + 2] as number, WSCALE_MAX);
  else if (kind === OPT_SACK_OK && length === 2) seg.sackOk = true;
  else if (kind === OPT_FAST_OPEN) cookieOption(seg, at + 2, length - 2, false);
  else if (kind === OPT_EXPERIMENT && length >= 4 && dv.getUint16(at + 2) === FAST_OPEN_MAGIC)
    cookieOption(seg, at + 4, length - 4, true);
}

/** RFC 7413 §4.1.1: 4 to 16 bytes, even; or none, to ask for one. Of an odd length it is no such option. */
function cookieOption(seg: Segment, at: number, length: number, experimental: boolean): void {
  if ((length & 1) !== 0) return;
  seg.cookie = at;
  seg.cookieLength = length === 0 || (length >= 4 && length <= 16) ? length : -1;
  seg.cookieExp = experimental;
}

/** What a SYN's MSS option (or its absence) says the peer takes; RFC 9293 §3.7.1: an MSS of 0 is as good as none. */
export function offeredMss(seg: Segment): number {
  return seg.mss > 0 ? seg.mss : MSS_DEFAULT;
}

/** The options of a SYN or SYN-ACK about to be written; one record per stack. */
export class SynOptions {
  mss = 0;
  /** Shift, or -1. */
  wscale = -1;
  sackOk = false;
  ts = false;
  tsval = 0;
  tsecr = 0;
  /** RFC 7413: a cookie to send; with cookieLength 0 a request for one, -1 for neither. */
  cookie: Uint8Array | null = null;
  cookieLength = -1;
  /** RFC 9768: with the AccECN option, as far as it fits. */
  accecn = false;
  /** In the experimental option, for a peer that knows no other. */
  cookieExp = false;
}

/**
 * Writes the options of a SYN or SYN-ACK at `at` in Linux's order: `mss,sackOK,TS,AccECN,nop,wscale,FO`, where sackOK takes
 * the place of the timestamps' padding, or `mss,AccECN,nop,nop,sackOK,nop,wscale`.
 * @returns bytes written, a multiple of 4
 */
export function writeSynOptions(tcp: TcpContext, at: number, o: SynOptions): number {
  const { dv } = tcp.memory;
  dv.setInt32(at, (OPT_MSS << 24) | (4 << 16) | o.mss);
  let n = 4;
  if (o.ts) {
    const front = o.sackOk ? (OPT_SACK_OK << 24) | (2 << 16) : (OPT_NOP << 24) | (OPT_NOP << 16);
    dv.setInt32(at + n, front | (OPT_TS << 8) | 10);
    dv.setInt32(at + n + 4, o.tsval);
    dv.setInt32(at + n + 8, o.tsecr);
    n += TS_SPACE;
  }
  if (o.accecn) return n + writeSynRest(tcp, at + n, n, o);
  if (o.sackOk && !o.ts) {
    dv.setInt32(at + n, (OPT_NOP << 24) | (OPT_NOP << 16) | (OPT_SACK_OK << 8) | 2);
    n += 4;
  }
  if (o.wscale >= 0) {
    dv.setInt32(at + n, (OPT_NOP << 24) | (OPT_WSCALE << 16) | (3 << 8) | o.wscale);
    n += 4;
  }
  return n + writeCookie(tcp, at + n, OPTIONS_MAX - n, o);
}

/** What follows MSS and timestamps where AccECN's option goes, which may end in the padding of what stands behind it. */
function writeSynRest(tcp: TcpContext, at: number, before: number, o: SynOptions): number {
  const { dv } = tcp.memory;
  const sackOk = o.sackOk && !o.ts;
  const cookie = o.cookieLength < 0 ? 0 : (2 + o.cookieLength + 3) & ~3;
  const others = before + (sackOk ? 4 : 0) + (o.wscale >= 0 ? 4 : 0);
  fitSynAck(others + (others + cookie <= OPTIONS_MAX ? cookie : 0), o.ts, o.sackOk, o.wscale >= 0);
  let n = writeAccEcn(tcp, at, null);
  let high = spareHigh;
  let low = spareLow;
  if (sackOk) {
    dv.setInt32(at + n, (high << 24) | (low << 16) | (OPT_SACK_OK << 8) | 2);
    high = OPT_NOP;
    low = OPT_NOP;
    n += 4;
  }
  if (o.wscale >= 0) {
    const alone = low === OPT_NOP;
    dv.setInt32(at + n, ((alone ? high : OPT_NOP) << 24) | (OPT_WSCALE << 16) | (3 << 8) | o.wscale);
    if (alone) high = OPT_NOP;
    n += 4;
  }
  if (high !== OPT_NOP || low !== OPT_NOP) {
    dv.setInt32(at + n, (high << 24) | (low << 16) | (OPT_NOP << 8) | OPT_NOP);
    n += 4;
  }
  return n + writeCookie(tcp, at + n, OPTIONS_MAX - before - n, o);
}

/** RFC 7413 §4.1.1, padded behind as Linux does; left out where it does not fit. */
function writeCookie(tcp: TcpContext, at: number, room: number, o: SynOptions): number {
  if (o.cookieLength < 0) return 0;
  const front = o.cookieExp ? 4 : 2;
  const padded = (front + o.cookieLength + 3) & ~3;
  if (padded > room) return 0;
  const { u8, dv } = tcp.memory;
  u8[at] = o.cookieExp ? OPT_EXPERIMENT : OPT_FAST_OPEN;
  u8[at + 1] = front + o.cookieLength;
  if (o.cookieExp) dv.setUint16(at + 2, FAST_OPEN_MAGIC);
  for (let i = 0; i < o.cookieLength; i++) u8[at + front + i] = (o.cookie as Uint8Array)[i] as number;
  for (let i = front + o.cookieLength; i < padded; i++) u8[at + i] = OPT_NOP;
  return padded;
}

/** Our TSval now: the millisecond clock and the connection's random offset (RFC 7323 §5.4). */
export function tsClock(tcp: TcpContext, offset: number): number {
  return (tcp.time.ms + offset) | 0;
}

/** How many SACK blocks go out with the next segment: as many as are due and fit (RFC 2018 §3). */
export function sackBlocksToSend(c: Connection): number {
  if (!c.sackOk) return 0;
  const due = c.sackBlocks + (c.dsackDue ? 1 : 0);
  const most = c.tsOk ? 3 : 4;
  return due < most ? due : most;
}

/** Bytes of options in a segment that is no SYN. */
export function optionBytes(c: Connection): number {
  if ((c.ecn & ECN_ACC) !== 0) return accEcnOptionBytes(c, c.accecn as AccEcn, sackBlocksToSend(c));
  if (c.sackBlocks === 0 && !c.dsackDue) return c.tsOk ? TS_SPACE : 0;
  const blocks = sackBlocksToSend(c);
  return (c.tsOk ? TS_SPACE : 0) + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/**
 * Writes them at `at`, after {@link optionBytes}: `nop,nop,TS`, AccECN's, then `nop,nop,sack` with a DSACK in front
 * (RFC 2883 §4).
 */
export function writeOptions(c: Connection, at: number): void {
  const { dv } = c.tcp.memory;
  let to = at;
  if (c.tsOk) {
    dv.setInt32(to, TS_WORD);
    dv.setInt32(to + 4, tsClock(c.tcp, c.tsOffset));
    dv.setInt32(to + 8, c.tsRecent);
    to += TS_SPACE;
  }
  let left = c.sackBlocks === 0 && !c.dsackDue ? 0 : sackBlocksToSend(c);
  let padding = (OPT_NOP << 24) | (OPT_NOP << 16);
  if ((c.ecn & ECN_ACC) !== 0) {
    left = sacksBeside();
    to += writeAccEcn(c.tcp, to, c.accecn);
    padding = (spareHigh << 24) | (spareLow << 16);
  }
  if (left === 0) return;
  dv.setInt32(to, padding | (OPT_SACK << 8) | (2 + 8 * left));
  to += 4;
  if (c.dsackDue) {
    dv.setInt32(to, c.dsackStart);
    dv.setInt32(to + 4, c.dsackEnd);
    to += 8;
    left--;
    if (!c.accecn?.inRow) c.dsackDue = false;
  }
  const blocks = c.sackOut as Int32Array;
  for (let i = 0; i < left; i++, to += 8) {
    dv.setInt32(to, blocks[2 * i] as number);
    dv.setInt32(to + 4, blocks[2 * i + 1] as number);
  }
}
