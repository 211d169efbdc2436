import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../../src/link/link.js";
import { GSO_TCP4 } from "../../src/link/tx-queue.js";
import type { Dice } from "../simulation/scenario.js";
import { arp, bytes, checksum, ethernet, icmp, ip, US } from "../unit/ip/frames.js";
import type { Injected } from "./tap.js";

const ETH = 14;
const TCP = 6;
const UDP = 17;
const ICMP = 1;
const IGMP = 2;
/** Longest IP packet, and so the longest frame with its link header. */
const LONGEST = 65_535 + ETH;
/** Values at which code goes wrong, if anywhere. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 19, 20, 21, 40, 59, 60, 127, 128, 254, 255] as const;
const WIDE_EDGES = [0, 1, 7, 8, 19, 20, 27, 28, 68, 0x1fff, 0x2000, 0x3fff, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;

function udp(payload: Uint8Array, dstPort: number, srcPort = 4444): Uint8Array {
  const b = Buffer.concat([Buffer.alloc(8), payload]);
  b.writeUInt16BE(srcPort, 0);
  b.writeUInt16BE(dstPort, 2);
  b.writeUInt16BE(b.length, 4);
  return b;
}

function tcp(flags: number, dstPort: number, srcPort: number, options: number[] = [], payload = bytes(0)): Uint8Array {
  const head = Buffer.alloc(20 + options.length);
  head.writeUInt16BE(srcPort, 0);
  head.writeUInt16BE(dstPort, 2);
  head.writeUInt32BE(0x12345678, 4);
  head.writeUInt32BE(0x9abcdef0, 8);
  head.writeUInt16BE(((head.length / 4) << 12) | flags, 12);
  head.writeUInt16BE(0xffff, 14);
  head.set(options, 20);
  return Buffer.concat([head, payload]);
}

const SYN_OPTIONS = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
const query = (length: number): Uint8Array => {
  const b = Buffer.alloc(length);
  b[0] = 0x11;
  b[1] = 20;
  return b;
};
const group = { dst: "01:00:5e:00:00:01" };

/** Frames of every kind that a stack understands, none of a conversation that is going on. */
export const RIGHT_FRAMES: readonly Uint8Array[] = [
  arp(),
  arp({ op: 2 }),
  arp({ sender: "0.0.0.0" }),
  arp({ sender: US, senderMac: "02:00:00:00:00:07" }),
  arp({ sender: "10.77.0.99", senderMac: "02:00:00:00:00:09" }),
  ethernet(ip(icmp(bytes(40)), { protocol: ICMP })),
  ethernet(ip(icmp(bytes(1400)), { protocol: ICMP })),
  ethernet(ip(icmp(bytes(40)), { protocol: ICMP, dst: "10.77.0.255" }), { dst: "ff:ff:ff:ff:ff:ff" }),
  ethernet(ip(icmp(bytes(12), { type: 13 }), { protocol: ICMP })),
  ethernet(ip(icmp(bytes(40)), { protocol: ICMP, options: [7, 7, 4, 0, 0, 0, 0, 0] })),
  ethernet(ip(icmp(bytes(40)), { protocol: ICMP, options: [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0] })),
  ethernet(ip(udp(bytes(20), 7), { protocol: UDP, options: [131, 7, 4, 10, 77, 0, 9, 0] })),
  ethernet(ip(udp(bytes(20), 7), { protocol: UDP })),
  ethernet(ip(udp(bytes(20), 9999), { protocol: UDP })),
  ethernet(ip(udp(bytes(300), 5353), { protocol: UDP, dst: "239.1.2.3" }), { dst: "01:00:5e:01:02:03" }),
  ethernet(ip(udp(bytes(16), 7), { protocol: UDP, more: true, id: 77 })),
  ethernet(ip(bytes(24), { protocol: UDP, offset: 24, more: true, id: 77 })),
  ethernet(ip(bytes(24), { protocol: UDP, offset: 40, id: 77 })),
  ethernet(ip(bytes(1480), { protocol: ICMP, more: true, id: 78 })),
  ethernet(ip(bytes(24), { protocol: ICMP, offset: 65_512, id: 78 })),
  ethernet(ip(bytes(30))),
  ethernet(ip(query(8), { protocol: IGMP, dst: "224.0.0.1", ttl: 1, options: [148, 4, 0, 0] }), group),
  ethernet(ip(query(12), { protocol: IGMP, dst: "224.0.0.1", ttl: 1 }), group),
  ethernet(ip(tcp(2, 7, 1111, SYN_OPTIONS), { protocol: TCP })),
  ethernet(ip(tcp(2, 7, 1112), { protocol: TCP })),
  ethernet(ip(tcp(2, 81, 1113, SYN_OPTIONS), { protocol: TCP })),
  ethernet(ip(tcp(0x10, 7, 1114, [], bytes(10)), { protocol: TCP })),
  ethernet(ip(tcp(4, 7, 1115), { protocol: TCP })),
  ethernet(bytes(60), { type: 0x86dd }),
];

/** What the next frame is to be: a right one, one that has been seen, or an error about one that the stack sent. */
function original(dice: Dice, received: readonly Uint8Array[], sent: readonly Uint8Array[]): Uint8Array {
  const kind = dice.from(0, 9);
  if (kind < 5 && received.length > 0) return dice.of(...received);
  if (kind < 7 && sent.length > 0) {
    const quoted = dice.of(...sent).subarray(ETH);
    const type = dice.of(3, 3, 3, 11, 12, 4, 5);
    const rest = dice.of(0, 68, 576, 1400, 0xffff, 0x44000000);
    const error = icmp(quoted.subarray(0, dice.of(28, 36, 548)), { type, code: dice.from(0, 16), rest });
    return ethernet(ip(error, { protocol: ICMP }));
  }
  return dice.of(...RIGHT_FRAMES);
}

/** A frame to try, and what the link says of it. */
export function nextFrame(dice: Dice, received: readonly Uint8Array[], sent: readonly Uint8Array[]): Injected {
  let frame: Uint8Array = Uint8Array.from(original(dice, received, sent));
  for (let n = dice.of(0, 1, 1, 1, 2, 2, 3, 5); n > 0; n--) mutateField(dice, frame);
  if (dice.maybe(0.15)) flipBits(dice, frame);
  if (dice.maybe(0.1)) frame = resized(dice, frame);
  if (dice.maybe(0.85)) mend(frame, dice.maybe(0.2));
  if (dice.maybe(0.01)) frame = noise(dice);
  const flags = dice.of(0, 0, 0, 0, RX_CSUM_VALID, RX_CSUM_PARTIAL, 3);
  const gso = dice.maybe(0.9) ? 0 : (dice.of(GSO_TCP4, GSO_TCP4, 2, 0) << 16) | dice.of(1, 2, 100, 536, 1448, 0xffff);
  return { frame, flags, gso };
}

/** Fields by their distance from the start of a frame, an IP packet, and each kind of what it holds; and their width. */
const ETH_FIELDS = [
  [0, 1],
  [5, 1],
  [12, 2],
] as const;
const ARP_FIELDS = [
  [0, 2],
  [2, 2],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 4],
  [14, 4],
  [24, 4],
] as const;
const IP_FIELDS = [
  [0, 1],
  [1, 1],
  [2, 2],
  [4, 2],
  [6, 2],
  [8, 1],
  [9, 1],
  [12, 4],
  [16, 4],
  [20, 1],
  [21, 1],
  [22, 1],
] as const;
const TCP_FIELDS = [
  [0, 2],
  [2, 2],
  [4, 4],
  [4, 4],
  [4, 4],
  [8, 4],
  [8, 4],
  [12, 1],
  [13, 1],
  [13, 1],
  [14, 2],
  [14, 2],
  [18, 2],
  [20, 1],
  [21, 1],
  [22, 2],
  [24, 1],
] as const;
const UDP_FIELDS = [
  [0, 2],
  [2, 2],
  [4, 2],
  [6, 2],
] as const;
const ICMP_FIELDS = [
  [0, 1],
  [1, 1],
  [4, 2],
  [6, 2],
  [8, 1],
  [10, 2],
  [14, 2],
  [17, 1],
  [20, 4],
  [24, 4],
  [28, 4],
  [32, 4],
] as const;

type Fields = readonly (readonly [number, number])[];

function fieldsOf(dice: Dice, b: Buffer): { base: number; fields: Fields } {
  if (b.length < ETH + 20 || dice.maybe(0.05)) return { base: 0, fields: ETH_FIELDS };
  if (b.readUInt16BE(12) === 0x0806) return { base: ETH, fields: ARP_FIELDS };
  if (dice.maybe(0.25)) return { base: ETH, fields: IP_FIELDS };
  const base = ETH + ((b[ETH] as number) & 15) * 4;
  const protocol = b[ETH + 9];
  const fields = protocol === TCP ? TCP_FIELDS : protocol === UDP ? UDP_FIELDS : ICMP_FIELDS;
  return { base, fields };
}

/** Sets one field to a value at an edge, next to what it was, or any. */
function mutateField(dice: Dice, frame: Uint8Array): void {
  const b = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const { base, fields } = fieldsOf(dice, b);
  const [offset, width] = dice.of(...fields);
  const at = base + offset;
  if (at + width > b.length) return;
  const was = b.readUIntBE(at, width);
  const top = 2 ** (8 * width);
  const near = was + dice.of(-1, 1, -2, 8, 1460, -1460, 1000, 65_535, -65_536);
  const edge = width === 1 ? dice.of(...EDGES) : width === 2 ? dice.of(...WIDE_EDGES) : dice.random.int32() >>> 0;
  const value = dice.of(near, near, edge, edge, dice.from(0, 0x7ffffffe), was ^ (1 << dice.from(0, 8 * width - 1)));
  b.writeUIntBE((((value % top) + top) % top) >>> 0, at, width);
}

function flipBits(dice: Dice, frame: Uint8Array): void {
  for (let n = dice.from(1, 8); n > 0; n--) {
    const at = dice.from(0, frame.length - 1);
    frame[at] = (frame[at] as number) ^ (1 << dice.from(0, 7));
  }
}

/** Cut short, or with more behind it than it says; sometimes as long as a frame for several segments can be. */
function resized(dice: Dice, frame: Uint8Array): Uint8Array {
  const length = dice.of(dice.from(0, frame.length), frame.length + dice.from(1, 100), dice.from(0, LONGEST));
  const other = new Uint8Array(length);
  other.set(frame.subarray(0, length));
  const b = Buffer.from(other.buffer);
  // An IP packet that fills what there is now
  if (length > ETH + 20 && dice.maybe(0.6)) b.writeUInt16BE(Math.min(length - ETH, 65_535), ETH + 2);
  return other;
}

function noise(dice: Dice): Uint8Array {
  const frame = Uint8Array.from({ length: dice.of(0, 1, 13, 14, dice.from(0, 1514)) }, () => dice.from(0, 255));
  if (dice.maybe(0.5)) frame.set(ethernet(bytes(0)).subarray(0, frame.length));
  return frame;
}

/** Puts the checksums right, so that mutants reach what is behind them; only the IP header's when `shallow`. */
export function mend(frame: Uint8Array, shallow: boolean): void {
  const b = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  if (b.length < ETH + 20 || b.readUInt16BE(12) !== 0x0800) return;
  const header = ((b[ETH] as number) & 15) * 4;
  const end = Math.min(b.length, ETH + b.readUInt16BE(ETH + 2));
  if (header < 20 || ETH + header > b.length) return;
  b.writeUInt16BE(0, ETH + 10);
  b.writeUInt16BE(checksum(b.subarray(ETH, ETH + header)), ETH + 10);
  const l4 = ETH + header;
  const protocol = b[ETH + 9] as number;
  const at = l4 + (protocol === TCP ? 16 : protocol === UDP ? 6 : 2);
  if (shallow || ![TCP, UDP, ICMP, IGMP].includes(protocol) || at + 2 > end) return;
  b.writeUInt16BE(0, at);
  const pseudo = Buffer.alloc(protocol === TCP || protocol === UDP ? 12 : 0);
  if (pseudo.length > 0) {
    b.copy(pseudo, 0, ETH + 12, ETH + 20);
    pseudo[9] = protocol;
    pseudo.writeUInt16BE(end - l4, 10);
  }
  b.writeUInt16BE(checksum(Buffer.concat([pseudo, b.subarray(l4, end)])), at);
}
