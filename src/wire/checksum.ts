import type { Memory } from "../base/memory.js";

/** Folds a sum of 16-bit words (below 2^31) to 16 bits with end-around carry, RFC 1071 §4.1. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The 16 bits that go into the header: the ones' complement of the folded sum. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** The sum of a run that begins at an odd distance from the start: its bytes stand in the other half of each word. */
export function swapSum(sum: number): number {
  const folded = fold(sum);
  return ((folded & 0xff) << 8) | (folded >>> 8);
}

/** The pseudo-header of RFC 9293 §3.1 and RFC 768 over IPv4, as an unfolded sum. */
export function pseudoSum4(src: number, dst: number, protocol: number, length: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + (length & 0xffff) + (length >>> 16);
}

/** Whether [at, at+length) sums to all ones with `initial` added: a received checksum is right. */
export function verifies(memory: Memory, at: number, length: number, initial: number): boolean {
  return fold(initial + memory.sum(at, length)) === 0xffff;
}

/** HC' = ~(~HC + ~m + m'), RFC 1624 eqn. 3: a 16-bit word under a checksum changed from `from` to `to`. */
export function adjust(checksum: number, from: number, to: number): number {
  return complement((~checksum & 0xffff) + (~from & 0xffff) + to);
}
