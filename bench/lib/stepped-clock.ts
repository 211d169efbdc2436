import type { Clock, TimerHandle } from "../../src/platform/clock.js";

/**
 * Time that moves by a fixed step for each batch, so that as many ACKs fall due however fast the machine is, and the C
 * reference sends exactly as many. Reading it costs what reading the host's clock does.
 */
export class SteppedClock implements Clock {
  private micros = 0;
  private last = 0;
  private running = false;

  now(): number {
    this.last = performance.now();
    return this.micros;
  }

  step(micros: number): void {
    this.micros += micros;
  }

  wallTime(): number {
    return this.last;
  }

  /** From now on time moves by steps alone, and timers fire when a batch finds them due. */
  run(): void {
    this.running = true;
  }

  setTimer(at: number, fn: () => void): TimerHandle {
    const timer = setTimeout(() => {
      if (this.running) return;
      this.micros = Math.max(this.micros, at);
      fn();
    }, 1);
    return { at, timer } as TimerHandle;
  }

  clearTimer(handle: TimerHandle): void {
    clearTimeout((handle as TimerHandle & { timer: NodeJS.Timeout }).timer);
  }

  defer(fn: () => void): void {
    queueMicrotask(fn);
  }
}
