/** Ethernet II (RFC 894). A frame stands at 2 modulo 4, so that what follows its header is 4-byte aligned. */
export const ETH_HEADER = 14;
export const ETH_DST = 0;
export const ETH_SRC = 6;
export const ETH_TYPE = 12;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;

/** ff:ff:ff:ff:ff:ff in the two integers that a MAC address is held as: the first 2 bytes, and the last 4 as int32. */
export const BROADCAST_HIGH = 0xffff;
export const BROADCAST_LOW = -1;

/** The first two bytes of a MAC address. */
export function macHigh(mac: Uint8Array): number {
  return ((mac[0] as number) << 8) | (mac[1] as number);
}

/** The last four bytes of a MAC address, as int32. */
export function macLow(mac: Uint8Array): number {
  return ((mac[2] as number) << 24) | ((mac[3] as number) << 16) | ((mac[4] as number) << 8) | (mac[5] as number);
}

/** The 6 bytes again. */
export function macBytes(high: number, low: number): Uint8Array {
  return Uint8Array.of(high >>> 8, high & 255, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255);
}

/** Writes a header at `at` in four aligned stores. */
export function writeEthernet(
  dv: DataView,
  at: number,
  dstHigh: number,
  dstLow: number,
  srcHigh: number,
  srcLow: number,
  type: number,
): void {
  dv.setInt16(at, dstHigh);
  dv.setInt32(at + 2, dstLow);
  dv.setInt32(at + 6, (srcHigh << 16) | (srcLow >>> 16));
  dv.setInt32(at + 10, (srcLow << 16) | type);
}

/** The low 32 bits of the MAC address of an IPv4 group (RFC 1112 §6.4); the high 16 are 0x0100. */
export function multicastMacLow(group: number): number {
  return 0x5e000000 | (group & 0x7fffff);
}

/** The high 16 bits of every IPv4 group's MAC address. */
export const MULTICAST_MAC_HIGH = 0x0100;
