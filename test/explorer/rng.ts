/**
 * The walk's own dice. Each step throws them anew from (seed, step), so that a step does the same whichever steps
 * went before it: a failing walk can be shortened by leaving steps out.
 */
export class Dice {
  private state = 0;

  throwFor(seed: number, step: number): void {
    this.state = Math.imul(seed + 0x51ed27, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b);
    this.int32();
  }

  /** SplitMix32. */
  int32(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  }

  /** 0 to n-1. */
  below(n: number): number {
    return Math.floor(((this.int32() >>> 0) / 0x1_0000_0000) * n);
  }

  /** low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.below(1000) < percent * 10;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** The index that falls, each with its weight. */
  weighted(weights: readonly number[]): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i] as number;
    let at = this.below(total);
    for (let i = 0; i < weights.length; i++) {
      at -= weights[i] as number;
      if (at < 0) return i;
    }
    return weights.length - 1;
  }
}
