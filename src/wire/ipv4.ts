/** The IPv4 header (RFC 791 §3.1): offsets from its first byte, which is 4-byte aligned. */
export const IPV4_HEADER = 20;
export const IPV4_LENGTH = 2;
export const IPV4_ID = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SRC = 12;
export const IPV4_DST = 16;
/** The longest header: 15 words. */
export const IPV4_HEADER_MAX = 60;
/** The longest packet. */
export const IPV4_MAX = 65535;

/** In the 16 bits at IPV4_FRAGMENT. */
export const IPV4_DF = 0x4000;
export const IPV4_MF = 0x2000;
/** In units of 8 bytes. */
export const IPV4_OFFSET_MASK = 0x1fff;

/** Option types (RFC 791 §3.1); the copied flag is 0x80. */
export const IPOPT_END = 0;
export const IPOPT_NOP = 1;
export const IPOPT_LSRR = 131;
export const IPOPT_SSRR = 137;
export const IPOPT_COPIED = 0x80;
/** Router Alert (RFC 2113), the whole option. */
export const IPOPT_ROUTER_ALERT = 0x94040000 | 0;

/** The sum of the 16-bit words of a header of `length` bytes (a multiple of 4), unfolded. */
export function headerSum(dv: DataView, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 4) {
    const word = dv.getInt32(at + i);
    sum += (word >>> 16) + (word & 0xffff);
  }
  return sum;
}

/**
 * Looks through the options in [at, end).
 * @returns 0: well formed; the offset from `at` plus 1 of the first byte that is wrong; or -1: source routed
 */
export function checkOptions(u8: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end; ) {
    const type = u8[i] as number;
    if (type === IPOPT_END) return 0;
    if (type === IPOPT_NOP) {
      i++;
      continue;
    }
    const length = i + 1 < end ? (u8[i + 1] as number) : 0;
    if (length < 2 || i + length > end) return i - at + 1;
    if (type === IPOPT_LSRR || type === IPOPT_SSRR) return -1;
    i += length;
  }
  return 0;
}
