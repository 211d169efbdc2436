import { FrameRing, linkHeaderLength } from "./frame-ring.js";
import { lowerRow } from "./gso.js";
import { LINK_CSUM, LINK_TSO4, LINK_USO4, type Link, type LinkHost } from "./link.js";
import { TX_CSUM, TX_GSO, TX_LENGTH, TX_STRIDE, TxQueue } from "./tx-queue.js";

export interface MemoryLinkOptions {
  /** Default "ethernet". */
  readonly layer?: "ethernet" | "ip";
  /** Largest IP packet in bytes; default 1500. */
  readonly mtu?: number;
  /**
   * Carry frames of up to 64 KB with a segment size, and partial checksums, as they are: much faster, and nothing
   * like a wire. Default false.
   */
  readonly offload?: boolean;
  /** 6 bytes for each end; default 02:00:00:00:00:01 and :02. Of no meaning on layer "ip". */
  readonly macs?: readonly [Uint8Array, Uint8Array];
  /** Default mem0 and mem1. */
  readonly names?: readonly [string, string];
  /** Frames that may wait for a receiver; default 256. A sender is held back beyond that; nothing is lost. */
  readonly queue?: number;
  /**
   * Bytes that each receiver sets aside in its stack's memory for them. Default: room for `queue` frames of the MTU,
   * and at least 512 KiB with `offload`.
   */
  readonly bytes?: number;
}

/** Room for eight of the largest frames, so that a sender of large ones finds an empty place. */
const OFFLOAD_BYTES = 8 * 65536;
const LARGEST_PACKET = 65535;
/** Segments waiting for room when one end has offloads and the other has not; the largest frame fits. */
const LOWERED_BYTES = 65536 + 1024;

/**
 * A cable between two stacks of one process. Frames are copied into the memory of the receiver's stack as they are
 * sent and delivered in batches once the running call has returned. When the receiver's queue is full the sender is
 * held back; frames sent towards an end that is not open are lost and counted, as on an unplugged cable.
 */
export function memoryLinkPair(options: MemoryLinkOptions = {}): [MemoryLink, MemoryLink] {
  const a = new MemoryLink(options, 0);
  const b = new MemoryLink(options, 1);
  a.connect(b);
  b.connect(a);
  return [a, b];
}

/** One end of {@link memoryLinkPair}. */
export class MemoryLink implements Link {
  readonly layer: "ethernet" | "ip";
  readonly mtu: number;
  readonly mac?: Uint8Array;
  readonly name: string;
  private readonly offload: boolean;
  private readonly queue: number;
  private readonly bytes: number;
  private peer: MemoryLink | null = null;
  private host: LinkHost | null = null;
  private ring: FrameRing | null = null;
  /** What frames of ours became that the other end takes only in plain form; with offloads alone. */
  private lowered: TxQueue | null = null;
  private scheduled = false;
  /** Rows were left with the sender. */
  private blocked = false;
  private unplugged = 0;
  private tooLong = 0;
  private readonly deliver = (): void => this.deliverBatch();
  private readonly unblock = (): void => this.room();

  constructor(options: MemoryLinkOptions, end: 0 | 1) {
    this.layer = options.layer ?? "ethernet";
    this.mtu = options.mtu ?? 1500;
    this.name = options.names?.[end] ?? `mem${end}`;
    this.offload = options.offload ?? false;
    if (this.layer === "ethernet") this.mac = options.macs?.[end] ?? Uint8Array.of(2, 0, 0, 0, 0, end + 1);
    this.queue = options.queue ?? 256;
    const plain = FrameRing.bytesFor(this.queue, this.mtu + linkHeaderLength(this.layer));
    this.bytes = options.bytes ?? (this.offload ? Math.max(plain, OFFLOAD_BYTES) : plain);
    const longest = linkHeaderLength(this.layer) + (this.offload ? LARGEST_PACKET : this.mtu);
    FrameRing.check(this.queue, this.bytes, longest);
  }

  /** What this end may send; the other end, when it opens without offloads, still gets plain frames. */
  get features(): number {
    return this.offload && this.host?.offload === true ? LINK_CSUM | LINK_TSO4 | LINK_USO4 : 0;
  }

  /** For {@link memoryLinkPair}: plugs the cable in. */
  connect(peer: MemoryLink): void {
    this.peer = peer;
  }

  open(host: LinkHost): void {
    this.ring = new FrameRing(host.memory, this.layer, this.queue, this.bytes);
    if (this.offload && host.offload) this.lowered = new TxQueue(host.memory, host.pool, LOWERED_BYTES);
    this.host = host;
  }

  transmit(queue: TxQueue): number {
    const peer = this.peer as MemoryLink;
    const from = queue.taken;
    if (peer.ring === null || this.host === null) {
      this.unplugged += queue.count - from;
      return queue.count - from;
    }
    let index = from;
    while (index < queue.count && this.send(queue, index, peer)) index++;
    this.blocked = index < queue.count;
    peer.schedule();
    return index - from;
  }

  close(): void {
    const { ring, lowered, peer, host } = this;
    if (host === null) return;
    this.host = null;
    this.ring = null;
    this.lowered = null;
    this.scheduled = false;
    this.blocked = false;
    ring?.close();
    lowered?.close();
    // What the other end still holds back must go: the cable now swallows everything.
    if (peer?.waiting) peer.host?.clock.defer(peer.unblock);
  }

  counters(): Readonly<Record<string, number>> {
    return { TapstackLinkUnplugged: this.unplugged, TapstackLinkTooLong: this.tooLong };
  }

  private get waiting(): boolean {
    return this.blocked || (this.lowered?.pending ?? 0) > 0;
  }

  /** False: the row has to wait. */
  private send(queue: TxQueue, index: number, peer: MemoryLink): boolean {
    const row = index * TX_STRIDE;
    const gso = queue.rows[row + TX_GSO] as number;
    const longest = linkHeaderLength(this.layer) + (gso === 0 ? this.mtu : LARGEST_PACKET);
    if ((queue.rows[row + TX_LENGTH] as number) > longest) {
      this.tooLong++;
      return true;
    }
    const ring = peer.ring as FrameRing;
    if (!this.drainLowered(ring)) return false;
    const { lowered } = this;
    const plain = gso === 0 && queue.rows[row + TX_CSUM] === 0;
    if (plain || peer.features !== 0 || lowered === null) return ring.addRow(queue, index);
    while (!lowerRow(queue, index, lowered, this.layer)) if (!this.drainLowered(ring)) return false;
    this.drainLowered(ring);
    return true;
  }

  /** Moves what was lowered into the ring. False: some is left. */
  private drainLowered(ring: FrameRing): boolean {
    const { lowered } = this;
    if (lowered === null || lowered.pending === 0) return true;
    let index = lowered.taken;
    while (index < lowered.count && ring.addRow(lowered, index)) index++;
    lowered.take(index - lowered.taken);
    return lowered.pending === 0;
  }

  private schedule(): void {
    if (this.scheduled || this.ring === null || this.ring.count === 0) return;
    this.scheduled = true;
    (this.host as LinkHost).clock.defer(this.deliver);
  }

  private deliverBatch(): void {
    this.scheduled = false;
    const { host, ring } = this;
    if (host === null || ring === null) return;
    try {
      ring.deliver(host);
    } finally {
      // Also when a frame made the stack throw: what comes after it must not wait for ever.
      this.peer?.room();
      this.schedule();
    }
  }

  /** The other end has room again, or is gone. */
  private room(): void {
    const ring = (this.peer as MemoryLink).ring;
    if (ring === null) {
      this.unplugged += this.lowered?.pending ?? 0;
      this.lowered?.reset();
    } else if (!this.drainLowered(ring)) return;
    else (this.peer as MemoryLink).schedule();
    if (!this.blocked) return;
    this.blocked = false;
    this.host?.writable();
  }
}
