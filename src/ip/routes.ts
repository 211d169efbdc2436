import { EADDRNOTAVAIL, EINVAL, ENETUNREACH } from "../base/errors.js";
import type { Netif } from "../netif/netif.js";
import { TO_BROADCAST, TO_HOST, TO_MULTICAST } from "../netif/packet.js";
import {
  type Addr,
  ANY,
  isLoopback,
  isMulticast,
  LIMITED_BROADCAST,
  LOOPBACK,
  maskOf,
  type Prefix,
} from "../wire/address.js";
import { type LocalAddresses, OUR_BROADCAST, OUR_HOST } from "./local-addresses.js";
import type { PathMtus } from "./path-mtu.js";
import { Route } from "./route.js";

/** A line of the routing table. */
export interface RouteEntry {
  readonly prefix: Prefix;
  /** ANY: the destinations are on the link themselves. */
  readonly gateway: Addr;
  readonly netif: Netif;
}

const CACHE_BITS = 10;

/** The routing table, and the routes made from it. */
export class Routes {
  /** Changes when an answer given before may have become another. */
  generation = 1;
  /** Why {@link routeTo} gave null: a negative errno. */
  error = 0;
  /** Longest prefix first. */
  entries: readonly RouteEntry[] = [];
  netifs: readonly Netif[] = [];
  private readonly local: LocalAddresses;
  private readonly pathMtus: PathMtus;
  /** Direct-mapped by a keyed hash: a flood of destinations can only push routes out. */
  private readonly cache: (Route | null)[] = new Array(1 << CACHE_BITS).fill(null);
  private readonly key: number;

  constructor(local: LocalAddresses, pathMtus: PathMtus, key: number) {
    this.local = local;
    this.pathMtus = pathMtus;
    this.key = key | 1;
  }

  /** Forgets every route given out. */
  invalidate(): void {
    this.generation = (this.generation + 1) | 0;
  }

  add(prefix: Prefix, gateway: Addr, netif: Netif): void {
    const addr = prefix.addr & maskOf(prefix.length);
    const entry = { prefix: { addr, length: prefix.length }, gateway, netif };
    this.entries = [...this.entries, entry].sort((a, b) => b.prefix.length - a.prefix.length);
    this.invalidate();
  }

  /** Removes the lines that `gone` holds true for. */
  remove(gone: (entry: RouteEntry) => boolean): number {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => !gone(entry));
    this.invalidate();
    return before - this.entries.length;
  }

  /** The way to `dst`, from `asked` (ANY: chosen here), or null: see {@link error}. */
  routeTo(dst: Addr, asked: Addr): Route | null {
    const slot = Math.imul(dst ^ ((asked << 13) | (asked >>> 19)), this.key) >>> (32 - CACHE_BITS);
    const cached = this.cache[slot] as Route | null;
    if (cached !== null && cached.dst === dst && cached.asked === asked && cached.generation === this.generation)
      return cached;
    const route = this.make(dst, asked);
    if (route !== null) this.cache[slot] = route;
    return route;
  }

  /** The line that packets to `dst` take: the longest prefix that holds it. */
  match(dst: Addr): RouteEntry | null {
    for (const entry of this.entries)
      if (((dst ^ entry.prefix.addr) & maskOf(entry.prefix.length)) === 0 && entry.netif.up) return entry;
    return null;
  }

  private make(dst: Addr, asked: Addr): Route | null {
    if (asked !== ANY && !isLoopback(asked) && this.local.kindOf(asked) !== OUR_HOST) return this.fail(-EINVAL);
    // 0.0.0.0 as a destination means this host (RFC 1122 §3.2.1.3 has it as a source only; so does every kernel).
    if (dst === ANY) return this.toOurselves(asked === ANY ? LOOPBACK : asked, asked);
    const kind = this.local.kindOf(dst);
    if (isLoopback(dst) || kind === OUR_HOST) return this.toOurselves(dst, asked);
    // RFC 1122 §3.2.1.3 (g): a loopback address is never a source on the wire.
    if (isLoopback(asked)) return this.fail(-EINVAL);
    if (dst === LIMITED_BROADCAST || kind === OUR_BROADCAST) return this.toBroadcast(dst, asked);
    if (isMulticast(dst)) return this.onNetif(this.groupNetif(dst, asked), dst, asked, TO_MULTICAST);
    const entry = this.match(dst);
    if (entry === null) return this.fail(-ENETUNREACH);
    return this.through(entry.netif, dst, asked, entry.gateway === ANY ? dst : entry.gateway, TO_HOST);
  }

  private fail(error: number): null {
    this.error = error;
    return null;
  }

  private toOurselves(dst: Addr, asked: Addr): Route | null {
    const netif = this.netifs.find((n) => n.loopback && n.up);
    if (netif === undefined) return this.fail(-ENETUNREACH);
    // As Linux: 127.0.0.1 speaks for all of 127/8, any other address of ours for itself.
    const src = asked !== ANY ? asked : isLoopback(dst) ? LOOPBACK : dst;
    return new Route(netif, dst, src, asked, dst, TO_HOST, true, this.generation);
  }

  private toBroadcast(dst: Addr, asked: Addr): Route | null {
    if (dst === LIMITED_BROADCAST) return this.onNetif(this.groupNetif(dst, asked), dst, asked, TO_BROADCAST);
    const netif = this.netifs.find((n) => n.up && n.addresses.some((a) => a.broadcast === dst)) ?? null;
    return this.onNetif(netif, dst, asked, TO_BROADCAST);
  }

  /** RFC 1122 §3.3.4.2: where a destination on no particular network goes: by its source, else by the table. */
  private groupNetif(dst: Addr, asked: Addr): Netif | null {
    if (asked !== ANY) return this.netifs.find((n) => n.up && n.hasAddress(asked)) ?? null;
    return this.match(dst)?.netif ?? this.netifs.find((n) => n.up && !n.loopback && n.addresses.length > 0) ?? null;
  }

  private onNetif(netif: Netif | null, dst: Addr, asked: Addr, kind: number): Route | null {
    return netif === null ? this.fail(-ENETUNREACH) : this.through(netif, dst, asked, dst, kind);
  }

  private through(netif: Netif, dst: Addr, asked: Addr, nextHop: Addr, kind: number): Route | null {
    const src = asked !== ANY ? asked : this.sourceFor(netif, nextHop);
    if (src === ANY) return this.fail(-EADDRNOTAVAIL);
    const route = new Route(netif, dst, src, asked, nextHop, kind, false, this.generation);
    const known = this.pathMtus.mtuOf(dst);
    if (known !== 0 && known < route.mtu) {
      route.mtu = known;
      route.mtuLocked = this.pathMtus.isLocked(dst);
    }
    return route;
  }

  /** RFC 1122 §3.3.4.3: an address on the network of the next hop, else any of the interface, else any at all. */
  private sourceFor(netif: Netif, nextHop: Addr): Addr {
    const own = netif.sourceFor(nextHop);
    if (own !== ANY) return own;
    for (const other of this.netifs) if (!other.loopback && other.addresses.length > 0) return other.sourceFor(nextHop);
    return ANY;
  }
}
