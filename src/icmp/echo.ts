import type { ChunkPool } from "../base/chunks.js";
import { EAGAIN, EBADF, EINVAL, EMSGSIZE } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import { StreamBuffer } from "../base/stream-buffer.js";
import type { Ipv4 } from "../ip/ipv4.js";
import { type IcmpReport, PROTO_ICMP } from "../ip/transport.js";
import type { RxPacket } from "../netif/packet.js";
import { type Addr, ANY } from "../wire/address.js";
import { ICMP_CHECKSUM, ICMP_ECHO, ICMP_HEADER, ICMP_ID, ICMP_SEQUENCE } from "../wire/icmp.js";
import { IPV4_HEADER, IPV4_MAX } from "../wire/ipv4.js";

/** An ICMP error about a request of ours. */
export interface EchoError {
  readonly type: number;
  readonly code: number;
  /** Who says so. */
  readonly reporter: Addr;
  /** Whom the request was to, and its sequence number. */
  readonly dst: Addr;
  readonly sequence: number;
  readonly errno: number;
  readonly hard: boolean;
  readonly mtu: number;
}

/** A reply waiting to be read. */
interface Waiting {
  readonly from: Addr;
  readonly length: number;
  readonly ttl: number;
}

/** Errors kept for {@link EchoEndpoint.takeError}; the oldest go first. */
const ERRORS = 64;
/** Charged for a reply beside its bytes, so that empty ones are not free. */
const OVERHEAD = 256;

/** What an endpoint needs of its ICMP. */
export interface EchoHost {
  readonly ipv4: Ipv4;
  readonly memory: Memory;
  readonly pool: ChunkPool;
  /** An echo request went out. */
  sent(): void;
  /** A reply found the queue full. */
  dropped(): void;
  closed(endpoint: EchoEndpoint): void;
}

/**
 * A place to send echo requests from (RFC 792): Linux's "ping socket". Messages are whole ICMP messages, header
 * first; the identifier and the checksum are filled in here, and only replies with that identifier come back.
 */
export class EchoEndpoint {
  readonly id: number;
  /** Only replies from this address are taken; ANY: all. */
  peer: Addr = ANY;
  /** The source of requests; ANY: chosen by route. Only replies to it are taken. */
  local: Addr = ANY;
  /** 0: the stack's default. */
  ttl = 0;
  tos = 0;
  /** 1: requests are not to be fragmented. */
  df = 0;
  /** Bytes of replies that may wait. */
  receiveBuffer = 212992;
  /** Something can be read, or an error has come. Called in the midst of input: only to take note. */
  onActivity: () => void = () => {};
  /** TTL of the reply read last. */
  lastTtl = 0;
  /** Who sent the reply read last. */
  lastFrom: Addr = ANY;
  private readonly host: EchoHost;
  private readonly buffer: StreamBuffer;
  private readonly waiting: Waiting[] = [];
  private readonly errors: EchoError[] = [];
  private bytes = 0;
  private charged = 0;
  private isClosed = false;

  constructor(host: EchoHost, id: number) {
    this.host = host;
    this.id = id;
    this.buffer = new StreamBuffer(host.pool);
  }

  /** Replies that wait. */
  get pending(): number {
    return this.waiting.length;
  }

  /** Length of the reply that would be read next, or 0. */
  get nextLength(): number {
    return this.waiting[0]?.length ?? 0;
  }

  get errorsPending(): number {
    return this.errors.length;
  }

  /**
   * Sends `length` bytes of `source` from `offset`: an echo request, header first.
   * @returns `length`, or -EINVAL (not an echo request), -EMSGSIZE, -ENETUNREACH, -ENOBUFS, -EBADF
   */
  send(dst: Addr, source: Uint8Array, offset = 0, length = source.length - offset): number {
    if (this.isClosed) return -EBADF;
    if (length < ICMP_HEADER || source[offset] !== ICMP_ECHO || source[offset + 1] !== 0) return -EINVAL;
    if (length > IPV4_MAX - IPV4_HEADER) return -EMSGSIZE;
    const { ipv4, memory } = this.host;
    const route = ipv4.routeTo(dst, this.local);
    if (route === null) return ipv4.routeError;
    const l4 = ipv4.begin(route, length);
    if (l4 < 0) return l4;
    memory.write(l4, source, offset, length);
    memory.dv.setUint16(l4 + ICMP_ID, this.id);
    const ttl = this.ttl === 0 ? ipv4.defaultTtl : this.ttl;
    memory.dv.setUint16(l4 + ICMP_CHECKSUM, 0);
    const { src } = route;
    const error = ipv4.finish(
      route,
      l4,
      length,
      0,
      PROTO_ICMP,
      src,
      ICMP_CHECKSUM,
      0,
      ICMP_HEADER,
      ttl,
      this.tos,
      this.df,
    );
    if (error < 0) return error;
    this.host.sent();
    return length;
  }

  /**
   * Reads the oldest reply, header first; what does not fit is lost. `lastFrom` and `lastTtl` say more.
   * @returns bytes, or -EAGAIN: none waits
   */
  receive(target: Uint8Array, offset = 0, length = target.length - offset): number {
    const n = this.peek(target, offset, length);
    if (n < 0) return n;
    const first = this.waiting.shift() as Waiting;
    this.buffer.drop(first.length);
    this.bytes -= first.length;
    this.charged -= first.length + OVERHEAD;
    if (this.bytes === 0) this.buffer.clear();
    return n;
  }

  /** As receive, but the reply stays. */
  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    const first = this.waiting[0];
    if (first === undefined) return this.isClosed ? -EBADF : -EAGAIN;
    const n = Math.min(length, first.length);
    this.buffer.read(0, target, offset, n);
    this.lastFrom = first.from;
    this.lastTtl = first.ttl;
    return n;
  }

  /** The oldest error, or null. */
  takeError(): EchoError | null {
    return this.errors.shift() ?? null;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting.length = 0;
    this.errors.length = 0;
    this.bytes = 0;
    this.charged = 0;
    this.buffer.clear();
    this.host.closed(this);
  }

  /** From Icmp: a reply with this identifier. */
  reply(packet: RxPacket): void {
    if (this.peer !== ANY && this.peer !== packet.src) return;
    if (this.local !== ANY && this.local !== packet.dst) return;
    const length = packet.l4Length;
    const full = this.charged + length + OVERHEAD > this.receiveBuffer && this.waiting.length > 0;
    if (full || this.buffer.ensure(this.bytes, length) < length) {
      this.host.dropped();
      return;
    }
    this.buffer.writeFrom(this.bytes, packet.l4, length);
    this.waiting.push({ from: packet.src, length, ttl: packet.ttl });
    this.bytes += length;
    this.charged += length + OVERHEAD;
    this.onActivity();
  }

  /** From Icmp: an error about a request with this identifier. */
  report(report: IcmpReport): void {
    if (this.peer !== ANY && this.peer !== report.dst) return;
    if (this.errors.length === ERRORS) this.errors.shift();
    const { type, code, reporter, dst, errno, hard, mtu } = report;
    const sequence = this.host.memory.dv.getUint16(report.l4 + ICMP_SEQUENCE);
    this.errors.push({ type, code, reporter, dst, sequence, errno, hard, mtu });
    this.onActivity();
  }
}
