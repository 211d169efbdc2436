import { EINVAL, SystemError } from "../base/errors.js";
import type { TimerHandle } from "../platform/clock.js";
import { SeededRandom } from "../platform/random.js";
import { DelayLine, type Impairment } from "./delay-line.js";
import { FrameRing, linkHeaderLength, RX_BATCH } from "./frame-ring.js";
import { InnerHost, type LinkWrapper } from "./inner-host.js";
import { type Link, type LinkHost, RX_FRAME, RX_LENGTH, RX_STRIDE } from "./link.js";
import { readRow } from "./row.js";
import { TX_LENGTH, TX_STRIDE, TxQueue } from "./tx-queue.js";

export type { Impairment } from "./delay-line.js";

/** Which way a frame goes, as the stack sees it: out of it or into it. */
export type Direction = "tx" | "rx";

export interface ImpairOptions extends Impairment {
  /** For frames that the stack sends, in place of what stands above for both directions. */
  readonly tx?: Impairment;
  /** For frames that the stack receives, likewise. */
  readonly rx?: Impairment;
  /** The same seed gives the same fates for ever; default: drawn from the stack's own randomness. */
  readonly seed?: number;
  /**
   * Sees every frame before chance does, and may drop it: for tests that lose exactly the frames they name. The
   * frame is borrowed for the length of the call; what is changed in it stays changed.
   */
  readonly filter?: (frame: Uint8Array, direction: Direction) => "pass" | "drop";
}

/** Rows that wait for the inner link, and room for a VLAN tag. */
const OUT_FRAMES = 16;
const TAG = 4;

/**
 * A link that behaves as `link` does over a bad network: loss, duplication, corruption, reordering, delay, jitter,
 * a bottleneck with a bounded queue, each way on its own. Times are milliseconds, probabilities 0 to 1. It offers no
 * offloads, so that what it loses are single segments. Throws EINVAL for values that make no sense.
 */
export function impair(link: Link, options: ImpairOptions = {}): ImpairedLink {
  return new ImpairedLink(link, options);
}

export class ImpairedLink implements Link, LinkWrapper {
  /** Large frames and partial checksums would hide what is done to the segments. */
  readonly features = 0;
  private readonly inner: Link;
  private options: ImpairOptions;
  private host: LinkHost | null = null;
  private tx: DelayLine | null = null;
  private rx: DelayLine | null = null;
  private out: TxQueue | null = null;
  private ring: FrameRing | null = null;
  private longest = 0;
  private txTimer: TimerHandle | null = null;
  private rxTimer: TimerHandle | null = null;
  /** The inner link left rows with us. */
  private blocked = false;
  private txFiltered = 0;
  private rxFiltered = 0;
  private txTooLong = 0;
  private rxTooLong = 0;
  private readonly onTxTimer = (): void => {
    this.txTimer = null;
    this.send();
  };
  private readonly onRxTimer = (): void => {
    this.rxTimer = null;
    this.deliver();
  };

  constructor(inner: Link, options: ImpairOptions) {
    this.inner = inner;
    this.options = checked(options);
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
    const { layer, mtu, options } = this;
    const header = linkHeaderLength(layer);
    const seed = options.seed ?? host.random.int32();
    this.longest = header + mtu + TAG;
    this.tx = new DelayLine({ ...options, ...options.tx }, new SeededRandom(seed), this.longest, header);
    this.rx = new DelayLine({ ...options, ...options.rx }, new SeededRandom(~seed), this.longest, header);
    const bytes = FrameRing.bytesFor(OUT_FRAMES, this.longest);
    this.ring = new FrameRing(host.memory, layer, RX_BATCH, bytes);
    this.out = new TxQueue(host.memory, host.pool, bytes + OUT_FRAMES * 4);
    this.host = host;
    this.blocked = false;
    this.inner.open(new InnerHost(host, this, false));
  }

  /** Changes what is done from now on (a link that goes dark: `{ loss: 1 }`). A seed given here is of no effect. */
  change(options: ImpairOptions): void {
    this.options = checked(options);
    this.tx?.change({ ...options, ...options.tx });
    this.rx?.change({ ...options, ...options.rx });
  }

  /** Takes every row; what is too much is dropped, as a router does. */
  transmit(queue: TxQueue): number {
    const { host, tx } = this;
    const from = queue.taken;
    if (host === null || tx === null) return queue.count - from;
    const now = host.clock.now();
    for (let i = from; i < queue.count; i++) {
      const length = queue.rows[i * TX_STRIDE + TX_LENGTH] as number;
      if (length > this.longest) {
        this.txTooLong++;
        continue;
      }
      const held = tx.blank();
      held.length = length;
      readRow(queue, i, held.bytes, 0, length);
      if (this.passes(held.bytes, length, "tx")) tx.admit(held, now);
      else {
        this.txFiltered++;
        tx.recycle(held);
      }
    }
    this.send();
    return queue.count - from;
  }

  close(): void | Promise<void> {
    const { host, ring, out } = this;
    // The inner link may hold a device though it was never opened.
    if (host === null) return this.inner.close();
    if (this.txTimer !== null) host.clock.clearTimer(this.txTimer);
    if (this.rxTimer !== null) host.clock.clearTimer(this.rxTimer);
    this.txTimer = null;
    this.rxTimer = null;
    this.host = null;
    this.tx?.clear();
    this.rx?.clear();
    const closing = this.inner.close();
    out?.close();
    ring?.close();
    return closing;
  }

  /** Those of the impaired link, and what was done here. */
  counters(): Readonly<Record<string, number>> {
    const { tx, rx } = this;
    return {
      ...this.inner.counters?.(),
      TapstackImpairTxLost: tx?.lost ?? 0,
      TapstackImpairTxDuplicated: tx?.duplicated ?? 0,
      TapstackImpairTxCorrupted: tx?.corrupted ?? 0,
      TapstackImpairTxReordered: tx?.reordered ?? 0,
      TapstackImpairTxOverlimit: tx?.overlimit ?? 0,
      TapstackImpairTxFiltered: this.txFiltered,
      TapstackImpairTxTooLong: this.txTooLong,
      TapstackImpairRxLost: rx?.lost ?? 0,
      TapstackImpairRxDuplicated: rx?.duplicated ?? 0,
      TapstackImpairRxCorrupted: rx?.corrupted ?? 0,
      TapstackImpairRxReordered: rx?.reordered ?? 0,
      TapstackImpairRxOverlimit: rx?.overlimit ?? 0,
      TapstackImpairRxFiltered: this.rxFiltered,
      TapstackImpairRxTooLong: this.rxTooLong,
    };
  }

  /** A batch from the inner link; for its {@link InnerHost}. */
  receiveInner(rows: Int32Array, count: number): void {
    const { host, rx } = this;
    if (host === null || rx === null) return;
    const now = host.clock.now();
    for (let i = 0; i < count; i++) {
      const length = rows[i * RX_STRIDE + RX_LENGTH] as number;
      if (length > this.longest) {
        this.rxTooLong++;
        continue;
      }
      const held = rx.blank();
      held.length = length;
      host.memory.read(rows[i * RX_STRIDE + RX_FRAME] as number, held.bytes, 0, length);
      if (this.passes(held.bytes, length, "rx")) rx.admit(held, now);
      else {
        this.rxFiltered++;
        rx.recycle(held);
      }
    }
    this.deliver();
  }

  /** The inner link has room again. */
  writableInner(): void {
    this.blocked = false;
    this.send();
  }

  private passes(bytes: Uint8Array, length: number, direction: Direction): boolean {
    const { filter } = this.options;
    return filter === undefined || filter(bytes.subarray(0, length), direction) === "pass";
  }

  /** Hands the inner link what is due. */
  private send(): void {
    const { host, tx, out } = this;
    if (host === null || tx === null || out === null || this.blocked) return;
    const now = host.clock.now();
    while (tx.nextDue() <= now) {
      const { bytes, length } = tx.peek();
      const at = out.begin(length);
      if (at >= 0) {
        host.memory.write(at, bytes, 0, length);
        out.commit(at, length, length, 0, 0, 0);
        tx.recycle(tx.pop());
      } else if (!this.flush(out)) return;
    }
    if (!this.flush(out)) return;
    this.txTimer = this.rearm(host, this.txTimer, tx.nextDue(), this.onTxTimer);
  }

  /** False: the inner link wants us to wait. */
  private flush(out: TxQueue): boolean {
    if (out.pending > 0) out.take(this.inner.transmit(out));
    this.blocked = out.pending > 0;
    return !this.blocked;
  }

  /** Hands the stack what is due. */
  private deliver(): void {
    const { host, rx, ring } = this;
    if (host === null || rx === null || ring === null) return;
    const now = host.clock.now();
    try {
      while (rx.nextDue() <= now) {
        const { bytes, length } = rx.peek();
        const at = ring.add(length, 0, 0);
        if (at >= 0) {
          host.memory.write(at, bytes, 0, length);
          rx.recycle(rx.pop());
        } else ring.deliver(host);
      }
      ring.deliver(host);
    } finally {
      // Also when a frame made the stack throw; not for a host that closed the link in the meantime.
      if (this.host === host) this.rxTimer = this.rearm(host, this.rxTimer, rx.nextDue(), this.onRxTimer);
    }
  }

  private rearm(host: LinkHost, timer: TimerHandle | null, due: number, fn: () => void): TimerHandle | null {
    if (timer !== null && timer.at === due) return timer;
    if (timer !== null) host.clock.clearTimer(timer);
    return due === Number.POSITIVE_INFINITY ? null : host.clock.setTimer(due, fn);
  }
}

const PROBABILITIES = ["loss", "duplicate", "corrupt", "reorder"] as const;
const AMOUNTS = ["reorderBy", "delay", "jitter", "rate", "limit", "limitBytes"] as const;

function checked(options: ImpairOptions): ImpairOptions {
  for (const impairment of [options, options.tx ?? {}, options.rx ?? {}]) {
    for (const name of PROBABILITIES) {
      const value = impairment[name] ?? 0;
      if (!(value >= 0 && value <= 1)) throw refuse(`${name} is ${value}; give a probability from 0 to 1`);
    }
    for (const name of AMOUNTS) {
      const value = impairment[name] ?? 0;
      if (!(value >= 0)) throw refuse(`${name} is ${value}; give a number from 0 up`);
    }
  }
  return options;
}

function refuse(sentence: string): SystemError {
  return new SystemError(EINVAL, "impair", { sentence });
}
