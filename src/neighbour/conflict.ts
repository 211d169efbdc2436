import { EADDRINUSE, SystemError } from "../base/errors.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { below } from "../platform/random.js";
import { TimerNode } from "../platform/timer-wheel.js";
import { type Addr, ANY, formatAddr, formatMac } from "../wire/address.js";
import { ARP_REQUEST } from "../wire/arp.js";
import { BROADCAST_HIGH, BROADCAST_LOW, macBytes } from "../wire/ethernet.js";
import { sendArp } from "./arp-output.js";
import type { NeighbourCounters } from "./counters.js";

/** "fast": one probe and 200 ms; "rfc5227": the whole of it; "off": none. */
export type ConflictDetection = "fast" | "rfc5227" | "off";

/** RFC 5227 §1.1, in ms. */
const PROBE_WAIT = 1000;
const PROBE_NUM = 3;
const PROBE_MIN = 1000;
const PROBE_MAX = 2000;
const ANNOUNCE_WAIT = 2000;
const ANNOUNCE_NUM = 2;
const ANNOUNCE_INTERVAL = 2000;
const DEFEND_INTERVAL = 10_000;
/** What "fast" waits for an answer. */
const FAST_WAIT = 200;

/** An address that is being asked about, or is in use and announced and defended. */
class Claim extends TimerNode {
  readonly netif: Netif;
  readonly addr: Addr;
  readonly mode: ConflictDetection;
  /** Probes, then announcements, still to be sent. */
  probes: number;
  announcements: number;
  /** Our address: it answers and is defended. */
  held = false;
  lastDefence = 0;
  defended = false;
  done: ((error: SystemError | null) => void) | null;
  private readonly detector: ConflictDetector;

  constructor(
    detector: ConflictDetector,
    netif: Netif,
    addr: Addr,
    mode: ConflictDetection,
    done: (error: SystemError | null) => void,
  ) {
    super();
    this.detector = detector;
    this.netif = netif;
    this.addr = addr;
    this.mode = mode;
    this.probes = mode === "rfc5227" ? PROBE_NUM : mode === "fast" ? 1 : 0;
    this.announcements = mode === "rfc5227" ? ANNOUNCE_NUM : 1;
    this.done = done;
  }

  override onTimer(now: number): void {
    this.detector.step(this, now);
  }
}

/** IPv4 address conflict detection (RFC 5227): asks before an address is used, announces it, defends it. */
export class ConflictDetector {
  /** Somebody else uses an address that we hold. */
  onConflict: (netif: Netif, addr: Addr, mac: Uint8Array) => void = () => {};
  private readonly env: Environment;
  private readonly counters: NeighbourCounters;
  private claims: Claim[] = [];

  constructor(env: Environment, counters: NeighbourCounters) {
    this.env = env;
    this.counters = counters;
  }

  /**
   * Asks whether `addr` is free on the interface. The caller gives the interface the address when `done` says so,
   * and then {@link announce}s it.
   * @param done null: it is free. Else EADDRINUSE, naming the MAC address of who has it. Not called from inside
   */
  claim(netif: Netif, addr: Addr, mode: ConflictDetection, done: (error: SystemError | null) => void): void {
    const claim = new Claim(this, netif, addr, netif.ethernet ? mode : "off", done);
    this.claims.push(claim);
    const now = this.env.time.ms;
    // RFC 5227 §2.1.1: a random wait, so that hosts powered on together do not probe together.
    const wait = claim.mode === "rfc5227" ? below(this.env.random, PROBE_WAIT) : 0;
    if (claim.mode === "fast") this.step(claim, now);
    else this.env.wheel.arm(claim, (now + wait) | 0);
  }

  /** RFC 5227 §2.3: says that the address is ours from now on; what neighbours remember of it is put right. */
  announce(netif: Netif, addr: Addr): void {
    if (!netif.ethernet) return;
    const claim = this.find(netif, addr);
    this.sendAnnouncement(netif, addr);
    if (claim === null || --claim.announcements <= 0) return;
    this.env.wheel.arm(claim, (this.env.time.ms + ANNOUNCE_INTERVAL) | 0);
  }

  /** The address is given up. */
  release(netif: Netif, addr: Addr): void {
    const claim = this.find(netif, addr);
    if (claim === null) return;
    this.env.wheel.cancel(claim);
    this.claims = this.claims.filter((c) => c !== claim);
  }

  /** The interface is gone. */
  forget(netif: Netif): void {
    for (const claim of this.claims) if (claim.netif === netif) this.env.wheel.cancel(claim);
    this.claims = this.claims.filter((c) => c.netif !== netif);
  }

  /** Looks at an ARP packet from another station. True: it contradicts a claim of ours, and has been dealt with. */
  check(netif: Netif, high: number, low: number, sender: Addr, target: Addr, operation: number): boolean {
    for (const claim of this.claims) {
      if (claim.netif !== netif) continue;
      // §2.1.1: while probing, any packet from the address, or somebody else's probe for it, means that it is taken.
      const probe = !claim.held && operation === ARP_REQUEST && sender === ANY && target === claim.addr;
      if (sender !== claim.addr && !probe) continue;
      if (claim.held) this.defend(claim, high, low);
      else this.lose(claim, high, low);
      return true;
    }
    return false;
  }

  /** A claim's timer. */
  step(claim: Claim, now: number): void {
    const { wheel, random } = this.env;
    if (claim.held) {
      this.sendAnnouncement(claim.netif, claim.addr);
      if (--claim.announcements > 0) wheel.arm(claim, (now + ANNOUNCE_INTERVAL) | 0);
    } else if (claim.probes > 0) {
      claim.probes--;
      this.counters.TapstackArpOutProbes++;
      // §2.1.1: sender address 0.0.0.0, so that nobody's cache is disturbed.
      sendArp(this.env, claim.netif, ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, ANY, 0, 0, claim.addr);
      const between = PROBE_MIN + below(random, PROBE_MAX - PROBE_MIN);
      const wait = claim.mode === "fast" ? FAST_WAIT : claim.probes > 0 ? between : ANNOUNCE_WAIT;
      wheel.arm(claim, (now + wait) | 0);
    } else this.settle(claim, null);
  }

  private settle(claim: Claim, error: SystemError | null): void {
    const { done } = claim;
    claim.done = null;
    claim.held = error === null;
    if (error !== null) this.claims = this.claims.filter((c) => c !== claim);
    done?.(error);
  }

  private lose(claim: Claim, high: number, low: number): void {
    this.env.wheel.cancel(claim);
    const address = formatAddr(claim.addr);
    const owner = formatMac(macBytes(high, low));
    const sentence = `${owner} on ${claim.netif.name} uses this address already; give the stack another one`;
    this.settle(claim, new SystemError(EADDRINUSE, "attach", { address, sentence }));
  }

  /** §2.4 (c): keeps the address, and says so at most once in DEFEND_INTERVAL, lest two such hosts fight for ever. */
  private defend(claim: Claim, high: number, low: number): void {
    const now = this.env.time.ms;
    this.onConflict(claim.netif, claim.addr, macBytes(high, low));
    if (claim.mode === "off") return;
    if (claim.defended && ((now - claim.lastDefence) | 0) < DEFEND_INTERVAL) return;
    claim.defended = true;
    claim.lastDefence = now;
    this.sendAnnouncement(claim.netif, claim.addr);
  }

  private sendAnnouncement(netif: Netif, addr: Addr): void {
    this.counters.TapstackArpOutAnnouncements++;
    sendArp(this.env, netif, ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, addr, 0, 0, addr);
  }

  private find(netif: Netif, addr: Addr): Claim | null {
    return this.claims.find((c) => c.netif === netif && c.addr === addr) ?? null;
  }
}
