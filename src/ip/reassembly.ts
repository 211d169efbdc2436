import { CHUNK_SIZE } from "../base/chunks.js";
import { StreamBuffer } from "../base/stream-buffer.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { RxPacket } from "../netif/packet.js";
import { complement } from "../wire/checksum.js";
import {
  headerSum,
  IPV4_CHECKSUM,
  IPV4_FRAGMENT,
  IPV4_HEADER_MAX,
  IPV4_ID,
  IPV4_LENGTH,
  IPV4_MAX,
  IPV4_MF,
  IPV4_OFFSET_MASK,
} from "../wire/ipv4.js";
import type { IpCounters } from "./counters.js";
import { Datagram, type DatagramOwner, OVERHEAD, UNKNOWN } from "./datagram.js";

/** Who is told that a datagram was given up for lack of fragments, its first one having come. */
export interface ReassemblyClient {
  /** `packet` is the first fragment's header and the beginning of its data. */
  timedOut(packet: RxPacket): void;
}

const BUCKETS = 1024;
/** Of a datagram that timed out so much is shown to the sender. */
const QUOTE = 548;

/**
 * Which ECN field fragments together have (RFC 3168 §5.3), by the set of fields seen (a bit for each of Not-ECT,
 * ECT(1), ECT(0), CE); -1: they cannot belong together.
 */
const ECN = Int8Array.of(-1, 0, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1, 3, -1, 3, -1);

/** Puts fragments together again (RFC 791 §3.2, RFC 815's task), within limits of memory, number and time. */
export class Reassembly implements DatagramOwner {
  /** Bytes charged, and datagrams held. */
  memory = 0;
  count = 0;
  /** Settings. */
  highThreshold = 4194304;
  timeMs = 30_000;
  maxFragments = 256;
  client: ReassemblyClient = { timedOut: () => {} };
  private readonly env: Environment;
  private readonly counters: IpCounters;
  private readonly buckets: (Datagram | null)[] = new Array(BUCKETS).fill(null);
  private oldest: Datagram | null = null;
  private youngest: Datagram | null = null;
  private readonly key: number;
  /** Where a datagram stands, with its header, once it is complete. */
  private readonly linear: number;
  private expired: RxPacket | null = null;

  constructor(env: Environment, counters: IpCounters) {
    this.env = env;
    this.counters = counters;
    this.key = env.random.int32() | 1;
    this.linear = env.memory.reserve(IPV4_HEADER_MAX + IPV4_MAX + 1);
  }

  /** Gives everything back. */
  close(): void {
    while (this.oldest !== null) this.remove(this.oldest);
    this.env.memory.release(this.linear, IPV4_HEADER_MAX + IPV4_MAX + 1);
  }

  /** Forgets what came in through an interface that is gone. */
  detach(netif: Netif): void {
    for (let d = this.oldest; d !== null; ) {
      const younger: Datagram | null = d.younger;
      if (d.netif === netif) this.remove(d);
      d = younger;
    }
  }

  /**
   * A valid fragment in `packet`. True: it was the last one missing, and `packet` is the whole datagram now, in one
   * run, valid until the next call.
   */
  input(packet: RxPacket): boolean {
    const { dv } = this.env.memory;
    this.counters.IpReasmReqds++;
    const field = dv.getUint16(packet.ip + IPV4_FRAGMENT);
    const start = (field & IPV4_OFFSET_MASK) << 3;
    const more = (field & IPV4_MF) !== 0;
    const end = start + packet.l4Length;
    // RFC 791 §3.2: all but the last come in units of 8 bytes. No fragment may reach beyond the longest packet.
    if (packet.l4Length === 0 || (more && (packet.l4Length & 7) !== 0) || end + packet.ipHeaderLength > IPV4_MAX)
      return this.failed();
    const datagram = this.find(packet, dv.getUint16(packet.ip + IPV4_ID));
    if (datagram.poisoned) return this.failed();
    const at = this.place(datagram, start, end, more);
    if (at < 0) return false;
    if (!this.keep(datagram, packet, at, start, end)) return this.failed();
    datagram.ecn |= 1 << (packet.tos & 3);
    if (start === 0) this.keepHeader(datagram, packet);
    if (datagram.received !== datagram.length) {
      this.limit(datagram);
      return false;
    }
    return this.complete(datagram, packet);
  }

  /** A datagram's time is up. */
  expire(datagram: Datagram): void {
    const { counters } = this;
    counters.IpReasmTimeout++;
    counters.IpReasmFails++;
    // RFC 792, RFC 1122 §3.3.2: time exceeded, but only if fragment zero has come.
    if (datagram.headerLength > 0 && !datagram.poisoned) this.tell(datagram);
    this.remove(datagram);
  }

  private failed(): false {
    this.counters.IpReasmFails++;
    return false;
  }

  /** Where in the order of fragments [start, end) belongs; -1: it does not, which has been dealt with. */
  private place(datagram: Datagram, start: number, end: number, more: boolean): number {
    const { ranges, length } = datagram;
    let at = datagram.count;
    while (at > 0 && (ranges[2 * at - 2] as number) >= start) at--;
    const same = at < datagram.count && ranges[2 * at] === start && ranges[2 * at + 1] === end;
    if (same && more === (end !== length)) {
      // Exactly the same again: the network doubled it.
      this.counters.TapstackReasmDuplicates++;
      return -1;
    }
    const before = at > 0 && (ranges[2 * at - 1] as number) > start;
    const after = at < datagram.count && (ranges[2 * at] as number) < end;
    if (before || after) return this.poison(datagram);
    // Two different ends, or data behind the end, are as good as an overlap.
    const last = datagram.count > 0 ? (ranges[2 * datagram.count - 1] as number) : 0;
    if (more ? length !== UNKNOWN && end >= length : length !== UNKNOWN || last > end) return this.poison(datagram);
    if (!more) datagram.length = end;
    if (datagram.count < this.maxFragments) return at;
    this.counters.IpReasmFails++;
    this.remove(datagram);
    return -1;
  }

  /** RFC 5722 §3, for IPv4 as well: overlapping fragments are an attack; the whole datagram goes, in silence. */
  private poison(datagram: Datagram): number {
    this.counters.IpExtReasmOverlaps++;
    this.counters.IpReasmFails++;
    datagram.data.clear();
    datagram.poisoned = true;
    this.charge(datagram);
    return -1;
  }

  private keep(datagram: Datagram, packet: RxPacket, at: number, start: number, end: number): boolean {
    const length = end - start;
    if (datagram.data.ensure(start, length) < length) {
      this.remove(datagram);
      return false;
    }
    datagram.data.writeFrom(start, packet.l4, length);
    if (2 * datagram.count + 2 > datagram.ranges.length) {
      const wider = new Int32Array(datagram.ranges.length * 2);
      wider.set(datagram.ranges);
      datagram.ranges = wider;
    }
    datagram.ranges.copyWithin(2 * at + 2, 2 * at, 2 * datagram.count);
    datagram.ranges[2 * at] = start;
    datagram.ranges[2 * at + 1] = end;
    datagram.count++;
    datagram.received += length;
    this.charge(datagram);
    return true;
  }

  private keepHeader(datagram: Datagram, packet: RxPacket): void {
    this.env.memory.read(packet.ip, datagram.header, 0, packet.ipHeaderLength);
    datagram.headerLength = packet.ipHeaderLength;
    datagram.to = packet.to;
    datagram.linkMulticast = packet.linkMulticast;
  }

  private charge(datagram: Datagram): void {
    const now = OVERHEAD + datagram.data.chunks * CHUNK_SIZE;
    this.memory += now - datagram.charged;
    datagram.charged = now;
  }

  /** Makes room by giving up the oldest. */
  private limit(keep: Datagram): void {
    while (this.memory > this.highThreshold && this.oldest !== null) {
      const victim = this.oldest === keep && keep.younger !== null ? keep.younger : this.oldest;
      this.counters.TapstackReasmEvictions++;
      this.counters.IpReasmFails++;
      this.remove(victim);
    }
  }

  private complete(datagram: Datagram, packet: RxPacket): boolean {
    const { dv } = this.env.memory;
    const ecn = ECN[datagram.ecn] as number;
    const total = datagram.headerLength + datagram.length;
    if (ecn < 0 || total > IPV4_MAX) {
      this.remove(datagram);
      return this.failed();
    }
    const ip = this.lay(datagram, datagram.length);
    const tos = (dv.getUint8(ip + 1) & 0xfc) | ecn;
    dv.setUint8(ip + 1, tos);
    this.seal(ip, datagram.headerLength, total);
    this.fill(packet, datagram, ip, total);
    packet.tos = tos;
    this.counters.IpReasmOKs++;
    this.remove(datagram);
    return true;
  }

  /** Puts the header and `length` bytes of data in one run; returns where. */
  private lay(datagram: Datagram, length: number): number {
    const ip = this.linear + IPV4_HEADER_MAX - datagram.headerLength;
    this.env.memory.write(ip, datagram.header, 0, datagram.headerLength);
    datagram.data.readTo(0, ip + datagram.headerLength, length);
    return ip;
  }

  /** The header of a whole datagram: its own length, no fragment fields, a checksum that fits. */
  private seal(ip: number, headerLength: number, total: number): void {
    const { dv } = this.env.memory;
    dv.setInt16(ip + IPV4_LENGTH, total);
    dv.setInt16(ip + IPV4_FRAGMENT, 0);
    dv.setInt16(ip + IPV4_CHECKSUM, 0);
    dv.setInt16(ip + IPV4_CHECKSUM, complement(headerSum(dv, ip, headerLength)));
  }

  private fill(packet: RxPacket, datagram: Datagram, ip: number, total: number): void {
    const { dv } = this.env.memory;
    packet.ip = ip;
    packet.frame = ip;
    packet.frameEnd = ip + total;
    packet.flags = 0;
    packet.gsoSize = 0;
    packet.linkMulticast = datagram.linkMulticast;
    packet.ipHeaderLength = datagram.headerLength;
    packet.ipLength = total;
    packet.src = datagram.src;
    packet.dst = datagram.dst;
    packet.protocol = datagram.protocol;
    packet.ttl = dv.getUint8(ip + 8);
    packet.tos = dv.getUint8(ip + 1);
    packet.to = datagram.to;
    packet.l4 = ip + datagram.headerLength;
    packet.l4Length = total - datagram.headerLength;
  }

  private tell(datagram: Datagram): void {
    const length = Math.min(datagram.ranges[1] as number, QUOTE);
    const ip = this.lay(datagram, length);
    this.expired ??= new RxPacket(datagram.netif);
    this.expired.netif = datagram.netif;
    this.expired.reassembled = true;
    this.fill(this.expired, datagram, ip, datagram.headerLength + length);
    this.client.timedOut(this.expired);
  }

  private find(packet: RxPacket, id: number): Datagram {
    const word = packet.src ^ Math.imul(packet.dst, 0x85ebca6b) ^ ((id << 8) | packet.protocol);
    const bucket = Math.imul(word ^ (word >>> 15), this.key) >>> 22;
    for (let d = this.buckets[bucket] as Datagram | null; d !== null; d = d.next)
      if (d.id === id && d.src === packet.src && d.dst === packet.dst && d.protocol === packet.protocol) return d;
    const made = new Datagram(this, packet, id, new StreamBuffer(this.env.pool));
    made.bucket = bucket;
    made.next = this.buckets[bucket] as Datagram | null;
    this.buckets[bucket] = made;
    made.older = this.youngest;
    if (this.youngest === null) this.oldest = made;
    else this.youngest.younger = made;
    this.youngest = made;
    this.count++;
    this.memory += made.charged;
    this.env.wheel.arm(made, (this.env.time.ms + this.timeMs) | 0);
    return made;
  }

  private remove(datagram: Datagram): void {
    this.env.wheel.cancel(datagram);
    datagram.data.clear();
    this.memory -= datagram.charged;
    this.count--;
    let before: Datagram | null = null;
    for (let d = this.buckets[datagram.bucket] as Datagram | null; d !== datagram && d !== null; d = d.next) before = d;
    if (before === null) this.buckets[datagram.bucket] = datagram.next;
    else before.next = datagram.next;
    if (datagram.older === null) this.oldest = datagram.younger;
    else datagram.older.younger = datagram.younger;
    if (datagram.younger === null) this.youngest = datagram.older;
    else datagram.younger.older = datagram.older;
  }
}
