import { CHUNK_MASK, CHUNK_SHIFT, CHUNK_SIZE, type ChunkPool } from "./chunks.js";

/** No chunk stands here yet. */
const NONE = -1;

/**
 * A window onto a byte stream, in chunks. `head` is the position of the first byte kept; bytes are addressed by
 * their distance from it, so TCP uses it for what it sends (append, resend, drop what is acknowledged) and for what
 * it receives in any order (write at a distance; what is in order is the caller's knowledge). Holes own no memory
 * but by whole chunks, and an empty buffer owns none.
 */
export class StreamBuffer {
  /** The only chunk, while one is enough: most buffers never need another, and then a ring is not looked at. */
  private only = NONE;
  /** Where in the first chunk the head stands. */
  private skip = 0;
  /** Chunks stand in the ring. */
  private many = false;
  private readonly pool: ChunkPool;
  /** Chunks owned. */
  chunks = 0;
  /** Ring of chunk offsets; a power of two. */
  private ring: Int32Array | null = null;
  private first = 0;
  /** Chunk positions of the ring that may be occupied, from `first` on. */
  private span = 0;

  constructor(pool: ChunkPool) {
    this.pool = pool;
  }

  /**
   * Makes room for [distance, distance+length) from the head.
   * @returns how many of those bytes have room (fewer when the pool is empty)
   */
  ensure(distance: number, length: number): number {
    if (length === 0) return 0;
    const to = (this.skip + distance + length - 1) >> CHUNK_SHIFT;
    if (to === 0 && !this.many) return this.ensureOnly() ? length : 0;
    const ring = this.ringFor(to + 1);
    const mask = ring.length - 1;
    for (let i = (this.skip + distance) >> CHUNK_SHIFT; i <= to; i++) {
      const slot = (this.first + i) & mask;
      if (ring[slot] !== NONE) continue;
      const chunk = this.pool.take();
      if (chunk < 0) return Math.max(0, (i << CHUNK_SHIFT) - this.skip - distance);
      ring[slot] = chunk;
      this.chunks++;
      if (i >= this.span) this.span = i + 1;
    }
    return length;
  }

  private ensureOnly(): boolean {
    if (this.only !== NONE) return true;
    const chunk = this.pool.take();
    if (chunk < 0) return false;
    this.only = chunk;
    this.chunks = 1;
    return true;
  }

  /** The memory offset of the byte at `distance`; room for it must have been made. */
  offsetOf(distance: number): number {
    const at = this.skip + distance;
    if (!this.many) return this.only + at;
    const ring = this.ring as Int32Array;
    return (ring[(this.first + (at >> CHUNK_SHIFT)) & (ring.length - 1)] as number) + (at & CHUNK_MASK);
  }

  /** How many bytes from `distance` on stand in one piece with it. */
  contiguous(distance: number): number {
    return CHUNK_SIZE - ((this.skip + distance) & CHUNK_MASK);
  }

  /** Copies from the stack's memory to [distance, distance+length); room must have been made. */
  writeFrom(distance: number, source: number, length: number): void {
    if (!this.many) {
      if (length > 0) this.pool.memory.copy(this.only + this.skip + distance, source, length);
      return;
    }
    for (let done = 0; done < length; ) {
      const n = Math.min(length - done, this.contiguous(distance + done));
      this.pool.memory.copy(this.offsetOf(distance + done), source + done, n);
      done += n;
    }
  }

  /**
   * {@link ensure} and {@link writeFrom} in one, as is done for nearly every segment that is received.
   * @returns how many of the bytes have found room
   */
  put(distance: number, source: number, length: number): number {
    const at = this.skip + distance;
    if (this.many || at + length > CHUNK_SIZE || length === 0) return this.putMany(distance, source, length);
    let { only } = this;
    if (only === NONE) {
      only = this.pool.take();
      if (only < 0) return 0;
      this.only = only;
      this.chunks = 1;
    }
    this.pool.memory.copy(only + at, source, length);
    return length;
  }

  private putMany(distance: number, source: number, length: number): number {
    const room = this.ensure(distance, length);
    this.writeFrom(distance, source, room);
    return room;
  }

  /** Copies from an application's array to [distance, distance+length); room must have been made. */
  write(distance: number, source: Uint8Array, start: number, length: number): void {
    for (let done = 0; done < length; ) {
      const n = Math.min(length - done, this.contiguous(distance + done));
      this.pool.memory.write(this.offsetOf(distance + done), source, start + done, n);
      done += n;
    }
  }

  /** Copies [distance, distance+length) into an application's array. */
  read(distance: number, target: Uint8Array, start: number, length: number): void {
    if (!this.many) {
      if (length > 0) this.pool.memory.read(this.only + this.skip + distance, target, start, length);
      return;
    }
    for (let done = 0; done < length; ) {
      const n = Math.min(length - done, this.contiguous(distance + done));
      this.pool.memory.read(this.offsetOf(distance + done), target, start + done, n);
      done += n;
    }
  }

  /** Copies [distance, distance+length) to `to` in the stack's memory. */
  readTo(distance: number, to: number, length: number): void {
    for (let done = 0; done < length; ) {
      const n = Math.min(length - done, this.contiguous(distance + done));
      this.pool.memory.copy(to + done, this.offsetOf(distance + done), n);
      done += n;
    }
  }

  /** Moves the head forward by `length` and gives back the chunks left behind. */
  drop(length: number): void {
    this.skip += length;
    if (this.skip < CHUNK_SIZE) return;
    if (this.many) this.dropChunks();
    else {
      this.giveOnly();
      this.skip &= CHUNK_MASK;
    }
  }

  /** Gives every chunk back: for when nothing is kept any more, so that an idle connection owns none. */
  clear(): void {
    this.skip = 0;
    if (!this.many) {
      this.giveOnly();
      return;
    }
    const mask = (this.ring as Int32Array).length - 1;
    for (let i = 0; i < this.span; i++) this.giveSlot((this.first + i) & mask);
    this.first = 0;
    this.span = 0;
    this.many = false;
  }

  /** Gives back the chunks that hold nothing of the first `length` bytes. */
  truncate(length: number): void {
    const keep = (this.skip + length + CHUNK_MASK) >> CHUNK_SHIFT;
    if (!this.many) {
      if (keep === 0) this.giveOnly();
      return;
    }
    const mask = (this.ring as Int32Array).length - 1;
    for (let i = keep; i < this.span; i++) this.giveSlot((this.first + i) & mask);
    if (this.span > keep) this.span = keep;
  }

  private dropChunks(): void {
    const mask = (this.ring as Int32Array).length - 1;
    while (this.skip >= CHUNK_SIZE) {
      if (this.span === 0) {
        this.skip &= CHUNK_MASK;
        return;
      }
      this.giveSlot(this.first);
      this.first = (this.first + 1) & mask;
      this.span--;
      this.skip -= CHUNK_SIZE;
    }
  }

  private giveOnly(): void {
    if (this.only === NONE) return;
    this.pool.give(this.only);
    this.only = NONE;
    this.chunks = 0;
  }

  private giveSlot(slot: number): void {
    const ring = this.ring as Int32Array;
    const chunk = ring[slot] as number;
    if (chunk === NONE) return;
    this.pool.give(chunk);
    ring[slot] = NONE;
    this.chunks--;
  }

  /** The ring, with room for `want` chunks and the only one so far in it. */
  private ringFor(want: number): Int32Array {
    let ring = this.ring;
    if (ring === null) {
      ring = new Int32Array(4).fill(NONE);
      this.ring = ring;
    }
    if (!this.many) {
      this.many = true;
      this.first = 0;
      this.span = this.only === NONE ? 0 : 1;
      ring[0] = this.only;
      this.only = NONE;
    }
    return want > ring.length ? this.widen(ring, want) : ring;
  }

  private widen(ring: Int32Array, want: number): Int32Array {
    let size = ring.length;
    while (size < want) size *= 2;
    const wider = new Int32Array(size).fill(NONE);
    const mask = ring.length - 1;
    for (let i = 0; i < this.span; i++) wider[i] = ring[(this.first + i) & mask] as number;
    this.ring = wider;
    this.first = 0;
    return wider;
  }
}

/**
 * Stream buffers that hold nothing, last given first taken. Whoever has nothing to keep needs none: many idle
 * connections share a few of them, which are always in the cache.
 */
export class StreamBuffers {
  private readonly pool: ChunkPool;
  private readonly free: StreamBuffer[] = [];

  constructor(pool: ChunkPool) {
    this.pool = pool;
  }

  take(): StreamBuffer {
    return this.free.pop() ?? new StreamBuffer(this.pool);
  }

  /** Takes a buffer back, and what it holds. */
  give(buffer: StreamBuffer): void {
    buffer.clear();
    this.free.push(buffer);
  }
}
