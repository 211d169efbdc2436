import type { RxPacket } from "../netif/packet.js";
import type { Addr } from "../wire/address.js";

/** IP protocol numbers. */
export const PROTO_ICMP = 1;
export const PROTO_IGMP = 2;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;

/** What an ICMP error says about a packet that we sent; one reused record, valid during the call. */
export class IcmpReport {
  type = 0;
  code = 0;
  /** Next-hop MTU of "fragmentation needed" ; 0 when the router gave none. */
  mtu = 0;
  /** Who reports. */
  reporter: Addr = 0;
  /** The quoted packet: our address, the peer's. */
  src: Addr = 0;
  dst: Addr = 0;
  /** Memory offset of the quoted transport header, and how many of its bytes were quoted (at least 8). */
  l4 = 0;
  l4Length = 0;
  /** The errno that RFC 1122 §4.2.3.9 and Linux give it: EHOSTUNREACH, ECONNREFUSED, EMSGSIZE ... */
  errno = 0;
  /** Linux treats it as fatal for an unconnected attempt (port, protocol unreachable and the like). */
  hard = false;
  /**
   * The packet quoted can be one of ours. Who finds that it cannot (no such connection, a sequence number that was
   * never sent: RFC 5927 §4) sets this to false, and a path MTU is then not believed.
   */
  credible = true;
}

/** Reads what the packets of a batch will need before the first of them is looked at. */
export interface Ahead {
  /** Whether it pays. */
  readonly wanted: boolean;
  /** A packet between these two seems to be in the batch. */
  expect(dst: Addr, dstPort: number, src: Addr, srcPort: number): void;
  /** Reads for all that were expected. Changes nothing but what stands in the cache. */
  read(): void;
}

/** A protocol above IP: what `ip` hands packets to. Registered by stack.ts. */
export interface Transport {
  readonly ahead?: Ahead;
  /**
   * A packet about which nothing is odd (no options, no fragment, one segment, between proper addresses) is taken if it
   * is what was to come next, without a record of it. False: nothing was done, and it goes to {@link input}.
   * @param flags RX_*
   */
  takeNext?(l4: number, length: number, src: Addr, dst: Addr, flags: number): boolean;
  /** A packet to us; `packet` is the shared record, borrowed for the call. */
  input(packet: RxPacket): void;
  /** An ICMP error about a packet of this protocol. */
  report(report: IcmpReport): void;
}
