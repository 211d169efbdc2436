import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { Dice } from "../simulation/scenario.js";
import { Bench } from "./bench.js";
import { nextFrame } from "./mutate.js";

/** How long it goes on, and where it begins: round N has the seed FUZZ_SEED + N - 1. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 20);
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? 1);
const FRAMES = 4000;
/** Chunks of 8 KiB that open conversations, half-dead ones and fragments may hold, of 1536. */
const MOST_CHUNKS = 1000;
/** What a stack may have more of on the heap after a round than after a quarter of it. */
const MOST_HEAP = 3 << 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** One stack, FRAMES hostile frames among the right ones. Returns what is wrong; "" when nothing is. */
async function round(seed: number): Promise<string> {
  const dice = new Dice(seed);
  const bench = await Bench.create(dice);
  const { tap } = bench;
  let before = 0;
  let frame = new Uint8Array();
  const at = (i: number): string => `frame ${i} (${Buffer.from(frame).toString("hex")})`;
  for (let i = 0; i < FRAMES; i++) {
    if (i % 10 === 0) bench.stir();
    const next = nextFrame(dice, tap.received, tap.sent);
    frame = Uint8Array.from(next.frame);
    try {
      tap.inject(next);
      if (i % 3 === 0) bench.wait(dice.of(0, 0.001, 0.05, 0.3));
    } catch (error) {
      return `${at(i)} flags ${next.flags} gso ${next.gso} threw ${(error as Error).stack}`;
    }
    const { frames, delivered } = bench.unaccounted();
    if (frames !== 0 || delivered !== 0) return `${at(i)}: ${frames} frames, ${delivered} packets not accounted for`;
    if (bench.us.pool.inUse > MOST_CHUNKS) return `${at(i)}: ${bench.us.pool.inUse} chunks are in use`;
    if (i === FRAMES / 4) {
      bench.quiet();
      before = heap();
    }
  }
  bench.quiet();
  const wrong = bench.leftovers();
  const grown = heap() - before;
  if (grown > MOST_HEAP) wrong.push(`the heap has grown by ${grown} bytes`);
  wrong.push(...bench.silent());
  wrong.push(...(await bench.close()));
  return wrong.join("\n");
}

it(
  `${SECONDS} s of hostile frames: nothing throws, leaks, goes uncounted or stops working`,
  async () => {
    const end = performance.now() + SECONDS * 1000;
    let seed = FIRST_SEED;
    do {
      const wrong = await round(seed);
      if (wrong !== "")
        expect.fail(`seed ${seed}: ${wrong}\nAgain: FUZZ_SEED=${seed} FUZZ_SECONDS=0 npx vitest run test/fuzz`);
      seed++;
    } while (performance.now() < end);
    console.info(`fuzz: ${seed - FIRST_SEED} stacks, ${(seed - FIRST_SEED) * FRAMES} frames`);
  },
  SECONDS * 1000 + 60_000,
);
