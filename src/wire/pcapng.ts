/**
 * The pcapng capture format (draft-ietf-opsawg-pcapng): one section, one interface, microseconds. Written little
 * endian; readers look at the byte-order magic.
 */

/** Frames begin with an Ethernet header. */
export const LINKTYPE_ETHERNET = 1;
/** Packets begin with an IP header of either version. */
export const LINKTYPE_RAW = 101;

/** epb_flags, §4.3.1: which way a packet went. */
export const PCAPNG_INBOUND = 1;
export const PCAPNG_OUTBOUND = 2;

const BLOCK_SECTION = 0x0a0d0d0a;
const BLOCK_INTERFACE = 1;
const BLOCK_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_SECTION_APPLICATION = 4;
const OPTION_INTERFACE_NAME = 2;
const OPTION_INTERFACE_TIME_RESOLUTION = 9;
const OPTION_PACKET_FLAGS = 2;
/** Type, length, interface, time (2), captured length, original length; flags option, end of options, length. */
const PACKET_OVERHEAD = 28 + 8 + 4 + 4;
const PACKET_DATA = 28;

const padded = (length: number): number => (length + 3) & ~3;

/** The Section Header Block and the Interface Description Block that a file begins with. */
export function pcapngHeader(linkType: number, name: string, snapLength: number, application: string): Uint8Array {
  const text = new TextEncoder();
  const section = new Uint8Array(16);
  const sectionView = new DataView(section.buffer);
  sectionView.setUint32(0, BYTE_ORDER_MAGIC, true);
  sectionView.setUint16(4, 1, true);
  // The section's length is not known beforehand: -1.
  sectionView.setBigInt64(8, -1n, true);
  const description = new Uint8Array(8);
  const descriptionView = new DataView(description.buffer);
  descriptionView.setUint16(0, linkType, true);
  descriptionView.setUint32(4, snapLength, true);
  const blocks = [
    block(BLOCK_SECTION, [section, option(OPTION_SECTION_APPLICATION, text.encode(application)), END]),
    block(BLOCK_INTERFACE, [
      description,
      option(OPTION_INTERFACE_NAME, text.encode(name)),
      option(OPTION_INTERFACE_TIME_RESOLUTION, Uint8Array.of(6)),
      END,
    ]),
  ];
  return concat(blocks);
}

const END = new Uint8Array([OPTION_END, 0, 0, 0]);

function option(code: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

function block(type: number, parts: Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  bytes.set(body, 8);
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes;
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes of an Enhanced Packet Block with `captured` bytes of packet. */
export function pcapngPacketSize(captured: number): number {
  return PACKET_OVERHEAD + padded(captured);
}

/**
 * Writes an Enhanced Packet Block around the packet's bytes, which the caller puts at the offset returned. The bytes
 * of `view` must be zero beforehand (padding is).
 *
 * @param wallTime milliseconds since the Unix epoch
 * @param captured bytes of the packet that are recorded
 * @param original bytes that it had
 * @param direction PCAPNG_INBOUND or PCAPNG_OUTBOUND
 */
export function writePcapngPacket(
  view: DataView,
  at: number,
  wallTime: number,
  captured: number,
  original: number,
  direction: number,
): number {
  const size = pcapngPacketSize(captured);
  const micros = Math.round(wallTime * 1000);
  const options = at + PACKET_DATA + padded(captured);
  view.setUint32(at, BLOCK_PACKET, true);
  view.setUint32(at + 4, size, true);
  view.setUint32(at + 8, 0, true);
  view.setUint32(at + 12, Math.floor(micros / 0x1_0000_0000), true);
  view.setUint32(at + 16, micros % 0x1_0000_0000, true);
  view.setUint32(at + 20, captured, true);
  view.setUint32(at + 24, original, true);
  view.setUint16(options, OPTION_PACKET_FLAGS, true);
  view.setUint16(options + 2, 4, true);
  view.setUint32(options + 4, direction, true);
  view.setUint32(options + 8, OPTION_END, true);
  view.setUint32(at + size - 4, size, true);
  return at + PACKET_DATA;
}
