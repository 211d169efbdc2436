import { halfSipHash } from "../../base/siphash.js";
import type { Random } from "../../platform/random.js";
import type { StackTime } from "../../platform/time.js";
import type { Addr } from "../../wire/address.js";

/**
 * Initial sequence numbers, RFC 6528 §3: ISN = M + F(4-tuple, secret), with M the 4 µs clock of RFC 9293 §3.4.1. A
 * later connection of the same tuple so begins above an earlier one, and no other host can foretell either.
 */
export class IsnGenerator {
  private readonly k0: number;
  private readonly k1: number;
  private readonly t0: number;
  private readonly t1: number;
  private readonly time: StackTime;

  constructor(random: Random, time: StackTime) {
    this.k0 = random.int32();
    this.k1 = random.int32();
    this.t0 = random.int32();
    this.t1 = random.int32();
    this.time = time;
  }

  next(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): number {
    const f = halfSipHash(this.k0, this.k1, localAddr, remoteAddr, (localPort << 16) | remotePort);
    // A StackTime wraps at 2^32 µs; the clock itself does not, and M wants every bit.
    const m = Math.floor(this.time.clock.now() / 4) | 0;
    return (m + f) | 0;
  }

  /**
   * What is added to the millisecond clock to make TSvals (RFC 7323 §5.4). By addresses alone, as Linux has it, so that
   * a peer sees them rise from one connection to the next (RFC 6191 §2).
   * @param setting tcp_timestamps: 2 is without
   */
  tsOffset(setting: number, localAddr: Addr, remoteAddr: Addr): number {
    return setting === 1 ? halfSipHash(this.t0, this.t1, localAddr, remoteAddr, 0) : 0;
  }
}
