import type { Ipv4 } from "../ip/ipv4.js";
import { PROTO_ICMP } from "../ip/transport.js";
import type { Environment } from "../netif/environment.js";
import { type RxPacket, TO_HOST } from "../netif/packet.js";
import type { Addr } from "../wire/address.js";
import {
  CODE_FRAGMENTATION_NEEDED,
  ICMP_ADDRESS_MASK_REPLY,
  ICMP_CHECKSUM,
  ICMP_HEADER,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  isIcmpError,
} from "../wire/icmp.js";
import { IPV4_FRAGMENT, IPV4_HEADER, IPV4_OFFSET_MASK } from "../wire/ipv4.js";
import type { IcmpCounters } from "./counters.js";
import { RateLimit } from "./rate-limit.js";

/** RFC 1812 §4.3.2.3: an error is no longer than this, as an IP packet. */
const LONGEST_ERROR = 576;
/** RFC 1812 §4.3.2.5: errors have the precedence Internetwork Control. */
const ERROR_PRECEDENCE = 0xc0;
const TOS_BITS = 0x1e;

/** Sends ICMP errors about packets that came in: when, to whom, how often, and what they quote. */
export class ErrorOutput {
  private readonly env: Environment;
  private readonly ipv4: Ipv4;
  private readonly counters: IcmpCounters;
  private readonly limit: RateLimit;
  /** Bit n: type n is limited. */
  private rateMask = 6168;

  constructor(env: Environment, ipv4: Ipv4, counters: IcmpCounters) {
    this.env = env;
    this.ipv4 = ipv4;
    this.counters = counters;
    this.limit = new RateLimit(env.time, env.random.int32());
    const { config } = env;
    config.watch<number>("net.ipv4.icmp_ratelimit", (v) => (this.limit.intervalMs = v));
    config.watch<number>("net.ipv4.icmp_ratemask", (v) => (this.rateMask = v));
    config.watch<number>("net.ipv4.icmp_msgs_per_sec", (v) => (this.limit.perSecond = v));
    config.watch<number>("net.ipv4.icmp_msgs_burst", (v) => (this.limit.burst = v));
  }

  /**
   * Sends an error about `packet`, unless it is one that no error may be sent about, or the limit is reached.
   * @param parameter the MTU of "fragmentation needed", or the pointer of "parameter problem"
   */
  send(packet: RxPacket, type: number, code: number, parameter = 0): void {
    const { ipv4, counters } = this;
    const { memory } = this.env;
    const { dv } = memory;
    if (!this.mayComplain(packet)) return;
    if (!packet.netif.loopback && !this.withinLimits(packet.src, type, code)) return;
    const route = ipv4.routeTo(packet.src, packet.dst);
    if (route === null) {
      counters.IcmpOutErrors++;
      return;
    }
    const room = Math.min(LONGEST_ERROR, route.mtu) - IPV4_HEADER - ICMP_HEADER;
    const quote = Math.min(packet.frameEnd - packet.ip, room);
    const l4 = ipv4.begin(route, ICMP_HEADER + quote);
    if (l4 < 0) {
      counters.IcmpOutErrors++;
      return;
    }
    dv.setInt32(l4, (type << 24) | (code << 16));
    dv.setInt32(l4 + 4, type === ICMP_PARAMETER_PROBLEM ? parameter << 24 : parameter);
    memory.copy(l4 + ICMP_HEADER, packet.ip, quote);
    const tos = (packet.tos & TOS_BITS) | ERROR_PRECEDENCE;
    const length = ICMP_HEADER + quote;
    const { src } = route;
    const sent = ipv4.finish(
      route,
      l4,
      length,
      0,
      PROTO_ICMP,
      src,
      ICMP_CHECKSUM,
      0,
      ICMP_HEADER,
      ipv4.defaultTtl,
      tos,
      0,
    );
    this.count(sent, type);
  }

  /** RFC 1122 §3.2.2: what no error may be sent about. */
  private mayComplain(packet: RxPacket): boolean {
    const { dv } = this.env.memory;
    // Sent to a broadcast or group, by address or by frame.
    if (packet.to !== TO_HOST || packet.linkMulticast) return false;
    // A fragment other than the first.
    if (!packet.reassembled && (dv.getUint16(packet.ip + IPV4_FRAGMENT) & IPV4_OFFSET_MASK) !== 0) return false;
    // A source that does not stand for a single host.
    const { src } = packet;
    if (src >>> 24 === 0 || src >>> 28 >= 14 || this.ipv4.isBroadcast(src)) return false;
    if (packet.protocol !== PROTO_ICMP) return true;
    // Another error; or a message of a type that nobody knows and that may be one.
    if (packet.l4Length < 1) return false;
    const type = dv.getUint8(packet.l4);
    return !isIcmpError(type) && type <= ICMP_ADDRESS_MASK_REPLY;
  }

  private withinLimits(dst: Addr, type: number, code: number): boolean {
    const { counters, limit } = this;
    // As Linux: path MTU discovery must not be starved.
    if (type === ICMP_UNREACHABLE && code === CODE_FRAGMENTATION_NEEDED) return true;
    if (((1 << type) & this.rateMask) === 0) return true;
    if (!limit.allowGlobal()) {
      counters.IcmpOutRateLimitGlobal++;
      return false;
    }
    if (limit.allow(dst)) return true;
    counters.IcmpOutRateLimitHost++;
    return false;
  }

  private count(result: number, type: number): void {
    const { counters } = this;
    if (result < 0) {
      counters.IcmpOutErrors++;
      return;
    }
    counters.IcmpOutMsgs++;
    if (type === ICMP_UNREACHABLE) counters.IcmpOutDestUnreachs++;
    else if (type === ICMP_TIME_EXCEEDED) counters.IcmpOutTimeExcds++;
    else if (type === ICMP_PARAMETER_PROBLEM) counters.IcmpOutParmProbs++;
  }
}
