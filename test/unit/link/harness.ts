import { ChunkPool } from "../../../src/base/chunks.js";
import type { SystemError } from "../../../src/base/errors.js";
import { Memory } from "../../../src/base/memory.js";
import { type Link, type LinkHost, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "../../../src/link/link.js";
import { TX_HEAD, TX_LENGTH, TX_STRIDE, TxQueue } from "../../../src/link/tx-queue.js";
import type { Clock } from "../../../src/platform/clock.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";

export interface Received {
  bytes: Uint8Array;
  flags: number;
  gso: number;
  /** Memory offset modulo 4. */
  alignment: number;
  /** Microseconds of the clock. */
  at: number;
}

/** What a stack is to a link, and nothing more: it sends what it is told and keeps what it gets. */
export class TestHost implements LinkHost {
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly clock: Clock;
  readonly random = new SeededRandom(1);
  readonly offload: boolean;
  readonly queue: TxQueue;
  readonly received: Received[] = [];
  readonly batches: number[] = [];
  writables = 0;
  downs = 0;
  error: SystemError | null = null;
  /** Called at each receive, after the frames were kept. */
  onReceive: (() => void) | null = null;
  link: Link | null = null;
  private busy = false;

  constructor(clock: Clock = new VirtualClock(), offload = false, megabytes = 4) {
    this.clock = clock;
    this.offload = offload;
    this.memory = new Memory(megabytes << 20);
    this.pool = new ChunkPool(this.memory, 32);
    this.queue = new TxQueue(this.memory, this.pool, 512 * 1024);
  }

  open(link: Link): this {
    this.link = link;
    this.guarded(() => link.open(this));
    return this;
  }

  receive(rows: Int32Array, count: number): void {
    if (this.busy) throw new Error("received from inside transmit() or open()");
    this.batches.push(count);
    for (let i = 0; i < count; i++) {
      const at = rows[i * RX_STRIDE + RX_FRAME] as number;
      this.received.push({
        bytes: this.memory.u8.slice(at, at + (rows[i * RX_STRIDE + RX_LENGTH] as number)),
        flags: rows[i * RX_STRIDE + RX_FLAGS] as number,
        gso: rows[i * RX_STRIDE + RX_GSO] as number,
        alignment: at & 3,
        at: this.clock.now(),
      });
    }
    this.onReceive?.();
  }

  writable(): void {
    this.writables++;
    this.flush();
  }

  down(error: SystemError): void {
    if (this.busy) throw new Error("down from inside transmit() or open()");
    this.downs++;
    this.error = error;
  }

  /** Queues one frame: `head` in the arena, pieces in chunks of the pool. */
  enqueue(head: Uint8Array, pieces: Uint8Array[] = [], gso = 0, csum = 0, headers = 0): void {
    enqueue(this.queue, this.pool, head, pieces, gso, csum, headers);
  }

  /** Queues whole frames and gives the link what it takes. */
  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.enqueue(frame);
    this.flush();
  }

  flush(): void {
    this.guarded(() => this.queue.take((this.link as Link).transmit(this.queue)));
  }

  private guarded(fn: () => void): void {
    this.busy = true;
    try {
      fn();
    } finally {
      this.busy = false;
    }
  }
}

export function enqueue(
  queue: TxQueue,
  pool: ChunkPool,
  head: Uint8Array,
  pieces: Uint8Array[] = [],
  gso = 0,
  csum = 0,
  headers = 0,
): void {
  const at = queue.begin(head.length);
  if (at < 0) throw new Error("test queue is full");
  queue.memory.write(at, head, 0, head.length);
  let length = head.length;
  const chunks: number[] = [];
  for (const piece of pieces) {
    // Pieces begin at odd and even places.
    const chunk = pool.take();
    if (chunk < 0) throw new Error("test pool is empty");
    const start = chunk + (chunks.length % 5);
    chunks.push(chunk);
    queue.memory.write(start, piece, 0, piece.length);
    if (!queue.piece(start, piece.length)) throw new Error("too many pieces");
    length += piece.length;
  }
  queue.commit(at, head.length, length, gso, csum, headers);
  // The queue pins the pool, so what is given back here stays as it is until the rows have gone.
  for (const chunk of chunks) pool.give(chunk);
}

/** The whole frame of a row. */
export function rowOf(queue: TxQueue, index: number): Uint8Array {
  const length = queue.rows[index * TX_STRIDE + TX_LENGTH] as number;
  const scratch = queue.memory.reserve(length + 8);
  queue.copyRow(index, scratch);
  const bytes = queue.memory.u8.slice(scratch, scratch + length);
  queue.memory.release(scratch, length + 8);
  return bytes;
}

export const headAlignment = (queue: TxQueue, index: number): number =>
  (queue.rows[index * TX_STRIDE + TX_HEAD] as number) & 3;

/** RFC 1071 the slow way, for comparison: folded, not complemented. */
export function slowSum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return sum;
}

export function numbered(length: number, seed = 1): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length }, () => random.int32() & 255);
}

const SRC = [10, 0, 0, 1];
const DST = [10, 0, 0, 2];

export interface FrameSpec {
  layer?: "ethernet" | "ip";
  protocol?: "tcp" | "udp";
  ipOptions?: number;
  tcpOptions?: number;
  seq?: number;
  id?: number;
  flags?: number;
}

/** Headers of a frame with `payload` bytes to follow: partial L4 checksum, complete IPv4 checksum. */
export function headersOf(spec: FrameSpec, payload: number): { head: Uint8Array; csum: number } {
  const { layer = "ethernet", protocol = "tcp", ipOptions = 0, tcpOptions = 0 } = spec;
  const l3 = layer === "ethernet" ? 14 : 0;
  const ihl = 20 + ipOptions;
  const l4 = l3 + ihl;
  const l4Length = protocol === "tcp" ? 20 + tcpOptions : 8;
  const head = new Uint8Array(l4 + l4Length);
  const dv = new DataView(head.buffer);
  if (l3 > 0) {
    head.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  }
  head[l3] = 0x40 | (ihl >> 2);
  dv.setUint16(l3 + 2, ihl + l4Length + payload);
  dv.setUint16(l3 + 4, spec.id ?? 0xfffe);
  dv.setUint16(l3 + 6, 0x4000);
  head[l3 + 8] = 64;
  head[l3 + 9] = protocol === "tcp" ? 6 : 17;
  head.set(SRC, l3 + 12);
  head.set(DST, l3 + 16);
  head.fill(1, l3 + 20, l3 + ihl);
  dv.setUint16(l3 + 10, ~slowSum(head.subarray(l3, l4)) & 0xffff);
  dv.setUint16(l4, 1234);
  dv.setUint16(l4 + 2, 80);
  if (protocol === "tcp") {
    dv.setInt32(l4 + 4, spec.seq ?? 0);
    head[l4 + 12] = ((20 + tcpOptions) >> 2) << 4;
    head[l4 + 13] = spec.flags ?? 0x18;
    dv.setUint16(l4 + 14, 512);
    head.fill(1, l4 + 20, l4 + l4Length);
  } else dv.setUint16(l4 + 4, 8 + payload);
  const field = protocol === "tcp" ? 16 : 6;
  dv.setUint16(l4 + field, pseudoSum(protocol, l4Length + payload));
  return { head, csum: (l4 << 16) | field };
}

function pseudoSum(protocol: "tcp" | "udp", length: number): number {
  return slowSum(Uint8Array.from([...SRC, ...DST, 0, protocol === "tcp" ? 6 : 17, length >> 8, length & 255]));
}

export interface Parsed {
  id: number;
  totalLength: number;
  seq: number;
  flags: number;
  udpLength: number;
  payload: Uint8Array;
  ipOk: boolean;
  l4Ok: boolean;
}

/** Takes a plain IPv4 TCP or UDP frame apart and checks both checksums. */
export function parse(frame: Uint8Array, layer: "ethernet" | "ip" = "ethernet"): Parsed {
  const ip = frame.subarray(layer === "ethernet" ? 14 : 0);
  const dv = new DataView(ip.buffer, ip.byteOffset, ip.length);
  const ihl = ((ip[0] as number) & 15) * 4;
  const totalLength = dv.getUint16(2);
  const tcp = ip[9] === 6;
  const l4 = ip.subarray(ihl, totalLength);
  const header = tcp ? ((l4[12] as number) >> 4) * 4 : 8;
  return {
    id: dv.getUint16(4),
    totalLength,
    seq: tcp ? dv.getInt32(ihl + 4) : 0,
    flags: tcp ? (l4[13] as number) : 0,
    udpLength: tcp ? 0 : dv.getUint16(ihl + 4),
    payload: l4.slice(header),
    ipOk: slowSum(ip.subarray(0, ihl)) === 0xffff,
    l4Ok: slowSum(l4, pseudoSum(tcp ? "tcp" : "udp", l4.length)) === 0xffff,
  };
}
