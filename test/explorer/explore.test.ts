import { describe, expect, it } from "vitest";
import { EDGES, edgeName } from "./diagram.js";
import { shorten } from "./shorten.js";
import { Coverage, WALK, walk } from "./walk.js";

/*
 * EXPLORE_STEPS=n   as many steps in all (default 1,000,000)
 * EXPLORE_SEED=n    the first seed; with EXPLORE_STEPS left out, that walk alone
 */
const given = process.env.EXPLORE_SEED;
const first = Number(given ?? 1);
const steps = Number(process.env.EXPLORE_STEPS ?? (given === undefined ? 1_000_000 : WALK));
/** Walks taken to shorten one that failed. */
const TRIES = 600;
/** That these were never counted would mean that the walks had lost their way. */
const EVENTS = [
  "TcpRetransSegs",
  "TcpInErrs",
  "TcpInCsumErrors",
  "TcpExtListenOverflows",
  "TcpExtTWRecycled",
  "TcpExtDelayedACKs",
  "TcpExtTCPTimeouts",
  "TcpExtTCPFastRetrans",
  "TcpExtTCPChallengeACK",
  "TcpExtTCPSYNChallenge",
  "TcpExtTCPOFOQueue",
  "TcpExtTCPOFODrop",
  "TcpExtTCPOFOMerge",
  "TcpExtOfoPruned",
  "TcpExtTCPRcvQDrop",
  "TcpExtTCPKeepAlive",
  "TcpExtTCPWinProbe",
  "TcpExtTCPHPHits",
  "TcpExtTCPToZeroWindowAdv",
  "TcpExtOutOfWindowIcmps",
] as const;

async function report(seed: number, message: string): Promise<string> {
  const { result, steps: which } = await shorten(await walk(seed, WALK), TRIES);
  return [
    `walk ${seed}: ${message}`,
    `again: EXPLORE_SEED=${seed} npx vitest run --project pure test/explorer`,
    `shortened to ${which.length} steps (${which.join(",")}): ${result.failure}`,
    ...result.trace.slice(-80),
  ].join("\n");
}

describe("state explorer", () => {
  it(`takes ${steps} steps from seed ${first}, each as the model of RFC 9293 allows`, async () => {
    const coverage = new Coverage();
    const began = performance.now();
    for (let n = 0; n < steps; n += WALK) {
      const seed = first + n / WALK;
      const { failure } = await walk(seed, Math.min(WALK, steps - n), coverage);
      if (failure !== null) expect.fail(await report(seed, failure));
    }
    const seconds = (performance.now() - began) / 1000;
    console.log(`explorer: ${steps} steps in ${seconds.toFixed(1)} s`);
    if (process.env.EXPLORE_EDGES !== undefined)
      console.log(EDGES.map((_, id) => `${coverage.edges[id]} ${edgeName(id)}`).join("\n"));
    if (given !== undefined) return;
    const missed = EDGES.flatMap(({ optional }, id) => (optional || coverage.edges[id] !== 0 ? [] : [edgeName(id)]));
    const unseen = EVENTS.filter((name) => coverage.counters.get(name) === 0);
    expect([missed, unseen]).toEqual([[], []]);
  }, 1_200_000);
});
