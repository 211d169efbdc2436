import { CHUNK_SHIFT, ChunkPool } from "./base/chunks.js";
import { Config, type Setting, type SettingValue } from "./base/config.js";
import { EBADF, EINVAL, SystemError } from "./base/errors.js";
import { Memory } from "./base/memory.js";
import { Icmp } from "./icmp/icmp.js";
import { ICMP_SETTINGS } from "./icmp/settings.js";
import type { AttachOptions } from "./ip/attach-plan.js";
import { Ipv4 } from "./ip/ipv4.js";
import { IP_SETTINGS } from "./ip/settings.js";
import { PROTO_TCP, PROTO_UDP } from "./ip/transport.js";
import type { Link } from "./link/link.js";
import { loopbackLink } from "./link/loopback.js";
import { NEIGHBOUR_SETTINGS } from "./neighbour/settings.js";
import type { Environment } from "./netif/environment.js";
import type { Netif } from "./netif/netif.js";
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
import { type Attachment, Attachments } from "./stack/attachments.js";
import { Turns } from "./stack/turns.js";
import { TcpSettings } from "./tcp/settings.js";
import { TCP_SETTINGS } from "./tcp/settings-table.js";
import { Tcp } from "./tcp/tcp.js";
import { UDP_SETTINGS } from "./udp/settings.js";
import { Udp } from "./udp/udp.js";
import { LOOPBACK } from "./wire/address.js";

const MIB = 1024 * 1024;
/** Most of it is never touched, and so costs nothing. */
const DEFAULT_MEMORY = 256 * MIB;
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

export type { Attachment, AttachOptions };

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
  private readonly opened: Sockets;
  private readonly turns: Turns;
  private readonly attachments: Attachments;
  private closing: Promise<void> | null = null;

  constructor(options: StackOptions = {}) {
    const bytes = options.memory ?? DEFAULT_MEMORY;
    if (!(bytes >= LEAST_MEMORY && bytes <= MOST_MEMORY))
      throw new SystemError(EINVAL, "createStack", {
        sentence: `a memory of ${bytes} bytes; give from ${LEAST_MEMORY} to ${MOST_MEMORY}`,
      });
    this.clock = options.clock ?? new RealClock();
    const random = options.random ?? new SystemRandom();
    const config = new Config(SETTINGS, options.config);
    const memory = new Memory(bytes);
    // Links want their queues beside it, and they do not shrink in step.
    const pool = new ChunkPool(memory, Math.floor(bytes * (bytes < 16 * MIB ? 0.5 : 0.75)) >> CHUNK_SHIFT);
    const time = new StackTime(this.clock);
    const wheel = new TimerWheel(this.clock, () => this.turns.timersDue());
    const env: Environment = { memory, pool, time, wheel, random, config };
    this.config = config;
    this.memory = memory;
    this.pool = pool;
    this.wheel = wheel;
    const ip = new Ipv4(env);
    this.ip = ip;
    this.icmp = new Icmp(env, ip);
    const range = new PortRange(config, options.portSlice);
    const mayBind = (addr: number): boolean => ip.isLocal(addr) || ip.isBroadcast(addr) || ip.isMulticast(addr);
    const udpPorts = new PortSpace({ rules: "udp", random, range, mayBind });
    const ports = new PortSpace({ rules: "tcp", random, range, mayBind: (addr) => ip.isLocal(addr) });
    this.udp = new Udp(env, ip, this.icmp, udpPorts);
    const tuples = new TupleTable(random);
    const settings = new TcpSettings(config);
    const enter = (): void => this.turns.enter();
    const schedule = (): void => this.turns.schedule();
    this.tcp = new Tcp({ memory, pool, ip, time, wheel, random, ports, tuples, settings }, schedule);
    ip.register(PROTO_UDP, this.udp);
    ip.register(PROTO_TCP, this.tcp);
    this.opened = new Sockets(env, ip, this.icmp, this.udp, this.tcp, enter, schedule);
    this.turns = new Turns(env, ip, this.udp, this.tcp, this.opened.ready);
    this.attachments = new Attachments(env, ip, this.turns);
    const lo = this.attachments.open(loopbackLink({ bytes: Math.min(8 * 65536, bytes >> 4) }), undefined, true);
    ip.addAddress(lo.netif, { addr: LOOPBACK, length: 8 });
  }

  /** A socket. Throws EBADF on a closed stack. */
  socket(type: SocketType): Socket {
    if (this.turns.closed) throw new SystemError(EBADF, "socket", { sentence: "the stack is closed" });
    return this.opened.create(type);
  }

  /**
   * Puts a link to use: opens it, makes sure that the address is free, takes it and announces it. Rejects with EINVAL
   * (an address or option that is none), EADDRINUSE (somebody on the link has the address), EBADF (the stack is
   * closed), ENETDOWN (detached in the meantime) and what the link says; the link is then closed. EBUSY for a link
   * that is attached already, and stays so.
   */
  attach(link: Link, options: AttachOptions): Promise<Attachment> {
    return this.attachments.attach(link, options);
  }

  /** Reads a setting as text, or sets it; Linux's names. Throws ENOENT, EINVAL. */
  sysctl(name: string, value?: SettingValue): string {
    this.turns.enter();
    if (value !== undefined) this.config.set(name, value);
    return this.config.format(name);
  }

  /** Every socket, connection and TIME-WAIT record, in no order. @param details with what `ss -i` shows of TCP */
  sockets(details = false): readonly SocketEntry[] {
    this.turns.enter();
    return this.opened.entries(details);
  }

  /** Every counter, under nstat's names; links' own included. */
  counters(): Readonly<Record<string, number>> {
    const { attachments, ip, icmp, udp, tcp } = this;
    const all: Record<string, number> = {};
    const groups = [
      attachments.counters,
      ip.neighbours.counters,
      ip.counters,
      icmp.counters,
      udp.counters,
      tcp.context.counters,
    ];
    for (const group of groups) Object.assign(all, group);
    attachments.addLinkCounters(all);
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
  detach(attachment: Attachment): Promise<void> {
    return this.attachments.detach(attachment);
  }

  private async end(): Promise<void> {
    this.turns.last();
    this.opened.close();
    this.tcp.close();
    this.turns.closed = true;
    const ends = await this.attachments.releaseAll();
    this.icmp.close();
    this.ip.close();
    this.wheel.close();
    for (const one of ends) if (one.status === "rejected") throw one.reason;
  }
}

/** A new stack, with 127.0.0.1 on its loopback and no other link. Throws EINVAL, ENOENT (a setting that is none). */
export function createStack(options: StackOptions = {}): Stack {
  return new Stack(options);
}
