import { FrameRing } from "./frame-ring.js";
import { LINK_CSUM, LINK_TSO4, type Link, type LinkHost } from "./link.js";
import { TX_LENGTH, TX_STRIDE, type TxQueue } from "./tx-queue.js";

export interface LoopbackOptions {
  /** Default lo. */
  readonly name?: string;
  /** Largest IP packet in bytes; default 65535, the most that IPv4 can say (Linux writes 65536 and never uses it). */
  readonly mtu?: number;
  /** Frames that may wait; default 256. A sender is held back beyond that; nothing is lost. */
  readonly queue?: number;
  /** Bytes set aside for them in the stack's memory; default 512 KiB. */
  readonly bytes?: number;
}

/**
 * The link back to the stack that sends on it: what 127.0.0.0/8 and a stack's own addresses are reached through.
 * Checksums are left partial where the stack agrees, since the bytes go nowhere.
 */
export function loopbackLink(options: LoopbackOptions = {}): LoopbackLink {
  return new LoopbackLink(options);
}

export class LoopbackLink implements Link {
  readonly layer = "ip";
  readonly mtu: number;
  readonly name: string;
  private readonly queue: number;
  private readonly bytes: number;
  private host: LinkHost | null = null;
  private ring: FrameRing | null = null;
  private scheduled = false;
  private blocked = false;
  private tooLong = 0;
  private readonly deliver = (): void => this.deliverBatch();

  constructor(options: LoopbackOptions) {
    this.name = options.name ?? "lo";
    this.mtu = options.mtu ?? 65535;
    this.queue = options.queue ?? 256;
    this.bytes = options.bytes ?? 8 * 65536;
    FrameRing.check(this.queue, this.bytes, this.mtu);
  }

  get features(): number {
    return this.host?.offload === true ? LINK_CSUM | LINK_TSO4 : 0;
  }

  open(host: LinkHost): void {
    this.ring = new FrameRing(host.memory, this.layer, this.queue, this.bytes);
    this.host = host;
  }

  transmit(queue: TxQueue): number {
    const { ring } = this;
    const from = queue.taken;
    if (ring === null) return queue.count - from;
    let index = from;
    for (; index < queue.count; index++) {
      if ((queue.rows[index * TX_STRIDE + TX_LENGTH] as number) > this.mtu) this.tooLong++;
      else if (!ring.addRow(queue, index)) break;
    }
    this.blocked = index < queue.count;
    this.schedule();
    return index - from;
  }

  close(): void {
    this.ring?.close();
    this.ring = null;
    this.host = null;
    this.scheduled = false;
    this.blocked = false;
  }

  counters(): Readonly<Record<string, number>> {
    return { TapstackLinkTooLong: this.tooLong };
  }

  private schedule(): void {
    const { host, ring } = this;
    if (this.scheduled || host === null || ring === null || ring.count === 0) return;
    this.scheduled = true;
    host.clock.defer(this.deliver);
  }

  private deliverBatch(): void {
    this.scheduled = false;
    const { host, ring } = this;
    if (host === null || ring === null) return;
    try {
      ring.deliver(host);
    } finally {
      // Also when a frame made the stack throw: what comes after it must not wait for ever.
      this.schedule();
      if (this.blocked) {
        this.blocked = false;
        // Not for a host that closed the link in the meantime.
        this.host?.writable();
      }
    }
  }
}
