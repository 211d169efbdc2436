/**
 * HalfSipHash-2-4 (Aumasson and Bernstein) of a few int32 words under a 64-bit key: a keyed function whose outputs
 * tell nothing about each other. In two int32 halves throughout.
 */
export function halfSipHash(k0: number, k1: number, a: number, b: number, c: number): number {
  let v0 = k0;
  let v1 = k1;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  for (let i = 0; i < 4; i++) {
    // Three words of input, then the length (12 bytes) in the top byte of the last.
    const m = i === 0 ? a : i === 1 ? b : i === 2 ? c : 12 << 24;
    v3 ^= m;
    for (let r = 0; r < 2; r++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= m;
  }
  v2 ^= 0xff;
  for (let r = 0; r < 4; r++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}

/** v[i] += v[j], on 64-bit numbers as pairs of int32, low half first. */
function add(v: Int32Array, i: number, j: number): void {
  const low = ((v[i] as number) >>> 0) + ((v[j] as number) >>> 0);
  v[i] = low;
  v[i + 1] = (v[i + 1] as number) + (v[j + 1] as number) + (low > 0xffffffff ? 1 : 0);
}

/** v[i] = rotl(v[i], by), by from 1 to 32. */
function rotate(v: Int32Array, i: number, by: number): void {
  const low = v[i] as number;
  const high = v[i + 1] as number;
  if (by === 32) {
    v[i] = high;
    v[i + 1] = low;
    return;
  }
  v[i] = (low << by) | (high >>> (32 - by));
  v[i + 1] = (high << by) | (low >>> (32 - by));
}

function xor(v: Int32Array, i: number, j: number): void {
  v[i] = (v[i] as number) ^ (v[j] as number);
  v[i + 1] = (v[i + 1] as number) ^ (v[j + 1] as number);
}

function rounds(v: Int32Array, count: number): void {
  for (let r = 0; r < count; r++) {
    add(v, 0, 2);
    rotate(v, 2, 13);
    xor(v, 2, 0);
    rotate(v, 0, 32);
    add(v, 4, 6);
    rotate(v, 6, 16);
    xor(v, 6, 4);
    add(v, 0, 6);
    rotate(v, 6, 21);
    xor(v, 6, 0);
    add(v, 4, 2);
    rotate(v, 2, 17);
    xor(v, 2, 4);
    rotate(v, 4, 32);
  }
}

/**
 * SipHash-2-4 (Aumasson and Bernstein) of 8 bytes under a 128-bit key: what Linux makes fast open cookies of. All
 * 64-bit numbers are pairs of int32, low half first.
 * @param key four words
 * @param v eight words to work in; the result stands in the first two
 */
export function sipHash8(key: Int32Array, low: number, high: number, v: Int32Array): void {
  const k0 = key[0] as number;
  const k1 = key[1] as number;
  const k2 = key[2] as number;
  const k3 = key[3] as number;
  v[0] = k0 ^ 0x70736575;
  v[1] = k1 ^ 0x736f6d65;
  v[2] = k2 ^ 0x6e646f6d;
  v[3] = k3 ^ 0x646f7261;
  v[4] = k0 ^ 0x6e657261;
  v[5] = k1 ^ 0x6c796765;
  v[6] = k2 ^ 0x79746573;
  v[7] = k3 ^ 0x74656462;
  // The message, then its length in the top byte of a last word
  for (let i = 0; i < 2; i++) {
    const m0 = i === 0 ? low : 0;
    const m1 = i === 0 ? high : 8 << 24;
    v[6] = (v[6] as number) ^ m0;
    v[7] = (v[7] as number) ^ m1;
    rounds(v, 2);
    v[0] = (v[0] as number) ^ m0;
    v[1] = (v[1] as number) ^ m1;
  }
  v[4] = (v[4] as number) ^ 0xff;
  rounds(v, 4);
  xor(v, 0, 2);
  xor(v, 0, 4);
  xor(v, 0, 6);
}
