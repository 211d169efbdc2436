import { EBADF, EBUSY, ENETDOWN, SystemError } from "../base/errors.js";
import { type AttachOptions, type AttachPlan, planAttach } from "../ip/attach-plan.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { Link, LinkHost } from "../link/link.js";
import type { ConflictDetection } from "../neighbour/conflict.js";
import { NetifCounters } from "../netif/counters.js";
import type { Environment } from "../netif/environment.js";
import { Netif } from "../netif/netif.js";
import { ANY } from "../wire/address.js";
import { macHigh, macLow } from "../wire/ethernet.js";
import type { Turns } from "./turns.js";

/** A link in use. */
export interface Attachment {
  readonly name: string;
  /** Called once when the link is gone for good; its routes are too (ENETUNREACH). Not called on detach or close. */
  onDown: ((error: SystemError) => void) | null;
  /** Takes the link off the stack and closes it. Again: the same promise. */
  detach(): Promise<void>;
}

class Attached implements Attachment {
  readonly netif: Netif;
  readonly name: string;
  onDown: ((error: SystemError) => void) | null = null;
  /** Ends the wait of the attach() that is under way; null when none is. */
  giveUp: ((error: SystemError) => void) | null = null;
  private detaching: Promise<void> | null = null;
  private readonly owner: Attachments;

  constructor(owner: Attachments, netif: Netif) {
    this.owner = owner;
    this.netif = netif;
    this.name = netif.name;
  }

  detach(): Promise<void> {
    this.detaching ??= this.owner.detach(this);
    return this.detaching;
  }
}

/** The links in use: each opened as an interface, given its addresses, and in the end taken off again. */
export class Attachments {
  /** What all interfaces count together. */
  readonly counters = new NetifCounters();
  private readonly env: Environment;
  private readonly ip: Ipv4;
  private readonly turns: Turns;
  private readonly attached: Attached[] = [];
  private lastIndex = 0;

  constructor(env: Environment, ip: Ipv4, turns: Turns) {
    this.env = env;
    this.ip = ip;
    this.turns = turns;
  }

  /** Adds what the links themselves count. */
  addLinkCounters(all: Record<string, number>): void {
    for (const { netif } of this.attached)
      for (const [name, value] of Object.entries(netif.link.counters?.() ?? {})) all[name] = (all[name] ?? 0) + value;
  }

  /** See Stack.attach. */
  async attach(link: Link, options: AttachOptions): Promise<Attachment> {
    if (this.attached.some(({ netif }) => netif.link === link))
      throw new SystemError(EBUSY, "attach", { address: link.name, sentence: "this stack has that link already" });
    let attached: Attached | null = null;
    try {
      if (this.turns.closed) throw new SystemError(EBADF, "attach", { sentence: "the stack is closed" });
      const plan = planAttach(link, options);
      this.turns.enter();
      attached = this.open(link, plan.mac, false);
      await this.configure(attached, plan, options.conflictDetection ?? "fast");
      return attached;
    } catch (error) {
      const closing = attached === null ? async () => link.close() : () => (attached as Attached).detach();
      // Why it could not be attached matters more than that it cannot be closed either.
      await closing().catch(() => {});
      throw error;
    }
  }

  /** Opens a link, without an address yet. Throws what the link throws. */
  open(link: Link, mac: Uint8Array | undefined, loopback: boolean): Attached {
    const netif = new Netif(this.env, link, ++this.lastIndex, this.counters, mac, loopback);
    const attached = new Attached(this, netif);
    netif.onPending = () => this.turns.schedule();
    netif.open(this.hostFor(attached));
    this.ip.attach(netif);
    this.attached.push(attached);
    return attached;
  }

  /** See {@link Attachment.detach}. */
  async detach(attached: Attachment): Promise<void> {
    const index = this.attached.indexOf(attached as Attached);
    if (index < 0) return;
    this.attached.splice(index, 1);
    this.turns.enter();
    await this.release(attached as Attached);
  }

  /** Takes off every link, whatever one of them says about its closing. */
  releaseAll(): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(this.attached.splice(0).map((a) => this.release(a)));
  }

  private async release(attached: Attached): Promise<void> {
    const { netif } = attached;
    try {
      netif.flush();
    } finally {
      netif.down();
      this.ip.detach(netif);
      this.turns.resume();
      attached.giveUp?.(new SystemError(ENETDOWN, "attach", { sentence: `${netif.name} was detached meanwhile` }));
      await netif.close();
    }
  }

  /** Makes sure that the addresses are free, takes them and announces them; then neighbours and the gateway. */
  private async configure(attached: Attached, plan: AttachPlan, mode: ConflictDetection): Promise<void> {
    const { netif } = attached;
    const { neighbours } = this.ip;
    for (const prefix of plan.addresses) {
      await this.claim(attached, prefix.addr, mode);
      if (!netif.up) throw new SystemError(ENETDOWN, "attach", { address: netif.name });
      this.turns.enter();
      this.ip.addAddress(netif, prefix);
      neighbours.conflicts.announce(netif, prefix.addr);
    }
    for (const [addr, mac] of plan.neighbours) neighbours.setPermanent(netif, addr, macHigh(mac), macLow(mac));
    if (plan.gateway !== null) this.ip.addRoute({ addr: ANY, length: 0 }, plan.gateway, netif);
  }

  private claim(attached: Attached, addr: number, mode: ConflictDetection): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      attached.giveUp = reject;
      this.ip.neighbours.conflicts.claim(attached.netif, addr, mode, (error) =>
        error === null ? resolve() : reject(error),
      );
    }).finally(() => {
      attached.giveUp = null;
    });
  }

  private hostFor(attached: Attached): LinkHost {
    const { turns } = this;
    const { memory, pool, time, random } = this.env;
    const { netif } = attached;
    return {
      memory,
      pool,
      clock: time.clock,
      random,
      offload: true,
      receive: (rows, count) => turns.receive(netif, rows, count),
      writable: () => turns.writable(netif),
      down: (error) => this.linkDown(attached, error),
    };
  }

  private linkDown(attached: Attached, error: SystemError): void {
    const { turns } = this;
    if (turns.closed) return;
    turns.enter();
    attached.netif.down();
    this.ip.changed();
    turns.resume();
    attached.giveUp?.(error);
    attached.onDown?.(error);
  }
}
