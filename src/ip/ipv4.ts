import { EADDRINUSE, EINVAL, ENOENT, SystemError } from "../base/errors.js";
import { type NeighbourClient, NeighbourTable } from "../neighbour/table.js";
import { interfaceAddress } from "../netif/address.js";
import type { Environment } from "../netif/environment.js";
import type { Netif, NetifClient } from "../netif/netif.js";
import type { RxPacket } from "../netif/packet.js";
import {
  type Addr,
  ANY,
  formatAddr,
  isLoopback,
  isMulticast,
  LIMITED_BROADCAST,
  type Prefix,
} from "../wire/address.js";
import { pseudoSum4 } from "../wire/checksum.js";
import { CODE_REASSEMBLY, ICMP_TIME_EXCEEDED } from "../wire/icmp.js";
import { IpCounters } from "./counters.js";
import { Groups } from "./groups.js";
import { type ErrorSender, IpInput } from "./input.js";
import { LocalAddresses, OUR_BROADCAST, OUR_HOST } from "./local-addresses.js";
import { IpOutput } from "./output.js";
import { PathMtus } from "./path-mtu.js";
import { Reassembly } from "./reassembly.js";
import type { Route } from "./route.js";
import { type RouteEntry, Routes } from "./routes.js";
import { PROTO_IGMP, type Transport } from "./transport.js";

/** Told of packets of ours that a neighbour did not answer for: what an ICMP host unreachable would say. */
export type UnreachableHandler = (netif: Netif, ip: number, length: number) => void;

/** IPv4 (RFC 791, RFC 1122 §3): addresses, routes, packets in and out. The face of this folder to those above. */
export class Ipv4 implements NetifClient, NeighbourClient {
  readonly counters = new IpCounters();
  readonly neighbours: NeighbourTable;
  readonly groups: Groups;
  readonly reassembly: Reassembly;
  readonly pathMtus: PathMtus;
  /** TTL where the sender does not say. */
  defaultTtl = 64;
  /** Set by `icmp`. */
  onUnreachable: UnreachableHandler = () => {};
  private readonly local = new LocalAddresses();
  private readonly routes: Routes;
  private readonly output: IpOutput;
  private readonly receiver: IpInput;

  constructor(env: Environment, neighbours = new NeighbourTable(env)) {
    this.neighbours = neighbours;
    this.pathMtus = new PathMtus(env.time, env.wheel);
    this.routes = new Routes(this.local, this.pathMtus, env.random.int32());
    this.output = new IpOutput(env, this.counters, neighbours);
    this.groups = new Groups(env, this.output, this.counters);
    this.reassembly = new Reassembly(env, this.counters);
    this.receiver = new IpInput(env, this.counters, this.local, this.groups, this.reassembly);
    this.pathMtus.onChange = () => this.routes.invalidate();
    this.reassembly.client = { timedOut: (packet) => this.timedOut(packet) };
    neighbours.client = this;
    this.register(PROTO_IGMP, this.groups);
    this.watch(env);
  }

  /** Changes when routes, addresses or path MTUs change: whoever keeps a Route compares and asks again. */
  get generation(): number {
    return this.routes.generation;
  }

  /** Why {@link routeTo} gave null: -ENETUNREACH, -EINVAL (a source that is not ours), -EADDRNOTAVAIL (we have none). */
  get routeError(): number {
    return this.routes.error;
  }

  /** The way to `dst`, from `src` or a source chosen here. Null: see {@link routeError}. */
  routeTo(dst: Addr, src: Addr = ANY): Route | null {
    const route = this.routes.routeTo(dst, src);
    if (route === null) this.counters.IpOutNoRoutes++;
    return route;
  }

  /**
   * Begins a packet: `room` bytes may be written at the memory offset returned (4-byte aligned), the L4 header first.
   * Nothing else may be begun on that interface until it is finished; begun and not finished is as if never begun.
   * @returns the offset, or -ENOBUFS (the queue is full until the link takes rows), -ENETDOWN
   */
  begin(route: Route, room: number): number {
    return this.output.begin(route, room);
  }

  /** Appends [at, at+length) of chunk memory behind what stands in place. False: too many pieces; give it up. */
  piece(route: Route, at: number, length: number): boolean {
    return route.netif.tx.piece(at, length);
  }

  /**
   * Sends what was begun. Larger than the path takes, it is fragmented if `df` is 0 and it has no segment size.
   * @param l4 what begin() returned
   * @param inline bytes that stand there: the L4 header and the payload copied behind it
   * @param payload bytes of all pieces
   * @param csumOffset where in the L4 header its checksum goes (TCP 16, UDP 6, ICMP 2); -1: it has none, or has it
   * already
   * @param gso GSO_* kind << 16 | segment size, or 0
   * @param df 1: not to be fragmented on the way
   * @returns 0, or -EMSGSIZE (does not fit and may not be cut), -ENOBUFS
   */
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
    return this.output.finish(route, l4, inline, payload, protocol, src, csumOffset, gso, l4HeaderLength, ttl, tos, df);
  }

  /** A unicast address of this host, on whatever interface. */
  isLocal(addr: Addr): boolean {
    return this.local.kindOf(addr) === OUR_HOST || isLoopback(addr);
  }

  /** 255.255.255.255, or the broadcast address of a subnet of ours. */
  isBroadcast(addr: Addr): boolean {
    return addr === LIMITED_BROADCAST || this.local.kindOf(addr) === OUR_BROADCAST;
  }

  /** 224.0.0.0/4 */
  isMulticast(addr: Addr): boolean {
    return isMulticast(addr);
  }

  /** The pseudo-header's sum, unfolded. */
  pseudoSum(src: Addr, dst: Addr, protocol: number, length: number): number {
    return pseudoSum4(src, dst, protocol, length);
  }

  /** From now on packets of `protocol` go to `transport`. */
  register(protocol: number, transport: Transport): void {
    this.receiver.register(protocol, transport);
  }

  transportOf(protocol: number): Transport | null {
    return this.receiver.transportOf(protocol);
  }

  /** Set by `icmp`: sends errors about received packets. */
  set errors(errors: ErrorSender) {
    this.receiver.errors = errors;
  }

  get errors(): ErrorSender {
    return this.receiver.errors;
  }

  /** A router says that packets to `dst` over `mtu` bytes do not fit (RFC 1191). @returns whether that is news */
  updatePathMtu(dst: Addr, mtu: number): boolean {
    const route = this.routes.routeTo(dst, ANY);
    return route !== null && this.pathMtus.learn(dst, mtu, route.mtu);
  }

  /** Interfaces attached. */
  get netifs(): readonly Netif[] {
    return this.routes.netifs;
  }

  /** Lines of the routing table, longest prefix first. */
  get routeEntries(): readonly RouteEntry[] {
    return this.routes.entries;
  }

  /** Takes an interface's packets from now on. */
  attach(netif: Netif): void {
    netif.client = this;
    this.routes.netifs = [...this.routes.netifs, netif];
    this.routes.invalidate();
  }

  /** Forgets an interface with its addresses, routes, neighbours and groups. */
  detach(netif: Netif): void {
    this.routes.netifs = this.routes.netifs.filter((n) => n !== netif);
    this.routes.remove((entry) => entry.netif === netif);
    this.groups.detach(netif);
    this.reassembly.detach(netif);
    this.neighbours.detach(netif);
    this.local.rebuild(this.routes.netifs);
    this.routes.invalidate();
  }

  /** Gives an interface an address, with the route to its network. Throws EADDRINUSE, EINVAL. */
  addAddress(netif: Netif, prefix: Prefix): void {
    const address = formatAddr(prefix.addr);
    if (prefix.addr === ANY || isMulticast(prefix.addr) || prefix.addr === LIMITED_BROADCAST)
      throw new SystemError(EINVAL, "address", { address, sentence: "not an address that a host can have" });
    if (this.local.kindOf(prefix.addr) === OUR_HOST)
      throw new SystemError(EADDRINUSE, "address", { address, sentence: "this stack has that address already" });
    netif.addresses = [...netif.addresses, interfaceAddress(prefix)];
    this.local.rebuild(this.routes.netifs);
    this.routes.add(prefix, ANY, netif);
  }

  /** Takes an address away again. Throws ENOENT. */
  removeAddress(netif: Netif, addr: Addr): void {
    const found = netif.addresses.find((a) => a.addr === addr);
    if (found === undefined) throw new SystemError(ENOENT, "address", { address: formatAddr(addr) });
    netif.addresses = netif.addresses.filter((a) => a !== found);
    this.neighbours.conflicts.release(netif, addr);
    this.local.rebuild(this.routes.netifs);
    const network = addr & found.mask;
    const shared = netif.addresses.some((a) => a.mask === found.mask && (a.addr & a.mask) === network);
    if (!shared)
      this.routes.remove(
        (e) => e.netif === netif && e.gateway === ANY && e.prefix.addr === network && e.prefix.length === found.prefix,
      );
    this.routes.invalidate();
  }

  /** Adds a line to the routing table. @param gateway a neighbour on `netif`; ANY: the network is on the link */
  addRoute(prefix: Prefix, gateway: Addr, netif: Netif): void {
    this.routes.add(prefix, gateway, netif);
  }

  /** Removes the lines with that prefix. @returns how many there were */
  removeRoute(prefix: Prefix): number {
    return this.routes.remove((e) => e.prefix.addr === prefix.addr && e.prefix.length === prefix.length);
  }

  /** An interface went up or down, or its MTU changed. */
  changed(): void {
    this.routes.invalidate();
  }

  lookAhead(rows: Int32Array, count: number, headroom: number): void {
    this.receiver.lookAhead(rows, count, headroom);
  }

  ipInput(packet: RxPacket, ip: number, end: number): void {
    this.receiver.input(packet, ip, end);
  }

  arpInput(netif: Netif, frame: number, at: number, end: number): void {
    this.neighbours.arpInput(netif, frame, at, end);
  }

  isOurs(addr: Addr): boolean {
    return this.local.kindOf(addr) === OUR_HOST;
  }

  unreachable(netif: Netif, at: number, length: number): void {
    this.onUnreachable(netif, at, length);
  }

  /** Lets go of timers and memory. The object is of no use afterwards. */
  close(): void {
    for (const netif of this.routes.netifs) this.detach(netif);
    this.groups.close();
    this.reassembly.close();
    this.pathMtus.close();
    this.neighbours.close();
    this.output.close();
  }

  private timedOut(packet: RxPacket): void {
    this.errors.sendError(packet, ICMP_TIME_EXCEEDED, CODE_REASSEMBLY);
  }

  private watch(env: Environment): void {
    const { config } = env;
    config.watch<number>("net.ipv4.ip_default_ttl", (v) => (this.defaultTtl = v));
    config.watch<number>("net.ipv4.ipfrag_high_thresh", (v) => (this.reassembly.highThreshold = v));
    config.watch<number>("net.ipv4.ipfrag_time", (v) => (this.reassembly.timeMs = v * 1000));
    config.watch<number>("net.ipv4.ipfrag_max_fragments", (v) => (this.reassembly.maxFragments = v));
    config.watch<number>("net.ipv4.route.mtu_expires", (v) => (this.pathMtus.expiresMs = v * 1000));
    config.watch<number>("net.ipv4.route.min_pmtu", (v) => (this.pathMtus.minimum = v));
    config.watch<number>("net.ipv4.igmp_max_memberships", (v) => (this.groups.maxMemberships = v));
    config.watch<number>("net.ipv4.conf.all.force_igmp_version", (v) => (this.groups.forcedVersion = v));
  }
}
