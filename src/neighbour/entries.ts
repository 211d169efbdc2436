import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import { TimerNode } from "../platform/timer-wheel.js";
import type { Addr } from "../wire/address.js";
import type { NeighbourCounters } from "./counters.js";
import { Neighbour, type NeighbourOwner, NUD_FAILED, NUD_IN_TIMER, NUD_PERMANENT } from "./neighbour.js";
import type { NeighbourSettings } from "./settings.js";

/** A forced collection looks at the table at most so often. */
const FORCED_GC_MS = 5000;

/** The entries of the neighbour table, by interface and address, and what keeps them few: Linux's gc_thresh1 to 3. */
export class NeighbourEntries extends TimerNode {
  /** How many there are. */
  size = 0;
  private readonly env: Environment;
  private readonly settings: NeighbourSettings;
  private readonly counters: NeighbourCounters;
  private readonly byNetif = new Map<Netif, Map<Addr, Neighbour>>();
  private lastForced = 0;
  private forcedBefore = false;

  constructor(env: Environment, settings: NeighbourSettings, counters: NeighbourCounters) {
    super();
    this.env = env;
    this.settings = settings;
    this.counters = counters;
  }

  find(netif: Netif, addr: Addr): Neighbour | null {
    return this.byNetif.get(netif)?.get(addr) ?? null;
  }

  /** Every entry. */
  *all(): Generator<Neighbour> {
    for (const map of this.byNetif.values()) yield* map.values();
  }

  /** A new entry; null: there are gc_thresh3 of them, all of use. */
  create(owner: NeighbourOwner, netif: Netif, addr: Addr): Neighbour | null {
    const { settings, env } = this;
    if (this.size >= settings.gcThresh2) this.collectForced();
    if (this.size >= settings.gcThresh3) {
      this.counters.TapstackArpTableOverflows++;
      return null;
    }
    const neighbour = new Neighbour(owner, netif, addr, env.time);
    let map = this.byNetif.get(netif);
    if (map === undefined) {
      map = new Map();
      this.byNetif.set(netif, map);
    }
    map.set(addr, neighbour);
    this.size++;
    if (this.size > settings.gcThresh1 && this.wheelSlot < 0)
      env.wheel.arm(this, (env.time.ms + settings.gcIntervalMs) | 0);
    return neighbour;
  }

  /** Takes an entry out; what waits there is lost. */
  remove(neighbour: Neighbour): void {
    if (neighbour.dead) return;
    this.env.wheel.cancel(neighbour);
    neighbour.dead = true;
    neighbour.state = NUD_FAILED;
    this.counters.TapstackArpQueueDrops += neighbour.waiting?.count ?? 0;
    neighbour.waiting?.clear();
    neighbour.waiting = null;
    this.byNetif.get(neighbour.netif)?.delete(neighbour.addr);
    this.size--;
  }

  /** Takes all entries of an interface out. */
  detach(netif: Netif): void {
    for (const neighbour of [...(this.byNetif.get(netif)?.values() ?? [])]) this.remove(neighbour);
    this.byNetif.delete(netif);
  }

  close(): void {
    for (const netif of [...this.byNetif.keys()]) this.detach(netif);
    this.env.wheel.cancel(this);
  }

  /** Forgets entries that nobody has used for long; runs while there are more than gc_thresh1. */
  override onTimer(now: number): void {
    const { settings, env } = this;
    if (this.size > settings.gcThresh1) {
      for (const neighbour of [...this.all()])
        if (collectable(neighbour) && ((now - neighbour.usedAt) | 0) > settings.gcStaleMs) this.remove(neighbour);
    }
    if (this.size > settings.gcThresh1) env.wheel.arm(this, (now + settings.gcIntervalMs) | 0);
  }

  /** Makes room: what did not answer, and what nobody used in the last 5 s. */
  private collectForced(): void {
    const now = this.env.time.ms;
    const soon = this.forcedBefore && ((now - this.lastForced) | 0) < FORCED_GC_MS;
    if (soon && this.size < this.settings.gcThresh3) return;
    this.lastForced = now;
    this.forcedBefore = true;
    for (const neighbour of [...this.all()]) {
      if (this.size < this.settings.gcThresh2) return;
      const old = ((now - neighbour.usedAt) | 0) > FORCED_GC_MS && ((now - neighbour.updatedAt) | 0) > FORCED_GC_MS;
      if (collectable(neighbour) && (old || neighbour.state === NUD_FAILED)) this.remove(neighbour);
    }
  }
}

/** Nothing is under way, and nobody set it by hand. */
function collectable(neighbour: Neighbour): boolean {
  return (neighbour.state & (NUD_IN_TIMER | NUD_PERMANENT)) === 0;
}
