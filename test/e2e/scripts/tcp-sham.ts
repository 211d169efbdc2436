import { createConnection, type Socket } from "node:net";
import { RX_CSUM_PARTIAL } from "../../../src/link/link.js";
import { GSO_TCP4 } from "../../../src/link/tx-queue.js";
import type { Seen, TapPeer } from "./tap-peer.js";

const PORT = 9;
const MSS = 1460;
const ETHERNET = 14;
const HEADERS = 54;
const SYN = 2;
const ACK = 16;
const PSH = 8;
const RST = 4;

interface Segment {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly srcPort: number;
  readonly payload: Uint8Array;
}

function parse({ frame }: Seen): Segment {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const end = ETHERNET + view.getUint16(16);
  const data = 34 + ((view.getUint8(46) >> 4) << 2);
  return {
    seq: view.getInt32(38),
    ack: view.getInt32(42),
    flags: view.getUint8(47),
    srcPort: view.getUint16(34),
    payload: frame.subarray(data, end),
  };
}

function sum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let total = start;
  for (let i = from; i < to; i += 2) total += ((bytes[i] as number) << 8) | (i + 1 < to ? (bytes[i + 1] as number) : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** Of the pseudo-header of a frame with `length` bytes of TCP. */
const pseudo = (frame: Uint8Array, length: number): number => sum(frame, 26, 34, 6 + length);

/** Headers of a segment from the peer to `to`'s sender. `payload` bytes follow; the checksum is left partial. */
function header(peer: TapPeer, to: Seen, seq: number, ack: number, flags: number, payload: number): Uint8Array {
  const frame = new Uint8Array(HEADERS);
  const view = new DataView(frame.buffer);
  frame.set(to.frame.subarray(6, 12), 0);
  frame.set(peer.mac, 6);
  view.setUint16(12, 0x0800);
  view.setUint16(14, 0x4500);
  view.setUint16(16, 40 + payload);
  view.setUint16(20, 0x4000);
  view.setUint16(22, 0x4006);
  frame.set(to.frame.subarray(30, 34), 26);
  frame.set(to.frame.subarray(26, 30), 30);
  view.setUint16(24, ~sum(frame, 14, 34));
  frame.set(to.frame.subarray(36, 38), 34);
  frame.set(to.frame.subarray(34, 36), 36);
  view.setInt32(38, seq);
  view.setInt32(42, ack);
  view.setUint16(46, 0x5000 | flags);
  view.setUint16(48, 65535);
  view.setUint16(50, pseudo(frame, 20 + payload));
  return frame;
}

/** Sends a segment without payload, its checksum complete. */
function answer(peer: TapPeer, to: Seen, seq: number, ack: number, flags: number): void {
  const frame = header(peer, to, seq, ack, flags, 0);
  const view = new DataView(frame.buffer);
  // The field holds the pseudo-header's sum, so the sum over the segment has it.
  view.setUint16(50, ~sum(frame, 34, HEADERS));
  peer.flush();
  peer.send(frame, []);
  peer.flush();
}

function connect(peer: TapPeer): Socket {
  const socket = createConnection(PORT, peer.address.join("."));
  socket.on("error", () => {}); // the reset that ends it
  return socket;
}

interface Arrived {
  bytes: number;
  largest: number;
  readonly seen: Seen[];
}

/** Lets the kernel send `total` bytes to the sham, which acknowledges them; what frames they came in. */
function sink(peer: TapPeer, total: number): Promise<Arrived> {
  const arrived: Arrived = { bytes: 0, largest: 0, seen: [] };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${arrived.bytes} of ${total} bytes came`)), 5000);
    let next = 0;
    peer.onTcp = (seen) => {
      const segment = parse(seen);
      if ((segment.flags & RST) !== 0) return;
      if ((segment.flags & SYN) !== 0) {
        next = (segment.seq + 1) | 0;
        arrived.seen.push(seen);
        return answer(peer, seen, 1000, next, SYN | ACK);
      }
      if (segment.payload.length === 0 || segment.seq !== next) return;
      next = (next + segment.payload.length) | 0;
      arrived.bytes += segment.payload.length;
      arrived.largest = Math.max(arrived.largest, seen.frame.length);
      arrived.seen.push(seen);
      answer(peer, seen, 1001, next, ACK);
      if (arrived.bytes < total) return;
      clearTimeout(timer);
      peer.onTcp = null;
      answer(peer, seen, 1001, next, RST | ACK);
      resolve(arrived);
    };
    connect(peer).write(Buffer.alloc(total, "x"));
  });
}

function fail(what: string): never {
  throw new Error(`not so: ${what}`);
}

/** The kernel's TCP must come in single segments with checksums that are right. */
export async function expectPlainTcp(peer: TapPeer): Promise<void> {
  const { largest, seen } = await sink(peer, 20_000);
  if (largest > 1514) fail(`no frame is larger than the MTU: ${largest}`);
  for (const { frame, flags, gso } of seen) {
    if (gso !== 0 || (flags & RX_CSUM_PARTIAL) !== 0) fail(`rows are plain: flags ${flags}, gso ${gso}`);
    const length = new DataView(frame.buffer).getUint16(16) - 20;
    if (sum(frame, 34, 34 + length, pseudo(frame, length)) !== 0xffff) fail("the checksum is complete and right");
  }
}

/** The kernel's TCP must come in frames of several segments, with partial checksums. */
export async function receiveGso(peer: TapPeer): Promise<void> {
  const { largest, seen } = await sink(peer, 200_000);
  if (largest <= 1514) fail(`frames come whole: the largest had ${largest} bytes`);
  for (const { frame, flags, gso } of seen) {
    if ((flags & RX_CSUM_PARTIAL) === 0) fail("the checksum is partial");
    const length = new DataView(frame.buffer).getUint16(16) - 20;
    if (new DataView(frame.buffer).getUint16(50) !== pseudo(frame, length)) fail("it holds the pseudo-header's sum");
    const expected = frame.length > 1514 ? (GSO_TCP4 << 16) | 536 : 0;
    // Our SYN-ACK offers no MSS, so RFC 9293 3.7.1 makes it 536.
    if (frame.length > 1514 && gso !== expected) fail(`kind and size are told: ${gso.toString(16)}`);
  }
}

/** Sends the kernel's TCP frames of up to 60 KB in pieces that do not lie side by side. */
export async function sendGso(peer: TapPeer): Promise<void> {
  const pieces: [number, number][] = [];
  for (let i = 0; i < 8; i++) {
    const at = peer.pool.take();
    for (let j = 0; j < 7300; j++) peer.memory.u8[at + j] = (i * 31 + j) & 255;
    pieces.unshift([at, 7300]);
  }
  const payload = pieces.reduce((total, [, length]) => total + length, 0);
  const expected = Buffer.concat(pieces.map(([at, length]) => peer.memory.u8.slice(at, at + length)));
  const received: Buffer[] = [];
  const socket = connect(peer);
  socket.on("data", (data) => received.push(data));
  const seen = await new Promise<Seen>((resolve) => {
    peer.onTcp = (first) => resolve(first);
  });
  const ack = (parse(seen).seq + 1) | 0;
  answer(peer, seen, 1000, ack, SYN | ACK);
  peer.onTcp = null;
  const l4 = HEADERS;
  peer.send(header(peer, seen, 1001, ack, ACK | PSH, payload), pieces, (GSO_TCP4 << 16) | MSS, (34 << 16) | 16, l4);
  peer.flush();
  for (let i = 0; i < 200 && Buffer.concat(received).length < payload; i++) await new Promise((r) => setTimeout(r, 10));
  answer(peer, seen, 1001 + payload, ack, RST | ACK);
  if (!Buffer.concat(received).equals(expected))
    fail(`${Buffer.concat(received).length} of ${payload} bytes arrived as sent`);
}
