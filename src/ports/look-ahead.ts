import type { Addr } from "../wire/address.js";
import type { TupleTable } from "./tuple-table.js";

/** Packets of one batch that are looked ahead for. */
const MOST = 256;
/** Entries of the table from which on it pays: fewer, and what they stand for, are in the cache anyway. */
const LEAST = 4096;
/** Places that a guess looks at. */
const PLACES = 4;

/**
 * What the packets of a batch will be found to be for. With many connections nearly each step of a packet's way (the
 * table, the connection, its socket) waits for memory, and the next packet waits behind it. Here each step is a short
 * loop over the whole batch, in which the processor waits for many at once. A guess: nothing depends on it, and it
 * changes nothing but what stands in the cache.
 */
export abstract class LookAhead {
  /** Values of the table, -1 where none was found; as many as {@link find} says. */
  protected readonly values = new Int32Array(MOST);
  /** Whatever was read goes here, so that the reading is not optimized away. */
  protected seen = 0;
  private readonly ports = new Int32Array(MOST);
  private readonly table: TupleTable;
  private count = 0;

  constructor(table: TupleTable) {
    this.table = table;
  }

  /** Whether it pays. */
  get wanted(): boolean {
    return this.table.size >= LEAST;
  }

  /** A packet to `local` from `remote` seems to be in the batch. */
  expect(localAddr: Addr, localPort: number, remoteAddr: Addr, remotePort: number): void {
    const i = this.count;
    if (i === MOST) return;
    this.ports[i] = (localPort << 16) | remotePort;
    this.values[i] = this.table.homeOf(localAddr, localPort, remoteAddr, remotePort);
    this.count = i + 1;
  }

  /** Reads what the expected packets will need, and expects nothing any more. */
  abstract read(): void;

  /** Looks the expected up. @returns how many */
  protected find(): number {
    const { table, values, ports, count } = this;
    this.count = 0;
    for (let i = 0; i < count; i++) values[i] = table.guess(values[i] as number, ports[i] as number, PLACES);
    return count;
  }
}
