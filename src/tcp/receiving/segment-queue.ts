/** Int32s of a record: unread payload, cost. */
const WORDS = 2;
const LEAST = 16;
/** Queues kept for the next, and how many segments those may have room for. */
const SPARE = 1024;
const KEPT = 128;

/** Segments that wait behind the first to be read, each with what is unread of it and what it costs. */
export class SegmentQueue {
  count = 0;
  /** A ring; its length is a power of two. */
  private slots = new Int32Array(WORDS * LEAST);
  private first = 0;

  /** Segments that it has room for. */
  get capacity(): number {
    return this.slots.length / WORDS;
  }

  push(length: number, charge: number): void {
    if (this.count * WORDS === this.slots.length) this.widen();
    const at = this.at(this.count++);
    this.slots[at] = length;
    this.slots[at + 1] = charge;
  }

  length(i: number): number {
    return this.slots[this.at(i)] as number;
  }

  charge(i: number): number {
    return this.slots[this.at(i) + 1] as number;
  }

  /** More payload was put into the last of them. */
  growLast(length: number): void {
    const at = this.at(this.count - 1);
    this.slots[at] = (this.slots[at] as number) + length;
  }

  dropFirst(): void {
    this.first = (this.first + WORDS) & (this.slots.length - 1);
    this.count--;
  }

  /** Only the first `count` are left. */
  truncate(count: number): void {
    this.count = count;
  }

  private at(i: number): number {
    return (this.first + i * WORDS) & (this.slots.length - 1);
  }

  private widen(): void {
    const wider = new Int32Array(this.slots.length * 2);
    const mask = this.slots.length - 1;
    for (let i = 0; i < this.slots.length; i++) wider[i] = this.slots[(this.first + i) & mask] as number;
    this.slots = wider;
    this.first = 0;
  }
}

/** Such queues that are empty, last given first taken: whoever has no second segment to keep needs none. */
export class SegmentQueues {
  private readonly free: SegmentQueue[] = [];

  take(): SegmentQueue {
    return this.free.pop() ?? new SegmentQueue();
  }

  give(queue: SegmentQueue): void {
    queue.truncate(0);
    // What one slow reader once needed is not kept for ever
    if (queue.capacity <= KEPT && this.free.length < SPARE) this.free.push(queue);
  }
}
