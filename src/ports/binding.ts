import type { Addr } from "../wire/address.js";

/** Who holds a port: a socket that was bound, or (shared) all connections with this address, port and flags. */
export class Binding {
  /** What the socket layer or a transport finds again when a packet is for this binding. */
  owner: object | null;
  addr: Addr;
  readonly port: number;
  reuseAddr: boolean;
  reusePort: boolean;
  /** Somebody asked for this port (by bind, or as a listener's child); connect() then chooses no such port for others. */
  readonly explicit: boolean;
  readonly shared: boolean;
  listening = false;
  /** It stands in a group of receivers: a TCP listener, or a UDP socket that is not connected. */
  receiving = false;
  /** For shared ones, how many connections there are; a socket's own counts 1. 0: released. */
  holders = 1;
  /** Neighbours in the port's list, newest first. */
  newer: Binding | null = null;
  older: Binding | null = null;

  constructor(
    owner: object | null,
    addr: Addr,
    port: number,
    reuseAddr: boolean,
    reusePort: boolean,
    explicit: boolean,
    shared = false,
  ) {
    this.owner = owner;
    this.addr = addr;
    this.port = port;
    this.reuseAddr = reuseAddr;
    this.reusePort = reusePort;
    this.explicit = explicit;
    this.shared = shared;
  }
}

/** The receivers at one address of a port, in the order they came. */
export class ReceiverGroup {
  readonly addr: Addr;
  readonly members: Binding[] = [];
  /** Members with SO_REUSEPORT. */
  sharing = 0;

  constructor(addr: Addr) {
    this.addr = addr;
  }

  add(binding: Binding): void {
    this.members.push(binding);
    if (binding.reusePort) this.sharing++;
  }

  /** As the kernel does, the last one takes the place of the one that leaves, so that few flows change theirs. */
  remove(binding: Binding): void {
    const { members } = this;
    const index = members.indexOf(binding);
    if (index < 0) return;
    if (binding.reusePort) this.sharing--;
    if (this.sharing === members.length - 1 && binding.reusePort) {
      const last = members.pop() as Binding;
      if (last !== binding) members[index] = last;
    } else members.splice(index, 1);
  }

  /** The newest member, or when that shares its port, the one of those sharing that the hash falls on. */
  choose(hash: number): Binding {
    const { members, sharing } = this;
    const newest = members[members.length - 1] as Binding;
    if (sharing < 2 || !newest.reusePort) return newest;
    let index = Math.floor(((hash >>> 0) / 0x1_0000_0000) * sharing);
    if (sharing === members.length) return members[index] as Binding;
    for (let i = 0; ; i++) {
      const member = members[i] as Binding;
      if (member.reusePort && index-- === 0) return member;
    }
  }
}

/** All that is known about one port that somebody holds. */
export class PortBucket {
  readonly port: number;
  newest: Binding | null = null;
  /** Explicit holders. */
  explicit = 0;
  /**
   * The kernel's shortcut past the conflict check for sockets with SO_REUSEPORT at fastAddr (tb->fastreuseport). It can
   * let in a socket that the check would refuse, so it is kept as the kernel keeps it.
   */
  fastReusePort = false;
  fastAddr: Addr = 0;
  groups: ReceiverGroup[] | null = null;
  /** Groups by address, once there are many. */
  private byAddr: Map<Addr, ReceiverGroup> | null = null;

  constructor(port: number) {
    this.port = port;
  }

  link(binding: Binding): void {
    binding.older = this.newest;
    if (this.newest !== null) this.newest.newer = binding;
    this.newest = binding;
    if (binding.explicit) this.explicit++;
  }

  unlink(binding: Binding): void {
    if (binding.newer === null) this.newest = binding.older;
    else binding.newer.older = binding.older;
    if (binding.older !== null) binding.older.newer = binding.newer;
    binding.newer = null;
    binding.older = null;
    if (!binding.explicit) return;
    // Linux 6.18: once only connect()'s own choices are left the port is like any other again.
    if (--this.explicit === 0) this.fastReusePort = false;
  }

  /** Whether anybody holds this very address. */
  holds(addr: Addr): boolean {
    for (let b = this.newest; b !== null; b = b.older) if (b.addr === addr) return true;
    return false;
  }

  /** The receivers at this very address (ANY is an address here), or null. */
  group(addr: Addr): ReceiverGroup | null {
    const { groups } = this;
    if (groups === null) return null;
    if (this.byAddr !== null) return this.byAddr.get(addr) ?? null;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i] as ReceiverGroup;
      if (group.addr === addr) return group;
    }
    return null;
  }

  receive(binding: Binding): void {
    let group = this.group(binding.addr);
    if (group === null) {
      group = new ReceiverGroup(binding.addr);
      this.groups ??= [];
      this.groups.push(group);
      this.index();
    }
    binding.receiving = true;
    group.add(binding);
  }

  ignore(binding: Binding): void {
    const group = this.group(binding.addr);
    binding.receiving = false;
    if (group === null || this.groups === null) return;
    group.remove(binding);
    if (group.members.length > 0) return;
    this.groups.splice(this.groups.indexOf(group), 1);
    if (this.groups.length === 0) this.groups = null;
    this.index();
  }

  private index(): void {
    const { groups } = this;
    this.byAddr = groups !== null && groups.length > 8 ? new Map(groups.map((g) => [g.addr, g])) : null;
  }
}
