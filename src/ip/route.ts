import type { Neighbour } from "../neighbour/neighbour.js";
import type { Netif } from "../netif/netif.js";
import { TO_BROADCAST, TO_HOST, TO_MULTICAST } from "../netif/packet.js";
import type { Addr } from "../wire/address.js";
import { BROADCAST_HIGH, BROADCAST_LOW, MULTICAST_MAC_HIGH, multicastMacLow } from "../wire/ethernet.js";

/**
 * The way to one destination from one source address. Shared by all who go there; whoever keeps one compares its
 * `generation` with the Ipv4's before use, and asks again when they differ.
 */
export class Route {
  readonly netif: Netif;
  readonly dst: Addr;
  /** The source address chosen, or asked for. */
  readonly src: Addr;
  /** The source that was asked for; ANY when it was left to us. */
  readonly asked: Addr;
  /** The gateway, or the destination itself. */
  readonly nextHop: Addr;
  /** TO_HOST, TO_BROADCAST or TO_MULTICAST. */
  readonly kind: number;
  /** The destination is an address of ours. */
  readonly local: boolean;
  /** Found at the first packet; null before it, and where no neighbour is to be resolved. */
  neighbour: Neighbour | null = null;
  /** What fits the path at present (RFC 1191): the largest IP packet. */
  mtu: number;
  /** The path MTU reported is below net.ipv4.route.min_pmtu: packets are sent without DF (as Linux does). */
  mtuLocked = false;
  generation: number;
  /** Frames go to a neighbour whose MAC address must be known; else to the one below. */
  readonly resolves: boolean;
  readonly macHigh: number;
  readonly macLow: number;
  /** What the IP header sums to in all packets of this route: version, lengths, addresses. Unfolded. */
  readonly headerSum: number;

  constructor(
    netif: Netif,
    dst: Addr,
    src: Addr,
    asked: Addr,
    nextHop: Addr,
    kind: number,
    local: boolean,
    generation: number,
  ) {
    this.netif = netif;
    this.dst = dst;
    this.src = src;
    this.asked = asked;
    this.nextHop = nextHop;
    this.kind = kind;
    this.local = local;
    this.mtu = netif.mtu;
    this.generation = generation;
    this.resolves = netif.ethernet && kind === TO_HOST;
    this.macHigh = kind === TO_BROADCAST ? BROADCAST_HIGH : kind === TO_MULTICAST ? MULTICAST_MAC_HIGH : 0;
    this.macLow = kind === TO_BROADCAST ? BROADCAST_LOW : kind === TO_MULTICAST ? multicastMacLow(dst) : 0;
    this.headerSum = 0x4500 + (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff);
  }
}
