import { EADDRNOTAVAIL, SystemError } from "../base/errors.js";
import { below, type Random } from "../platform/random.js";
import { type Addr, formatAddr } from "../wire/address.js";
import { Destinations } from "./destinations.js";
import { KeyedHash } from "./keyed-hash.js";
import { NO_PORTS, type PortBitmap } from "./port-bitmap.js";
import type { PortRange } from "./settings.js";
import type { TupleTable } from "./tuple-table.js";

/** RFC 6056 §3.3.4 suggests 10 counters; with more, fewer destinations disturb each other. */
const COUNTERS = 1024;

/** Local ports for active opens: RFC 6056 §3.3.4, algorithm 4 ("double-hash port selection"). */
export class ConnectPorts {
  /** Ports in use, by where the connections lead. */
  readonly destinations: Destinations;
  private readonly range: PortRange;
  private readonly blocked: PortBitmap;
  private readonly offsetHash: KeyedHash;
  private readonly counterHash: KeyedHash;
  private readonly counters = new Int32Array(COUNTERS);

  /** @param blocked ports that are not to be chosen, whatever the destination */
  constructor(random: Random, range: PortRange, blocked: PortBitmap) {
    this.range = range;
    this.blocked = blocked;
    this.destinations = new Destinations(random);
    this.offsetHash = new KeyedHash(random);
    this.counterHash = new KeyedHash(random);
    for (let i = 0; i < COUNTERS; i++) this.counters[i] = below(random, 0x10000);
  }

  /** See PortSpace.connectPort. */
  choose(localAddr: Addr, remoteAddr: Addr, remotePort: number, table: TupleTable): number {
    const { low, size } = this.range;
    const slot = this.counterHash.of(localAddr, remoteAddr, remotePort) & (COUNTERS - 1);
    const hash = this.offsetHash.of(localAddr, remoteAddr, remotePort) >>> 0;
    const offset = (hash + (this.counters[slot] as number)) % size;
    let at = low + offset;
    let left = size;
    while (left > 0) {
      const port = this.nextUnused(at, localAddr, remoteAddr, remotePort, table);
      if (port < 0) return -EADDRNOTAVAIL;
      const tried = (port - at + size) % size;
      if (tried >= left) return -EADDRNOTAVAIL;
      left -= tried + 1;
      if (table.find(localAddr, port, remoteAddr, remotePort) < 0) {
        this.counters[slot] = ((this.counters[slot] as number) + size - left) & 0xffff;
        return port;
      }
      at = port === this.range.high ? low : port + 1;
    }
    return -EADDRNOTAVAIL;
  }

  /** The error that follows a {@link choose} that found none. */
  exhausted(remoteAddr: Addr, remotePort: number, syscall = "connect"): SystemError {
    const sentence =
      `all ${this.range.size} local ports from ${this.range.low} to ${this.range.high} are in use to that destination, ` +
      "those in TIME-WAIT included; widen net.ipv4.ip_local_port_range or wait";
    return new SystemError(EADDRNOTAVAIL, syscall, {
      address: formatAddr(remoteAddr),
      port: remotePort,
      sentence,
    });
  }

  private nextUnused(at: number, localAddr: Addr, remoteAddr: Addr, remotePort: number, table: TupleTable): number {
    const { low, high, reserved } = this.range;
    const { blocked } = this;
    const used = this.destinations.bitmap(localAddr, remoteAddr, remotePort, table) ?? NO_PORTS;
    const port = used.nextFree(at, high, blocked, reserved);
    return port >= 0 || at === low ? port : used.nextFree(low, at - 1, blocked, reserved);
  }
}
