import type { ChunkPool } from "../base/chunks.js";
import { StreamBuffer } from "../base/stream-buffer.js";
import type { Addr } from "../wire/address.js";

/** Columns of a record. */
const SRC = 0;
const PORT = 1;
const LENGTH = 2;
const DST = 3;
const SHIFT = 2;
const FIRST_RECORDS = 16;
/** What a datagram is charged beside its bytes, so that empty ones cannot pile up without end. */
export const DATAGRAM_OVERHEAD = 64;

/** Results of {@link DatagramQueue.push}. */
export const PUSHED = 0;
export const QUEUE_FULL = 1;
export const POOL_EMPTY = 2;

/**
 * Datagrams that wait for their socket: who sent each in a ring of integers, the bytes of all in one stream buffer.
 * An empty queue owns no chunk; one that never held anything owns nothing.
 */
export class DatagramQueue {
  /** Datagrams that wait. */
  count = 0;
  /** Their bytes. */
  bytes = 0;
  private readonly pool: ChunkPool;
  private buffer: StreamBuffer | null = null;
  private records: Int32Array | null = null;
  private first = 0;

  constructor(pool: ChunkPool) {
    this.pool = pool;
  }

  /** What is charged against SO_RCVBUF. */
  get charged(): number {
    return this.bytes + this.count * DATAGRAM_OVERHEAD;
  }

  /** The oldest datagram: who sent it, to which address of ours, and how long it is. Meaningless when none waits. */
  get src(): Addr {
    return this.column(SRC);
  }
  get srcPort(): number {
    return this.column(PORT);
  }
  get dst(): Addr {
    return this.column(DST);
  }
  get length(): number {
    return this.column(LENGTH);
  }

  /**
   * Copies [at, at+length) of the stack's memory to the end.
   * @param limit SO_RCVBUF: as in Linux a datagram is let in while the charge before it is not over
   * @returns PUSHED, QUEUE_FULL, POOL_EMPTY
   */
  push(at: number, length: number, src: Addr, srcPort: number, dst: Addr, limit: number): number {
    if (this.count > 0 && this.charged + length + DATAGRAM_OVERHEAD > limit) return QUEUE_FULL;
    this.buffer ??= new StreamBuffer(this.pool);
    if (this.buffer.ensure(this.bytes, length) < length) {
      if (this.count === 0) this.buffer.clear();
      return POOL_EMPTY;
    }
    this.buffer.writeFrom(this.bytes, at, length);
    let { records } = this;
    if (records === null || this.count === records.length >> SHIFT) records = this.widen();
    const record = ((this.first + this.count) << SHIFT) & (records.length - 1);
    records[record + SRC] = src;
    records[record + PORT] = srcPort;
    records[record + LENGTH] = length;
    records[record + DST] = dst;
    this.count++;
    this.bytes += length;
    return PUSHED;
  }

  /** Copies up to `length` bytes of the oldest datagram out. @returns how many */
  read(target: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.length);
    if (n > 0) (this.buffer as StreamBuffer).read(0, target, offset, n);
    return n;
  }

  /** Forgets the oldest datagram. */
  shift(): void {
    const { length } = this;
    const buffer = this.buffer as StreamBuffer;
    const records = this.records as Int32Array;
    this.count--;
    this.bytes -= length;
    this.first = (this.first + 1) & ((records.length >> SHIFT) - 1);
    if (this.count === 0) buffer.clear();
    else buffer.drop(length);
  }

  /** Forgets all and gives the memory back. */
  clear(): void {
    this.buffer?.clear();
    this.buffer = null;
    this.records = null;
    this.count = 0;
    this.bytes = 0;
    this.first = 0;
  }

  private column(column: number): number {
    return (this.records as Int32Array)[(this.first << SHIFT) + column] as number;
  }

  private widen(): Int32Array {
    const old = this.records;
    if (old === null) {
      this.records = new Int32Array(FIRST_RECORDS << SHIFT);
      return this.records;
    }
    const wider = new Int32Array(old.length * 2);
    const at = this.first << SHIFT;
    wider.set(old.subarray(at));
    wider.set(old.subarray(0, at), old.length - at);
    this.records = wider;
    this.first = 0;
    return wider;
  }
}
