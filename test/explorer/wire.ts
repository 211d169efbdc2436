import { Dice } from "./rng.js";

/*
 * Segments as the peer writes and reads them: into and out of one array, by hand, so that a mistake in src/wire cannot
 * hide itself and a step allocates nothing.
 */

export const OURS = 0x0a000002;
export const PEER = 0x0a000001;
const ROUTER = 0x0a0000fe;

/** Streams are this pattern, each from a place of its own; long enough for any segment from any place. */
const PERIOD = 65536;
export const PATTERN = Buffer.alloc(3 * PERIOD);
{
  const dice = new Dice();
  dice.throwFor(7, 7);
  for (let i = 0; i < PERIOD; i++) PATTERN[i] = dice.int32();
  PATTERN.copy(PATTERN, PERIOD, 0, PERIOD);
  PATTERN.copy(PATTERN, 2 * PERIOD, 0, PERIOD);
}

/** Whether `bytes` [at, at+length) are the stream of `salt` from its byte `offset` on. */
export function matches(bytes: Buffer, at: number, length: number, salt: number, offset: number): boolean {
  const from = (salt + offset) & (PERIOD - 1);
  return length === 0 || PATTERN.compare(bytes, at, at + length, from, from + length) === 0;
}

/** Where the stream of `salt` stands in {@link PATTERN} from its byte `offset` on. */
export function place(salt: number, offset: number): number {
  return (salt + offset) & (PERIOD - 1);
}

/** A segment that the peer sends. */
export class Segment {
  localPort = 0;
  peerPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  urgent = 0;
  length = 0;
  /** Where its payload stands in {@link PATTERN}. */
  payload = 0;
  readonly options = new Uint8Array(40);
  optionsLength = 0;
  /** Its data offset, or its checksum where it has one, is wrong: it is as if it had never come. */
  broken = false;
  /** Its checksum is computed, not vouched for. */
  checksummed = false;
}

const out = Buffer.alloc(66_000);
const view = new DataView(out.buffer, out.byteOffset, out.length);
export const packet: Buffer = out;

function sum(bytes: Buffer, from: number, to: number, initial: number): number {
  let total = initial;
  for (let i = from; i + 1 < to; i += 2) total += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (((to - from) & 1) !== 0) total += (bytes[to - 1] as number) << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

function ipHeader(length: number, protocol: number, src: number): void {
  view.setInt32(0, 0x45000000 | length);
  view.setInt32(4, 0x00004000);
  view.setInt32(8, (64 << 24) | (protocol << 16));
  view.setInt32(12, src);
  view.setInt32(16, OURS);
  view.setUint16(10, ~sum(out, 0, 20, 0) & 0xffff);
}

const PSEUDO = (OURS >>> 16) + (OURS & 0xffff) + (PEER >>> 16) + (PEER & 0xffff) + 6;

/** Writes the packet of a segment into {@link packet}. Returns its length. */
export function build(s: Segment): number {
  const header = 20 + s.optionsLength;
  const length = 20 + header + s.length;
  view.setInt32(20, (s.peerPort << 16) | s.localPort);
  view.setInt32(24, s.seq);
  view.setInt32(28, s.ack);
  view.setInt32(32, ((s.broken && !s.checksummed ? 3 : header >> 2) << 28) | (s.flags << 16) | s.window);
  view.setInt32(36, s.urgent);
  for (let i = 0; i < s.optionsLength; i++) out[40 + i] = s.options[i] as number;
  PATTERN.copy(out, 20 + header, s.payload, s.payload + s.length);
  ipHeader(length, 6, PEER);
  if (!s.checksummed) return length;
  const right = ~sum(out, 20, length, PSEUDO + length - 20) & 0xffff;
  view.setUint16(36, s.broken ? right ^ 0x1000 : right);
  return length;
}

/** Writes an ICMP error about a segment of the stack's. Returns its length. */
export function buildIcmp(
  type: number,
  code: number,
  mtu: number,
  localPort: number,
  peerPort: number,
  seq: number,
): number {
  out.fill(0, 20, 56);
  view.setUint8(20, type);
  view.setUint8(21, code);
  view.setInt32(24, mtu);
  view.setInt32(28, 0x45000000 | 1500);
  view.setInt32(32, 0x00004000);
  view.setInt32(36, (64 << 24) | (6 << 16));
  view.setInt32(40, OURS);
  view.setInt32(44, PEER);
  view.setInt32(48, (localPort << 16) | peerPort);
  view.setInt32(52, seq);
  view.setUint16(22, ~sum(out, 20, 56, 0) & 0xffff);
  ipHeader(56, 1, ROUTER);
  return 56;
}

/** Null, or what is wrong with a packet that the stack sent. */
export function malformed(bytes: Buffer, length: number, complete: boolean): string | null {
  if (bytes[0] !== 0x45) return `first byte ${bytes[0]}`;
  if (bytes.readUInt16BE(2) !== length) return "IP total length is not the frame's";
  if (sum(bytes, 0, 20, 0) !== 0xffff) return "bad IP header checksum";
  if (bytes[9] !== 6) return null;
  const header = (bytes[32] as number) >> 4;
  if (header < 5 || 20 + header * 4 > length) return `data offset ${header}`;
  const pseudo = PSEUDO + length - 20;
  if (complete && sum(bytes, 20, length, pseudo) !== 0xffff) return "bad TCP checksum";
  return null;
}

/** The offset in `bytes` of an option of a packet, or -1; -2: the options do not make sense. */
export function findOption(bytes: Buffer, kind: number): number {
  const end = 20 + ((bytes[32] as number) >> 4) * 4;
  for (let i = 40; i < end; ) {
    const k = bytes[i] as number;
    if (k === 0) return -1;
    const length = k === 1 ? 1 : (bytes[i + 1] as number);
    if (length < 1 || (k !== 1 && length < 2) || i + length > end) return -2;
    if (k === kind) return i;
    i += length;
  }
  return -1;
}
