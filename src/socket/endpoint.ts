import { EINVAL, SystemError } from "../base/errors.js";
import { type Addr, ANY, formatAddr, parseAddr } from "../wire/address.js";
import type { Endpoint, SocketAddress } from "./types.js";

/** See {@link Endpoint}: what receiveFrom fills in. */
export class SocketEndpoint implements Endpoint {
  addr: Addr = ANY;
  port = 0;
  ttl = 0;

  get address(): string {
    return formatAddr(this.addr);
  }
}

/** The address of a bind or connect. @param fallback what no address means @throws SystemError EINVAL */
export function addressOf(where: SocketAddress, syscall: string, fallback: Addr): Addr {
  if (where.address === undefined || where.address === "") return fallback;
  const addr = parseAddr(where.address);
  if (addr !== null) return addr;
  const sentence = `${where.address} is not an IPv4 address; sockets take numbers, names are for a resolver`;
  throw new SystemError(EINVAL, syscall, { address: where.address, sentence });
}

/** The port of a bind or connect. @throws SystemError EINVAL: not a whole number from 0 to 65535 */
export function portOf(where: SocketAddress, syscall: string): number {
  const port = where.port ?? 0;
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new SystemError(EINVAL, syscall, {
    sentence: `port ${String(where.port)} is not a whole number from 0 to 65535`,
  });
}
