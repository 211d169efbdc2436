import { MSS_DEFAULT, OPT_END, OPT_MSS, OPT_NOP, OPT_WSCALE, WSCALE_MAX } from "../wire/tcp.js";
import type { TcpContext } from "./context.js";
import type { Segment } from "./segment.js";

/**
 * Reads the options of a SYN into the segment (RFC 9293 §3.2). Unknown kinds are skipped by their length; a length
 * that makes no sense ends the reading, and what stood before it counts, as Linux does.
 */
export function parseOptions(tcp: TcpContext, seg: Segment): void {
  const { u8, dv } = tcp.memory;
  seg.mss = -1;
  seg.wscale = -1;
  let at = seg.options;
  const end = at + seg.optionsLength;
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
    if (kind === OPT_MSS && length === 4) seg.mss = dv.getUint16(at + 2);
    // RFC 7323 §2.3
    else if (kind === OPT_WSCALE && length === 3) seg.wscale = Math.min(u8[at + 2] as number, WSCALE_MAX);
    at += length;
  }
}

/** What a SYN's MSS option (or its absence) says the peer takes; RFC 9293 §3.7.1: an MSS of 0 is as good as none. */
export function offeredMss(seg: Segment): number {
  return seg.mss > 0 ? seg.mss : MSS_DEFAULT;
}

/**
 * Writes the options of a SYN or SYN-ACK at `at`: `mss` or `mss,nop,wscale`, as Linux lays them out.
 * @param wscale shift, or -1 for none
 * @returns bytes written, a multiple of 4
 */
export function writeSynOptions(tcp: TcpContext, at: number, mss: number, wscale: number): number {
  const { dv } = tcp.memory;
  dv.setInt32(at, (OPT_MSS << 24) | (4 << 16) | mss);
  if (wscale < 0) return 4;
  dv.setInt32(at + 4, (OPT_NOP << 24) | (OPT_WSCALE << 16) | (3 << 8) | wscale);
  return 8;
}

/** The shift with which the whole receive buffer can be offered. */
export function windowScaleFor(limit: number): number {
  let shift = 0;
  while (shift < WSCALE_MAX && limit >> shift > 65535) shift++;
  return shift;
}
