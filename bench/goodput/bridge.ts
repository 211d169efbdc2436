import { ChunkPool } from "../../src/base/chunks.js";
import type { SystemError } from "../../src/base/errors.js";
import { Memory } from "../../src/base/memory.js";
import { type Link, type LinkHost, RX_FRAME, RX_LENGTH, RX_STRIDE } from "../../src/link/link.js";
import { TxQueue } from "../../src/link/tx-queue.js";
import type { Clock } from "../../src/platform/clock.js";
import type { Random } from "../../src/platform/random.js";

/** Slots of two TAPs, two queues, and what an impairment in between sets aside. */
const MEMORY = 4 << 20;

/** Two links back to back: what comes in on one goes out on the other, as on a switch of two ports. */
export class Bridge {
  private readonly sides: readonly [Side, Side];

  constructor(left: Link, right: Link, clock: Clock, random: Random) {
    const memory = new Memory(MEMORY);
    const pool = new ChunkPool(memory, 1);
    const a = new Side(left, memory, pool, clock, random);
    const b = new Side(right, memory, pool, clock, random);
    a.other = b;
    b.other = a;
    left.open(a);
    right.open(b);
    this.sides = [a, b];
  }

  /** Frames lost because a link had no room for them. */
  get dropped(): number {
    return this.sides[0].dropped + this.sides[1].dropped;
  }

  async close(): Promise<void> {
    await Promise.all(this.sides.map((side) => side.link.close()));
  }
}

class Side implements LinkHost {
  readonly link: Link;
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly offload = false;
  other: Side | null = null;
  dropped = 0;
  private readonly out: TxQueue;

  constructor(link: Link, memory: Memory, pool: ChunkPool, clock: Clock, random: Random) {
    this.link = link;
    this.memory = memory;
    this.pool = pool;
    this.clock = clock;
    this.random = random;
    this.out = new TxQueue(memory, pool);
  }

  receive(rows: Int32Array, count: number): void {
    this.other?.send(rows, count);
  }

  writable(): void {
    this.flush();
  }

  down(error: SystemError): void {
    throw error;
  }

  private send(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const length = rows[i * RX_STRIDE + RX_LENGTH] as number;
      const at = this.out.begin(length);
      if (at < 0) {
        this.dropped++;
        continue;
      }
      this.memory.copy(at, rows[i * RX_STRIDE + RX_FRAME] as number, length);
      this.out.commit(at, length, length, 0, 0, 0);
    }
    this.flush();
  }

  private flush(): void {
    if (this.out.pending > 0) this.out.take(this.link.transmit(this.out));
  }
}
