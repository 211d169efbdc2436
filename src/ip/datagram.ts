import type { StreamBuffer } from "../base/stream-buffer.js";
import type { Netif } from "../netif/netif.js";
import { type RxPacket, TO_HOST } from "../netif/packet.js";
import { TimerNode } from "../platform/timer-wheel.js";
import type { Addr } from "../wire/address.js";
import { IPV4_HEADER_MAX } from "../wire/ipv4.js";

/** Who is told when a datagram's time is up. */
export interface DatagramOwner {
  expire(datagram: Datagram): void;
}

/** Not yet known. */
export const UNKNOWN = -1;

/** Charged for a datagram beside its chunks. */
export const OVERHEAD = 512;

/** One datagram of which some fragments have come. */
export class Datagram extends TimerNode {
  netif: Netif;
  readonly src: Addr;
  readonly dst: Addr;
  readonly id: number;
  readonly protocol: number;
  readonly data: StreamBuffer;
  /** The first fragment's IP header, and its length; 0 while it has not come. */
  readonly header = new Uint8Array(IPV4_HEADER_MAX);
  headerLength = 0;
  to = TO_HOST;
  linkMulticast = false;
  /** Length of the whole data; known when the last fragment has come. */
  length = UNKNOWN;
  /** Bytes that have come; since fragments never overlap, all of them when this is `length`. */
  received = 0;
  /** Fragments as [start, end), in order. */
  ranges = new Int32Array(16);
  count = 0;
  ecn = 0;
  /** RFC 5722 §3: fragments overlapped; what still comes is dropped with the rest. */
  poisoned = false;
  charged = OVERHEAD;
  bucket = 0;
  /** The next of the bucket; and neighbours in the order of arrival. */
  next: Datagram | null = null;
  older: Datagram | null = null;
  younger: Datagram | null = null;
  private readonly owner: DatagramOwner;

  constructor(owner: DatagramOwner, packet: RxPacket, id: number, data: StreamBuffer) {
    super();
    this.owner = owner;
    this.netif = packet.netif;
    this.src = packet.src;
    this.dst = packet.dst;
    this.id = id;
    this.protocol = packet.protocol;
    this.data = data;
  }

  override onTimer(): void {
    this.owner.expire(this);
  }
}
