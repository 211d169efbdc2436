import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { play } from "./scenario.js";

/** Everything that passed at both ends, with its times, in the order in which it passed. */
async function captured(seed: number): Promise<{ digest: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const sink = (end: number) => ({
    write: (block: Uint8Array) => {
      bytes += block.length;
      hash.update(Uint8Array.of(end)).update(block);
    },
  });
  const wrong = await play(seed, { sinks: [sink(0), sink(1)] });
  expect(wrong).toEqual([]);
  return { digest: hash.digest("hex"), bytes };
}

describe("the same seed makes the same packets at the same microseconds", () => {
  it.each(Array.from({ length: 20 }, (_, i) => 1 + i))("seed %i", async (seed) => {
    const once = await captured(seed);
    const again = await captured(seed);
    expect(once.bytes).toBeGreaterThan(500);
    expect(again).toEqual(once);
    expect((await captured(seed + 1000)).digest).not.toBe(once.digest);
  });
});
