import type { Route } from "../ip/route.js";
import type { Netif } from "../netif/netif.js";
import type { Binding } from "../ports/binding.js";
import { type Addr, ANY } from "../wire/address.js";
import type { DatagramQueue, DatagramQueues } from "./datagram-queue.js";

/** What an endpoint's owner is told. */
export const UDP_READABLE = 1;
export const UDP_WRITABLE = 2;
export const UDP_ERROR = 4;

/** Values of IP_MTU_DISCOVER (ip(7)). */
export const PMTUDISC_DONT = 0;
export const PMTUDISC_WANT = 1;
export const PMTUDISC_DO = 2;
export const PMTUDISC_PROBE = 3;
export const PMTUDISC_INTERFACE = 4;
export const PMTUDISC_OMIT = 5;

/** Who holds an endpoint from above: a socket. */
export interface UdpOwner {
  /** It is on the list of those who will be told: {@link endpointEvent} need not be called again. */
  readonly readyQueued: boolean;
  /** Something changed (UDP_*); called during input, so only note it. */
  endpointEvent(events: number): void;
}

/** A group that an endpoint is in. */
export interface UdpMembership {
  readonly netif: Netif;
  readonly group: Addr;
}

/** One end of UDP communication: data, on which the functions of {@link Udp} act. */
export class UdpEndpoint {
  // What a datagram and its reading look at comes first: see Connection
  /** Datagrams that wait; the shared empty one while none does. */
  queue: DatagramQueue;
  owner: UdpOwner | null;
  /** Positive errno that waits to be collected (SO_ERROR). */
  error = 0;
  closed = false;
  /** The link's queue was full at the last send. */
  blocked = false;
  rcvLimit: number;
  private readonly queues: DatagramQueues;
  binding: Binding | null = null;
  /** The address that was asked for in bind; connect() narrows the binding's own from ANY to the route's source. */
  boundAddr: Addr = ANY;
  /** The port was asked for, or given by bind, and stays when the endpoint is disconnected. */
  boundPort = false;
  remoteAddr: Addr = ANY;
  /** 0: not connected. */
  remotePort = 0;
  /** Position among the connected, or -1; the next older one with the same 4-tuple, or null. */
  index = -1;
  sameTuple: UdpEndpoint | null = null;
  /** The last way taken. */
  route: Route | null = null;
  memberships: UdpMembership[] = [];

  // Options
  reuseAddr = false;
  reusePort = false;
  broadcast = false;
  noChecksum = false;
  /** 0: the stack's default. */
  ttl = 0;
  tos = 0;
  multicastTtl = 1;
  multicastLoop = true;
  mtuDiscover = PMTUDISC_WANT;
  sndLimit: number;

  constructor(queues: DatagramQueues, owner: UdpOwner | null, rcvLimit: number, sndLimit: number) {
    this.queues = queues;
    this.queue = queues.empty;
    this.owner = owner;
    this.rcvLimit = rcvLimit;
    this.sndLimit = sndLimit;
  }

  /** The local address that packets leave from, when that is fixed: not a group's, not a broadcast address. */
  get localAddr(): Addr {
    return this.binding === null ? ANY : this.binding.addr;
  }

  get localPort(): number {
    return this.binding === null ? 0 : this.binding.port;
  }

  /** Appends a datagram: see {@link DatagramQueue.push}. */
  push(at: number, length: number, src: Addr, srcPort: number, dst: Addr): number {
    const { queues } = this;
    if (this.queue === queues.empty) this.queue = queues.take();
    const result = this.queue.push(at, length, src, srcPort, dst, this.rcvLimit);
    if (this.queue.count === 0) this.forget();
    return result;
  }

  /** Forgets the oldest datagram. */
  shift(): void {
    this.queue.shift();
    if (this.queue.count === 0) this.forget();
  }

  /** Forgets all that wait. */
  forget(): void {
    const { queues, queue } = this;
    if (queue === queues.empty) return;
    this.queue = queues.empty;
    queues.give(queue);
  }
}
