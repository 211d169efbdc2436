import type { TxQueue } from "../link/tx-queue.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { below } from "../platform/random.js";
import { type Addr, isLoopback, isMulticast, LIMITED_BROADCAST } from "../wire/address.js";
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  isArp,
} from "../wire/arp.js";
import { BROADCAST_HIGH, BROADCAST_LOW, ETH_HEADER } from "../wire/ethernet.js";
import { sendArp } from "./arp-output.js";
import { ConflictDetector } from "./conflict.js";
import { NeighbourCounters } from "./counters.js";
import { NeighbourEntries } from "./entries.js";
import {
  type Neighbour,
  type NeighbourOwner,
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from "./neighbour.js";
import { NeighbourSettings } from "./settings.js";
import { WaitingFrames } from "./waiting.js";

/** What the table asks of, and tells, the layer above; registered by it. */
export interface NeighbourClient {
  /** Whether requests for `addr` are to be answered on any interface (Linux's arp_ignore = 0). */
  isOurs(addr: Addr): boolean;
  /**
   * A packet that waited is dropped since its neighbour does not answer.
   * @param at memory offset of the first `length` bytes of its IP packet, as much as an ICMP error would quote
   */
  unreachable(netif: Netif, at: number, length: number): void;
}

const NO_CLIENT: NeighbourClient = { isOurs: () => false, unreachable: () => {} };

/** Of a packet that is given up, so much is shown to its sender. */
const QUOTE = 128;

/** The neighbours on all "ethernet" interfaces and the ARP (RFC 826) that finds them, with Linux's states and times. */
export class NeighbourTable implements NeighbourOwner {
  readonly counters = new NeighbourCounters();
  readonly settings: NeighbourSettings;
  /** Address conflict detection (RFC 5227). */
  readonly conflicts: ConflictDetector;
  client: NeighbourClient = NO_CLIENT;
  private readonly env: Environment;
  private readonly table: NeighbourEntries;
  private readonly quote: number;

  constructor(env: Environment) {
    this.env = env;
    this.settings = new NeighbourSettings(env.config);
    this.conflicts = new ConflictDetector(env, this.counters);
    this.table = new NeighbourEntries(env, this.settings, this.counters);
    this.quote = env.memory.reserve(QUOTE);
  }

  /** The entry of `addr`, made if need be; null: the table is full. */
  lookup(netif: Netif, addr: Addr): Neighbour | null {
    return this.table.find(netif, addr) ?? this.table.create(this, netif, addr);
  }

  find(netif: Netif, addr: Addr): Neighbour | null {
    return this.table.find(netif, addr);
  }

  /** How many entries there are. */
  get size(): number {
    return this.table.size;
  }

  /** Every entry, for listings. */
  entries(): Iterable<Neighbour> {
    return this.table.all();
  }

  /** An entry set by hand, that no packet changes. */
  setPermanent(netif: Netif, addr: Addr, macHigh: number, macLow: number): void {
    const neighbour = this.lookup(netif, addr);
    if (neighbour === null) return;
    neighbour.state = neighbour.state === NUD_PERMANENT ? NUD_NONE : neighbour.state;
    this.learn(neighbour, macHigh, macLow, NUD_PERMANENT, true);
  }

  /** Forgets all about an interface. */
  detach(netif: Netif): void {
    this.conflicts.forget(netif);
    this.table.detach(netif);
  }

  close(): void {
    this.table.close();
    this.env.memory.release(this.quote, QUOTE);
  }

  /** A packet goes to an entry that is valid but not connected (RFC 4861 §7.3.3, as Linux does for IPv4). */
  used(neighbour: Neighbour): void {
    const now = this.env.time.ms;
    neighbour.usedAt = now;
    if (neighbour.state !== NUD_STALE) return;
    neighbour.state = NUD_DELAY;
    neighbour.updatedAt = now;
    this.env.wheel.arm(neighbour, (now + this.settings.delayMs) | 0);
  }

  /**
   * The last row of `queue` is to a neighbour whose address is not known: takes it out of the queue, keeps a copy,
   * and asks. When too much waits, the oldest goes (RFC 1122 §2.3.2.2: at least the latest is kept).
   */
  hold(neighbour: Neighbour, queue: TxQueue): void {
    neighbour.waiting ??= new WaitingFrames(this.env.pool);
    const { waiting } = neighbour;
    const index = queue.count - 1;
    const { counters, settings } = this;
    const kept = waiting.add(queue, index);
    if (!kept) counters.TapstackArpQueueDrops++;
    queue.truncate(index);
    while (waiting.count > 1 && waiting.bytes > settings.queueBytes) {
      waiting.drop();
      counters.TapstackArpQueueDrops++;
    }
    const now = this.env.time.ms;
    neighbour.usedAt = now;
    if (neighbour.state === NUD_INCOMPLETE) return;
    neighbour.probes = settings.unicastSolicit;
    neighbour.state = NUD_INCOMPLETE;
    neighbour.updatedAt = now;
    this.solicit(neighbour, now);
  }

  /** [at, end): an ARP packet, behind the Ethernet header at `frame`. */
  arpInput(netif: Netif, frame: number, at: number, end: number): void {
    const { dv } = this.env.memory;
    const { counters } = this;
    const operation = end - at < ARP_LENGTH ? 0 : dv.getUint16(at + ARP_OPERATION);
    if (!isArp(dv, at, end - at) || (operation !== ARP_REQUEST && operation !== ARP_REPLY)) {
      counters.TapstackArpInErrors++;
      return;
    }
    const high = dv.getUint16(at + ARP_SENDER_MAC);
    const low = dv.getInt32(at + ARP_SENDER_MAC + 2);
    const sender = dv.getInt32(at + ARP_SENDER_IP);
    const target = dv.getInt32(at + ARP_TARGET_IP);
    // A group address is nobody's own; our own means that a frame of ours came back.
    if ((high & 0x0100) !== 0) counters.TapstackArpInErrors++;
    else if (high === netif.macHigh && low === netif.macLow) counters.TapstackArpInIgnored++;
    else if (this.conflicts.check(netif, high, low, sender, target, operation)) counters.TapstackArpInConflicts++;
    else if (operation === ARP_REQUEST && this.answers(netif, target)) this.request(netif, high, low, sender, target);
    else {
      const unicast = (dv.getUint16(frame) & 0x0100) === 0;
      this.observe(netif, high, low, sender, target, operation === ARP_REPLY && unicast);
    }
  }

  /** A neighbour's timer: Linux's neigh_timer_handler. */
  timeout(neighbour: Neighbour, now: number): void {
    const { settings, env } = this;
    const { state } = neighbour;
    if (state === NUD_REACHABLE) {
      const until = (neighbour.confirmedAt + this.reachableTime()) | 0;
      if (((until - now) | 0) > 0) env.wheel.arm(neighbour, until);
      else if (((neighbour.usedAt + settings.delayMs - now) | 0) > 0) {
        neighbour.state = NUD_DELAY;
        neighbour.updatedAt = now;
        env.wheel.arm(neighbour, (now + settings.delayMs) | 0);
      } else {
        neighbour.state = NUD_STALE;
        neighbour.updatedAt = now;
      }
    } else if (state === NUD_DELAY) {
      if (((neighbour.confirmedAt + settings.delayMs - now) | 0) >= 0) this.reached(neighbour, now);
      else {
        neighbour.state = NUD_PROBE;
        neighbour.updatedAt = now;
        neighbour.probes = 0;
        this.solicit(neighbour, now);
      }
    } else if ((state & (NUD_PROBE | NUD_INCOMPLETE)) !== 0) {
      const limit = settings.unicastSolicit + (state === NUD_PROBE ? 0 : settings.multicastSolicit);
      if (neighbour.probes >= limit) this.fail(neighbour, now);
      else this.solicit(neighbour, now);
    }
  }

  private answers(netif: Netif, target: Addr): boolean {
    return !isMulticast(target) && !isLoopback(target) && (netif.hasAddress(target) || this.client.isOurs(target));
  }

  private request(netif: Netif, high: number, low: number, sender: Addr, target: Addr): void {
    this.counters.TapstackArpInRequests++;
    // RFC 826: who asks for us is about to talk to us. RFC 5227 §2.1.1: but a probe has no sender address.
    if (isHost(sender)) {
      const known = this.find(netif, sender);
      if (known !== null) this.learn(known, high, low, NUD_STALE, true);
      else if (this.size < this.settings.gcThresh2) {
        const made = this.table.create(this, netif, sender);
        if (made !== null) this.learn(made, high, low, NUD_STALE, true);
      }
    }
    this.counters.TapstackArpOutReplies++;
    sendArp(this.env, netif, ARP_REPLY, high, low, target, high, low, sender);
  }

  /** Says something about a neighbour that may be in the table: only then it counts (arp_accept is off). */
  private observe(netif: Netif, high: number, low: number, sender: Addr, target: Addr, solicited: boolean): void {
    const known = this.find(netif, sender);
    if (known === null) {
      this.counters.TapstackArpInIgnored++;
      return;
    }
    this.counters.TapstackArpInUpdates++;
    const locked = ((this.env.time.ms - known.updatedAt) | 0) <= this.settings.locktimeMs;
    this.learn(known, high, low, solicited ? NUD_REACHABLE : NUD_STALE, !locked || sender === target);
  }

  /**
   * Linux's neigh_update: what was said about an entry, as REACHABLE (an answer to us), STALE (hearsay) or PERMANENT.
   * @param override a different MAC address is believed
   */
  private learn(neighbour: Neighbour, high: number, low: number, said: number, override: boolean): void {
    const old = neighbour.state;
    if (old === NUD_PERMANENT) return;
    const now = this.env.time.ms;
    const same = high === neighbour.macHigh && low === neighbour.macLow;
    const valid = (old & NUD_VALID) !== 0;
    if (valid && !same && !override) return;
    // What is valid already does not become less so by hearing the same again.
    const state = valid && same && said === NUD_STALE ? old : said;
    if ((said & NUD_CONNECTED) !== 0) neighbour.confirmedAt = now;
    if (!same || !valid) neighbour.updatedAt = now;
    neighbour.macHigh = high;
    neighbour.macLow = low;
    if (state === NUD_REACHABLE) this.reached(neighbour, now);
    else if (state !== old) {
      this.env.wheel.cancel(neighbour);
      neighbour.state = state;
    }
    if (!valid) this.release(neighbour);
  }

  private reached(neighbour: Neighbour, now: number): void {
    neighbour.state = NUD_REACHABLE;
    neighbour.updatedAt = now;
    neighbour.probes = 0;
    this.env.wheel.arm(neighbour, (neighbour.confirmedAt + this.reachableTime()) | 0);
  }

  /** RFC 4861 §6.3.2: uniform from a half to one and a half of the base. */
  private reachableTime(): number {
    const base = this.settings.reachableMs;
    return (base >> 1) + below(this.env.random, base);
  }

  private solicit(neighbour: Neighbour, now: number): void {
    const { netif, addr } = neighbour;
    neighbour.probes++;
    this.counters.TapstackArpOutRequests++;
    const known = (neighbour.state & NUD_VALID) !== 0;
    const high = known ? neighbour.macHigh : BROADCAST_HIGH;
    const low = known ? neighbour.macLow : BROADCAST_LOW;
    sendArp(this.env, netif, ARP_REQUEST, high, low, netif.sourceFor(addr), 0, 0, addr);
    this.env.wheel.arm(neighbour, (now + this.settings.retransMs) | 0);
  }

  /** The address is known: everything that waited goes, in order. */
  private release(neighbour: Neighbour): void {
    const { waiting, netif } = neighbour;
    if (waiting === null) return;
    this.counters.TapstackArpQueueDrops += waiting.sendAll(netif, neighbour.macHigh, neighbour.macLow);
    neighbour.waiting = null;
  }

  /** RFC 1122 §2.3.2.2: nobody answers; whoever sent what waits is told. */
  private fail(neighbour: Neighbour, now: number): void {
    neighbour.state = NUD_FAILED;
    neighbour.updatedAt = now;
    this.counters.TapstackArpFailures++;
    const { waiting } = neighbour;
    if (waiting === null) return;
    // A handler that sends again at once starts a new wait of its own.
    neighbour.waiting = null;
    while (waiting.count > 0) {
      const length = Math.min(waiting.firstLength, QUOTE);
      // Moved to the front, so that the IP header is aligned.
      waiting.peek(this.quote, length);
      this.env.memory.copy(this.quote, this.quote + ETH_HEADER, length - ETH_HEADER);
      waiting.drop();
      this.counters.TapstackArpUnreachableDrops++;
      this.client.unreachable(neighbour.netif, this.quote, length - ETH_HEADER);
    }
  }
}

/** Whether an address can be a single neighbour's. */
function isHost(addr: Addr): boolean {
  return addr >>> 24 !== 0 && !isMulticast(addr) && !isLoopback(addr) && addr !== LIMITED_BROADCAST;
}
