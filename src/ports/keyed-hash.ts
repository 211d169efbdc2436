import type { Random } from "../platform/random.js";

/**
 * A hash of three int32 words under 128 secret bits: multiply and xorshift rounds, each with a secret multiplier.
 * Its values never leave the stack, so that whoever chooses the words can neither predict nor observe them.
 */
export class KeyedHash {
  private readonly k0: number;
  private readonly k1: number;
  private readonly k2: number;
  private readonly k3: number;

  constructor(random: Random) {
    // Multipliers are odd, or they would lose bits.
    this.k0 = random.int32();
    this.k1 = random.int32() | 1;
    this.k2 = random.int32() | 1;
    this.k3 = random.int32() | 1;
  }

  /** A uniform int32. */
  of(a: number, b: number, c: number): number {
    let h = Math.imul(a ^ this.k0, this.k1);
    h ^= h >>> 15;
    h = Math.imul(h ^ b, this.k2);
    h ^= h >>> 16;
    // `| 0` says that c is int32, so that the sum is one too, and not a double that is cut.
    h = Math.imul((h + (c | 0)) | 0, this.k3);
    h ^= h >>> 15;
    h = Math.imul(h, this.k2);
    return h ^ (h >>> 16);
  }
}
