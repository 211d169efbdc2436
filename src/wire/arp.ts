/** ARP for IPv4 over Ethernet (RFC 826): offsets from the first byte behind the Ethernet header. */
export const ARP_LENGTH = 28;
export const ARP_OPERATION = 6;
export const ARP_SENDER_MAC = 8;
export const ARP_SENDER_IP = 14;
export const ARP_TARGET_MAC = 18;
export const ARP_TARGET_IP = 24;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Hardware type Ethernet, protocol type IPv4. */
const HARDWARE_PROTOCOL = 0x00010800;
/** Address lengths 6 and 4. */
const LENGTHS = 0x0604;

/** Whether `length` bytes at `at` are an ARP packet of the one kind that is understood here. */
export function isArp(dv: DataView, at: number, length: number): boolean {
  return length >= ARP_LENGTH && dv.getInt32(at) === HARDWARE_PROTOCOL && dv.getUint16(at + 4) === LENGTHS;
}

/** Writes the 28 bytes at `at`. MAC addresses are given as their first 2 and last 4 bytes. */
export function writeArp(
  dv: DataView,
  at: number,
  operation: number,
  senderHigh: number,
  senderLow: number,
  senderIp: number,
  targetHigh: number,
  targetLow: number,
  targetIp: number,
): void {
  dv.setInt32(at, HARDWARE_PROTOCOL);
  dv.setInt32(at + 4, (LENGTHS << 16) | operation);
  dv.setInt16(at + ARP_SENDER_MAC, senderHigh);
  dv.setInt32(at + ARP_SENDER_MAC + 2, senderLow);
  dv.setInt32(at + ARP_SENDER_IP, senderIp);
  dv.setInt16(at + ARP_TARGET_MAC, targetHigh);
  dv.setInt32(at + ARP_TARGET_MAC + 2, targetLow);
  dv.setInt32(at + ARP_TARGET_IP, targetIp);
}
