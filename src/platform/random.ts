/** The only randomness there is: ports, sequence numbers, secrets and impairments all draw from the one injected. */
export interface Random {
  /** A uniform int32 (-2^31 to 2^31-1). */
  int32(): number;
}

/** A uniform integer in [0, n), n from 1 to 2^31-1. */
export function below(random: Random, n: number): number {
  // Multiply-shift on the unsigned draw: the bias is under n / 2^32.
  return Math.floor(((random.int32() >>> 0) / 0x1_0000_0000) * n);
}

/** A uniform double in [0, 1). */
export function unit(random: Random): number {
  return (random.int32() >>> 0) / 0x1_0000_0000;
}

/** The host's cryptographic generator, drawn 1024 at a time. */
export class SystemRandom implements Random {
  private readonly pool = new Int32Array(1024);
  private left = 0;

  int32(): number {
    if (this.left === 0) {
      crypto.getRandomValues(this.pool);
      this.left = this.pool.length;
    }
    return this.pool[--this.left] as number;
  }
}

/** xoshiro128** (Blackman and Vigna, 2018): fast, and the same numbers from the same seed for ever. Not for secrets. */
export class SeededRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // SplitMix32, so that neighbouring seeds give unrelated streams.
    let s = seed | 0;
    const next = (): number => {
      s = (s + 0x9e3779b9) | 0;
      let z = s ^ (s >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  int32(): number {
    const x = Math.imul(this.b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result | 0;
  }
}
