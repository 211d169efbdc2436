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
 * An empty queue owns no chunk.
 */
export class DatagramQueue {
  /** Datagrams that wait. */
  count = 0;
  /** Their bytes. */
  bytes = 0;
  private readonly buffer: StreamBuffer;
  private records = new Int32Array(FIRST_RECORDS << SHIFT);
  private first = 0;

  constructor(pool: ChunkPool) {
    this.buffer = new StreamBuffer(pool);
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
    const { buffer, count, bytes } = this;
    if (count > 0 && this.charged + length + DATAGRAM_OVERHEAD > limit) return QUEUE_FULL;
    if (buffer.put(bytes, at, length) < length) {
      if (count === 0) buffer.clear();
      return POOL_EMPTY;
    }
    const records = count === this.records.length >> SHIFT ? this.widen() : this.records;
    const record = ((this.first + count) << SHIFT) & (records.length - 1);
    records[record + SRC] = src;
    records[record + PORT] = srcPort;
    records[record + LENGTH] = length;
    records[record + DST] = dst;
    this.count = count + 1;
    this.bytes = bytes + length;
    return PUSHED;
  }

  /** Copies up to `length` bytes of the oldest datagram out. @returns how many */
  read(target: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.length);
    if (n > 0) this.buffer.read(0, target, offset, n);
    return n;
  }

  /** Forgets the oldest datagram. */
  shift(): void {
    const { buffer, length } = this;
    this.count--;
    this.bytes -= length;
    this.first = (this.first + 1) & ((this.records.length >> SHIFT) - 1);
    if (this.count === 0) buffer.clear();
    else buffer.drop(length);
  }

  /** Forgets all and gives the memory back. */
  clear(): void {
    this.buffer.clear();
    this.count = 0;
    this.bytes = 0;
    this.first = 0;
  }

  private column(column: number): number {
    return this.records[(this.first << SHIFT) + column] as number;
  }

  private widen(): Int32Array {
    const old = this.records;
    const wider = new Int32Array(old.length * 2);
    const at = this.first << SHIFT;
    wider.set(old.subarray(at));
    wider.set(old.subarray(0, at), old.length - at);
    this.records = wider;
    this.first = 0;
    return wider;
  }
}

/**
 * Queues for those who have something to keep, last given first taken: few are in use however many sockets there are,
 * and those few are in the cache.
 */
export class DatagramQueues {
  /** Stands for every queue that is empty; nothing is ever put into it. */
  readonly empty: DatagramQueue;
  private readonly pool: ChunkPool;
  private readonly free: DatagramQueue[] = [];

  constructor(pool: ChunkPool) {
    this.pool = pool;
    this.empty = new DatagramQueue(pool);
  }

  take(): DatagramQueue {
    return this.free.pop() ?? new DatagramQueue(this.pool);
  }

  /** Takes a queue back, and what is in it. */
  give(queue: DatagramQueue): void {
    if (queue.count > 0) queue.clear();
    this.free.push(queue);
  }
}
