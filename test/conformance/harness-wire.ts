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
  if ((t.getUint16(12) & 0x0f00) !== 0) throw new Error("reserved bits are set");
  return {
    src,
    dst,
    srcPort: t.getUint16(0),
    dstPort: t.getUint16(2),
    seq: t.getUint32(4),
    ack: t.getUint32(8),
    flags: t.getUint16(12) & 0xff,
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

/** `mss 1460,nop,wscale 7` to bytes; `0x...` stands for itself. Padded with EOL to whole words. */
export function parseOptions(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const part of text
    .split(",")
    .map((p) => p.trim())
    .filter((p) => p !== "")) {
    const [name, value] = part.split(/\s+/) as [string, string | undefined];
    const n = Number(value);
    if (name === "mss") bytes.push(2, 4, n >>> 8, n & 255);
    else if (name === "wscale") bytes.push(3, 3, n);
    else if (name === "nop") bytes.push(1);
    else if (name === "eol") bytes.push(0);
    else if (name === "sackOK") bytes.push(4, 2);
    else if (/^0x([0-9a-f]{2})+$/.test(name))
      for (let i = 2; i < name.length; i += 2) bytes.push(Number.parseInt(name.slice(i, i + 2), 16));
    else throw new Error(`unknown option ${part}`);
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** The reverse of {@link parseOptions}, for what the stack sends. */
export function formatOptions(bytes: Uint8Array): string {
  const out: string[] = [];
  for (let i = 0; i < bytes.length; ) {
    const kind = bytes[i] as number;
    const length = kind < 2 ? 1 : (bytes[i + 1] as number);
    if (kind === 0) out.push("eol");
    else if (kind === 1) out.push("nop");
    else if (kind === 2) out.push(`mss ${((bytes[i + 2] as number) << 8) | (bytes[i + 3] as number)}`);
    else if (kind === 3) out.push(`wscale ${bytes[i + 2]}`);
    else out.push(`0x${Array.from(bytes.subarray(i, i + length), (b) => b.toString(16).padStart(2, "0")).join("")}`);
    if (length < 1) break;
    i += length;
  }
  return out.join(",");
}
