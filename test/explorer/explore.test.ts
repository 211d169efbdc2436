import { describe, expect, it } from "vitest";
import { EDGES, edgeName } from "./diagram.js";
import { shorten } from "./shorten.js";
import { WALK, walk } from "./walk.js";

/*
 * EXPLORE_STEPS=n   as many steps in all (default 200,000)
 * EXPLORE_SEED=n    the first seed; with EXPLORE_STEPS left out, that walk alone
 */
const given = process.env.EXPLORE_SEED;
const first = Number(given ?? 1);
const steps = Number(process.env.EXPLORE_STEPS ?? (given === undefined ? 200_000 : WALK));
const SHORTENING = 400;

async function report(seed: number, message: string): Promise<string> {
  const again = await walk(seed, WALK);
  const { result, steps: which } = await shorten(again, SHORTENING);
  return [
    `walk ${seed}: ${message}`,
    `again: EXPLORE_SEED=${seed} npx vitest run --project pure test/explorer`,
    `shortened to ${which.length} steps (${which.join(",")}): ${result.failure}`,
    ...result.trace.slice(-60),
  ].join("\n");
}

describe("state explorer", () => {
  it(`takes ${steps} steps from seed ${first}, each as the model of RFC 9293 allows`, async () => {
    const coverage = new Float64Array(EDGES.length);
    const began = performance.now();
    for (let n = 0; n < steps; n += WALK) {
      const seed = first + n / WALK;
      const { failure } = await walk(seed, Math.min(WALK, steps - n), coverage);
      if (failure !== null) expect.fail(await report(seed, failure));
    }
    const seconds = (performance.now() - began) / 1000;
    console.log(`explorer: ${steps} steps, ${Math.round(steps / seconds)} a second, edges:`);
    console.log(EDGES.map((_, id) => `  ${coverage[id]} x ${edgeName(id)}`).join("\n"));
    if (given !== undefined) return;
    const missed = EDGES.flatMap(({ optional }, id) => (optional || coverage[id] !== 0 ? [] : [edgeName(id)]));
    expect(missed).toEqual([]);
  }, 600_000);
});
