import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";
import { STATE_NAMES } from "../../src/tcp/constants.js";
import { Moves } from "./diagram.js";
import { holdings, listenerRoom, memoryTight, timeWaitRoom } from "./inspect.js";
import { type Life, Tuple } from "./life.js";
import { WalkLink } from "./link.js";
import type { Surroundings } from "./model.js";
import { readSegment } from "./observe.js";
import { Dice } from "./rng.js";
import { Segment } from "./wire.js";

export const LISTEN_PORT = 80;
const MEMORY = 4 * 1024 * 1024;
const NOISE = new Uint8Array(8);
const START = Date.UTC(2026, 10, 21);

/** A socket of the walk's. */
export interface Held {
  readonly socket: Socket;
  listening: boolean;
  /** The last connection it had. */
  tuple: Tuple | null;
  life: Life | null;
}

/** What differs from walk to walk. */
export interface Terms {
  mtu: number;
  offload: boolean;
  start: number;
  backlog: number;
  abortOnOverflow: boolean;
  finTimeout: number;
  /** Chunks that the walk itself holds, so that memory is scarce. */
  scarce: boolean;
  config: Record<string, string | number>;
}

export class Violation extends Error {}

/** A stack in virtual time whose only link leads to the walk, and all that the walk knows of it. */
export class World {
  readonly clock: VirtualClock;
  readonly stack: Stack;
  readonly link: WalkLink;
  readonly terms: Terms;
  readonly dice = new Dice();
  readonly tuples: Tuple[] = [];
  readonly held: Held[] = [];
  readonly sockets: Socket[] = [];
  listener: Held | null = null;
  readonly segment = new Segment();
  readonly moves = new Moves();
  readonly around: Surroundings;
  /** Chunks taken away. */
  readonly chunks: number[] = [];
  /** The tuple to which a RST has been sent in this step: none may come back. */
  reset: Tuple | null = null;
  /** The tuple that this step is about: {@link moves} says what it may do. */
  target: Tuple | null = null;
  listenerClosed = false;
  /** Nothing happens but that time passes. */
  passing = false;
  /** Which connection is whose. */
  readonly lives = new WeakMap<object, Life>();
  readonly coverage: Float64Array;
  step = 0;
  trace: string[] | null = null;
  idle = "";
  private readonly flood: Socket;
  private readonly byPorts = new Map<number, Tuple>();

  constructor(seed: number, terms: Terms, coverage: Float64Array) {
    this.coverage = coverage;
    this.terms = terms;
    this.clock = new VirtualClock(START, terms.start);
    const config = terms.config;
    this.stack = createStack({ clock: this.clock, random: new SeededRandom(seed), memory: MEMORY, config });
    this.link = new WalkLink(terms.mtu, terms.offload, (frame, length, gso, complete) =>
      readSegment(this, frame, length, gso, complete),
    );
    this.flood = this.stack.socket("udp");
    const room = { listening: false, synRoom: false, againRoom: false, acceptRoom: false };
    this.around = { ...room, abortOnOverflow: terms.abortOnOverflow, timeWaitRoom: true, tight: false };
  }

  /** Fills the queue of a link that takes nothing, so that the next to send finds it full. */
  clog(): void {
    for (let i = 0; i < 2000 && this.flood.write(NOISE) > 0; i++);
  }

  async begin(): Promise<void> {
    const attached = this.stack.attach(this.link, { address: "10.0.0.2/24", conflictDetection: "off" });
    this.clock.advance(1000);
    await attached;
    this.flood.connect(9, "10.0.0.1");
    this.clock.advance(60_000_000);
    this.idle = holdings(this.stack);
    if (!this.terms.scarce) return;
    const { pool } = this.stack;
    while (pool.inUse < pool.capacity - 40) this.chunks.push(pool.take());
  }

  tupleOf(localPort: number, peerPort: number): Tuple {
    const key = (localPort << 16) | peerPort;
    let tuple = this.byPorts.get(key);
    if (tuple === undefined) {
      tuple = new Tuple(localPort, peerPort);
      this.byPorts.set(key, tuple);
      this.tuples.push(tuple);
    }
    return tuple;
  }

  /** What the model has to know beside the tuple. */
  survey(tuple: Tuple): Surroundings {
    const { around, listener, stack } = this;
    around.listening = listener !== null && tuple.localPort === LISTEN_PORT;
    if (listener !== null && around.listening) {
      const room = listenerRoom(stack, listener.socket);
      around.synRoom = room.syn;
      around.againRoom = room.again;
      around.acceptRoom = room.ack;
    }
    around.timeWaitRoom = timeWaitRoom(stack) > 0;
    around.tight = memoryTight(stack);
    return around;
  }

  /** Everything due now happens. */
  settle(): void {
    this.clock.runUntil(this.clock.now());
  }

  /** An edge of the diagram has been taken. */
  covered(edge: number): void {
    this.coverage[edge] = (this.coverage[edge] as number) + 1;
  }

  note(text: string): void {
    this.trace?.push(`${this.step} @${((this.clock.now() - this.terms.start) / 1e6).toFixed(6)} ${text}`);
  }

  fail(message: string, tuple: Tuple | null = null): never {
    const where = tuple === null ? "" : ` [${tuple.localPort}:${tuple.peerPort} ${STATE_NAMES[tuple.before.state]}]`;
    throw new Violation(`${message}${where}`);
  }
}
