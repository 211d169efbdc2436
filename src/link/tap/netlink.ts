import { endianness } from "node:os";
import { type Addr, maskOf, type Prefix } from "../../wire/address.js";
import type { Sys } from "./driver.js";

// rtnetlink(7): struct nlmsghdr (16 bytes), struct ifaddrmsg (8 bytes), then attributes.
const LITTLE = endianness() === "LE";
const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE_EXCL = 0x600;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const HEADER = 16;
const ADDRESS_HEADER = 8;
const EEXIST = 17;

/** A request about an interface's IPv4 addresses. */
export function addressMessage(
  type: number,
  flags: number,
  index: number,
  prefixLength: number,
  attributes: readonly (readonly [type: number, addr: Addr])[],
): Uint8Array {
  const bytes = new Uint8Array(HEADER + ADDRESS_HEADER + attributes.length * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, LITTLE);
  view.setUint16(4, type, LITTLE);
  view.setUint16(6, flags, LITTLE);
  view.setUint32(8, 1, LITTLE);
  view.setUint8(HEADER, AF_INET);
  view.setUint8(HEADER + 1, prefixLength);
  view.setUint32(HEADER + 4, index, LITTLE);
  let at = HEADER + ADDRESS_HEADER;
  for (const [attribute, addr] of attributes) {
    view.setUint16(at, 8, LITTLE);
    view.setUint16(at + 2, attribute, LITTLE);
    view.setInt32(at + 4, addr);
    at += 8;
  }
  return bytes;
}

/** The prefix in an RTM_NEWADDR message that starts at `at`, when it is one of interface `index`. */
function prefixIn(view: DataView, at: number, length: number, index: number): Prefix | null {
  if (view.getUint8(at + HEADER) !== AF_INET || view.getUint32(at + HEADER + 4, LITTLE) !== index) return null;
  const prefixLength = view.getUint8(at + HEADER + 1);
  let attribute = at + HEADER + ADDRESS_HEADER;
  while (attribute + 4 <= at + length) {
    const size = view.getUint16(attribute, LITTLE);
    if (size < 4) return null;
    const type = view.getUint16(attribute + 2, LITTLE);
    if (type === IFA_LOCAL && size >= 8) return { addr: view.getInt32(attribute + 4), length: prefixLength };
    attribute += (size + 3) & ~3;
  }
  return null;
}

/**
 * Reads one datagram's messages: adds the prefixes of interface `index` to `found`.
 * @returns 1: more follows; 0: done; negative: an errno
 */
export function parseAddresses(bytes: Uint8Array, index: number, found: Prefix[]): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = view.getUint32(at, LITTLE);
    if (length < HEADER || at + length > bytes.length) break;
    const type = view.getUint16(at + 4, LITTLE);
    if (type === NLMSG_DONE) return 0;
    if (type === NLMSG_ERROR) return view.getInt32(at + HEADER, LITTLE);
    if (type === RTM_NEWADDR) {
      const prefix = prefixIn(view, at, length, index);
      if (prefix !== null) found.push(prefix);
    }
    at += (length + 3) & ~3;
  }
  return 1;
}

function ask(sys: Sys, message: Uint8Array, each: (reply: Uint8Array) => number): number {
  const fd = sys.socket(AF_NETLINK, SOCK_RAW, 0);
  if (fd < 0) return fd;
  const reply = new Uint8Array(65536);
  let result = sys.write(fd, message);
  if (result >= 0) {
    do {
      const length = sys.read(fd, reply);
      result = length < 0 ? length : each(reply.subarray(0, length));
    } while (result > 0);
  }
  sys.close(fd);
  return result;
}

/** The IPv4 addresses of an interface; needs no privileges. */
export function listAddresses(sys: Sys, index: number): Prefix[] | number {
  const found: Prefix[] = [];
  const message = addressMessage(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 0, 0, []);
  const result = ask(sys, message, (reply) => parseAddresses(reply, index, found));
  return result < 0 ? result : found;
}

/** Gives an interface one more IPv4 address. 0, also when it has it already, or a negative errno. */
export function addAddress(sys: Sys, index: number, { addr, length }: Prefix): number {
  const attributes: [number, Addr][] = [
    [IFA_LOCAL, addr],
    [IFA_ADDRESS, addr],
  ];
  if (length < 31) attributes.push([IFA_BROADCAST, addr | ~maskOf(length)]);
  const message = addressMessage(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE_EXCL, index, length, attributes);
  const result = ask(sys, message, (reply) => parseAddresses(reply, index, []));
  return result === -EEXIST ? 0 : result;
}
