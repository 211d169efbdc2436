import {
  IPV4_CHECKSUM,
  IPV4_DF,
  IPV4_DST,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_ID,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV4_SRC,
  IPV4_TTL,
} from "../../src/wire/ipv4.js";
import { TCP_CHECKSUM, TCP_HEADER } from "../../src/wire/tcp.js";

/*
 * TCP over IPv4 as the script's side of the link sees it: written from the RFCs on its own, so that a mistake in
 * src/wire cannot hide itself.
 */

/** A TCP segment with the fields of its IP header that matter; sequence numbers are unsigned and absolute. */
export interface Wire {
  src: number;
  dst: number;
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  urgent: number;
  options: Uint8Array;
  payload: Uint8Array;
  ttl: number;
  tos: number;
  dontFragment: boolean;
  id: number;
}

/** RFC 1071, byte by byte. */
export function checksum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? (bytes[i] as number) * 256 : (bytes[i] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function pseudo(src: number, dst: number, protocol: number, length: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length;
}

/** An IPv4 packet around `body`. */
export function ipPacket(src: number, dst: number, protocol: number, body: Uint8Array, ttl = 64, tos = 0): Uint8Array {
  const packet = new Uint8Array(IPV4_HEADER + body.length);
  const dv = new DataView(packet.buffer);
  packet[0] = 0x45;
  packet[1] = tos;
  dv.setUint16(IPV4_LENGTH, packet.length);
  dv.setUint16(IPV4_FRAGMENT, IPV4_DF);
  packet[IPV4_TTL] = ttl;
  packet[IPV4_PROTOCOL] = protocol;
  dv.setInt32(IPV4_SRC, src);
  dv.setInt32(IPV4_DST, dst);
  dv.setUint16(IPV4_CHECKSUM, checksum(packet.subarray(0, IPV4_HEADER)));
  packet.set(body, IPV4_HEADER);
  return packet;
}

/** The IPv4 packet of a segment, checksums complete. */
export function encode(s: Wire): Uint8Array {
  const header = TCP_HEADER + s.options.length;
  const tcp = new Uint8Array(header + s.payload.length);
  const dv = new DataView(tcp.buffer);
  dv.setUint16(0, s.srcPort);
  dv.setUint16(2, s.dstPort);
  dv.setUint32(4, s.seq >>> 0);
  dv.setUint32(8, s.ack >>> 0);
  dv.setUint16(12, ((header / 4) << 12) | s.flags);
  dv.setUint16(14, s.window);
  dv.setUint16(18, s.urgent);
  tcp.set(s.options, TCP_HEADER);
  tcp.set(s.payload, header);
  dv.setUint16(TCP_CHECKSUM, checksum(tcp, pseudo(s.src, s.dst, 6, tcp.length)));
  return ipPacket(s.src, s.dst, 6, tcp, s.ttl, s.tos);
}

/** Reads an IPv4 packet with TCP in it; throws when a length or a checksum in it is wrong. Null: not TCP. */
export function decode(packet: Uint8Array): Wire | null {
  const dv = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (packet[0] !== 0x45) throw new Error(`first byte ${packet[0]}: the stack sends no IP options`);
  if (dv.getUint16(IPV4_LENGTH) !== packet.length) throw new Error("IP total length is not the frame's");
  if (checksum(packet.subarray(0, IPV4_HEADER)) !== 0) throw new Error("bad IP header checksum");
  if (packet[IPV4_PROTOCOL] !== 6) return null;
  const src = dv.getInt32(IPV4_SRC);
  const dst = dv.getInt32(IPV4_DST);
  const tcp = packet.subarray(IPV4_HEADER);
  if (checksum(tcp, pseudo(src, dst, 6, tcp.length)) !== 0) throw new Error("bad TCP checksum");
  const t = new DataView(packet.buffer, packet.byteOffset + IPV4_HEADER, tcp.length);
  const header = (t.getUint16(12) >>> 12) * 4;
  if (header < TCP_HEADER || header > tcp.length) throw new Error(`data offset of ${header} bytes`);
  if ((t.getUint16(12) & 0x0e00) !== 0) throw new Error("reserved bits are set");
  return {
    src,
    dst,
    srcPort: t.getUint16(0),
    dstPort: t.getUint16(2),
    seq: t.getUint32(4),
    ack: t.getUint32(8),
    flags: t.getUint16(12) & 0x1ff,
    window: t.getUint16(14),
    urgent: t.getUint16(18),
    options: tcp.slice(TCP_HEADER, header),
    payload: tcp.slice(header),
    ttl: packet[IPV4_TTL] as number,
    tos: packet[1] as number,
    dontFragment: (dv.getUint16(IPV4_FRAGMENT) & IPV4_DF) !== 0,
    id: dv.getUint16(IPV4_ID),
  };
}

/** An ICMP message in an IPv4 packet. @param second the four bytes after the checksum */
export function icmpPacket(
  src: number,
  dst: number,
  type: number,
  code: number,
  second: number,
  quoted: Uint8Array,
): Uint8Array {
  const icmp = new Uint8Array(8 + quoted.length);
  const dv = new DataView(icmp.buffer);
  icmp[0] = type;
  icmp[1] = code;
  dv.setUint32(4, second);
  icmp.set(quoted, 8);
  dv.setUint16(2, checksum(icmp));
  return ipPacket(src, dst, 1, icmp);
}
