import { describe, expect, it } from "vitest";
import { play } from "./scenario.js";

/** Seeds of the whole test, and of one case. `SEED=123 npx vitest run test/simulation` plays that one alone. */
const SEEDS = Number(process.env.SEEDS ?? 1200);
const PER_CASE = 50;
const only = process.env.SEED;

function cases(): number[] {
  if (only !== undefined) return [Number(only)];
  return Array.from({ length: Math.ceil(SEEDS / PER_CASE) }, (_, i) => 1 + i * PER_CASE);
}

describe("transfers over bad networks: each byte arrives once and in order, and nothing is left", () => {
  it.each(cases())("seeds from %i", async (first) => {
    const last = only === undefined ? first + PER_CASE - 1 : first;
    for (let seed = first; seed <= last; seed++) {
      const wrong = await play(seed);
      if (wrong.length > 0)
        expect.fail(`seed ${seed}:\n${wrong.join("\n")}\nAgain: SEED=${seed} npx vitest run test/simulation`);
    }
  });
});
