import { EADDRNOTAVAIL, EINVAL, ENOBUFS, SystemError } from "../base/errors.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { type RxPacket, TO_MULTICAST } from "../netif/packet.js";
import { below } from "../platform/random.js";
import { TimerNode } from "../platform/timer-wheel.js";
import { type Addr, ANY, formatAddr, isMulticast, parseAddr } from "../wire/address.js";
import { verifies } from "../wire/checksum.js";
import {
  CHANGE_TO_EXCLUDE,
  CHANGE_TO_INCLUDE,
  IGMP_GROUP,
  IGMP_MAX_RESPONSE,
  IGMP_QUERY,
  IGMP_V1_REPORT,
  IGMP_V2_LEAVE,
  IGMP_V2_LENGTH,
  IGMP_V2_REPORT,
  IGMP_V3_QUERY_LENGTH,
  MODE_IS_EXCLUDE,
  maxResponseMs,
  v3ReportLength,
  writeV2,
  writeV3,
} from "../wire/igmp.js";
import type { IpCounters } from "./counters.js";
import type { IpOutput } from "./output.js";
import { Route } from "./route.js";
import { PROTO_IGMP, type Transport } from "./transport.js";

/** 224.0.0.1: every host is in it and nobody reports it. */
const ALL_HOSTS = parseAddr("224.0.0.1") as Addr;
/** 224.0.0.2, where version 2 leaves go; 224.0.0.22, where version 3 reports go. */
const ALL_ROUTERS = parseAddr("224.0.0.2") as Addr;
const V3_ROUTERS = parseAddr("224.0.0.22") as Addr;
/** RFC 3376 §8: Robustness Variable, Unsolicited Report Interval; RFC 2236 §8.10 for version 2. */
const ROBUSTNESS = 2;
const V3_INTERVAL = 1000;
const V2_INTERVAL = 10_000;
/** RFC 3376 §8.12, with the default Query Interval: how long an old querier is believed to be there. */
const OLDER_VERSION_MS = 260_000;
/** RFC 2236 §4: the time that a version 1 query gives. */
const V1_RESPONSE_MS = 10_000;

/** Our membership of one group on one interface. */
class Membership extends TimerNode {
  readonly netif: Netif;
  readonly group: Addr;
  /** Sockets that are in it. */
  users = 1;
  /** Unsolicited reports still to be sent. */
  unsolicited = ROBUSTNESS;
  private readonly owner: Groups;

  constructor(owner: Groups, netif: Netif, group: Addr) {
    super();
    this.owner = owner;
    this.netif = netif;
    this.group = group;
  }

  override onTimer(now: number): void {
    this.owner.tell(this, now);
  }
}

/** Which groups the interfaces are in, and the IGMP (RFC 3376, RFC 2236) that routers and switches are told by. */
export class Groups implements Transport {
  maxMemberships = 20;
  /** 0: as the queriers on the link want it. */
  forcedVersion = 0;
  private readonly env: Environment;
  private readonly output: IpOutput;
  private readonly counters: IpCounters;
  private readonly members = new Map<Netif, Map<Addr, Membership>>();
  /** Tick until which an interface speaks version 2. */
  private readonly oldUntil = new Map<Netif, number>();

  constructor(env: Environment, output: IpOutput, counters: IpCounters) {
    this.env = env;
    this.output = output;
    this.counters = counters;
  }

  /** Whether packets to `group` that come in through `netif` are for us. What loops back may be any interface's. */
  accepts(netif: Netif, group: Addr): boolean {
    if (group === ALL_HOSTS) return true;
    if (!netif.loopback) return this.members.get(netif)?.has(group) === true;
    for (const groups of this.members.values()) if (groups.has(group)) return true;
    return false;
  }

  /** Whether this host is in `group` on `netif`. */
  isMember(netif: Netif, group: Addr): boolean {
    return group === ALL_HOSTS || this.members.get(netif)?.has(group) === true;
  }

  /** One more user of a membership. Throws EINVAL (no group address), ENOBUFS (igmp_max_memberships). */
  join(netif: Netif, group: Addr): void {
    const address = formatAddr(group);
    if (!isMulticast(group))
      throw new SystemError(EINVAL, "setsockopt", { address, sentence: "not a multicast address" });
    let groups = this.members.get(netif);
    if (groups === undefined) {
      groups = new Map();
      this.members.set(netif, groups);
    }
    const known = groups.get(group);
    if (known !== undefined) {
      known.users++;
      return;
    }
    if (groups.size >= this.maxMemberships) {
      const sentence = `${netif.name} is in ${groups.size} groups; raise net.ipv4.igmp_max_memberships`;
      throw new SystemError(ENOBUFS, "setsockopt", { address, sentence });
    }
    const membership = new Membership(this, netif, group);
    groups.set(group, membership);
    if (reported(membership)) this.tell(membership, this.env.time.ms);
  }

  /** One user less. Throws EADDRNOTAVAIL: not a member. */
  leave(netif: Netif, group: Addr): void {
    const membership = this.members.get(netif)?.get(group);
    if (membership === undefined) throw new SystemError(EADDRNOTAVAIL, "setsockopt", { address: formatAddr(group) });
    if (--membership.users > 0) return;
    this.env.wheel.cancel(membership);
    this.members.get(netif)?.delete(group);
    if (!reported(membership)) return;
    if (this.speaksV3(netif)) this.sendV3(netif, CHANGE_TO_INCLUDE, group);
    else this.sendV2(netif, IGMP_V2_LEAVE, ALL_ROUTERS, group);
  }

  /** The groups of an interface, for listings. */
  of(netif: Netif): Addr[] {
    return [ALL_HOSTS, ...(this.members.get(netif)?.keys() ?? [])];
  }

  detach(netif: Netif): void {
    for (const membership of this.members.get(netif)?.values() ?? []) this.env.wheel.cancel(membership);
    this.members.delete(netif);
    this.oldUntil.delete(netif);
  }

  close(): void {
    for (const netif of [...this.members.keys()]) this.detach(netif);
  }

  /** An IGMP message (RFC 3376 §4). Bad ones are counted and ignored. */
  input(packet: RxPacket): void {
    const { dv } = this.env.memory;
    const { l4, l4Length, netif } = packet;
    if (l4Length < IGMP_V2_LENGTH || !verifies(this.env.memory, l4, l4Length, 0)) {
      this.counters.TapstackIgmpInErrors++;
      return;
    }
    this.counters.TapstackIgmpInMsgs++;
    const type = dv.getUint8(l4);
    const group = dv.getInt32(l4 + IGMP_GROUP);
    if (type === IGMP_QUERY) this.query(netif, dv.getUint8(l4 + IGMP_MAX_RESPONSE), group, l4Length);
    else if ((type === IGMP_V2_REPORT || type === IGMP_V1_REPORT) && packet.to === TO_MULTICAST)
      this.heard(netif, group);
  }

  /** ICMP errors about reports mean nothing. */
  report(): void {}

  /** Sends a report: an unsolicited one, which is repeated, or the answer to a query. */
  tell(membership: Membership, now: number): void {
    const { netif, group } = membership;
    const v3 = this.speaksV3(netif);
    const fresh = membership.unsolicited > 0;
    if (v3) this.sendV3(netif, fresh ? CHANGE_TO_EXCLUDE : MODE_IS_EXCLUDE, group);
    else this.sendV2(netif, IGMP_V2_REPORT, group, group);
    if (!fresh || --membership.unsolicited === 0) return;
    // RFC 3376 §5.1: repeated after a random part of the interval, in case the first is lost.
    this.env.wheel.arm(membership, (now + 1 + below(this.env.random, v3 ? V3_INTERVAL : V2_INTERVAL)) | 0);
  }

  private query(netif: Netif, code: number, group: Addr, length: number): void {
    const now = this.env.time.ms;
    const v3 = length >= IGMP_V3_QUERY_LENGTH;
    // RFC 3376 §7.2.1: an older querier is spoken to in its version, for a while.
    if (!v3) this.oldUntil.set(netif, (now + OLDER_VERSION_MS) | 0);
    const most = v3 ? maxResponseMs(code) : code === 0 ? V1_RESPONSE_MS : code * 100;
    for (const membership of this.members.get(netif)?.values() ?? []) {
      if (!reported(membership) || (group !== ANY && group !== membership.group)) continue;
      // RFC 2236 §3: a random part of the time given, so that not all hosts answer at once.
      this.env.wheel.armBefore(membership, (now + 1 + below(this.env.random, Math.max(1, most))) | 0);
    }
  }

  /** RFC 2236 §3: another member has answered; in version 2 that is enough for the router. */
  private heard(netif: Netif, group: Addr): void {
    const membership = this.members.get(netif)?.get(group);
    if (membership !== undefined && membership.unsolicited === 0 && !this.speaksV3(netif))
      this.env.wheel.cancel(membership);
  }

  private speaksV3(netif: Netif): boolean {
    if (this.forcedVersion !== 0) return this.forcedVersion === 3;
    const until = this.oldUntil.get(netif);
    return until === undefined || ((until - this.env.time.ms) | 0) <= 0;
  }

  private sendV3(netif: Netif, record: number, group: Addr): void {
    const length = v3ReportLength(1);
    const route = this.routeTo(netif, V3_ROUTERS);
    const l4 = this.output.begin(route, 4 + length);
    if (l4 < 0) return;
    writeV3(this.env.memory.dv, l4 + 4, record, group);
    this.output.finishAlert(route, l4, length, PROTO_IGMP);
  }

  private sendV2(netif: Netif, type: number, to: Addr, group: Addr): void {
    const route = this.routeTo(netif, to);
    const l4 = this.output.begin(route, 4 + IGMP_V2_LENGTH);
    if (l4 < 0) return;
    writeV2(this.env.memory.dv, l4 + 4, type, group);
    this.output.finishAlert(route, l4, IGMP_V2_LENGTH, PROTO_IGMP);
  }

  /** Reports go out on their interface whatever the routing table says; without an address yet, from 0.0.0.0. */
  private routeTo(netif: Netif, group: Addr): Route {
    return new Route(netif, group, netif.sourceFor(group), ANY, group, TO_MULTICAST, false, 0);
  }
}

/** RFC 3376 §5: not on loopback, and not for all-hosts. */
function reported(membership: Membership): boolean {
  return membership.group !== ALL_HOSTS && !membership.netif.loopback;
}
