import { EIO, ENETDOWN, SystemError } from "../base/errors.js";
import { FrameRing, linkHeaderLength } from "./frame-ring.js";
import type { Link, LinkHost } from "./link.js";
import { rowBytes } from "./row.js";
import { TX_LENGTH, TX_STRIDE, type TxQueue } from "./tx-queue.js";

/** What {@link streamLink} needs of a stream; Node's Duplex has it, and so has tuntap2's Tap. */
export interface FrameStream {
  /** Takes one frame, to be kept until it is written. False: wait for "drain". */
  write(frame: Uint8Array): boolean;
  on(event: "data", listener: (frame: Uint8Array) => void): unknown;
  on(event: "drain" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: string, listener: (...values: never[]) => void): unknown;
  destroy?(): unknown;
}

export interface StreamLinkOptions {
  /** Default "ethernet". */
  readonly layer?: "ethernet" | "ip";
  /** Largest IP packet in bytes; default 1500. */
  readonly mtu?: number;
  /** 6 bytes: what the stack's side is called. */
  readonly mac?: Uint8Array;
  /** Default stream. */
  readonly name?: string;
  /** Received frames that may wait for the stack; default 256. More are dropped and counted. */
  readonly queue?: number;
}

/**
 * A link over any stream that carries one frame a chunk, without any header before it. A full stream holds the
 * sender back until it drains. close() destroys the stream, if it has destroy().
 */
export function streamLink(duplex: FrameStream, options: StreamLinkOptions = {}): StreamLink {
  return new StreamLink(duplex, options);
}

export class StreamLink implements Link {
  readonly layer: "ethernet" | "ip";
  readonly mtu: number;
  readonly mac?: Uint8Array;
  readonly name: string;
  /** A stream has none. */
  readonly features = 0;
  private readonly duplex: FrameStream;
  private readonly queue: number;
  private readonly longest: number;
  private host: LinkHost | null = null;
  private ring: FrameRing | null = null;
  private scheduled = false;
  private full = false;
  private blocked = false;
  private closed = false;
  private ended: SystemError | null = null;
  /** The host has been told of the end. */
  private told = false;
  private rxTooLong = 0;
  private rxOverflow = 0;
  private rxEmpty = 0;
  private txTooLong = 0;
  private unplugged = 0;
  private readonly deliver = (): void => this.deliverBatch();
  private readonly onData = (frame: Uint8Array): void => this.takeFrame(frame);
  private readonly onDrain = (): void => this.drained();
  private readonly onEnd = (): void => this.end(ENETDOWN, "the stream behind the link has ended");
  private readonly onError = (error: Error): void =>
    this.end(EIO, `the stream behind the link failed: ${error.message}`);

  constructor(duplex: FrameStream, options: StreamLinkOptions) {
    this.duplex = duplex;
    this.layer = options.layer ?? "ethernet";
    this.mtu = options.mtu ?? 1500;
    this.name = options.name ?? "stream";
    if (options.mac !== undefined) this.mac = options.mac;
    this.queue = options.queue ?? 256;
    this.longest = this.mtu + linkHeaderLength(this.layer);
  }

  open(host: LinkHost): void {
    const bytes = FrameRing.bytesFor(this.queue, this.longest);
    FrameRing.check(this.queue, bytes, this.longest);
    this.ring = new FrameRing(host.memory, this.layer, this.queue, bytes);
    this.host = host;
    this.scheduled = false;
    this.closed = false;
    const { duplex } = this;
    duplex.on("data", this.onData);
    duplex.on("drain", this.onDrain);
    duplex.on("end", this.onEnd);
    duplex.on("close", this.onEnd);
    duplex.on("error", this.onError);
  }

  transmit(queue: TxQueue): number {
    const from = queue.taken;
    if (this.host === null || this.ended !== null) {
      this.unplugged += queue.count - from;
      return queue.count - from;
    }
    let index = from;
    for (; index < queue.count && !this.full; index++) {
      const length = queue.rows[index * TX_STRIDE + TX_LENGTH] as number;
      if (length > this.longest) this.txTooLong++;
      // The stream keeps what it is given, so it gets bytes of its own.
      else if (!this.duplex.write(rowBytes(queue, index))) this.full = true;
    }
    this.blocked = index < queue.count;
    return index - from;
  }

  close(): void {
    if (this.closed) return;
    const { duplex, ring } = this;
    this.closed = true;
    this.host = null;
    this.ring = null;
    ring?.close();
    duplex.removeListener("data", this.onData);
    duplex.removeListener("drain", this.onDrain);
    duplex.removeListener("end", this.onEnd);
    duplex.removeListener("close", this.onEnd);
    // The error listener stays: one that comes after this has nobody to go to, and must not end the process.
    duplex.destroy?.();
  }

  counters(): Readonly<Record<string, number>> {
    return {
      TapstackLinkRxTooLong: this.rxTooLong,
      TapstackLinkRxOverflow: this.rxOverflow,
      TapstackLinkRxEmpty: this.rxEmpty,
      TapstackLinkTooLong: this.txTooLong,
      TapstackLinkUnplugged: this.unplugged,
    };
  }

  private takeFrame(frame: Uint8Array): void {
    const { ring } = this;
    if (ring === null) return;
    if (frame.length === 0) this.rxEmpty++;
    else if (frame.length > this.longest) this.rxTooLong++;
    else if (!ring.addBytes(frame)) this.rxOverflow++;
    this.schedule();
  }

  private schedule(): void {
    const { host, ring } = this;
    if (this.scheduled || host === null || ring === null) return;
    if (ring.count === 0 && (this.ended === null || this.told)) return;
    this.scheduled = true;
    host.clock.defer(this.deliver);
  }

  private deliverBatch(): void {
    this.scheduled = false;
    const { host, ring, ended } = this;
    if (host === null || ring === null) return;
    try {
      // What had come before the end is delivered before the end is told.
      if (ring.count > 0) ring.deliver(host);
      else if (ended !== null && !this.told) {
        this.told = true;
        host.down(ended);
      }
    } finally {
      // Also when a frame made the stack throw: what comes after it must not wait for ever.
      this.schedule();
    }
  }

  private drained(): void {
    this.full = false;
    if (!this.blocked) return;
    this.blocked = false;
    this.host?.writable();
  }

  private end(errno: number, sentence: string): void {
    if (this.ended !== null) return;
    this.ended = new SystemError(errno, "read", { sentence: `${this.name}: ${sentence}` });
    this.schedule();
  }
}
