import { EACCES, EAGAIN, EINVAL, EMSGSIZE, ENOBUFS } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import type { Ipv4 } from "../ip/ipv4.js";
import { Route } from "../ip/route.js";
import { PROTO_UDP } from "../ip/transport.js";
import { TO_HOST, TO_MULTICAST } from "../netif/packet.js";
import { type Addr, ANY, LOOPBACK } from "../wire/address.js";
import { UDP_CHECKSUM, UDP_HEADER, UDP_PAYLOAD_MAX } from "../wire/udp.js";
import type { UdpCounters } from "./counters.js";
import { PMTUDISC_DO, PMTUDISC_INTERFACE, PMTUDISC_PROBE, PMTUDISC_WANT, type UdpEndpoint } from "./endpoint.js";

const IP_AND_UDP = 20 + UDP_HEADER;

/** Sends datagrams: one header and one copy each, in place in the link's queue. */
export class UdpOutput {
  private readonly memory: Memory;
  private readonly ip: Ipv4;
  private readonly counters: UdpCounters;
  /** Endpoints that found the link full. */
  private readonly blocked: UdpEndpoint[] = [];
  /** The way back to ourselves of the last group or broadcast address sent to. */
  private echo: Route | null = null;

  constructor(memory: Memory, ip: Ipv4, counters: UdpCounters) {
    this.memory = memory;
    this.ip = ip;
    this.counters = counters;
  }

  /** The way to `dst` for what this endpoint sends, or null: ip.routeError says why. */
  routeFor(endpoint: UdpEndpoint, dst: Addr): Route | null {
    const { ip } = this;
    const { route } = endpoint;
    const asked = this.sourceOf(endpoint);
    if (route !== null && route.dst === dst && route.asked === asked && route.generation === ip.generation)
      return route;
    const found = ip.routeTo(dst, asked);
    endpoint.route = found;
    return found;
  }

  /**
   * Sends one datagram from a bound endpoint.
   * @returns `length`, or -EMSGSIZE, -EINVAL (port 0), -EACCES (broadcast without SO_BROADCAST), -EAGAIN (the link's
   * queue is full; UDP_WRITABLE follows), -ENETUNREACH and what else routing says
   */
  send(endpoint: UdpEndpoint, source: Uint8Array, offset: number, length: number, to: Addr, port: number): number {
    if (length > UDP_PAYLOAD_MAX) return -EMSGSIZE;
    if (port === 0) return -EINVAL;
    const dst = to === ANY ? LOOPBACK : to;
    const route = this.routeFor(endpoint, dst);
    if (route === null) return this.ip.routeError;
    if (route.kind === TO_HOST) return this.emit(endpoint, route, source, offset, length, port);
    const multicast = route.kind === TO_MULTICAST;
    // RFC 1122 §4.1.4 leaves it to the application; as Linux does, it has to say that it means it.
    if (!multicast && !endpoint.broadcast) return -EACCES;
    const sent = this.emit(endpoint, route, source, offset, length, port);
    if (sent >= 0 && (!multicast || endpoint.multicastLoop)) {
      const back = this.echoRoute(route);
      if (back !== null) this.emit(endpoint, back, source, offset, length, port);
    }
    return sent;
  }

  /** The link is writable again. */
  resume(tell: (endpoint: UdpEndpoint) => void): void {
    const { blocked } = this;
    for (let i = 0; i < blocked.length; i++) {
      const endpoint = blocked[i] as UdpEndpoint;
      endpoint.blocked = false;
      if (!endpoint.closed) tell(endpoint);
    }
    blocked.length = 0;
  }

  private emit(
    endpoint: UdpEndpoint,
    route: Route,
    source: Uint8Array,
    offset: number,
    length: number,
    port: number,
  ): number {
    const { memory, ip, counters } = this;
    const l4 = ip.begin(route, UDP_HEADER + length);
    if (l4 < 0) return this.refused(endpoint, l4);
    const { dv } = memory;
    dv.setInt32(l4, (endpoint.localPort << 16) | port);
    dv.setInt32(l4 + 4, (UDP_HEADER + length) << 16);
    memory.write(l4 + UDP_HEADER, source, offset, length);
    const ttl = route.kind === TO_MULTICAST ? endpoint.multicastTtl : endpoint.ttl || ip.defaultTtl;
    const csum = endpoint.noChecksum ? -1 : UDP_CHECKSUM;
    const df = dontFragment(endpoint.mtuDiscover, route, IP_AND_UDP + length);
    if (df < 0) return df;
    const sent = ip.finish(
      route,
      l4,
      UDP_HEADER + length,
      0,
      PROTO_UDP,
      route.src,
      csum,
      0,
      UDP_HEADER,
      ttl,
      endpoint.tos,
      df,
    );
    if (sent < 0) return this.refused(endpoint, sent);
    counters.UdpOutDatagrams++;
    return length;
  }

  private refused(endpoint: UdpEndpoint, error: number): number {
    if (error !== -ENOBUFS) return error;
    this.counters.UdpSndbufErrors++;
    if (!endpoint.blocked) {
      endpoint.blocked = true;
      this.blocked.push(endpoint);
    }
    return -EAGAIN;
  }

  /** A socket bound to a group or broadcast address receives there, but sends from an address of the interface. */
  private sourceOf(endpoint: UdpEndpoint): Addr {
    const addr = endpoint.localAddr;
    return addr === ANY || this.ip.isLocal(addr) ? addr : ANY;
  }

  /** Our own sockets hear what we send to a group or broadcast address: through the loopback, if there is one. */
  private echoRoute(route: Route): Route | null {
    const { echo, ip } = this;
    if (route.netif.loopback) return null;
    if (
      echo !== null &&
      echo.dst === route.dst &&
      echo.src === route.src &&
      echo.kind === route.kind &&
      echo.generation === ip.generation
    )
      return echo;
    const loopback = ip.netifs.find((netif) => netif.loopback);
    if (loopback === undefined) return null;
    if (route.kind === TO_MULTICAST && !ip.groups.accepts(loopback, route.dst)) return null;
    this.echo = new Route(loopback, route.dst, route.src, route.src, route.dst, route.kind, true, ip.generation);
    return this.echo;
  }
}

/** IP_MTU_DISCOVER (ip(7)). @returns 0, 1, or -EMSGSIZE */
function dontFragment(mode: number, route: Route, total: number): number {
  if (mode === PMTUDISC_WANT) return total <= route.mtu ? 1 : 0;
  if (mode === PMTUDISC_DO) return total <= route.mtu ? 1 : -EMSGSIZE;
  if (mode === PMTUDISC_PROBE) return total <= route.netif.mtu ? 1 : -EMSGSIZE;
  if (mode === PMTUDISC_INTERFACE && total > route.netif.mtu) return -EMSGSIZE;
  return 0;
}
