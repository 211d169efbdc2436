import { ENOMEM, SystemError } from "./errors.js";
import type { Memory } from "./memory.js";

export const CHUNK_SHIFT = 13;
/** Bytes of a chunk: the unit in which payload that outlives its frame is kept and accounted. */
export const CHUNK_SIZE = 1 << CHUNK_SHIFT;
export const CHUNK_MASK = CHUNK_SIZE - 1;
/**
 * From one chunk's first byte to the next one's. A cache line more than a chunk: most chunks hold a few bytes at their
 * front, which would all fall into the same few sets of the cache if they stood at multiples of a power of two.
 */
const CHUNK_STRIDE = CHUNK_SIZE + 64;

/**
 * Payload memory in equal chunks, last freed first taken (it is still in the cache). A chunk is its byte offset.
 *
 * Rows of a transmit queue refer to chunks until they are flushed, whatever ACK arrives in between; while any
 * queue holds such a row the pool is pinned, and what is freed stays in limbo, untouched, until the last pin goes.
 */
export class ChunkPool {
  readonly memory: Memory;
  /** How many chunks there are. */
  readonly capacity: number;
  private readonly base: number;
  private readonly free: Int32Array;
  private freeCount = 0;
  /** Chunks from here up were never used. */
  private fresh = 0;
  private limbo: Int32Array;
  private limboCount = 0;
  private pins = 0;

  constructor(memory: Memory, capacity: number) {
    if (capacity < 1) throw new SystemError(ENOMEM, "reserve");
    this.memory = memory;
    this.capacity = capacity;
    // Not a shift: 2^18 chunks and more must be refused for want of memory, not wrap to a negative size.
    this.base = memory.reserve(capacity * CHUNK_STRIDE);
    this.free = new Int32Array(capacity);
    this.limbo = new Int32Array(64);
  }

  /** Chunks that somebody holds. */
  get inUse(): number {
    return this.fresh - this.freeCount - this.limboCount;
  }

  /** A chunk, or -1 when all are in use. Its bytes are whatever they were. */
  take(): number {
    if (this.freeCount > 0) return this.free[--this.freeCount] as number;
    if (this.fresh < this.capacity) return this.base + this.fresh++ * CHUNK_STRIDE;
    return -1;
  }

  give(chunk: number): void {
    if (this.pins === 0) {
      this.free[this.freeCount++] = chunk;
      return;
    }
    if (this.limboCount === this.limbo.length) {
      const larger = new Int32Array(this.limbo.length * 2);
      larger.set(this.limbo);
      this.limbo = larger;
    }
    this.limbo[this.limboCount++] = chunk;
  }

  pin(): void {
    this.pins++;
  }

  unpin(): void {
    if (--this.pins > 0) return;
    const { free, limbo } = this;
    for (let i = 0; i < this.limboCount; i++) free[this.freeCount++] = limbo[i] as number;
    this.limboCount = 0;
  }
}
