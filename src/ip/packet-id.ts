import { halfSipHash } from "../base/siphash.js";
import type { Random } from "../platform/random.js";
import type { Addr } from "../wire/address.js";

const SIZE = 2048;

/**
 * Identification numbers for datagrams that may be fragmented (RFC 6864 §4.2): counters chosen by a keyed hash of
 * source, destination and protocol, so that they repeat late for one peer and tell nothing to another (RFC 7739 §5.3).
 */
export class PacketIds {
  private readonly counters = new Int32Array(SIZE);
  private readonly k0: number;
  private readonly k1: number;

  constructor(random: Random) {
    this.k0 = random.int32();
    this.k1 = random.int32();
    for (let i = 0; i < SIZE; i++) this.counters[i] = random.int32();
  }

  /** The first of `count` consecutive numbers. */
  next(src: Addr, dst: Addr, protocol: number, count: number): number {
    const slot = halfSipHash(this.k0, this.k1, src, dst, protocol) & (SIZE - 1);
    const id = this.counters[slot] as number;
    this.counters[slot] = (id + count) | 0;
    return id & 0xffff;
  }
}
