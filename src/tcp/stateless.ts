import { PROTO_TCP } from "../ip/transport.js";
import type { Addr } from "../wire/address.js";
import { ACK, FIN, RST, SYN, TCP_CHECKSUM, TCP_HEADER } from "../wire/tcp.js";
import type { TcpContext } from "./context.js";
import { writeSynOptions } from "./options.js";
import type { Segment } from "./segment.js";

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
  /** MSS and window scale to offer in a SYN; 0: no options. */
  mss = 0,
  wscale = -1,
): number {
  const { ip, memory } = tcp;
  const hops = ttl > 0 ? ttl : ip.defaultTtl;
  const route = ip.routeTo(remoteAddr, localAddr);
  if (route === null) return ip.routeError;
  const l4 = ip.begin(route, TCP_HEADER + 8);
  if (l4 < 0) return l4;
  const header = TCP_HEADER + (mss > 0 ? writeSynOptions(tcp, l4 + TCP_HEADER, mss, wscale) : 0);
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

/**
 * RFC 9293 §3.10.7.1: the answer to a segment for which there is no connection. With an ACK in it the reset takes its
 * sequence number from there, otherwise it has none and acknowledges what came.
 */
export function resetUnknown(tcp: TcpContext, seg: Segment): void {
  if ((seg.flags & RST) !== 0) return;
  if ((seg.flags & ACK) !== 0) {
    sendBare(tcp, seg.dst, seg.dstPort, seg.src, seg.srcPort, seg.ack, 0, RST, 0, 0, 0);
    return;
  }
  const span = seg.length + ((seg.flags & SYN) !== 0 ? 1 : 0) + ((seg.flags & FIN) !== 0 ? 1 : 0);
  sendBare(tcp, seg.dst, seg.dstPort, seg.src, seg.srcPort, 0, (seg.seq + span) | 0, RST | ACK, 0, 0, 0);
}
