import { EMSGSIZE, ENETDOWN, ENOBUFS } from "../base/errors.js";
import { completeChecksum } from "../link/gso.js";
import { NUD_CONNECTED, NUD_VALID } from "../neighbour/neighbour.js";
import type { NeighbourTable } from "../neighbour/table.js";
import type { Environment } from "../netif/environment.js";
import { TO_BROADCAST, TO_HOST, TO_MULTICAST } from "../netif/packet.js";
import type { Addr } from "../wire/address.js";
import { complement, fold, pseudoSum4 } from "../wire/checksum.js";
import { ETH_HEADER, ETHERTYPE_IPV4, writeEthernet } from "../wire/ethernet.js";
import { headerSum, IPOPT_ROUTER_ALERT, IPV4_CHECKSUM, IPV4_DF, IPV4_HEADER, IPV4_MAX, IPV4_MF } from "../wire/ipv4.js";
import type { IpCounters } from "./counters.js";
import { PacketIds } from "./packet-id.js";
import type { Route } from "./route.js";
import { PROTO_TCP, PROTO_UDP } from "./transport.js";

// A constant of this module is folded into the code; one that is imported is loaded and checked at every use.
const HEADER = IPV4_HEADER;
const LONGEST = IPV4_MAX;
const DF = IPV4_DF;
const CONNECTED = NUD_CONNECTED;
/** `df` of a packet that is never fragmented, not even where the path MTU is below what we believe of paths. */
export const DF_ALWAYS = 2;
const LINK_HEADER = ETH_HEADER;
const TYPE = ETHERTYPE_IPV4;
const TCP = PROTO_TCP;
const UDP = PROTO_UDP;
const HOST = TO_HOST;

/** What every frame begins with room for, whatever its link: so all headers stand aligned alike. */
const HEADROOM = LINK_HEADER + HEADER;
/** Words of an IP header with the Router Alert option. */
const ALERT_WORDS = 6;

/** Sends IPv4 packets: writes their headers in place, in front of what the transport wrote. */
export class IpOutput {
  private readonly dv: DataView;
  private readonly env: Environment;
  private readonly counters: IpCounters;
  private readonly neighbours: NeighbourTable;
  private readonly ids: PacketIds;
  /** Where a packet that has to be cut into fragments is laid out first. */
  private readonly linear: number;

  constructor(env: Environment, counters: IpCounters, neighbours: NeighbourTable) {
    this.env = env;
    this.dv = env.memory.dv;
    this.counters = counters;
    this.neighbours = neighbours;
    this.ids = new PacketIds(env.random);
    this.linear = env.memory.reserve(LONGEST + 1);
  }

  close(): void {
    this.env.memory.release(this.linear, LONGEST + 1);
  }

  /** See {@link Ipv4.begin}. */
  begin(route: Route, room: number): number {
    const { netif } = route;
    const at = netif.tx.begin(HEADROOM + room);
    if (at >= 0 && netif.up) return at + HEADROOM;
    return this.beginAgain(route, room);
  }

  private beginAgain(route: Route, room: number): number {
    const { netif } = route;
    if (!netif.up) return -ENETDOWN;
    netif.flush();
    const at = netif.tx.begin(HEADROOM + room);
    if (at >= 0) return at + HEADROOM;
    netif.pend();
    netif.counters.TapstackOutQueueFull++;
    this.counters.IpOutDiscards++;
    return -ENOBUFS;
  }

  /** See {@link Ipv4.finish}. */
  finish(
    route: Route,
    l4: number,
    inline: number,
    payload: number,
    protocol: number,
    src: Addr,
    csumOffset: number,
    gso: number,
    l4HeaderLength: number,
    ttl: number,
    tos: number,
    df: number,
  ): number {
    const total = HEADER + inline + payload;
    const whole = gso === 0 ? total : HEADER + l4HeaderLength + (gso & 0xffff);
    const { counters } = this;
    counters.IpOutRequests++;
    counters.IpExtOutOctets += total;
    if (route.kind !== HOST) this.countGroup(route.kind, total);
    // RFC 1191 §3: what must not be fragmented and does not fit is the sender's problem.
    const mayFragment = df === 0 || (df !== DF_ALWAYS && route.mtuLocked);
    if (total > LONGEST || (whole > route.mtu && (gso !== 0 || !mayFragment))) return this.tooLong();
    this.writeHeader(route, l4 - HEADER, total, protocol, src, ttl, tos, mayFragment, gso);
    const csum = csumOffset < 0 ? 0 : this.seed(l4, total - HEADER, protocol, src, route.dst, csumOffset);
    if (whole > route.mtu) return this.fragment(route, l4 - HEADER, inline, total, csum);
    return this.send(route, l4 - HEADER, HEADER + inline, total, gso, csum, HEADER + l4HeaderLength);
  }

  private writeHeader(
    route: Route,
    ip: number,
    total: number,
    protocol: number,
    src: Addr,
    ttl: number,
    tos: number,
    mayFragment: boolean,
    gso: number,
  ): void {
    const { dv } = this;
    // RFC 6864 §4.1: the identification of an atomic datagram means nothing.
    const segments = gso === 0 ? 1 : Math.ceil(total / (gso & 0xffff));
    const second = mayFragment ? this.ids.next(src, route.dst, protocol, segments) << 16 : DF;
    const third = (ttl << 8) | protocol;
    let sum = route.headerSum + tos + total + (second >>> 16) + (second & 0xffff) + third;
    if (src !== route.src) sum += (src >>> 16) + (src & 0xffff) + (~route.src >>> 16) + (~route.src & 0xffff);
    dv.setInt32(ip, 0x45000000 | (tos << 16) | total);
    dv.setInt32(ip + 4, second);
    dv.setInt32(ip + 8, (third << 16) | complement(sum));
    dv.setInt32(ip + 12, src);
    dv.setInt32(ip + 16, route.dst);
  }

  /** Puts into the checksum field what is summed beside the packet itself; returns a TX_CSUM relative to the IP header. */
  private seed(l4: number, length: number, protocol: number, src: Addr, dst: Addr, csumOffset: number): number {
    const pseudo = protocol === TCP || protocol === UDP ? pseudoSum4(src, dst, protocol, length) : 0;
    this.dv.setInt16(l4 + csumOffset, fold(pseudo));
    return (HEADER << 16) | csumOffset;
  }

  /**
   * Frames the packet at `ip`, whose first `headLength` bytes stand there and whose pieces are appended, and commits
   * it to the link or to the queue of those who wait for its neighbour.
   * @param csum TX_CSUM counted from the IP header, or 0
   * @param headers bytes of IP and transport headers
   */
  private send(
    route: Route,
    ip: number,
    headLength: number,
    total: number,
    gso: number,
    csum: number,
    headers: number,
  ): number {
    const { netif } = route;
    const { tx, headroom } = netif;
    const start = csum === 0 ? 0 : csum + (headroom << 16);
    tx.commit(ip - headroom, headroom + headLength, headroom + total, gso, start, headroom + headers);
    // Links are asked for TCP's and UDP's checksums only; at offset 2 stands that of ICMP and IGMP.
    if (csum !== 0 && gso === 0 && (!netif.offloadsChecksum || (csum & 0xffff) === 2))
      completeChecksum(tx, tx.count - 1);
    if (headroom !== 0 && !this.address(route, ip - LINK_HEADER)) return this.unresolved(route, ip - LINK_HEADER, gso);
    netif.committed(gso);
    return 0;
  }

  /** Writes the Ethernet header. False: the neighbour's address needs attention first. */
  private address(route: Route, frame: number): boolean {
    const { netif } = route;
    if (!route.resolves) {
      writeEthernet(this.dv, frame, route.macHigh, route.macLow, netif.macHigh, netif.macLow, TYPE);
      return true;
    }
    const { neighbour } = route;
    if (neighbour === null || (neighbour.state & CONNECTED) === 0) return false;
    writeEthernet(this.dv, frame, neighbour.macHigh, neighbour.macLow, netif.macHigh, netif.macLow, TYPE);
    return true;
  }

  /** The committed last row is to a neighbour that is not known, or not for sure. */
  private unresolved(route: Route, frame: number, gso: number): number {
    const { netif } = route;
    let { neighbour } = route;
    if (neighbour === null || neighbour.dead) {
      neighbour = this.neighbours.lookup(netif, route.nextHop);
      route.neighbour = neighbour;
    }
    if (neighbour === null) {
      netif.tx.truncate(netif.tx.count - 1);
      this.counters.IpOutDiscards++;
      return -ENOBUFS;
    }
    writeEthernet(this.dv, frame, neighbour.macHigh, neighbour.macLow, netif.macHigh, netif.macLow, TYPE);
    if ((neighbour.state & NUD_VALID) === 0) {
      this.neighbours.hold(neighbour, netif.tx);
      return 0;
    }
    if ((neighbour.state & CONNECTED) === 0) this.neighbours.used(neighbour);
    netif.committed(gso);
    return 0;
  }

  private tooLong(): number {
    this.counters.IpFragFails++;
    return -EMSGSIZE;
  }

  private countGroup(kind: number, total: number): void {
    const { counters } = this;
    if (kind === TO_MULTICAST) {
      counters.IpExtOutMcastPkts++;
      counters.IpExtOutMcastOctets += total;
    } else if (kind === TO_BROADCAST) {
      counters.IpExtOutBcastPkts++;
      counters.IpExtOutBcastOctets += total;
    }
  }

  /** RFC 791 §3.2: cuts the packet begun at `ip` into pieces that fit the path. */
  private fragment(route: Route, ip: number, inline: number, total: number, csum: number): number {
    const { linear, counters } = this;
    const { tx } = route.netif;
    // The whole of it is put in one run, with its checksum complete, and taken back out of the queue.
    tx.commit(ip, HEADER + inline, total, 0, csum, HEADER);
    if (csum !== 0) completeChecksum(tx, tx.count - 1);
    tx.copyRow(tx.count - 1, linear);
    tx.truncate(tx.count - 1);
    // Every fragment but the last carries a multiple of 8 bytes.
    const most = (route.mtu - HEADER) & ~7;
    for (let offset = 0; offset < total - HEADER; offset += most) {
      const length = Math.min(most, total - HEADER - offset);
      const at = this.begin(route, length);
      const error = at < 0 ? at : this.sendFragment(route, at, offset, length, offset + length < total - HEADER);
      if (error < 0) {
        counters.IpFragFails++;
        return error;
      }
      counters.IpFragCreates++;
    }
    counters.IpFragOKs++;
    return 0;
  }

  private sendFragment(route: Route, l4: number, offset: number, length: number, more: boolean): number {
    const { dv, linear } = this;
    const ip = l4 - HEADER;
    this.env.memory.copy(ip, linear, HEADER);
    this.env.memory.copy(l4, linear + HEADER + offset, length);
    dv.setInt16(ip + 2, HEADER + length);
    dv.setInt16(ip + 6, (offset >>> 3) | (more ? IPV4_MF : 0));
    dv.setInt16(ip + IPV4_CHECKSUM, 0);
    dv.setInt16(ip + IPV4_CHECKSUM, complement(headerSum(dv, ip, HEADER)));
    return this.send(route, ip, HEADER + length, HEADER + length, 0, 0, HEADER);
  }

  /**
   * Sends `length` bytes with TTL 1 and a Router Alert option (RFC 2113), as IGMP does. They stand 4 bytes behind
   * what begin() returned, where the option goes; their checksum is complete.
   */
  finishAlert(route: Route, l4: number, length: number, protocol: number): number {
    const { dv, counters } = this;
    const ip = l4 - HEADER;
    const headerLength = 4 * ALERT_WORDS;
    const total = headerLength + length;
    counters.IpOutRequests++;
    counters.IpExtOutOctets += total;
    this.countGroup(route.kind, total);
    // RFC 3376 §4: type of service Internetwork Control.
    dv.setInt32(ip, (0x40000000 + (ALERT_WORDS << 24)) | (0xc0 << 16) | total);
    dv.setInt32(ip + 4, DF);
    dv.setInt32(ip + 8, (1 << 24) | (protocol << 16));
    dv.setInt32(ip + 12, route.src);
    dv.setInt32(ip + 16, route.dst);
    dv.setInt32(ip + 20, IPOPT_ROUTER_ALERT);
    dv.setInt16(ip + IPV4_CHECKSUM, complement(headerSum(dv, ip, headerLength)));
    return this.send(route, ip, total, total, 0, 0, total);
  }
}
