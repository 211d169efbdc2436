import type { StackTime } from "../platform/time.js";
import type { Addr } from "../wire/address.js";

/** Messages that one destination may be sent at once (Linux's XRLIM_BURST_FACTOR). */
const BURST = 6;
const BITS = 10;

/**
 * How fast errors go out (RFC 1812 §4.3.2.8): a token bucket for all and one for each destination, as Linux has them.
 * Destinations share a table under a keyed hash; one that pushes another out leaves the common bucket to hold.
 */
export class RateLimit {
  /** Settings. */
  intervalMs = 1000;
  perSecond = 1000;
  burst = 50;
  private readonly time: StackTime;
  private readonly key: number;
  private credit = 50;
  private creditAt: number;
  private readonly owners = new Int32Array(1 << BITS);
  private readonly tokens = new Int32Array(1 << BITS);
  private readonly stamps = new Int32Array(1 << BITS);

  constructor(time: StackTime, key: number) {
    this.time = time;
    this.key = key | 1;
    this.creditAt = time.ms;
  }

  /** Takes one from the common bucket. */
  allowGlobal(): boolean {
    const now = this.time.ms;
    const more = Math.floor((((now - this.creditAt) | 0) * this.perSecond) / 1000);
    if (more > 0) {
      this.credit = Math.min(this.burst, this.credit + more);
      this.creditAt = now;
    }
    if (this.credit <= 0) return false;
    this.credit--;
    return true;
  }

  /** Takes one from the destination's bucket. */
  allow(dst: Addr): boolean {
    const { intervalMs, owners, tokens, stamps } = this;
    if (intervalMs === 0) return true;
    const now = this.time.ms;
    const slot = Math.imul(dst ^ (dst >>> 15), this.key) >>> (32 - BITS);
    const most = BURST * intervalMs;
    const known = owners[slot] === dst;
    let have = known ? (tokens[slot] as number) + ((now - (stamps[slot] as number)) | 0) : most;
    // Below zero: the tick wrapped since.
    if (have > most || have < 0) have = most;
    const allowed = have >= intervalMs;
    owners[slot] = dst;
    tokens[slot] = allowed ? have - intervalMs : have;
    stamps[slot] = now;
    return allowed;
  }
}
