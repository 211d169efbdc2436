/** A pending host timer; opaque to its holder. */
export interface TimerHandle {
  /** When it fires, in microseconds of the clock that made it. */
  readonly at: number;
}

/**
 * The only time there is. Everything in the stack that waits, stamps or measures does so through the
 * clock it was given, so that a test can own time.
 */
export interface Clock {
  /** Microseconds since the clock's start, never decreasing; a double. */
  now(): number;
  /** Milliseconds since the Unix epoch, for daytime and capture files only. */
  wallTime(): number;
  /** Calls `fn` once, at or after `at` (microseconds of this clock); a past `at` means as soon as possible. */
  setTimer(at: number, fn: () => void): TimerHandle;
  clearTimer(handle: TimerHandle): void;
  /**
   * Calls `fn` after the running call, before time moves: what links use to deliver and the stack to
   * flush. Runs within a bounded number of microtasks.
   */
  defer(fn: () => void): void;
  /**
   * How late, in ms, a timer may be while input keeps coming: what is due may have been answered by what lies unread.
   * Left out: timers are exact.
   */
  readonly slack?: number;
}

class RealTimer implements TimerHandle {
  readonly at: number;
  host: ReturnType<typeof setTimeout> | null = null;
  /** It is due, and comes when what has arrived is read. */
  turn: ReturnType<typeof setImmediate> | null = null;
  constructor(at: number) {
    this.at = at;
  }
}

/** setTimeout takes an int32 of milliseconds; longer waits are cut, and a wait that ends early looked at again. */
const LONGEST_WAIT_MS = 0x3fffffff;

/** Browsers have none; there, events come in the order of their arrival. */
const HAS_IMMEDIATE = typeof setImmediate === "function";

/**
 * The host's monotonic clock and timers. A pending timer keeps the process alive, as an open socket does: a stack that
 * waits for a retransmission or a probe is at work. Closing the stack ends that.
 */
export class RealClock implements Clock {
  readonly slack = 10;
  private readonly start = performance.now();
  private readonly unref: boolean;

  /** @param options.unref timers do not keep the process alive */
  constructor(options: { unref?: boolean } = {}) {
    this.unref = options.unref ?? false;
  }

  now(): number {
    return (performance.now() - this.start) * 1000;
  }

  wallTime(): number {
    return performance.timeOrigin + performance.now();
  }

  setTimer(at: number, fn: () => void): TimerHandle {
    const timer = new RealTimer(at);
    this.wait(timer, fn);
    return timer;
  }

  clearTimer(handle: TimerHandle): void {
    const timer = handle as RealTimer;
    if (timer.host !== null) clearTimeout(timer.host);
    if (timer.turn !== null) clearImmediate(timer.turn);
    timer.host = null;
    timer.turn = null;
  }

  defer(fn: () => void): void {
    queueMicrotask(fn);
  }

  private wait(timer: RealTimer, fn: () => void): void {
    const ms = Math.max(0, Math.min(LONGEST_WAIT_MS, Math.ceil((timer.at - this.now()) / 1000)));
    timer.host = setTimeout(() => {
      if (this.now() < timer.at) return this.wait(timer, fn);
      timer.host = null;
      // After a standstill of the process both timers and input wait, and the host's loop calls timers first. What was
      // acknowledged meanwhile must not look lost: input is read before.
      if (!HAS_IMMEDIATE) return fn();
      timer.turn = setImmediate(() => {
        timer.turn = null;
        fn();
      });
    }, ms);
    // Node's handle has unref; a browser's number does not.
    if (this.unref) (timer.host as { unref?: () => void }).unref?.();
  }
}
