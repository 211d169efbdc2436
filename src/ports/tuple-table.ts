import type { Random } from "../platform/random.js";
import type { Addr } from "../wire/address.js";
import { KeyedHash } from "./keyed-hash.js";

/** Columns of an entry. */
const LOCAL = 0;
const REMOTE = 1;
const PORTS = 2; // local << 16 | remote
const VALUE = 3; // -1: empty
const SHIFT = 2;
const EMPTY = -1;
const SMALLEST = 64;

/**
 * The demultiplexer's table: (local address, local port, remote address, remote port) to an int32 value >= 0.
 *
 * Open addressing with linear probing over one Int32Array: an entry is 16 bytes, four stand in a cache line. The hash
 * is keyed with 128 bits drawn when the table is made, so that a peer who chooses its address and port cannot choose
 * its place. Deletion shifts later entries back, so there are no tombstones and a table that is used for ever stays
 * as fast as a fresh one. At most half full.
 */
export class TupleTable {
  /** Entries held. */
  size = 0;
  private entries: Int32Array;
  private mask: number;
  private readonly keyed: KeyedHash;

  /** @param capacity how many entries to make room for at once; the table grows by itself */
  constructor(random: Random, capacity = 0) {
    let slots = SMALLEST;
    while (slots < capacity * 2) slots *= 2;
    this.entries = new Int32Array(slots << SHIFT).fill(EMPTY);
    this.mask = slots - 1;
    this.keyed = new KeyedHash(random);
  }

  /** The keyed hash of a 4-tuple, a uniform int32; also what a SO_REUSEPORT group chooses by. */
  hash(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): number {
    return this.keyed.of(remoteAddr, (localPort << 16) | remotePort, localAddr);
  }

  /** Where the search for a tuple begins: for {@link guess}. */
  homeOf(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): number {
    return this.hash(localAddr, localPort, remoteAddr, remotePort) & this.mask;
  }

  /**
   * What find() most likely gives for a tuple with these ports (local << 16 | remote): the first value with them among
   * the `places` from its home on, or -1.
   */
  guess(home: number, ports: number, places: number): number {
    const { entries, mask } = this;
    for (let i = 0; i < places; i++) {
      const at = ((home + i) & mask) << SHIFT;
      if (entries[at + PORTS] === ports) return entries[at + VALUE] as number;
    }
    return EMPTY;
  }

  /** The value of a tuple, or -1. */
  find(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): number {
    const { entries, mask } = this;
    const ports = (localPort << 16) | remotePort;
    let slot = this.hash(localAddr, localPort, remoteAddr, remotePort) & mask;
    for (;;) {
      const at = slot << SHIFT;
      const value = entries[at + VALUE] as number;
      if (value === EMPTY) return EMPTY;
      if (entries[at + PORTS] === ports && entries[at + REMOTE] === remoteAddr && entries[at + LOCAL] === localAddr)
        return value;
      slot = (slot + 1) & mask;
    }
  }

  /** Adds a tuple that is not in the table. @param value 0 to 2^31-1 */
  insert(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number, value: number): void {
    if ((this.size + 1) * 2 > this.mask + 1) this.grow();
    this.size++;
    this.place(localAddr, (localPort << 16) | remotePort, remoteAddr, value);
  }

  /** Gives a tuple in the table another value. False: it is not there. */
  set(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number, value: number): boolean {
    const slot = this.slotOf(localAddr, localPort, remoteAddr, remotePort);
    if (slot < 0) return false;
    this.entries[(slot << SHIFT) + VALUE] = value;
    return true;
  }

  /** Takes a tuple out. False: it was not there. */
  remove(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): boolean {
    const slot = this.slotOf(localAddr, localPort, remoteAddr, remotePort);
    if (slot < 0) return false;
    this.size--;
    this.closeGap(slot);
    return true;
  }

  private slotOf(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): number {
    const { entries, mask } = this;
    const ports = (localPort << 16) | remotePort;
    let slot = this.hash(localAddr, localPort, remoteAddr, remotePort) & mask;
    for (;;) {
      const at = slot << SHIFT;
      if (entries[at + VALUE] === EMPTY) return -1;
      if (entries[at + PORTS] === ports && entries[at + REMOTE] === remoteAddr && entries[at + LOCAL] === localAddr)
        return slot;
      slot = (slot + 1) & mask;
    }
  }

  private place(localAddr: Addr, ports: number, remoteAddr: Addr, value: number): void {
    const { entries, mask } = this;
    let slot = this.hash(localAddr, ports >>> 16, remoteAddr, ports & 0xffff) & mask;
    while (entries[(slot << SHIFT) + VALUE] !== EMPTY) slot = (slot + 1) & mask;
    const at = slot << SHIFT;
    entries[at + LOCAL] = localAddr;
    entries[at + REMOTE] = remoteAddr;
    entries[at + PORTS] = ports;
    entries[at + VALUE] = value;
  }

  /** Knuth's algorithm R: moves back each later entry of the run that may stand in the gap. */
  private closeGap(gap: number): void {
    const { entries, mask } = this;
    let hole = gap;
    let slot = gap;
    for (;;) {
      slot = (slot + 1) & mask;
      const at = slot << SHIFT;
      if (entries[at + VALUE] === EMPTY) break;
      const ports = entries[at + PORTS] as number;
      const home =
        this.hash(entries[at + LOCAL] as number, ports >>> 16, entries[at + REMOTE] as number, ports & 0xffff) & mask;
      // It may move unless its home lies cyclically in (hole, slot].
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      entries.copyWithin(hole << SHIFT, at, at + (1 << SHIFT));
      hole = slot;
    }
    entries[(hole << SHIFT) + VALUE] = EMPTY;
  }

  private grow(): void {
    const old = this.entries;
    this.entries = new Int32Array(old.length * 2).fill(EMPTY);
    this.mask = this.mask * 2 + 1;
    for (let at = 0; at < old.length; at += 1 << SHIFT) {
      const value = old[at + VALUE] as number;
      if (value !== EMPTY)
        this.place(old[at + LOCAL] as number, old[at + PORTS] as number, old[at + REMOTE] as number, value);
    }
  }
}
