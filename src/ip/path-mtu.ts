import type { StackTime } from "../platform/time.js";
import { TimerNode, type TimerWheel } from "../platform/timer-wheel.js";
import type { Addr } from "../wire/address.js";

interface Entry {
  mtu: number;
  /** It was reported smaller than we believe paths to be; packets go out without DF. */
  locked: boolean;
  /** Tick at which it is forgotten (RFC 1191 §6.3). */
  expires: number;
}

/** Destinations remembered at most; the ones learnt first go first. */
const CAPACITY = 4096;

/** What has been learnt of the MTU of paths (RFC 1191), by destination, for a while. */
export class PathMtus extends TimerNode {
  /** Something was learnt or forgotten: routes are to be asked for again. */
  onChange: () => void = () => {};
  /** Bytes; settings. */
  minimum = 552;
  expiresMs = 600_000;
  private readonly entries = new Map<Addr, Entry>();
  private readonly time: StackTime;
  private readonly wheel: TimerWheel;

  constructor(time: StackTime, wheel: TimerWheel) {
    super();
    this.time = time;
    this.wheel = wheel;
  }

  /** The path's MTU, or 0: nothing is known. */
  mtuOf(dst: Addr): number {
    return this.entries.get(dst)?.mtu ?? 0;
  }

  isLocked(dst: Addr): boolean {
    return this.entries.get(dst)?.locked ?? false;
  }

  /**
   * A router says that packets to `dst` of more than `mtu` bytes do not fit.
   * @param current what was believed so far
   * @returns whether that is news
   */
  learn(dst: Addr, mtu: number, current: number): boolean {
    // RFC 1191 §6.3: a larger value never comes by message, only by time.
    const known = this.entries.get(dst);
    if (known !== undefined && (known.locked || known.mtu === mtu)) {
      // Said once more: it holds for longer
      if (!known.locked) this.renew(known);
      return false;
    }
    if (mtu >= current) return false;
    const locked = mtu < this.minimum;
    const usable = locked ? Math.min(current, this.minimum) : mtu;
    this.entries.delete(dst);
    if (this.entries.size >= CAPACITY) this.entries.delete(this.entries.keys().next().value as Addr);
    const expires = (this.time.ms + this.expiresMs) | 0;
    this.entries.set(dst, { mtu: usable, locked, expires });
    this.wheel.armBefore(this, expires);
    this.onChange();
    return true;
  }

  /** Linux's rule: not before half of the time is over. */
  private renew(entry: Entry): void {
    const { ms } = this.time;
    if (((entry.expires - ms) | 0) <= this.expiresMs >> 1) entry.expires = (ms + this.expiresMs) | 0;
  }

  override onTimer(now: number): void {
    let next = 0;
    let left = false;
    let changed = false;
    for (const [dst, entry] of this.entries) {
      if (((entry.expires - now) | 0) <= 0) {
        this.entries.delete(dst);
        changed = true;
      } else if (!left || ((entry.expires - next) | 0) < 0) {
        next = entry.expires;
        left = true;
      }
    }
    if (left) this.wheel.arm(this, next);
    if (changed) this.onChange();
  }

  close(): void {
    this.entries.clear();
    this.wheel.cancel(this);
  }
}
