import type { Endpoint } from "../socket/types.js";
import { type Addr, ANY, formatAddr } from "../wire/address.js";

class PlainEndpoint implements Endpoint {
  addr: Addr = ANY;
  port = 0;
  /** Of a received ICMP message: its TTL, where the socket tells it. */
  ttl = 0;

  get address(): string {
    return formatAddr(this.addr);
  }
}

/** An empty endpoint for {@link Socket.receiveFrom} to fill. */
export function endpoint(): Endpoint & { ttl: number } {
  return new PlainEndpoint();
}
