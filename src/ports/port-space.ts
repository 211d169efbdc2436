import { EACCES, EADDRINUSE, EADDRNOTAVAIL, SystemError } from "../base/errors.js";
import { below, type Random } from "../platform/random.js";
import { type Addr, ANY, formatAddr } from "../wire/address.js";
import { Binding, PortBucket, type ReceiverGroup } from "./binding.js";
import { ConnectPorts } from "./connect-ports.js";
import { NO_PORTS, PortBitmap } from "./port-bitmap.js";
import { mayShareChosen, tcpAllows, tcpNoteFast, udpAllows } from "./rules.js";
import type { PortRange } from "./settings.js";
import type { TupleTable } from "./tuple-table.js";

export { Binding } from "./binding.js";

export interface PortSpaceOptions {
  /** Whose sharing rules hold. ICMP echo identifiers are bound as UDP ports are. */
  rules: "tcp" | "udp";
  random: Random;
  range: PortRange;
  /** Whether a socket may be bound to an address (never asked about ANY): one of ours, a broadcast, a group. */
  mayBind: (addr: Addr) => boolean;
}

/** The local ports of one address: how many claims there are, and on which ports. */
class AddressUse {
  claims = 0;
  readonly ports = new PortBitmap();
}

/** Who holds which port of one protocol: TCP 53 and UDP 53 are different ports, in different spaces. */
export class PortSpace {
  private readonly tcp: boolean;
  private readonly random: Random;
  private readonly range: PortRange;
  private readonly mayBind: (addr: Addr) => boolean;
  private readonly buckets: (PortBucket | null)[] = new Array(65536).fill(null);
  /** Ports that anybody holds; ports that connect() must not choose. */
  private readonly held = new PortBitmap();
  private readonly blocked = new PortBitmap();
  private readonly uses = new Map<Addr, AddressUse>();
  private readonly connecting: ConnectPorts;

  constructor(options: PortSpaceOptions) {
    this.tcp = options.rules === "tcp";
    this.random = options.random;
    this.range = options.range;
    this.mayBind = options.mayBind;
    this.connecting = new ConnectPorts(options.random, options.range, this.blocked);
  }

  /** Ports that somebody holds. */
  get size(): number {
    return this.held.size;
  }

  /** Destinations that there are connections to. */
  get destinationCount(): number {
    return this.connecting.destinations.size;
  }

  /**
   * Gives `owner` a port. A UDP binding receives at once, a TCP one after {@link listen}.
   * @param addr ANY for all of ours
   * @param port 0 for one of the range's
   * @param syscall for the error: what the application called
   * @throws SystemError EADDRNOTAVAIL (not our address), EACCES (privileged), EADDRINUSE (taken; or, for port 0, every
   * port of the range is, as bind(2) has it)
   */
  bind(
    owner: object | null,
    addr: Addr,
    port: number,
    reuseAddr: boolean,
    reusePort: boolean,
    syscall = "bind",
  ): Binding {
    if (addr !== ANY && !this.mayBind(addr)) {
      const sentence = "that address is not one of this stack's; `tapstack up --address` gives it more";
      throw new SystemError(EADDRNOTAVAIL, syscall, {
        address: formatAddr(addr),
        port,
        sentence,
      });
    }
    if (port !== 0 && port < this.range.unprivilegedStart) {
      const sentence = `ports below ${this.range.unprivilegedStart} are privileged (net.ipv4.ip_unprivileged_port_start)`;
      throw new SystemError(EACCES, syscall, {
        address: formatAddr(addr),
        port,
        sentence,
      });
    }
    const number = port === 0 ? this.choose(addr, reuseAddr, reusePort, syscall) : port;
    const binding = new Binding(owner, addr, number, reuseAddr, reusePort, true);
    const bucket = this.buckets[number] as PortBucket | null;
    if (port !== 0 && bucket !== null && !this.allows(bucket, binding)) throw this.inUse(binding, syscall);
    this.link(binding);
    if (!this.tcp) this.bucketOf(binding).receive(binding);
    return binding;
  }

  /**
   * The hold of an accepted connection on its listener's port, which outlives the listener: shared by all that have
   * the same local address and flags, counted, and given back by {@link release}.
   */
  inherit(listener: Binding, connection: { readonly localAddr: Addr }): Binding {
    return this.share(connection.localAddr, listener.port, listener.reuseAddr, listener.reusePort, true);
  }

  /**
   * The hold of a connection on a port that {@link connectPort} chose; give it back by {@link release} when the tuple
   * is gone, TIME-WAIT included.
   */
  hold(localAddr: Addr, port: number, reuseAddr: boolean, reusePort: boolean): Binding {
    return this.share(localAddr, port, reuseAddr, reusePort, false);
  }

  /** Lets go of a binding, or of one hold on a shared one. */
  release(binding: Binding): void {
    if (binding.holders === 0) return;
    if (--binding.holders === 0) this.unlink(binding);
  }

  /** TCP: makes a binding a listener's. @throws SystemError EADDRINUSE: another listens there */
  listen(binding: Binding, syscall = "listen"): void {
    if (binding.listening) return;
    const bucket = this.bucketOf(binding);
    binding.listening = true;
    if (!tcpAllows(bucket, binding)) {
      binding.listening = false;
      throw this.inUse(binding, syscall);
    }
    tcpNoteFast(bucket, binding);
    bucket.receive(binding);
  }

  /** Sets SO_REUSEADDR and SO_REUSEPORT of a socket that is bound already. */
  setReuse(binding: Binding, reuseAddr: boolean, reusePort: boolean): void {
    const bucket = this.bucketOf(binding);
    binding.reuseAddr = reuseAddr;
    if (binding.reusePort === reusePort) return;
    const { receiving } = binding;
    if (receiving) bucket.ignore(binding);
    binding.reusePort = reusePort;
    if (receiving) bucket.receive(binding);
  }

  /**
   * Moves a binding to another local address without asking, as connect() does with one at ANY, and says whether
   * packets still find it by {@link lookup} (a connected UDP socket is found by its 4-tuple instead).
   */
  move(binding: Binding, addr: Addr, receiving: boolean): void {
    const bucket = this.bucketOf(binding);
    if (binding.receiving) bucket.ignore(binding);
    if (binding.addr !== addr) {
      const from = binding.addr;
      binding.addr = addr;
      this.unuse(bucket, from);
      this.use(addr, binding.port);
    }
    if (receiving) bucket.receive(binding);
  }

  /** The receiver for a packet: exact address before ANY, newest first. Null: the port is closed. */
  lookup(localAddr: Addr, port: number): Binding | null {
    return this.lookupGroup(localAddr, port, 0);
  }

  /** As lookup; among those that share by SO_REUSEPORT the one that `hash` (TupleTable.hash) falls on. */
  lookupGroup(localAddr: Addr, port: number, hash: number): Binding | null {
    const group = this.groupAt(localAddr, port);
    return group === null ? null : group.choose(hash);
  }

  /** The group that packets to an address and port are for: exact address before ANY. */
  groupAt(localAddr: Addr, port: number): ReceiverGroup | null {
    const bucket = this.buckets[port] as PortBucket | null;
    if (bucket === null || bucket.groups === null) return null;
    return bucket.group(localAddr) ?? bucket.group(ANY);
  }

  /** The group at this very address (ANY is one), or null. */
  exactGroup(addr: Addr, port: number): ReceiverGroup | null {
    const bucket = this.buckets[port] as PortBucket | null;
    return bucket === null ? null : bucket.group(addr);
  }

  /**
   * The local port for an active open to a destination: RFC 6056 §3.3.4, algorithm 4 ("double-hash port selection").
   * Reserves nothing: put the tuple in the table and call {@link connected} before asking again.
   * @param table the established connections
   * @returns 1 to 65535, or -EADDRNOTAVAIL: every port of the range is in use to that destination
   */
  connectPort(localAddr: Addr, remoteAddr: Addr, remotePort: number, table: TupleTable): number {
    return this.connecting.choose(localAddr, remoteAddr, remotePort, table);
  }

  /** The error that follows a connectPort that found none. */
  exhausted(remoteAddr: Addr, remotePort: number, syscall = "connect"): SystemError {
    return this.connecting.exhausted(remoteAddr, remotePort, syscall);
  }

  /**
   * A tuple was put in the table of connections: towards that destination its local port is not chosen again until
   * {@link disconnected}. Call it for every kind of entry.
   */
  connected(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): void {
    this.connecting.destinations.add(localAddr, localPort, remoteAddr, remotePort);
  }

  /** The tuple left the table: the end of TIME-WAIT, for one that had it. */
  disconnected(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): void {
    this.connecting.destinations.remove(localAddr, localPort, remoteAddr, remotePort);
  }

  private share(addr: Addr, port: number, reuseAddr: boolean, reusePort: boolean, explicit: boolean): Binding {
    const bucket = this.buckets[port] as PortBucket | null;
    for (let b = bucket === null ? null : bucket.newest; b !== null; b = b.older) {
      if (!b.shared || b.addr !== addr || b.explicit !== explicit) continue;
      if (b.reuseAddr !== reuseAddr || b.reusePort !== reusePort) continue;
      b.holders++;
      return b;
    }
    const binding = new Binding(null, addr, port, reuseAddr, reusePort, explicit, true);
    this.link(binding);
    return binding;
  }

  /** A port for bind(0): a random one that nobody holds at an overlapping address, else one that may be shared. */
  private choose(addr: Addr, reuseAddr: boolean, reusePort: boolean, syscall: string): number {
    const { low, high, reserved } = this.range;
    const from = low + below(this.random, this.range.size);
    const first = addr === ANY ? this.held : (this.uses.get(addr)?.ports ?? NO_PORTS);
    const second = addr === ANY ? NO_PORTS : (this.uses.get(ANY)?.ports ?? NO_PORTS);
    let port = first.nextFree(from, high, second, reserved);
    if (port < 0) port = first.nextFree(low, from - 1, second, reserved);
    if (port >= 0) return port;
    port = this.chooseShared(new Binding(null, addr, 0, reuseAddr, reusePort, true), from);
    if (port >= 0) return port;
    const sentence = `every port from ${low} to ${high} is taken; widen net.ipv4.ip_local_port_range`;
    throw new SystemError(EADDRINUSE, syscall, {
      address: formatAddr(addr),
      port: 0,
      sentence,
    });
  }

  private chooseShared(binding: Binding, from: number): number {
    const { low, high, size, reserved } = this.range;
    if (this.tcp ? !(this.range.autobindReuse && binding.reuseAddr) : !(binding.reuseAddr || binding.reusePort))
      return -1;
    for (let i = 0, port = from; i < size; i++, port = port === high ? low : port + 1) {
      const bucket = this.buckets[port] as PortBucket | null;
      if (bucket !== null && !reserved.has(port) && mayShareChosen(bucket, binding, this.tcp)) return port;
    }
    return -1;
  }

  private allows(bucket: PortBucket, binding: Binding): boolean {
    return this.tcp ? tcpAllows(bucket, binding) : udpAllows(bucket, binding);
  }

  private bucketOf(binding: Binding): PortBucket {
    return this.buckets[binding.port] as PortBucket;
  }

  private link(binding: Binding): void {
    const { port } = binding;
    let bucket = this.buckets[port] as PortBucket | null;
    if (bucket === null) {
      bucket = new PortBucket(port);
      this.buckets[port] = bucket;
      this.held.add(port);
    }
    if (this.tcp && !binding.shared) tcpNoteFast(bucket, binding);
    bucket.link(binding);
    if (bucket.explicit > 0) this.blocked.add(port);
    this.use(binding.addr, port);
  }

  private unlink(binding: Binding): void {
    const bucket = this.bucketOf(binding);
    if (binding.receiving) bucket.ignore(binding);
    binding.listening = false;
    bucket.unlink(binding);
    this.unuse(bucket, binding.addr);
    if (bucket.explicit === 0) this.blocked.remove(bucket.port);
    if (bucket.newest !== null) return;
    this.buckets[bucket.port] = null;
    this.held.remove(bucket.port);
  }

  private use(addr: Addr, port: number): void {
    let use = this.uses.get(addr);
    if (use === undefined) {
      use = new AddressUse();
      this.uses.set(addr, use);
    }
    use.claims++;
    use.ports.add(port);
  }

  /** One claim fewer of `addr` in the bucket, which it has left already. */
  private unuse(bucket: PortBucket, addr: Addr): void {
    const use = this.uses.get(addr) as AddressUse;
    if (!bucket.holds(addr)) use.ports.remove(bucket.port);
    if (--use.claims === 0) this.uses.delete(addr);
  }

  private inUse(binding: Binding, syscall: string): SystemError {
    const sentence =
      "another socket holds that port; stop it, choose another port, or set SO_REUSEADDR or SO_REUSEPORT on both";
    return new SystemError(EADDRINUSE, syscall, {
      address: formatAddr(binding.addr),
      port: binding.port,
      sentence,
    });
  }
}
