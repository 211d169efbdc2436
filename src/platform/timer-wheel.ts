import type { Clock, TimerHandle } from "./clock.js";

const LEVELS = 5;
const BITS = 6;
const SLOTS = 1 << BITS;
const MASK = SLOTS - 1;
/** The furthest a node is filed ahead (2^30 - 1 ms, 12.4 days); it is looked at again then. */
const FURTHEST = (1 << (LEVELS * BITS)) - 1;

/**
 * Something that can stand on the wheel. A subclass keeps its own deadlines and answers {@link onTimer} by looking
 * at them: moving a deadline later is then only an assignment, since the node fires early, sees it, and arms again.
 */
export abstract class TimerNode {
  wheelNext: TimerNode | null = null;
  wheelPrev: TimerNode | null = null;
  /** Slot it stands in, or -1. */
  wheelSlot = -1;
  /** Tick it fires at while it stands on the wheel. */
  wheelAt = 0;

  /** @param now the tick (int32 milliseconds) that the wheel has reached */
  abstract onTimer(now: number): void;
}

/**
 * A hierarchical timing wheel (Varghese and Lauck) of 1 ms ticks: arm and cancel in constant time, one host timer
 * for all. Ticks are int32 milliseconds since the clock's start and wrap; compare them by subtraction.
 */
export class TimerWheel {
  /** The tick reached; what `now` means inside the stack between clock readings. */
  tick: number;
  /** Nodes standing on the wheel. */
  size = 0;
  private readonly clock: Clock;
  private readonly heads: (TimerNode | null)[] = new Array(LEVELS * SLOTS).fill(null);
  /** One bit a slot, two words a level, so that the next deadline is found without walking. */
  private readonly occupied = new Int32Array(LEVELS * 2);
  private host: TimerHandle | null = null;
  /** The tick for which the host timer was set last. */
  hostTick = 0;
  private advancing = false;
  private closed = false;
  private readonly wake: () => void;

  /** @param due what the host timer runs; it must come to call {@link advance} or {@link advanceTo} */
  constructor(clock: Clock, due: () => void = () => this.advance()) {
    this.clock = clock;
    this.tick = TimerWheel.tickOf(clock.now());
    this.wake = () => {
      this.host = null;
      due();
    };
  }

  /** The int32 tick of a clock reading in microseconds. */
  static tickOf(micros: number): number {
    return Math.floor(micros / 1000) | 0;
  }

  /** (Re)arms `node` to fire at tick `at`, or at the next tick if that is past. */
  arm(node: TimerNode, at: number): void {
    if (node.wheelSlot >= 0) this.cancel(node);
    this.file(node, at);
    this.size++;
    if (!this.advancing) this.program(node.wheelAt);
  }

  /** Arms `node` for `at` unless it already stands at that tick or an earlier one. */
  armBefore(node: TimerNode, at: number): void {
    if (node.wheelSlot < 0 || ((at - node.wheelAt) | 0) < 0) this.arm(node, at);
  }

  cancel(node: TimerNode): void {
    const slot = node.wheelSlot;
    if (slot < 0) return;
    if (node.wheelPrev === null) {
      this.heads[slot] = node.wheelNext;
      if (node.wheelNext === null) this.clearBit(slot);
    } else node.wheelPrev.wheelNext = node.wheelNext;
    if (node.wheelNext !== null) node.wheelNext.wheelPrev = node.wheelPrev;
    node.wheelNext = null;
    node.wheelPrev = null;
    node.wheelSlot = -1;
    this.size--;
  }

  /** Reads the clock, fires what is due, and programs the host timer for what is next. */
  advance(): void {
    this.advanceTo(TimerWheel.tickOf(this.clock.now()));
  }

  /** Fires what is due up to tick `target`, and programs the host timer for what is next. */
  advanceTo(target: number): void {
    if (this.advancing) return;
    this.advancing = true;
    try {
      if (((target - this.tick) | 0) > 0) this.turnTo(target);
    } finally {
      // Also after a node that threw: those that still stand must not wait for ever.
      this.advancing = this.closed;
      this.reprogram();
    }
  }

  /** Lets go of the host timer; nodes still standing never fire. */
  close(): void {
    if (this.host !== null) this.clock.clearTimer(this.host);
    this.host = null;
    this.closed = true;
    this.advancing = true;
  }

  private turnTo(target: number): void {
    while (((target - this.tick) | 0) > 0 && !this.closed) {
      if (this.size === 0) {
        this.tick = target;
        return;
      }
      const next = this.nextSlotTick();
      if (((next - target) | 0) > 0) {
        this.tick = target;
        return;
      }
      this.tick = next;
      this.cascade();
      this.fire();
    }
  }

  private fire(): void {
    const slot = this.tick & MASK;
    let node = this.heads[slot] as TimerNode | null;
    while (node !== null && !this.closed) {
      this.cancel(node);
      if (((node.wheelAt - this.tick) | 0) > 0) this.refile(node);
      else node.onTimer(this.tick);
      node = this.heads[slot] as TimerNode | null;
    }
  }

  private refile(node: TimerNode): void {
    this.file(node, node.wheelAt);
    this.size++;
  }

  /** At the start of a higher slot its nodes come down to where they belong now. */
  private cascade(): void {
    for (let level = 1; level < LEVELS; level++) {
      const shift = level * BITS;
      if ((this.tick & ((1 << shift) - 1)) !== 0) return;
      const slot = level * SLOTS + ((this.tick >>> shift) & MASK);
      let node = this.heads[slot] as TimerNode | null;
      if (node === null) continue;
      this.heads[slot] = null;
      this.clearBit(slot);
      while (node !== null) {
        const following: TimerNode | null = node.wheelNext;
        node.wheelNext = null;
        node.wheelPrev = null;
        this.fileDue(node, node.wheelAt);
        node = following;
      }
    }
  }

  /** The earliest tick after the present one at which a slot must be looked at. */
  private nextSlotTick(): number {
    let best = 0;
    let found = false;
    for (let level = 0; level < LEVELS; level++) {
      const shift = level * BITS;
      const position = (this.tick >>> shift) & MASK;
      const ahead = this.slotsAhead(level, position);
      if (ahead === 0) continue;
      const at = (((this.tick >>> shift) + ahead) << shift) | 0;
      if (!found || ((at - best) | 0) < 0) {
        best = at;
        found = true;
      }
    }
    return found ? best : (this.tick + FURTHEST) | 0;
  }

  /** How many slots after `position` the next occupied one stands (1 to 64), or 0 for none. */
  private slotsAhead(level: number, position: number): number {
    const low = this.occupied[level * 2] as number;
    const high = this.occupied[level * 2 + 1] as number;
    if ((low | high) === 0) return 0;
    const start = (position + 1) & MASK;
    for (let i = 0, slot = start; i < SLOTS; ) {
      const word = slot < 32 ? low : high;
      const bits = word >>> (slot & 31);
      if (bits !== 0) return i + 1 + (31 - Math.clz32(bits & -bits));
      const skip = 32 - (slot & 31);
      i += skip;
      slot = (slot + skip) & MASK;
    }
    return 0;
  }

  private file(node: TimerNode, at: number): void {
    const past = ((at - this.tick) | 0) <= 0;
    this.fileDue(node, past ? (this.tick + 1) | 0 : at);
  }

  /** Files a node due at `at`, now or later; the present tick's own slot counts as due now. */
  private fileDue(node: TimerNode, at: number): void {
    node.wheelAt = at;
    let delta = (at - this.tick) | 0;
    let look = at;
    if (delta > FURTHEST) {
      delta = FURTHEST;
      look = (this.tick + FURTHEST) | 0;
    }
    let level = 0;
    while (level < LEVELS - 1 && delta >= 1 << ((level + 1) * BITS)) level++;
    const slot = level * SLOTS + ((look >>> (level * BITS)) & MASK);
    const head = this.heads[slot] as TimerNode | null;
    node.wheelSlot = slot;
    node.wheelNext = head;
    node.wheelPrev = null;
    if (head !== null) head.wheelPrev = node;
    this.heads[slot] = node;
    const word = slot >> 5;
    this.occupied[word] = (this.occupied[word] as number) | (1 << (slot & 31));
  }

  private clearBit(slot: number): void {
    const word = slot >> 5;
    this.occupied[word] = (this.occupied[word] as number) & ~(1 << (slot & 31));
  }

  private reprogram(): void {
    if (this.size === 0 || this.closed) {
      if (this.host !== null) this.clock.clearTimer(this.host);
      this.host = null;
      return;
    }
    // A host timer that stands too early is left to fire: setting one anew costs more than a look that finds nothing.
    this.program(this.nextSlotTick());
  }

  private program(at: number): void {
    if (this.host !== null) {
      if (((at - this.hostTick) | 0) >= 0) return;
      this.clock.clearTimer(this.host);
    }
    // The tick is int32 and wraps; the clock's microseconds do not.
    const now = this.clock.now();
    const ahead = (at - TimerWheel.tickOf(now)) | 0;
    this.hostTick = at;
    this.host = this.clock.setTimer((Math.floor(now / 1000) + ahead) * 1000, this.wake);
  }
}
