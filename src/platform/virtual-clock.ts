import type { Clock, TimerHandle } from "./clock.js";

class VirtualTimer implements TimerHandle {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | null;
  constructor(at: number, order: number, fn: () => void) {
    this.at = at;
    this.order = order;
    this.fn = fn;
  }
}

const earlier = (a: VirtualTimer, b: VirtualTimer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/**
 * A clock that stands still until told otherwise. Timers that fall due at the same instant run in the order they
 * were set, and everything deferred runs before time moves, so a run is a pure function of its inputs.
 */
export class VirtualClock implements Clock {
  private time: number;
  private readonly epoch: number;
  private order = 0;
  private readonly heap: VirtualTimer[] = [];
  private readonly deferred: (() => void)[] = [];
  private draining = false;
  private running = false;
  private scheduled = false;
  /** Cleared timers that still stand in the heap. */
  private cleared = 0;
  private readonly onMicrotask = (): void => {
    this.scheduled = false;
    this.drain();
  };

  /** @param epoch what {@link wallTime} says at time 0, in milliseconds since the Unix epoch */
  constructor(epoch = 0, start = 0) {
    this.epoch = epoch;
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.epoch + this.time / 1000;
  }

  setTimer(at: number, fn: () => void): TimerHandle {
    const timer = new VirtualTimer(at, this.order++, fn);
    this.push(timer);
    return timer;
  }

  clearTimer(handle: TimerHandle): void {
    const timer = handle as VirtualTimer;
    if (timer.fn === null) return;
    timer.fn = null;
    // A cleared timer goes when its time comes, or when such are the most of the heap: a deadline that is moved
    // again and again must not let the heap grow.
    if (++this.cleared > 64 && this.cleared > this.heap.length >> 1) this.sweep();
  }

  defer(fn: () => void): void {
    this.deferred.push(fn);
    if (this.draining || this.scheduled) return;
    this.schedule();
  }

  /** When the next timer is due, in microseconds of this clock, or Infinity. */
  nextDeadline(): number {
    this.dropCleared();
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : (this.heap[0] as VirtualTimer).at;
  }

  /** How many timers are pending; a closed stack leaves none. */
  pendingTimers(): number {
    return this.heap.length - this.cleared;
  }

  /** Moves time forward by `micros`, running everything that falls due on the way. */
  advance(micros: number): void {
    this.runUntil(this.time + micros);
  }

  /**
   * Runs to an instant (microseconds of this clock), or until a condition holds.
   * @returns whether the condition held, or for an instant true. False: nothing is left to wait for.
   * @throws Error when called from something that this clock is running: time cannot pass inside an instant
   */
  runUntil(goal: number | (() => boolean)): boolean {
    if (this.running || this.draining)
      throw new Error("time cannot be advanced from inside a timer or an onReady; do it after advance() has returned");
    this.running = true;
    try {
      return this.run(goal);
    } finally {
      this.running = false;
    }
  }

  private run(goal: number | (() => boolean)): boolean {
    const until = typeof goal === "number" ? goal : Number.POSITIVE_INFINITY;
    const holds = typeof goal === "number" ? null : goal;
    for (;;) {
      this.drain();
      if (holds?.()) return true;
      const next = this.nextDeadline();
      if (next > until || next === Number.POSITIVE_INFINITY) break;
      const timer = this.pop();
      if (timer.at > this.time) this.time = timer.at;
      const fn = timer.fn;
      timer.fn = null;
      fn?.();
    }
    if (holds !== null) return false;
    if (until > this.time) this.time = until;
    return true;
  }

  private schedule(): void {
    this.scheduled = true;
    queueMicrotask(this.onMicrotask);
  }

  private drain(): void {
    if (this.draining) return;
    const deferred = this.deferred;
    let done = 0;
    this.draining = true;
    try {
      while (done < deferred.length) {
        // Counted first: one that throws has run, and must not run again.
        (deferred[done++] as () => void)();
        // A long exchange between links keeps adding; do not let the array grow with it.
        if (done === 1024) {
          deferred.splice(0, done);
          done = 0;
        }
      }
    } finally {
      this.draining = false;
      if (done === deferred.length) deferred.length = 0;
      else deferred.splice(0, done);
      if (deferred.length > 0 && !this.scheduled) this.schedule();
    }
  }

  private dropCleared(): void {
    while (this.heap.length > 0 && (this.heap[0] as VirtualTimer).fn === null) {
      this.pop();
      this.cleared--;
    }
  }

  private sweep(): void {
    const standing = this.heap.filter((timer) => timer.fn !== null);
    this.heap.length = 0;
    this.cleared = 0;
    for (const timer of standing) this.push(timer);
  }

  private push(timer: VirtualTimer): void {
    const heap = this.heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!earlier(timer, heap[parent] as VirtualTimer)) break;
      heap[i] = heap[parent] as VirtualTimer;
      i = parent;
    }
    heap[i] = timer;
  }

  private pop(): VirtualTimer {
    const heap = this.heap;
    const top = heap[0] as VirtualTimer;
    const last = heap.pop() as VirtualTimer;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1] as VirtualTimer, heap[child] as VirtualTimer)) child++;
      if (!earlier(heap[child] as VirtualTimer, last)) break;
      heap[i] = heap[child] as VirtualTimer;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
