import type { Clock } from "./clock.js";

/**
 * The present as the stack sees it: read from the clock once a batch (or once a turn of the application), so that
 * everything in one batch happens at one instant and no packet pays for a clock reading.
 */
export class StackTime {
  readonly clock: Clock;
  /** int32 milliseconds since the clock's start, wrapping: deadlines. */
  ms = 0;
  /** int32 microseconds since the clock's start, wrapping: RTT stamps. */
  us = 0;
  /** Whole seconds since the clock's start. */
  s = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.refresh();
  }

  refresh(): void {
    const now = this.clock.now();
    this.ms = Math.floor(now / 1000) | 0;
    this.us = now | 0;
    this.s = Math.floor(now / 1e6);
  }
}
