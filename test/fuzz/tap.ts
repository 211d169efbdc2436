import { InnerHost, type LinkWrapper } from "../../src/link/inner-host.js";
import { type Link, type LinkHost, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "../../src/link/link.js";
import { readRow } from "../../src/link/row.js";
import { TX_LENGTH, TX_STRIDE, type TxQueue } from "../../src/link/tx-queue.js";

/** Frames of each direction that are remembered, to make mutants of. */
const REMEMBERED = 64;
/** Frames that pass at one instant of virtual time at most: more, and the two ends keep each other busy for ever. */
const STORM = 50_000;

/** A frame to be handed to the stack with what a link can say of it. */
export interface Injected {
  readonly frame: Uint8Array;
  readonly flags: number;
  readonly gso: number;
}

/** A link that lets frames of our own in beside those of the link that it wraps, and remembers what passes. */
export class FuzzTap implements Link, LinkWrapper {
  readonly features = 0;
  /** What came from the peer, and what the stack sent it. */
  readonly received: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  private readonly inner: Link;
  private host: LinkHost | null = null;
  private end = 0;
  private instant = -1;
  private atInstant = 0;

  constructor(inner: Link) {
    this.inner = inner;
  }

  get layer(): "ethernet" | "ip" {
    return this.inner.layer;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get mac(): Uint8Array | undefined {
    return this.inner.mac;
  }

  get name(): string {
    return this.inner.name;
  }

  open(host: LinkHost): void {
    this.host = host;
    this.inner.open(new InnerHost(host, this, false));
  }

  /** To be called once the stack has all that it will ever reserve: frames stand at the very end of its memory. */
  occupy(): void {
    const { memory } = this.host as LinkHost;
    memory.reserve(memory.available & ~63);
    this.end = memory.size;
  }

  /**
   * Hands the stack one frame in a batch of its own. It ends as near to the end of the memory as alignment lets it, so
   * that reading on behind it is an error that throws.
   */
  inject({ frame, flags, gso }: Injected): void {
    const host = this.host as LinkHost;
    const shift = this.layer === "ethernet" ? 2 : 0;
    const at = ((this.end - frame.length - shift) & ~3) + shift;
    host.memory.write(at, frame, 0, frame.length);
    const row = new Int32Array(RX_STRIDE);
    row[RX_FRAME] = at;
    row[RX_LENGTH] = frame.length;
    row[RX_FLAGS] = flags;
    row[RX_GSO] = gso;
    host.receive(row, 1);
  }

  transmit(queue: TxQueue): number {
    for (let i = queue.taken; i < queue.count; i++) {
      const frame = new Uint8Array(queue.rows[i * TX_STRIDE + TX_LENGTH] as number);
      readRow(queue, i, frame, 0, frame.length);
      remember(this.sent, frame);
    }
    return this.inner.transmit(queue);
  }

  close(): void | Promise<void> {
    return this.inner.close();
  }

  receiveInner(rows: Int32Array, count: number): void {
    const host = this.host as LinkHost;
    const now = host.clock.now();
    this.atInstant = now === this.instant ? this.atInstant + count : count;
    this.instant = now;
    if (this.atInstant > STORM) throw new Error(`a storm: ${STORM} frames came in no time`);
    for (let i = 0; i < count; i++) {
      const frame = new Uint8Array(rows[i * RX_STRIDE + RX_LENGTH] as number);
      host.memory.read(rows[i * RX_STRIDE + RX_FRAME] as number, frame, 0, frame.length);
      remember(this.received, frame);
    }
    host.receive(rows, count);
  }

  writableInner(): void {
    this.host?.writable();
  }
}

function remember(frames: Uint8Array[], frame: Uint8Array): void {
  if (frames.length === REMEMBERED) frames.shift();
  frames.push(frame);
}
