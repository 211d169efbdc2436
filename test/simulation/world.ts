import type { CaptureSink } from "../../src/link/capture.js";
import { capture } from "../../src/link/capture.js";
import { type ImpairOptions, impair } from "../../src/link/impair.js";
import type { Link } from "../../src/link/link.js";
import { memoryLinkPair } from "../../src/link/memory.js";
import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import { createStack, type Stack } from "../../src/stack.js";

export const ADDRESS_A = "10.0.0.1";
export const ADDRESS_B = "10.0.0.2";
const MAC_A = "02:00:00:00:00:01";
const MAC_B = "02:00:00:00:00:02";
const SECOND = 1_000_000;

export interface WorldOptions {
  readonly seed: number;
  readonly layer?: "ethernet" | "ip";
  readonly mtu?: number;
  readonly offload?: boolean;
  /** What the cable does to what passes, either way. Left out: nothing. */
  readonly impairment?: ImpairOptions;
  /** Each knows the other's MAC address beforehand, so that ARP plays no part. */
  readonly acquainted?: boolean;
  /** Bytes of each stack's memory. */
  readonly memory?: number;
  readonly config?: Readonly<Record<string, string | number>>;
  /** Records what passes at A's and at B's end. */
  readonly sinks?: readonly [CaptureSink, CaptureSink];
}

/** Two stacks on one cable in virtual time. Everything that happens follows from the options. */
export class World {
  readonly clock: VirtualClock;
  readonly a: Stack;
  readonly b: Stack;
  private idle: readonly string[] = [];

  private constructor(clock: VirtualClock, options: WorldOptions) {
    const { seed, memory = 4 << 20, config = {} } = options;
    this.clock = clock;
    this.a = createStack({ clock, random: new SeededRandom(2 * seed), memory, config });
    this.b = createStack({ clock, random: new SeededRandom(2 * seed + 1), memory, config });
  }

  static async create(options: WorldOptions): Promise<World> {
    const clock = new VirtualClock(1_700_000_000_000);
    const world = new World(clock, options);
    const { layer = "ethernet", mtu = 1500, offload = false, impairment, sinks } = options;
    const pair = memoryLinkPair({ layer, mtu, offload, queue: 128 });
    let left: Link = pair[0];
    let right: Link = pair[1];
    if (impairment !== undefined) left = impair(left, { seed: options.seed, ...impairment });
    if (sinks !== undefined) {
      left = capture(left, sinks[0]);
      right = capture(right, sinks[1]);
    }
    const acquainted = options.acquainted === true && layer === "ethernet";
    const conflictDetection = "off";
    const neighbours = (address: string, mac: string) => (acquainted ? { neighbours: { [address]: mac } } : {});
    await world.during(
      Promise.all([
        world.a.attach(left, { address: `${ADDRESS_A}/24`, conflictDetection, ...neighbours(ADDRESS_B, MAC_B) }),
        world.b.attach(right, { address: `${ADDRESS_B}/24`, conflictDetection, ...neighbours(ADDRESS_A, MAC_A) }),
      ]),
    );
    clock.advance(60 * SECOND);
    world.idle = world.holdings();
    return world;
  }

  stack(name: "a" | "b"): Stack {
    return name === "a" ? this.a : this.b;
  }

  /** Lets time pass until a promise of a stack's is kept. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    promise.then(end, end);
    for (let i = 0; i < 1000 && !over; i++) {
      await null;
      this.clock.advance(100_000);
    }
    if (!over) throw new Error("100 s have passed and it is still not done");
    return promise;
  }

  /** Lets time pass until a condition holds, for `seconds` at most. Returns whether it does. */
  until(condition: () => boolean, seconds: number): boolean {
    let expired = false;
    const timer = this.clock.setTimer(this.clock.now() + seconds * SECOND, () => {
      expired = true;
    });
    this.clock.runUntil(() => expired || condition());
    this.clock.clearTimer(timer);
    return condition();
  }

  /** What the two hold that they did not when they were idle; "name: count, count when idle". */
  leftovers(): string[] {
    return this.holdings()
      .map((line, i) => (line === this.idle[i] ? "" : `${line} (idle: ${this.idle[i]})`))
      .filter((line) => line !== "");
  }

  /** Closes both stacks. Returns what is left then, which is to be nothing. */
  async close(): Promise<string[]> {
    await this.during(Promise.all([this.a.close(), this.b.close()]));
    const left = [`timers ${this.clock.pendingTimers()}`];
    for (const stack of [this.a, this.b]) {
      left.push(`timer nodes ${stack.wheel.size}`, `chunks ${stack.pool.inUse}`, `ports ${portsOf(stack)}`);
      const { connections, synRecords, timeWaits, tuples } = stack.tcp.context;
      left.push(`tcp ${connections.count + synRecords.count + timeWaits.count + tuples.size}`);
    }
    return left.filter((line) => !line.endsWith(" 0"));
  }

  private holdings(): string[] {
    const lines = [`timers ${this.clock.pendingTimers()}`];
    for (const [name, stack] of [
      ["a", this.a],
      ["b", this.b],
    ] as const) {
      const { connections, synRecords, timeWaits, tuples, blocked, touchedCount, ports } = stack.tcp.context;
      const counts = {
        "timer nodes": stack.wheel.size,
        chunks: stack.pool.inUse,
        connections: connections.count,
        "SYN-RECEIVED records": synRecords.count,
        "TIME-WAIT records": timeWaits.count,
        tuples: tuples.size,
        blocked: blocked.length,
        touched: touchedCount,
        ports: portsOf(stack),
        destinations: ports.destinationCount,
        sockets: stack.sockets().length,
        "datagrams in pieces": stack.ip.reassembly.count,
        established: stack.tcp.context.counters.TcpCurrEstab,
      };
      for (const [what, count] of Object.entries(counts)) lines.push(`${name}: ${what} ${count}`);
    }
    return lines;
  }
}

function portsOf(stack: Stack): number {
  // biome-ignore lint/complexity/useLiteralKeys: what is private can be looked at so
  return stack.tcp.context.ports.size + stack.udp["ports"].size;
}

/** Bytes that only `seed` makes: at every distance from one another they differ. */
export function streamOf(seed: number, length: number): Uint8Array {
  const random = new SeededRandom(seed);
  const words = new Int32Array((length + 3) >> 2);
  for (let i = 0; i < words.length; i++) words[i] = random.int32();
  return new Uint8Array(words.buffer, 0, length);
}
