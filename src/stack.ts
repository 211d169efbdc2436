import { CHUNK_SHIFT, ChunkPool } from "./base/chunks.js";
import { Config, type Setting, type SettingValue } from "./base/config.js";
import { EBADF, EBUSY, EINVAL, ENETDOWN, SystemError } from "./base/errors.js";
import { Memory } from "./base/memory.js";
import { Icmp } from "./icmp/icmp.js";
import { ICMP_SETTINGS } from "./icmp/settings.js";
import { type AttachOptions, type AttachPlan, planAttach } from "./ip/attach-plan.js";
import { Ipv4 } from "./ip/ipv4.js";
import { IP_SETTINGS } from "./ip/settings.js";
import { PROTO_TCP, PROTO_UDP } from "./ip/transport.js";
import type { Link, LinkHost } from "./link/link.js";
import { loopbackLink } from "./link/loopback.js";
import type { ConflictDetection } from "./neighbour/conflict.js";
import { NEIGHBOUR_SETTINGS } from "./neighbour/settings.js";
import { NetifCounters } from "./netif/counters.js";
import type { Environment } from "./netif/environment.js";
import { Netif } from "./netif/netif.js";
import { type Clock, RealClock } from "./platform/clock.js";
import { type Random, SystemRandom } from "./platform/random.js";
import { StackTime } from "./platform/time.js";
import { TimerWheel } from "./platform/timer-wheel.js";
import { PortSpace } from "./ports/port-space.js";
import { PORT_SETTINGS, PortRange } from "./ports/settings.js";
import { TupleTable } from "./ports/tuple-table.js";
import type { SocketEntry } from "./socket/entries.js";
import { Sockets } from "./socket/sockets.js";
import type { Socket, SocketType } from "./socket/types.js";
import { TcpSettings } from "./tcp/settings.js";
import { TCP_SETTINGS } from "./tcp/settings-table.js";
import { Tcp } from "./tcp/tcp.js";
import { UDP_SETTINGS } from "./udp/settings.js";
import { Udp } from "./udp/udp.js";
import { ANY, LOOPBACK } from "./wire/address.js";
import { macHigh, macLow } from "./wire/ethernet.js";

const MIB = 1024 * 1024;
/** Most of it is never touched, and so costs nothing. */
const DEFAULT_MEMORY = 256 * MIB;
/** Times in one batch that sockets are told of what telling them brought about. */
const MOST_ROUNDS = 8;
const LEAST_MEMORY = 4 * MIB;
/** Offsets are int32, and a memory is a whole number of WebAssembly pages. */
const MOST_MEMORY = 0x7fff0000;

/** Every setting there is, in one table: `stack.sysctl` and the docs are made from it. */
export const SETTINGS: readonly Setting[] = [
  ...IP_SETTINGS,
  ...NEIGHBOUR_SETTINGS,
  ...ICMP_SETTINGS,
  ...PORT_SETTINGS,
  ...UDP_SETTINGS,
  ...TCP_SETTINGS,
];

export interface StackOptions {
  /** Default: the host's. A VirtualClock makes everything deterministic. */
  clock?: Clock;
  /** Default: the host's cryptographic generator. */
  random?: Random;
  /** Settings by sysctl name: `{ "net.ipv4.ip_local_port_range": "40000 40999" }`. */
  config?: Readonly<Record<string, SettingValue>>;
  /** Bytes of the stack's memory, 4 MiB to 64 KiB under 2 GiB; most of them payload buffers. Default 256 MiB. */
  memory?: number;
  /** The part of the ephemeral port range that is this stack's, where several share one address. */
  portSlice?: { index: number; count: number };
}

export type { AttachOptions };

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
  private readonly stack: Stack;

  constructor(stack: Stack, netif: Netif) {
    this.stack = stack;
    this.netif = netif;
    this.name = netif.name;
  }

  detach(): Promise<void> {
    this.detaching ??= this.stack.detach(this);
    return this.detaching;
  }
}

/** A whole TCP/IP stack: its memory, its layers, the links attached to it. Any number can live in a process. */
export class Stack {
  readonly clock: Clock;
  readonly config: Config;
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly wheel: TimerWheel;
  readonly ip: Ipv4;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly tcp: Tcp;
  private readonly time: StackTime;
  private readonly random: Random;
  private readonly env: Environment;
  private readonly linkCounters = new NetifCounters();
  private readonly opened: Sockets;
  private readonly attached: Attached[] = [];
  private lastIndex = 0;
  /** Inside a batch, a timer or a turn: what is to be sent goes out at its end. */
  private busy = false;
  /** Batches received, and how many there had been when timers were last looked at. */
  private batches = 0;
  private batchesSeen = 0;
  /** Timers wait for input to end, and the tick since when. */
  private waiting = false;
  private waitingSince = 0;
  /** See Clock.slack. */
  private readonly slack: number;
  private scheduled = false;
  private closed = false;
  private closing: Promise<void> | null = null;
  private readonly turn = (): void => {
    this.scheduled = false;
    if (!this.busy && !this.closed) this.finish();
  };

  constructor(options: StackOptions = {}) {
    const bytes = options.memory ?? DEFAULT_MEMORY;
    if (!(bytes >= LEAST_MEMORY && bytes <= MOST_MEMORY))
      throw new SystemError(EINVAL, "createStack", {
        sentence: `a memory of ${bytes} bytes; give from ${LEAST_MEMORY} to ${MOST_MEMORY}`,
      });
    this.clock = options.clock ?? new RealClock();
    this.slack = this.clock.slack ?? 0;
    this.random = options.random ?? new SystemRandom();
    this.config = new Config(SETTINGS, options.config);
    this.memory = new Memory(bytes);
    // Links want their queues beside it, and they do not shrink in step.
    this.pool = new ChunkPool(this.memory, Math.floor(bytes * (bytes < 16 * MIB ? 0.5 : 0.75)) >> CHUNK_SHIFT);
    this.time = new StackTime(this.clock);
    this.wheel = new TimerWheel(this.clock, () => this.timersDue());
    const { config, memory, pool, time, wheel, random } = this;
    this.env = { memory, pool, time, wheel, random, config };
    const ip = new Ipv4(this.env);
    this.ip = ip;
    this.icmp = new Icmp(this.env, ip);
    const range = new PortRange(config, options.portSlice);
    const mayBind = (addr: number): boolean => ip.isLocal(addr) || ip.isBroadcast(addr) || ip.isMulticast(addr);
    const udpPorts = new PortSpace({ rules: "udp", random, range, mayBind });
    const ports = new PortSpace({ rules: "tcp", random, range, mayBind: (addr) => ip.isLocal(addr) });
    this.udp = new Udp(this.env, ip, this.icmp, udpPorts);
    const tuples = new TupleTable(random);
    const settings = new TcpSettings(config);
    this.tcp = new Tcp({ memory, pool, ip, time, wheel, random, ports, tuples, settings }, () => this.schedule());
    ip.register(PROTO_UDP, this.udp);
    ip.register(PROTO_TCP, this.tcp);
    const enter = (): void => this.enter();
    this.opened = new Sockets(this.env, ip, this.icmp, this.udp, this.tcp, enter, () => this.schedule());
    const lo = this.open(loopbackLink({ bytes: Math.min(8 * 65536, bytes >> 4) }), undefined, true);
    ip.addAddress(lo.netif, { addr: LOOPBACK, length: 8 });
  }

  /** A socket. Throws EBADF on a closed stack. */
  socket(type: SocketType): Socket {
    if (this.closed) throw new SystemError(EBADF, "socket", { sentence: "the stack is closed" });
    return this.opened.create(type);
  }

  /**
   * Puts a link to use: opens it, makes sure that the address is free, takes it and announces it. Rejects with EINVAL
   * (an address or option that is none), EADDRINUSE (somebody on the link has the address), EBADF (the stack is
   * closed), ENETDOWN (detached in the meantime) and what the link says; the link is then closed. EBUSY for a link
   * that is attached already, and stays so.
   */
  async attach(link: Link, options: AttachOptions): Promise<Attachment> {
    if (this.attached.some(({ netif }) => netif.link === link))
      throw new SystemError(EBUSY, "attach", { address: link.name, sentence: "this stack has that link already" });
    let attached: Attached | null = null;
    try {
      if (this.closed) throw new SystemError(EBADF, "attach", { sentence: "the stack is closed" });
      const plan = planAttach(link, options);
      this.enter();
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

  private async configure(attached: Attached, plan: AttachPlan, mode: ConflictDetection): Promise<void> {
    const { netif } = attached;
    for (const prefix of plan.addresses) {
      await this.claim(attached, prefix.addr, mode);
      if (!netif.up) throw new SystemError(ENETDOWN, "attach", { address: netif.name });
      this.enter();
      this.ip.addAddress(netif, prefix);
      this.ip.neighbours.conflicts.announce(netif, prefix.addr);
    }
    for (const [addr, mac] of plan.neighbours) this.ip.neighbours.setPermanent(netif, addr, macHigh(mac), macLow(mac));
    if (plan.gateway !== null) this.ip.addRoute({ addr: ANY, length: 0 }, plan.gateway, netif);
  }

  /** Reads a setting as text, or sets it; Linux's names. Throws ENOENT, EINVAL. */
  sysctl(name: string, value?: SettingValue): string {
    this.enter();
    if (value !== undefined) this.config.set(name, value);
    return this.config.format(name);
  }

  /** Every socket, connection and TIME-WAIT record, in no order. @param details with what `ss -i` shows of TCP */
  sockets(details = false): readonly SocketEntry[] {
    this.enter();
    return this.opened.entries(details);
  }

  /** Every counter, under nstat's names; links' own included. */
  counters(): Readonly<Record<string, number>> {
    const { ip, icmp, udp, tcp } = this;
    const all: Record<string, number> = {};
    const groups = [
      this.linkCounters,
      ip.neighbours.counters,
      ip.counters,
      icmp.counters,
      udp.counters,
      tcp.context.counters,
    ];
    for (const group of groups) Object.assign(all, group);
    for (const { netif } of this.attached)
      for (const [name, value] of Object.entries(netif.link.counters?.() ?? {})) all[name] = (all[name] ?? 0) + value;
    return all;
  }

  /** Bytes in the stack's own memory, for good: reads and writes through them make no garbage. Throws ENOMEM. */
  alloc(bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.memory.reserve(bytes), bytes);
  }

  /** Interfaces, loopback first. */
  get netifs(): readonly Netif[] {
    return this.ip.netifs;
  }

  /**
   * Ends everything: sockets are closed with resets, links are closed, no timer is left. Rejects with what a link said
   * that could not be closed, once the rest has ended all the same.
   */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** See {@link Attachment.detach}. */
  async detach(attached: Attachment): Promise<void> {
    const index = this.attached.indexOf(attached as Attached);
    if (index < 0) return;
    this.attached.splice(index, 1);
    this.enter();
    await this.release(attached as Attached);
  }

  private async end(): Promise<void> {
    this.time.refresh();
    this.busy = true;
    this.opened.close();
    this.tcp.close();
    this.closed = true;
    const ends = await Promise.allSettled(this.attached.splice(0).map((a) => this.release(a)));
    this.icmp.close();
    this.ip.close();
    this.wheel.close();
    for (const one of ends) if (one.status === "rejected") throw one.reason;
  }

  private async release(attached: Attached): Promise<void> {
    const { netif } = attached;
    try {
      netif.flush();
    } finally {
      netif.down();
      this.ip.detach(netif);
      this.resume();
      attached.giveUp?.(new SystemError(ENETDOWN, "attach", { sentence: `${netif.name} was detached meanwhile` }));
      await netif.close();
    }
  }

  private open(link: Link, mac: Uint8Array | undefined, loopback: boolean): Attached {
    const netif = new Netif(this.env, link, ++this.lastIndex, this.linkCounters, mac, loopback);
    const attached = new Attached(this, netif);
    netif.onPending = () => this.schedule();
    netif.open(this.hostFor(attached));
    this.ip.attach(netif);
    this.attached.push(attached);
    return attached;
  }

  private hostFor(attached: Attached): LinkHost {
    const { memory, pool, clock, random } = this;
    const { netif } = attached;
    return {
      memory,
      pool,
      clock,
      random,
      offload: true,
      receive: (rows, count) => this.receive(netif, rows, count),
      writable: () => this.writable(netif),
      down: (error) => this.linkDown(attached, error),
    };
  }

  /** A batch from a link: the whole way up, then the answers' whole way down. */
  private receive(netif: Netif, rows: Int32Array, count: number): void {
    if (this.closed) return;
    this.time.refresh();
    this.busy = true;
    try {
      this.batches++;
      netif.receive(rows, count);
      // A clock that is exact has its timers in this very instant
      if (this.slack === 0) this.wheel.advanceTo(this.time.ms);
    } finally {
      this.finish();
    }
  }

  private timersDue(): void {
    if (this.closed) return;
    this.time.refresh();
    if (this.inputComes()) {
      this.clock.setTimer(this.clock.now(), () => this.timersDue());
      return;
    }
    this.busy = true;
    try {
      this.wheel.advanceTo(this.time.ms);
    } finally {
      this.finish();
    }
  }

  /**
   * Whether timers are to wait, since input is still coming that may make them needless: an ACK, say. A flood does not
   * starve them, and after a standstill of the process what came meanwhile is read first.
   */
  private inputComes(): boolean {
    const more = this.batches !== this.batchesSeen;
    this.batchesSeen = this.batches;
    if (more && this.slack > 0) {
      if (!this.waiting) this.waitingSince = this.time.ms;
      this.waiting = ((this.time.ms - this.waitingSince) | 0) < this.slack;
    } else this.waiting = false;
    return this.waiting;
  }

  private writable(netif: Netif): void {
    if (this.closed) return;
    this.time.refresh();
    this.busy = true;
    try {
      netif.flush();
      this.resume();
    } finally {
      this.finish();
    }
  }

  /** Those who found a link full try again. */
  private resume(): void {
    this.tcp.resume();
    this.udp.resume();
  }

  /** The end of a batch: sockets are told, connections settle, everything goes out. */
  private finish(): void {
    this.busy = true;
    const { ready } = this.opened;
    let rounds = 0;
    try {
      do {
        ready.dispatch();
        this.tcp.settle();
      } while (ready.pending && ++rounds < MOST_ROUNDS);
      this.flush(0);
    } finally {
      this.busy = false;
      // Somebody who is ready again each time he is told gets his turns, but not this one for ever.
      if (ready.pending) this.schedule();
    }
  }

  /** Flushes the interfaces from number `first` of the list on; one whose link throws does not keep back the others. */
  private flush(first: number): void {
    const { attached } = this;
    let i = first;
    try {
      for (; i < attached.length; i++) (attached[i] as Attached).netif.flush();
    } finally {
      if (i < attached.length) this.flush(i + 1);
    }
  }

  /** The application calls, or is about to: outside a batch the clock is read once a turn. */
  private enter(): void {
    if (this.busy || this.scheduled) return;
    this.time.refresh();
    this.schedule();
  }

  /** Something is to be done at the end of this batch, or, outside one, of this turn. */
  private schedule(): void {
    if (this.busy || this.scheduled || this.closed) return;
    this.scheduled = true;
    this.clock.defer(this.turn);
  }

  private linkDown(attached: Attached, error: SystemError): void {
    if (this.closed) return;
    this.enter();
    attached.netif.down();
    this.ip.changed();
    this.resume();
    attached.giveUp?.(error);
    attached.onDown?.(error);
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
}

/** A new stack, with 127.0.0.1 on its loopback and no other link. Throws EINVAL, ENOENT (a setting that is none). */
export function createStack(options: StackOptions = {}): Stack {
  return new Stack(options);
}
