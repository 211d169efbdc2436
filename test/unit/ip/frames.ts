import { type Addr, formatAddr, type Prefix, parseAddr, parseMac, parsePrefix } from "../../../src/wire/address.js";

/** The stack's own side, and the two stations that the tests play. */
export const OUR_MAC = "02:00:00:00:00:02";
export const PEER_MAC = "02:00:00:00:00:01";
export const OTHER_MAC = "02:00:00:00:00:09";
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
export const US = "10.77.0.2";
export const PEER = "10.77.0.1";

export function addr(text: string): Addr {
  const parsed = parseAddr(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no prefix`);
  return parsed;
}

export function macParts(mac: string): [high: number, low: number] {
  const b = Buffer.from(parseMac(mac) as Uint8Array);
  return [b.readUInt16BE(0), b.readInt32BE(2)];
}

/** RFC 1071, written independently of the code under test. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += (bytes[i] as number) << (i % 2 === 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

export interface EthernetFields {
  dst?: string;
  src?: string;
  type?: number;
}

export function ethernet(
  payload: Uint8Array,
  { dst = OUR_MAC, src = PEER_MAC, type = 0x0800 }: EthernetFields = {},
): Uint8Array {
  const head = Buffer.alloc(14);
  head.set(parseMac(dst) as Uint8Array, 0);
  head.set(parseMac(src) as Uint8Array, 6);
  head.writeUInt16BE(type, 12);
  return Buffer.concat([head, payload]);
}

export interface ArpFields {
  op?: number;
  senderMac?: string;
  sender?: string;
  targetMac?: string;
  target?: string;
  to?: string;
}

/** A whole ARP frame; a broadcast request from the peer for us unless told otherwise. */
export function arp({
  op = 1,
  senderMac = PEER_MAC,
  sender = PEER,
  targetMac = "00:00:00:00:00:00",
  target = US,
  to = op === 1 ? BROADCAST_MAC : OUR_MAC,
}: ArpFields = {}): Uint8Array {
  const b = Buffer.alloc(28);
  b.writeUInt32BE(0x00010800, 0);
  b.writeUInt16BE(0x0604, 4);
  b.writeUInt16BE(op, 6);
  b.set(parseMac(senderMac) as Uint8Array, 8);
  b.writeInt32BE(addr(sender), 14);
  b.set(parseMac(targetMac) as Uint8Array, 18);
  b.writeInt32BE(addr(target), 24);
  return ethernet(b, { dst: to, src: senderMac, type: 0x0806 });
}

export interface IpFields {
  src?: string;
  dst?: string;
  protocol?: number;
  ttl?: number;
  tos?: number;
  id?: number;
  /** Bytes, a multiple of 8. */
  offset?: number;
  more?: boolean;
  df?: boolean;
  options?: number[];
  version?: number;
  ihl?: number;
  length?: number;
  checksum?: number;
}

/** An IPv4 packet; fields that are not given are right. */
export function ip(payload: Uint8Array, fields: IpFields = {}): Uint8Array {
  const options = Buffer.from(fields.options ?? []);
  const head = Buffer.alloc(20 + options.length);
  head[0] = ((fields.version ?? 4) << 4) | (fields.ihl ?? head.length / 4);
  head[1] = fields.tos ?? 0;
  head.writeUInt16BE(fields.length ?? head.length + payload.length, 2);
  head.writeUInt16BE(fields.id ?? 1, 4);
  head.writeUInt16BE(((fields.offset ?? 0) / 8) | (fields.more ? 0x2000 : 0) | (fields.df ? 0x4000 : 0), 6);
  head[8] = fields.ttl ?? 64;
  head[9] = fields.protocol ?? 253;
  head.writeInt32BE(addr(fields.src ?? PEER), 12);
  head.writeInt32BE(addr(fields.dst ?? US), 16);
  options.copy(head, 20);
  head.writeUInt16BE(fields.checksum ?? checksum(head), 10);
  return Buffer.concat([head, payload]);
}

export interface IcmpFields {
  type?: number;
  code?: number;
  /** The second word: identifier and sequence, MTU, pointer. */
  rest?: number;
  checksum?: number;
}

export function icmp(
  payload: Uint8Array,
  { type = 8, code = 0, rest = 0x12340001, checksum: sum }: IcmpFields = {},
): Uint8Array {
  const b = Buffer.concat([Buffer.alloc(8), payload]);
  b[0] = type;
  b[1] = code;
  b.writeInt32BE(rest | 0, 4);
  b.writeUInt16BE(sum ?? checksum(b), 2);
  return b;
}

export const bytes = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255);

/** What a frame is, in one line: for tests that read like a capture. */
export function describe(frame: Uint8Array, layer: "ethernet" | "ip" = "ethernet"): string {
  const b = Buffer.from(frame);
  if (layer === "ip") return describeIp(b);
  const dst = mac(b, 0);
  const type = b.readUInt16BE(12);
  return type === 0x0806 ? describeArp(b, dst) : `${dst} ${describeIp(b.subarray(14))}`;
}

const mac = (b: Buffer, at: number): string =>
  [...b.subarray(at, at + 6)].map((x) => x.toString(16).padStart(2, "0")).join(":");

function describeArp(b: Buffer, dst: string): string {
  const sender = formatAddr(b.readInt32BE(28));
  const target = formatAddr(b.readInt32BE(38));
  return b.readUInt16BE(20) === 1
    ? `${dst} arp who-has ${target} tell ${sender}`
    : `${dst} arp ${sender} is-at ${mac(b, 22)} to ${target}`;
}

function describeIp(b: Buffer): string {
  const ihl = ((b[0] as number) & 15) * 4;
  const field = b.readUInt16BE(6);
  const total = b.readUInt16BE(2);
  const fragment = (field & 0x3fff) === 0 ? "" : ` frag ${(field & 0x1fff) * 8}${field & 0x2000 ? "+" : ""}`;
  const good = checksum(b.subarray(0, ihl)) === 0 && total === b.length ? "" : " BAD";
  const what = (field & 0x1fff) === 0 ? describeL4(b[9] as number, b.subarray(ihl)) : "";
  return `${formatAddr(b.readInt32BE(12))} > ${formatAddr(b.readInt32BE(16))}${fragment}${what} length ${total}${good}`;
}

function describeL4(protocol: number, b: Buffer): string {
  if (protocol === 2) return ` igmp ${(b[0] as number).toString(16)}${checksum(b) === 0 ? "" : " BADSUM"}`;
  if (protocol !== 1) return ` proto ${protocol}`;
  return ` icmp ${b[0]}/${b[1]}`;
}
