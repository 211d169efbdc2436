import { EINVAL } from "../base/errors.js";
import { type Addr, LOOPBACK, parseAddr } from "../wire/address.js";
import type { Endpoint, SocketAddress } from "./types.js";

/** SO_TYPE: SOCK_DGRAM, also of ping sockets. */
export const SOCK_DGRAM = 2;

/** Where a datagram goes; one reused record, filled by {@link readDestination}. */
export interface Destination {
  addr: Addr;
  port: number;
}

/** Fills `into`. @returns 0, or -EINVAL: no IPv4 address, no port number */
export function readDestination(to: Endpoint | SocketAddress, into: Destination): number {
  const { port = 0 } = to;
  if (!Number.isInteger(port) || port < 0 || port > 65535) return -EINVAL;
  into.port = port;
  if ("addr" in to) {
    into.addr = to.addr;
    return 0;
  }
  const addr = to.address === undefined || to.address === "" ? LOOPBACK : parseAddr(to.address);
  if (addr === null) return -EINVAL;
  into.addr = addr;
  return 0;
}
