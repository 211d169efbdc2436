import { callStep } from "./calls.js";
import { CALL, checkStep, OTHER, SEGMENT, TIME } from "./checks.js";
import { EDGES } from "./diagram.js";
import { holdings, NOTHING } from "./inspect.js";
import type { Tuple } from "./life.js";
import { Dice } from "./rng.js";
import { icmpStep, segmentStep } from "./segments.js";
import { LISTEN_PORT, type Terms, Violation, World } from "./world.js";

/** Steps of one walk: a fresh stack for each, so that a failing one is short and its memory never full of the past. */
export const WALK = 2000;

/** What is likely for a while: weights of segment, call, time, ICMP and link steps; percent of the rest. */
interface Mood {
  readonly kinds: readonly number[];
  readonly odd: number;
  readonly ending: number;
  /** Weights of the spans of time below. */
  readonly spans: readonly number[];
  /** Percent of segments to tuples where nothing is. */
  readonly cold: number;
}

const SPANS = [0, 1, 10, 45, 210, 1000, 3000, 11_000, 61_000, 130_000] as const;
const SHORT = [10, 30, 10, 20, 20, 8, 2, 0, 0, 0] as const;
const LONG = [0, 5, 5, 10, 25, 25, 15, 10, 4, 1] as const;
const MOODS: readonly Mood[] = [
  { kinds: [50, 30, 18, 1, 1], odd: 12, ending: 12, spans: SHORT, cold: 12 },
  { kinds: [55, 35, 10, 0, 0], odd: 4, ending: 3, spans: SHORT, cold: 8 },
  { kinds: [50, 40, 9, 0, 1], odd: 8, ending: 45, spans: SHORT, cold: 25 },
  { kinds: [60, 30, 9, 1, 0], odd: 15, ending: 25, spans: SHORT, cold: 40 },
  { kinds: [80, 15, 5, 0, 0], odd: 60, ending: 8, spans: SHORT, cold: 15 },
  { kinds: [20, 25, 50, 4, 1], odd: 10, ending: 20, spans: LONG, cold: 15 },
];
const MOOD_STEPS = 128;

function termsOf(seed: number): Terms {
  const dice = new Dice();
  dice.throwFor(seed, -1);
  const abortOnOverflow = dice.chance(20);
  const finTimeout = dice.pick([1, 10, 60]);
  const buffer = dice.pick([4096, 16_384, 131_072]);
  const config: Record<string, string | number> = {
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_port_range": "40000 40002",
    "net.ipv4.tcp_syn_retries": dice.pick([1, 2]),
    "net.ipv4.tcp_synack_retries": dice.pick([0, 1, 2]),
    "net.ipv4.tcp_retries2": dice.pick([1, 3, 5]),
    "net.ipv4.tcp_orphan_retries": dice.pick([1, 2, 4]),
    "net.ipv4.tcp_fin_timeout": finTimeout,
    // What a cookie stands for is nowhere to be seen
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.tcp_abort_on_overflow": abortOnOverflow ? 1 : 0,
    "net.ipv4.tcp_window_scaling": dice.chance(80) ? 1 : 0,
    "net.ipv4.tcp_max_tw_buckets": dice.chance(15) ? dice.pick([0, 1, 2]) : 4096,
    "net.ipv4.tcp_max_syn_backlog": dice.chance(15) ? 1 : 128,
    "net.ipv4.tcp_rmem": `4096 ${buffer} 1000000`,
    "net.ipv4.tcp_wmem": `4096 ${dice.pick([4096, 16_384, 131_072])} 1000000`,
  };
  return {
    mtu: dice.pick([576, 1500, 1500, 9000]),
    offload: dice.chance(50),
    // Ticks wrap after 2^31 ms
    start: dice.chance(25) ? (2 ** 31 - 300_000) * 1000 : dice.below(1_000_000) * 1000,
    backlog: dice.pick([0, 1, 4, 128]),
    abortOnOverflow,
    finTimeout: finTimeout * 1_000_000,
    scarce: dice.chance(20),
    config,
  };
}

function pickTuple(w: World, cold: number): Tuple {
  const { dice } = w;
  if (!dice.chance(cold)) {
    const n = w.tuples.length;
    const from = dice.below(n + 1);
    for (let i = 0; i < n; i++) {
      const tuple = w.tuples[(from + i) % n] as Tuple;
      if (tuple.before.kind !== NOTHING) return tuple;
    }
  }
  if (dice.chance(90)) return w.tupleOf(LISTEN_PORT, 50_000 + dice.below(4));
  return w.tupleOf(5000 + dice.below(2), 7000 + dice.below(2));
}

function linkStep(w: World): void {
  const { dice, link } = w;
  if (link.room >= 0) return;
  link.room = dice.pick([0, 0, 1, 3]);
  w.note(`the link takes ${link.room} more`);
  if (!dice.chance(5)) return;
  link.room = 0;
  w.note("... and its queue is full");
  w.clog();
}

function passTime(w: World, mood: Mood): void {
  const { dice, link } = w;
  if (link.room >= 0 && dice.chance(60)) {
    w.note("the link has room again");
    link.unblock();
  }
  const span = SPANS[dice.weighted(mood.spans)] as number;
  w.note(`${span} ms pass`);
  w.passing = link.room < 0 && !link.behind;
  w.clock.advance(span * 1000);
  w.passing = false;
}

/** Takes step `n` of the walk: what happens depends on (seed, n) and on what the world is by now. */
function takeStep(w: World, seed: number, n: number): void {
  const { dice } = w;
  dice.throwFor(seed, 1_000_000 + Math.floor(n / MOOD_STEPS));
  const mood = dice.pick(MOODS);
  dice.throwFor(seed, n);
  w.step = n;
  w.reset = null;
  w.target = null;
  w.moves.none();
  let kind = dice.weighted(mood.kinds);
  if (kind === SEGMENT) {
    const tuple = pickTuple(w, mood.cold);
    w.target = tuple;
    segmentStep(w, tuple, mood.odd);
  } else if (kind === CALL) callStep(w, mood.ending);
  else if (kind === TIME) passTime(w, mood);
  else if (kind === OTHER) {
    const tuple = pickTuple(w, mood.cold);
    w.target = tuple;
    icmpStep(w, tuple);
  } else {
    kind = OTHER;
    linkStep(w);
  }
  w.settle();
  checkStep(w, kind);
}

/** The peer falls silent for good: whatever was held is given back. */
function windUp(w: World): void {
  w.reset = null;
  w.target = null;
  w.moves.none();
  w.note("the end: every socket is closed, nothing answers");
  w.link.unblock();
  w.settle();
  for (const { socket } of w.held.splice(0)) socket.close();
  w.sockets.length = 0;
  w.listener = null;
  for (let i = 0; i < 40 && holdings(w.stack) !== w.idle; i++) w.clock.advance(120_000_000);
  for (const chunk of w.chunks.splice(0)) w.stack.pool.give(chunk);
  w.clock.advance(1_200_000_000);
  const left = holdings(w.stack);
  if (left !== w.idle) w.fail(`something is left: ${left} (at first: ${w.idle})`);
}

/** What many walks have come to. */
export class Coverage {
  /** How often each edge of the diagram was taken. */
  readonly edges = new Float64Array(EDGES.length);
  /** The stacks' counters, added up. */
  readonly counters = new Map<string, number>();

  add(counters: Readonly<Record<string, number>>): void {
    for (const name in counters) this.counters.set(name, (this.counters.get(name) ?? 0) + (counters[name] as number));
  }
}

export interface Result {
  readonly seed: number;
  /** Steps taken, without the one that failed. */
  readonly steps: number;
  /** Null: nothing was wrong. */
  readonly failure: string | null;
  readonly trace: readonly string[];
}

/** @param which steps: the first so many, or (when a walk is shortened) these */
export async function walk(
  seed: number,
  which: readonly number[] | number,
  coverage = new Coverage(),
  traced = false,
): Promise<Result> {
  const w = new World(seed, termsOf(seed), coverage.edges);
  if (traced) w.trace = [];
  const total = typeof which === "number" ? which : which.length;
  let steps = 0;
  let failure: string | null = null;
  try {
    await w.begin();
    for (; steps < total; steps++) takeStep(w, seed, typeof which === "number" ? steps : (which[steps] as number));
    windUp(w);
    coverage.add(w.stack.counters());
    await w.stack.close();
    if (w.clock.pendingTimers() !== 0) w.fail(`${w.clock.pendingTimers()} timers are left after close()`);
  } catch (error) {
    failure = error instanceof Violation ? error.message : String((error as Error).stack);
  }
  return { seed, steps, failure, trace: w.trace ?? [] };
}
