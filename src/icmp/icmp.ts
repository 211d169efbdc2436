import type { ChunkPool } from "../base/chunks.js";
import { EADDRINUSE, EADDRNOTAVAIL, SystemError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import type { ErrorSender } from "../ip/input.js";
import type { Ipv4 } from "../ip/ipv4.js";
import { IcmpReport, PROTO_ICMP, type Transport } from "../ip/transport.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../link/link.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { type RxPacket, TO_HOST } from "../netif/packet.js";
import { below } from "../platform/random.js";
import { ANY } from "../wire/address.js";
import { adjust, verifies } from "../wire/checksum.js";
import {
  CODE_FRAGMENTATION_NEEDED,
  CODE_HOST,
  CODE_REASSEMBLY,
  ICMP_ADDRESS_MASK,
  ICMP_ADDRESS_MASK_REPLY,
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_HEADER,
  ICMP_ID,
  ICMP_MTU,
  ICMP_PARAMETER_PROBLEM,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMP_REPLY,
  ICMP_UNREACHABLE,
} from "../wire/icmp.js";
import { IPV4_DST, IPV4_FRAGMENT, IPV4_HEADER, IPV4_OFFSET_MASK, IPV4_PROTOCOL, IPV4_SRC } from "../wire/ipv4.js";
import { convert, UNREACHABLE_CODES } from "./convert.js";
import { IcmpCounters } from "./counters.js";
import { EchoEndpoint, type EchoHost } from "./echo.js";
import { ErrorOutput } from "./error-output.js";

/** RFC 792: an error quotes the IP header and at least so much behind it. */
const QUOTED_L4 = 8;
/** An echo reply carries type 0 in the place of type 8. */
const ECHO_WORD = ICMP_ECHO << 8;

/** ICMP (RFC 792, RFC 1122 §3.2.2): answers echo requests, sends and understands errors, and pings. */
export class Icmp implements Transport, ErrorSender, EchoHost {
  readonly counters = new IcmpCounters();
  readonly ipv4: Ipv4;
  readonly memory: Memory;
  readonly pool: ChunkPool;
  private readonly env: Environment;
  private readonly dv: DataView;
  private readonly errors: ErrorOutput;
  private readonly record = new IcmpReport();
  private readonly endpoints = new Map<number, EchoEndpoint>();
  private ignoreEcho = false;
  private ignoreBroadcastEcho = true;

  /** Registers itself with `ipv4`. */
  constructor(env: Environment, ipv4: Ipv4) {
    this.env = env;
    this.ipv4 = ipv4;
    this.memory = env.memory;
    this.pool = env.pool;
    this.dv = env.memory.dv;
    this.errors = new ErrorOutput(env, ipv4, this.counters);
    ipv4.register(PROTO_ICMP, this);
    ipv4.errors = this;
    ipv4.onUnreachable = (netif, ip, length) => this.neighbourFailed(netif, ip, length);
    this.watch();
  }

  /** A packet of protocol ICMP. */
  input(packet: RxPacket): void {
    const { counters, dv } = this;
    const { l4, l4Length } = packet;
    counters.IcmpInMsgs++;
    if (l4Length < ICMP_HEADER) {
      counters.IcmpInErrors++;
      return;
    }
    // RFC 1122 §3.2.2: silently discard what has a bad checksum.
    if ((packet.flags & (RX_CSUM_VALID | RX_CSUM_PARTIAL)) === 0 && !verifies(this.memory, l4, l4Length, 0)) {
      counters.IcmpInCsumErrors++;
      counters.IcmpInErrors++;
      return;
    }
    const type = dv.getUint8(l4);
    if (type === ICMP_ECHO) this.echo(packet);
    else if (type === ICMP_ECHO_REPLY) this.echoReply(packet);
    else if (type === ICMP_UNREACHABLE || type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETER_PROBLEM)
      this.errorInput(packet, type);
    else this.otherInput(type);
  }

  /** An error about an ICMP message of ours: an echo request, or nothing. */
  report(report: IcmpReport): void {
    const endpoint =
      this.dv.getUint8(report.l4) === ICMP_ECHO
        ? this.endpoints.get(this.dv.getUint16(report.l4 + ICMP_ID))
        : undefined;
    if (endpoint === undefined) report.credible = false;
    else endpoint.report(report);
  }

  /** See {@link ErrorOutput.send}. */
  sendError(packet: RxPacket, type: number, code: number, parameter = 0): void {
    this.errors.send(packet, type, code, parameter);
  }

  /**
   * Opens a place to ping from.
   * @param id 1 to 65535, or 0: any that is free. Throws EADDRINUSE (taken), EADDRNOTAVAIL (none is free)
   */
  openEcho(id: number): EchoEndpoint {
    const chosen = id === 0 ? this.freeId() : id;
    if (this.endpoints.has(chosen)) {
      const sentence = `another socket pings with identifier ${chosen}; bind to port 0 to get one that is free`;
      throw new SystemError(EADDRINUSE, "bind", { sentence });
    }
    const endpoint = new EchoEndpoint(this, chosen);
    this.endpoints.set(chosen, endpoint);
    return endpoint;
  }

  sent(): void {
    this.counters.IcmpOutMsgs++;
    this.counters.IcmpOutEchos++;
  }

  dropped(): void {
    this.counters.TapstackIcmpQueueDrops++;
  }

  closed(endpoint: EchoEndpoint): void {
    this.endpoints.delete(endpoint.id);
  }

  close(): void {
    for (const endpoint of [...this.endpoints.values()]) endpoint.close();
  }

  /** RFC 1122 §3.2.2.6: answers with the same data, from the address that was asked. */
  private echo(packet: RxPacket): void {
    const { counters, ipv4, dv } = this;
    const { l4Length } = packet;
    counters.IcmpInEchos++;
    const host = packet.to === TO_HOST;
    if (this.ignoreEcho || (!host && this.ignoreBroadcastEcho)) {
      counters.TapstackIcmpEchoIgnored++;
      return;
    }
    const route = ipv4.routeTo(packet.src, host ? packet.dst : ANY);
    const l4 = route === null ? -1 : ipv4.begin(route, l4Length);
    if (route === null || l4 < 0) {
      counters.IcmpOutErrors++;
      return;
    }
    this.memory.copy(l4, packet.l4, l4Length);
    dv.setUint8(l4, ICMP_ECHO_REPLY);
    // The checksum is only adjusted, so that damage done to the data on its way is still seen at the other end.
    const partial = (packet.flags & RX_CSUM_PARTIAL) !== 0;
    if (!partial) dv.setInt16(l4 + ICMP_CHECKSUM, adjust(dv.getUint16(l4 + ICMP_CHECKSUM), ECHO_WORD, 0));
    const at = partial ? ICMP_CHECKSUM : -1;
    const { src } = route;
    const { tos } = packet;
    const sent = ipv4.finish(route, l4, l4Length, 0, PROTO_ICMP, src, at, 0, ICMP_HEADER, ipv4.defaultTtl, tos, 0);
    if (sent < 0) {
      counters.IcmpOutErrors++;
      return;
    }
    counters.IcmpOutMsgs++;
    counters.IcmpOutEchoReps++;
  }

  private echoReply(packet: RxPacket): void {
    this.counters.IcmpInEchoReps++;
    const endpoint = this.endpoints.get(this.dv.getUint16(packet.l4 + ICMP_ID));
    if (endpoint === undefined || packet.to !== TO_HOST) this.counters.TapstackIcmpNoEndpoint++;
    else endpoint.reply(packet);
  }

  private otherInput(type: number): void {
    const { counters } = this;
    // RFC 6633: source quench is ignored. Redirects are too: anybody on the link could send them.
    if (type === ICMP_SOURCE_QUENCH) counters.IcmpInSrcQuenchs++;
    else if (type === ICMP_REDIRECT) counters.IcmpInRedirects++;
    else if (type === ICMP_TIMESTAMP) counters.IcmpInTimestamps++;
    else if (type === ICMP_TIMESTAMP_REPLY) counters.IcmpInTimestampReps++;
    else if (type === ICMP_ADDRESS_MASK) counters.IcmpInAddrMasks++;
    else if (type === ICMP_ADDRESS_MASK_REPLY) counters.IcmpInAddrMaskReps++;
    // RFC 1122 §3.2.2: a message of unknown type is silently discarded.
    else counters.IcmpInErrors++;
  }

  private errorInput(packet: RxPacket, type: number): void {
    const { counters, dv, record } = this;
    const { l4 } = packet;
    const code = dv.getUint8(l4 + ICMP_CODE);
    if (type === ICMP_UNREACHABLE) counters.IcmpInDestUnreachs++;
    else if (type === ICMP_TIME_EXCEEDED) counters.IcmpInTimeExcds++;
    else counters.IcmpInParmProbs++;
    const badCode = type === ICMP_UNREACHABLE && code >= UNREACHABLE_CODES;
    const quote = l4 + ICMP_HEADER;
    if (packet.to !== TO_HOST || badCode || !this.readQuote(quote, packet.l4Length - ICMP_HEADER)) {
      counters.IcmpInErrors++;
      return;
    }
    // As Linux: that a fragment of ours was missing says nothing of the path
    if (type === ICMP_TIME_EXCEEDED && code === CODE_REASSEMBLY) return;
    record.type = type;
    record.code = code;
    record.reporter = packet.src;
    record.mtu = 0;
    const tooBig = type === ICMP_UNREACHABLE && code === CODE_FRAGMENTATION_NEEDED;
    // RFC 1191 §5: a router that knows nothing of it leaves 0; like any value below what we believe, that means the
    // least MTU that we do, and no DF any more
    if (tooBig) record.mtu = dv.getUint16(l4 + ICMP_MTU);
    convert(record);
    const believed = this.tell(dv.getUint8(quote + IPV4_PROTOCOL));
    if (tooBig && believed) this.ipv4.updatePathMtu(record.dst, record.mtu);
  }

  /** Reads the packet quoted at `quote` into the record. False: too short, or not from an address of ours. */
  private readQuote(quote: number, length: number): boolean {
    const { dv, record } = this;
    if (length < IPV4_HEADER + QUOTED_L4) return false;
    const headerLength = (dv.getUint8(quote) & 0x0f) << 2;
    if (dv.getUint8(quote) >>> 4 !== 4 || headerLength < IPV4_HEADER || length < headerLength + QUOTED_L4) return false;
    record.src = dv.getInt32(quote + IPV4_SRC);
    record.dst = dv.getInt32(quote + IPV4_DST);
    record.l4 = quote + headerLength;
    record.l4Length = length - headerLength;
    // A later fragment has no transport header to know it by.
    if ((dv.getUint16(quote + IPV4_FRAGMENT) & IPV4_OFFSET_MASK) !== 0) return false;
    return this.ipv4.isLocal(record.src);
  }

  /** Gives the record to its protocol. Returns whether the quoted packet may be believed to be ours. */
  private tell(protocol: number): boolean {
    const transport = this.ipv4.transportOf(protocol);
    if (transport === null) return false;
    this.record.credible = true;
    transport.report(this.record);
    return this.record.credible;
  }

  /** RFC 1122 §2.3.2.2, §3.2.2.1: nobody answers ARP for it: our own stack says "host unreachable". */
  private neighbourFailed(_netif: Netif, ip: number, length: number): void {
    const { record } = this;
    if (!this.readQuote(ip, length)) return;
    record.type = ICMP_UNREACHABLE;
    record.code = CODE_HOST;
    record.reporter = record.src;
    record.mtu = 0;
    convert(record);
    this.tell(this.dv.getUint8(ip + IPV4_PROTOCOL));
  }

  private freeId(): number {
    const first = below(this.env.random, 65535);
    for (let i = 0; i < 65535; i++) {
      const id = ((first + i) % 65535) + 1;
      if (!this.endpoints.has(id)) return id;
    }
    throw new SystemError(EADDRNOTAVAIL, "bind", { sentence: "all 65535 echo identifiers are in use" });
  }

  private watch(): void {
    const { config } = this.env;
    config.watch<number>("net.ipv4.icmp_echo_ignore_all", (v) => (this.ignoreEcho = v !== 0));
    config.watch<number>("net.ipv4.icmp_echo_ignore_broadcasts", (v) => (this.ignoreBroadcastEcho = v !== 0));
  }
}
