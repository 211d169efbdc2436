import type { Netif } from "../netif/netif.js";
import type { StackTime } from "../platform/time.js";
import { TimerNode } from "../platform/timer-wheel.js";
import type { Addr } from "../wire/address.js";
import { macBytes } from "../wire/ethernet.js";
import type { WaitingFrames } from "./waiting.js";

/** States of an entry, Linux's NUD_*. */
export const NUD_NONE = 0;
export const NUD_INCOMPLETE = 0x01; // asked, not answered yet
export const NUD_REACHABLE = 0x02; // answered or confirmed from above not long ago
export const NUD_STALE = 0x04; // was right once; good to use, to be asked about when it is used
export const NUD_DELAY = 0x08; // used while stale; asked about soon unless confirmed from above
export const NUD_PROBE = 0x10; // being asked about
export const NUD_FAILED = 0x20; // did not answer
export const NUD_PERMANENT = 0x80; // set by hand

/** Nothing needs to be done to send. */
export const NUD_CONNECTED = NUD_REACHABLE | NUD_PERMANENT;
/** The MAC address is known. */
export const NUD_VALID = NUD_CONNECTED | NUD_STALE | NUD_DELAY | NUD_PROBE;
/** A timer runs. */
export const NUD_IN_TIMER = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;

/** Who is told when an entry's timer fires: the table. */
export interface NeighbourOwner {
  timeout(neighbour: Neighbour, now: number): void;
}

/** One neighbour on one interface: what its address resolves to, and what waits for that. */
export class Neighbour extends TimerNode {
  readonly netif: Netif;
  readonly addr: Addr;
  /** The MAC address, as its first 2 and last 4 bytes; of meaning while `state & NUD_VALID`. */
  macHigh = 0;
  macLow = 0;
  /** NUD_* */
  state = NUD_NONE;
  /** It has been taken out of the table; holders ask the table again. */
  dead = false;
  /** Ticks (ms): last proof that it is there, last use while stale, last change of state or address. */
  confirmedAt = 0;
  usedAt = 0;
  updatedAt = 0;
  /** Requests sent since the last answer. */
  probes = 0;
  waiting: WaitingFrames | null = null;
  private readonly time: StackTime;
  private readonly owner: NeighbourOwner;

  constructor(owner: NeighbourOwner, netif: Netif, addr: Addr, time: StackTime) {
    super();
    this.owner = owner;
    this.netif = netif;
    this.addr = addr;
    this.time = time;
    this.usedAt = time.ms;
    this.updatedAt = time.ms;
    // Nothing is confirmed: as if the last proof were longer ago than any setting reaches.
    this.confirmedAt = (time.ms - 0x3fffffff) | 0;
  }

  /** Proof from above that the neighbour receives what is sent to it (RFC 1122 §2.3.2.1; Linux's dst_confirm). */
  confirm(): void {
    this.confirmedAt = this.time.ms;
  }

  /** The MAC address as bytes, or null while it is not known. */
  get mac(): Uint8Array | null {
    return (this.state & NUD_VALID) === 0 ? null : macBytes(this.macHigh, this.macLow);
  }

  override onTimer(now: number): void {
    this.owner.timeout(this, now);
  }
}

/** As `ip neigh` prints it. */
export function stateName(state: number): string {
  switch (state) {
    case NUD_INCOMPLETE:
      return "INCOMPLETE";
    case NUD_REACHABLE:
      return "REACHABLE";
    case NUD_STALE:
      return "STALE";
    case NUD_DELAY:
      return "DELAY";
    case NUD_PROBE:
      return "PROBE";
    case NUD_FAILED:
      return "FAILED";
    case NUD_PERMANENT:
      return "PERMANENT";
    default:
      return "NONE";
  }
}
