import { PROTO_TCP } from "../../ip/transport.js";
import type { Addr } from "../../wire/address.js";
import { ACK, FIN, OPTIONS_MAX, RST, SYN, TCP_CHECKSUM, TCP_HEADER, TS_SPACE } from "../../wire/tcp.js";
import type { TcpContext } from "../context.js";
import { TS_WORD, writeSynOptions } from "./options.js";
import type { Segment } from "./segment.js";

/** What of `tcp.synOptions` a segment carries: nothing, its timestamps, or all as a SYN does. */
export const NO_OPTIONS = 0;
export const STAMPED = 1;
export const SYN_OPTIONS = 2;

/** A segment that no connection sends: from a closed port, a SYN-RECEIVED or a TIME-WAIT record. */
export function sendBare(
  tcp: TcpContext,
  localAddr: Addr,
  localPort: number,
  remoteAddr: Addr,
  remotePort: number,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  /** 0: the stack's default. */
  ttl: number,
  tos: number,
  options = NO_OPTIONS,
): number {
  const { ip, memory } = tcp;
  const hops = ttl > 0 ? ttl : ip.defaultTtl;
  const route = ip.routeTo(remoteAddr, localAddr);
  if (route === null) return ip.routeError;
  const l4 = ip.begin(route, TCP_HEADER + OPTIONS_MAX);
  if (l4 < 0) return l4;
  let header = TCP_HEADER;
  if (options === STAMPED) header += writeStamps(tcp, l4 + TCP_HEADER);
  else if (options === SYN_OPTIONS) header += writeSynOptions(tcp, l4 + TCP_HEADER, tcp.synOptions);
  const { dv } = memory;
  dv.setInt32(l4, (localPort << 16) | remotePort);
  dv.setInt32(l4 + 4, seq);
  dv.setInt32(l4 + 8, (flags & ACK) !== 0 ? ack : 0);
  dv.setInt32(l4 + 12, (header << 26) | (flags << 16) | window);
  dv.setInt32(l4 + 16, 0);
  tcp.counters.TcpOutSegs++;
  if ((flags & RST) !== 0) tcp.counters.TcpOutRsts++;
  return ip.finish(route, l4, header, 0, PROTO_TCP, localAddr, TCP_CHECKSUM, 0, header, hops, tos, 1);
}

function writeStamps(tcp: TcpContext, at: number): number {
  const { dv } = tcp.memory;
  dv.setInt32(at, TS_WORD);
  dv.setInt32(at + 4, tcp.synOptions.tsval);
  dv.setInt32(at + 8, tcp.synOptions.tsecr);
  return TS_SPACE;
}

/**
 * RFC 9293 §3.10.7.1: the answer to a segment for which there is no connection. With an ACK in it the reset takes its
 * sequence number from there, otherwise it has none and acknowledges what came.
 */
export function resetUnknown(tcp: TcpContext, seg: Segment): void {
  if ((seg.flags & RST) !== 0) return;
  const { packet } = seg;
  // As Linux: the type of service of what it answers, never its ECN bits
  const tos = packet === null ? 0 : packet.tos & 0xfc;
  if ((seg.flags & ACK) !== 0) {
    sendBare(tcp, seg.dst, seg.dstPort, seg.src, seg.srcPort, seg.ack, 0, RST, 0, 0, tos);
    return;
  }
  const span = seg.length + ((seg.flags & SYN) !== 0 ? 1 : 0) + ((seg.flags & FIN) !== 0 ? 1 : 0);
  sendBare(tcp, seg.dst, seg.dstPort, seg.src, seg.srcPort, 0, (seg.seq + span) | 0, RST | ACK, 0, 0, tos);
}

/** What keeps the time of its last answer to a segment out of window. */
export interface Answerer {
  /** Tick from which the next may go. */
  outOfWindowAt: number;
}

/**
 * Linux's tcp_oow_rate_limited: an answer to an empty segment (or a SYN) may itself be answered, so there is one in
 * tcp_invalid_ratelimit only. Text is no part of such a loop.
 */
export function mayAnswer(tcp: TcpContext, seg: Segment, who: Answerer): boolean {
  if ((seg.flags & SYN) === 0 && (seg.length > 0 || (seg.flags & FIN) !== 0)) return true;
  const { ms } = tcp.time;
  if (((ms - who.outOfWindowAt) | 0) < 0) return false;
  who.outOfWindowAt = (ms + tcp.settings.invalidRatelimit) | 0;
  return true;
}

/** Linux's tcp_in_window: any part of [seq, end) lies in [from, to); an empty segment may stand at either edge. */
export function inWindow(seq: number, end: number, from: number, to: number): boolean {
  if (seq === from) return true;
  if (((end - from) | 0) > 0 && ((seq - to) | 0) < 0) return true;
  return seq === to && seq === end;
}

/** One past the last sequence number of a segment. */
export function endOf(seg: Segment): number {
  return (seg.seq + seg.length + ((seg.flags & SYN) !== 0 ? 1 : 0) + ((seg.flags & FIN) !== 0 ? 1 : 0)) | 0;
}
