import { RX_FRAME, RX_STRIDE } from "../link/link.js";
import type { Environment } from "../netif/environment.js";
import { type RxPacket, TO_BROADCAST, TO_HOST, TO_MULTICAST } from "../netif/packet.js";
import { type Addr, isLoopback, LIMITED_BROADCAST } from "../wire/address.js";
import { fold } from "../wire/checksum.js";
import { CODE_PROTOCOL, ICMP_PARAMETER_PROBLEM, ICMP_UNREACHABLE } from "../wire/icmp.js";
import { checkOptions, headerSum, IPV4_HEADER, IPV4_MF, IPV4_OFFSET_MASK } from "../wire/ipv4.js";
import type { IpCounters } from "./counters.js";
import type { Groups } from "./groups.js";
import { type LocalAddresses, NOT_OURS, OUR_BROADCAST, OUR_HOST } from "./local-addresses.js";
import type { Reassembly } from "./reassembly.js";
import { PROTO_ICMP, PROTO_IGMP, PROTO_TCP, PROTO_UDP, type Transport } from "./transport.js";

// A constant of this module is folded into the code; one that is imported is loaded and checked at every use.
const HEADER = IPV4_HEADER;
const FRAGMENT = IPV4_MF | IPV4_OFFSET_MASK;
const TCP = PROTO_TCP;
const UDP = PROTO_UDP;
const FRAME = RX_FRAME;
const STRIDE = RX_STRIDE;
/** What a look ahead reads of a packet: its header and the ports. */
const AHEAD = HEADER + 4;
const HOST = TO_HOST;
const HOST_KIND = OUR_HOST;
const NOT_KIND = NOT_OURS;
/** Version 4, 5 words. */
const USUAL = 0x45;

/** Sends ICMP errors about received packets; registered by `icmp`, which applies the rules of when not to. */
export interface ErrorSender {
  /** @param parameter the MTU of "fragmentation needed", or the pointer of "parameter problem" */
  sendError(packet: RxPacket, type: number, code: number, parameter?: number): void;
}

/** IPv4 packets on their way in: validation, fragments, and on to the protocol. */
export class IpInput {
  errors: ErrorSender = { sendError: () => {} };
  private readonly env: Environment;
  private readonly dv: DataView;
  private readonly counters: IpCounters;
  private readonly local: LocalAddresses;
  private readonly groups: Groups;
  private readonly reassembly: Reassembly;
  /** By protocol number; those of every packet have fields of their own, so that each call site knows its target. */
  private readonly transports: (Transport | null)[] = new Array(256).fill(null);
  private tcp: Transport | null = null;
  private udp: Transport | null = null;
  private icmp: Transport | null = null;

  constructor(env: Environment, counters: IpCounters, local: LocalAddresses, groups: Groups, reassembly: Reassembly) {
    this.env = env;
    this.dv = env.memory.dv;
    this.counters = counters;
    this.local = local;
    this.groups = groups;
    this.reassembly = reassembly;
  }

  register(protocol: number, transport: Transport): void {
    this.transports[protocol] = transport;
    if (protocol === PROTO_TCP) this.tcp = transport;
    if (protocol === PROTO_UDP) this.udp = transport;
    if (protocol === PROTO_ICMP) this.icmp = transport;
  }

  transportOf(protocol: number): Transport | null {
    return this.transports[protocol] ?? null;
  }

  /**
   * The frames of a batch, before any is looked at: transports read ahead what they will need.
   * @param headroom bytes of the link header
   */
  lookAhead(rows: Int32Array, count: number, headroom: number): void {
    const tcp = this.tcp?.ahead;
    const udp = this.udp?.ahead;
    if (tcp === undefined || udp === undefined || !(tcp.wanted || udp.wanted)) return;
    const { dv } = this;
    const last = this.env.memory.size - AHEAD;
    for (let i = 0; i < count; i++) {
      const ip = (rows[i * STRIDE + FRAME] as number) + headroom;
      if (ip > last) continue;
      const protocol = dv.getUint8(ip + 9);
      const src = dv.getInt32(ip + 12);
      const dst = dv.getInt32(ip + 16);
      const ports = dv.getInt32(ip + HEADER);
      if (protocol === TCP) tcp.expect(dst, ports & 0xffff, src, ports >>> 16);
      else if (protocol === UDP) udp.expect(dst, ports & 0xffff, src, ports >>> 16);
    }
    tcp.read();
    udp.read();
  }

  /** [ip, end): what came behind the link header. */
  input(packet: RxPacket, ip: number, end: number): void {
    const { dv, counters } = this;
    const available = end - ip;
    counters.IpInReceives++;
    counters.IpExtInOctets += available;
    if (available < HEADER) {
      counters.IpExtInTruncatedPkts++;
      return;
    }
    const first = dv.getInt32(ip);
    const second = dv.getInt32(ip + 4);
    const third = dv.getInt32(ip + 8);
    const src = dv.getInt32(ip + 12);
    const dst = dv.getInt32(ip + 16);
    const headerLength = (first >>> 22) & 0x3c;
    const total = first & 0xffff;
    let sum = (first >>> 16) + total + (second >>> 16) + (second & 0xffff) + (third >>> 16) + (third & 0xffff);
    sum += (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff);
    // One test for what nearly every packet passes; what fails it is looked at in order.
    const usual = first >>> 24 === USUAL && fold(sum) === 0xffff && total >= HEADER && available >= total;
    if (!usual && !this.validate(ip, first, sum, available)) return;
    const protocol = (third >>> 16) & 0xff;
    const plain = this.isPlain(packet, src, dst);
    if (usual && plain && protocol === TCP && (second & FRAGMENT) === 0 && packet.gsoSize === 0) {
      const { tcp } = this;
      if (tcp?.takeNext?.(ip + HEADER, total - HEADER, src, dst, packet.flags) === true) {
        counters.IpInDelivers++;
        return;
      }
    }
    packet.ip = ip;
    packet.ipHeaderLength = headerLength;
    packet.ipLength = total;
    packet.src = src;
    packet.dst = dst;
    packet.protocol = protocol;
    packet.ttl = third >>> 24;
    packet.tos = (first >>> 16) & 0xff;
    packet.l4 = ip + headerLength;
    packet.l4Length = total - headerLength;
    // What follows the packet is padding of the link.
    packet.frameEnd = ip + total;
    packet.to = HOST;
    if (!plain && !this.addressed(packet)) return;
    if (!usual && headerLength > HEADER && !this.acceptsOptions(packet)) return;
    if ((second & FRAGMENT) !== 0) this.fragment(packet);
    else if (protocol === TCP && this.tcp !== null) {
      counters.IpInDelivers++;
      this.tcp.input(packet);
    } else this.deliver(packet);
  }

  /** Whether a packet is from a host that is not us to an address of ours, and nothing about that is odd. */
  private isPlain(packet: RxPacket, src: Addr, dst: Addr): boolean {
    const high = src >>> 24;
    return (
      this.local.kindOf(dst) === HOST_KIND &&
      this.local.kindOf(src) === NOT_KIND &&
      !packet.linkMulticast &&
      dst >>> 24 !== 127 &&
      high !== 0 &&
      high !== 127 &&
      high < 224
    );
  }

  /** A header that is not of the usual 5 words, or not right: counts what is wrong. True: nothing. */
  private validate(ip: number, first: number, sum: number, available: number): boolean {
    const { counters } = this;
    const headerLength = (first >>> 22) & 0x3c;
    const total = first & 0xffff;
    // RFC 1122 §3.2.1.1: silently discard what is not version 4. RFC 791 §3.1: a header has at least 5 words.
    if (first >>> 28 !== 4 || headerLength < HEADER || total < headerLength) {
      counters.IpInHdrErrors++;
      return false;
    }
    if (available < total) {
      counters.IpExtInTruncatedPkts++;
      return false;
    }
    // RFC 1122 §3.2.1.2: silently discard what has a bad checksum.
    if (fold(sum + headerSum(this.dv, ip + HEADER, headerLength - HEADER)) === 0xffff) return true;
    counters.IpExtInCsumErrors++;
    counters.IpInHdrErrors++;
    return false;
  }

  private fragment(packet: RxPacket): void {
    if (!this.reassembly.input(packet)) return;
    packet.reassembled = true;
    this.deliver(packet);
    packet.reassembled = false;
  }

  /** Hands a whole packet to its protocol. */
  private deliver(packet: RxPacket): void {
    const { counters } = this;
    const { protocol } = packet;
    const transport =
      protocol === PROTO_TCP
        ? this.tcp
        : protocol === PROTO_UDP
          ? this.udp
          : protocol === PROTO_ICMP
            ? this.icmp
            : (this.transports[protocol] as Transport | null);
    if (transport === null) {
      // RFC 1122 §3.2.2.1: protocol unreachable.
      counters.IpInUnknownProtos++;
      if (protocol !== PROTO_IGMP) this.errors.sendError(packet, ICMP_UNREACHABLE, CODE_PROTOCOL);
      return;
    }
    counters.IpInDelivers++;
    transport.input(packet);
  }

  /** Whether source and destination are possible and the packet is to us; says so in `packet.to`. */
  private addressed(packet: RxPacket): boolean {
    const { src, dst } = packet;
    const source = this.local.kindOf(src);
    const target = this.local.kindOf(dst);
    const high = src >>> 24;
    if (source !== NOT_OURS || high === 0 || high === 127 || high >= 224) {
      if (!packet.netif.loopback && !this.sourceIsFine(packet)) return false;
      if (packet.netif.loopback && (source === OUR_BROADCAST || high >= 224 || high === 0)) return this.martian();
    }
    if (target === OUR_HOST) {
      // RFC 1122 §3.3.6: what comes in a link broadcast must be to a broadcast or group.
      if (packet.linkMulticast) {
        this.counters.TapstackIpUnicastInMulticast++;
        return false;
      }
      packet.to = TO_HOST;
      // RFC 1122 §3.2.1.3 (g): loopback addresses never come from outside.
      if (dst >>> 24 === 127 && !packet.netif.loopback) {
        this.counters.TapstackIpMartianDestinations++;
        return false;
      }
      return true;
    }
    return this.addressedToGroup(packet, target);
  }

  private addressedToGroup(packet: RxPacket, target: number): boolean {
    const { dst, netif } = packet;
    const { counters } = this;
    const total = packet.ipLength;
    if (target === OUR_BROADCAST || dst === LIMITED_BROADCAST) {
      packet.to = TO_BROADCAST;
      counters.IpExtInBcastPkts++;
      counters.IpExtInBcastOctets += total;
      return true;
    }
    if (dst >>> 28 === 14) {
      if (!this.groups.accepts(netif, dst)) {
        this.counters.TapstackIpNotJoined++;
        return false;
      }
      packet.to = TO_MULTICAST;
      counters.IpExtInMcastPkts++;
      counters.IpExtInMcastOctets += total;
      return true;
    }
    if (isLoopback(dst) && netif.loopback) {
      packet.to = TO_HOST;
      return true;
    }
    if (dst >>> 24 === 0 || isLoopback(dst)) {
      this.counters.TapstackIpMartianDestinations++;
      return false;
    }
    this.counters.IpInAddrErrors++;
    return false;
  }

  /** RFC 1812 §5.3.7 and RFC 1122 §3.2.1.3: whether an odd source from outside is acceptable after all. */
  private sourceIsFine(packet: RxPacket): boolean {
    const { src, dst } = packet;
    const kind = this.local.kindOf(src);
    // 0.0.0.0 is a host that does not know its address yet (DHCP to 255.255.255.255, IGMP to a group).
    if (kind === NOT_OURS && src === 0 && (dst === LIMITED_BROADCAST || dst >>> 28 === 14)) return true;
    // 240.0.0.0/4 is reserved, but in use; 255.255.255.255 is not.
    if (kind === NOT_OURS && src >>> 28 === 15 && src !== LIMITED_BROADCAST) return true;
    return this.martian();
  }

  private martian(): false {
    this.counters.TapstackIpMartianSources++;
    return false;
  }

  /** RFC 1122 §3.2.1.8: options are read over, but source routes are refused, and malformed ones are told about. */
  private acceptsOptions(packet: RxPacket): boolean {
    const { counters } = this;
    const wrong = checkOptions(this.env.memory.u8, packet.ip + IPV4_HEADER, packet.l4);
    if (wrong === 0) return true;
    if (wrong < 0) counters.IpInDiscards++;
    else {
      counters.IpInHdrErrors++;
      this.errors.sendError(packet, ICMP_PARAMETER_PROBLEM, 0, IPV4_HEADER + wrong - 1);
    }
    return false;
  }
}
