import { below, type Random, unit } from "../platform/random.js";

/** What a direction of an impaired link does to the frames that pass. Everything left out is off. */
export interface Impairment {
  /** Probability, 0 to 1, that a frame is lost. */
  readonly loss?: number;
  /** Probability that a frame comes twice. */
  readonly duplicate?: number;
  /**
   * Probability that one random bit of a frame's IPv4 packet is flipped: what only the checksums of IP, ICMP, TCP
   * and UDP can see. Other frames (ARP has no checksum) and the link header are left alone.
   */
  readonly corrupt?: number;
  /** Probability that a frame is held back, so that later ones overtake it. */
  readonly reorder?: number;
  /** Longest time that such a frame is held back, milliseconds; default half the delay, and at least 2. */
  readonly reorderBy?: number;
  /** Time that every frame takes, milliseconds. */
  readonly delay?: number;
  /** A frame takes up to this much longer or shorter, milliseconds, evenly spread. It never changes their order. */
  readonly jitter?: number;
  /** Bits of frames that the bottleneck passes in a second. */
  readonly rate?: number;
  /** Frames that may be held, waiting or on the way; more are dropped. Default 1000. */
  readonly limit?: number;
  /** Bytes that may wait for the bottleneck of `rate`; a frame that would exceed them is dropped. Default: any. */
  readonly limitBytes?: number;
}

/** A frame on the way. */
export class Held {
  readonly bytes: Uint8Array;
  length = 0;
  /** When it arrives, microseconds of the clock. */
  due = 0;
  /** Among those that arrive at one instant, the first that came goes first. */
  order = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }
}

const before = (a: Held, b: Held): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);
const DEFAULT_LIMIT = 1000;

/** One direction of an impaired link: decides each frame's fate and holds it until it is due. */
export class DelayLine {
  lost = 0;
  duplicated = 0;
  corrupted = 0;
  reordered = 0;
  /** Dropped because too much was held. */
  overlimit = 0;
  private impairment: Impairment;
  private readonly random: Random;
  private readonly capacity: number;
  /** Where the IPv4 packet begins in a frame: 14 or 0. */
  private readonly header: number;
  private readonly heap: Held[] = [];
  private readonly spare: Held[] = [];
  private order = 0;
  private busyUntil = 0;
  private lastDue = 0;

  /**
   * @param capacity bytes of the longest frame
   * @param header bytes that precede the IP packet
   */
  constructor(impairment: Impairment, random: Random, capacity: number, header: number) {
    this.impairment = impairment;
    this.random = random;
    this.capacity = capacity;
    this.header = header;
  }

  /** Applies to frames from now on; those on the way arrive as they were to. */
  change(impairment: Impairment): void {
    this.impairment = impairment;
  }

  /** Frames on the way. */
  get count(): number {
    return this.heap.length;
  }

  /** A place for a frame, to be filled and then given to {@link admit} or {@link recycle}. */
  blank(): Held {
    return this.spare.pop() ?? new Held(this.capacity);
  }

  recycle(held: Held): void {
    this.spare.push(held);
  }

  /** A frame enters at `now`, microseconds. */
  admit(held: Held, now: number): void {
    const { loss, duplicate } = this.impairment;
    if (this.chance(loss)) {
      this.lost++;
      this.recycle(held);
      return;
    }
    if (this.chance(duplicate)) {
      const twin = this.blank();
      twin.bytes.set(held.bytes);
      twin.length = held.length;
      this.duplicated++;
      this.hold(held, now);
      this.hold(twin, now);
      return;
    }
    this.hold(held, now);
  }

  /** When the next frame arrives, or Infinity. */
  nextDue(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : (this.heap[0] as Held).due;
  }

  /** The frame that arrives next; there must be one. */
  peek(): Held {
    return this.heap[0] as Held;
  }

  /** Takes the frame that {@link peek} shows off the line, to be recycled once its bytes have been used. */
  pop(): Held {
    const { heap } = this;
    const top = heap[0] as Held;
    const last = heap.pop() as Held;
    if (heap.length === 0) return top;
    let i = 0;
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      if (child + 1 < heap.length && before(heap[child + 1] as Held, heap[child] as Held)) child++;
      if (!before(heap[child] as Held, last)) break;
      heap[i] = heap[child] as Held;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  clear(): void {
    this.heap.length = 0;
    this.spare.length = 0;
  }

  private hold(held: Held, now: number): void {
    if (!this.queueAtBottleneck(held.length, now)) {
      this.overlimit++;
      this.recycle(held);
      return;
    }
    if (this.isIpv4(held) && this.chance(this.impairment.corrupt)) this.flipBit(held);
    held.due = this.arrival(now);
    held.order = this.order++;
    this.push(held);
  }

  /** Lets a frame of `length` bytes queue for the line; false: the queue is full. */
  private queueAtBottleneck(length: number, now: number): boolean {
    const { rate = 0, limit = DEFAULT_LIMIT, limitBytes = Number.POSITIVE_INFINITY } = this.impairment;
    if (this.heap.length >= limit) return false;
    if (rate <= 0) {
      this.busyUntil = now;
      return true;
    }
    const start = Math.max(now, this.busyUntil);
    const waiting = ((start - now) * rate) / 8e6;
    if (waiting + length > limitBytes) return false;
    this.busyUntil = start + (length * 8e6) / rate;
    return true;
  }

  /** When a frame that has passed the bottleneck arrives. */
  private arrival(now: number): number {
    const { delay = 0, jitter = 0, reorder } = this.impairment;
    const spread = jitter > 0 ? (2 * unit(this.random) - 1) * jitter : 0;
    const onTheWay = Math.max(0, delay + spread) * 1000;
    const due = Math.max(this.busyUntil, now) + onTheWay;
    if (this.chance(reorder)) {
      this.reordered++;
      const { reorderBy = Math.max(2, delay / 2) } = this.impairment;
      return Math.max(due, this.lastDue) + (1 - unit(this.random)) * reorderBy * 1000;
    }
    this.lastDue = Math.max(due, this.lastDue);
    return this.lastDue;
  }

  private isIpv4(held: Held): boolean {
    const { header } = this;
    if (header === 0) return held.length > 0;
    return held.length > header && held.bytes[header - 2] === 8 && held.bytes[header - 1] === 0;
  }

  private flipBit(held: Held): void {
    const { header } = this;
    const bit = below(this.random, (held.length - header) * 8);
    const at = header + (bit >> 3);
    held.bytes[at] = (held.bytes[at] as number) ^ (1 << (bit & 7));
    this.corrupted++;
  }

  private chance(probability = 0): boolean {
    return probability > 0 && unit(this.random) < probability;
  }

  private push(held: Held): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(held);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(held, heap[parent] as Held)) break;
      heap[i] = heap[parent] as Held;
      i = parent;
    }
    heap[i] = held;
  }
}
