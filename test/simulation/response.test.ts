import { expect, it } from "vitest";
import { BUFFERS, PAYLOAD } from "../../bench/goodput/cells.js";
import { OurSink, OurSource } from "../../bench/goodput/ours.js";
import { below, SeededRandom } from "../../src/platform/random.js";
import { ADDRESS_B, World } from "./world.js";

/** Losses until a connection is in its stride, and those that are measured. */
const SETTLING = 8;
const CYCLES = 16;
const RANDOM_LOSSES = 120;
/** A day of virtual time: for a sender that has stopped. */
const PATIENCE = 86_400;
/** Milliseconds that a test may take where others want the machine, too. */
const BUSY = 180_000;
/** Shorter frames are ACKs of the other direction, and are not counted. */
const DATA = 1000;

/** So much may segments in flight differ from a response function, which leaves out much; Linux's own differ by up to 0.26. */
const FROM_FORMULA = 0.35;
const FROM_LINUX = 0.25;

/** How losses come: each k-th frame, as response functions suppose, or by chance. */
type Losses = "regular" | "random";

interface Case {
  readonly algorithm: string;
  readonly p: number;
  /** Milliseconds. */
  readonly roundTrip: number;
  readonly losses: Losses;
}

/** RFC 5681's AIMD: segments in flight on average; by chance a little more (Ott, Kemperman and Mathis: 1.31). */
function renoWindow(p: number, losses: Losses): number {
  return (losses === "regular" ? Math.sqrt(1.5) : 1.31) / Math.sqrt(p);
}

/** RFC 9438 §5.1, and §4.3: never less than Reno. */
function cubicWindow(p: number, roundTrip: number, losses: Losses): number {
  return Math.max(1.054 * (roundTrip / 1000 / p) ** 0.75, renoWindow(p, losses));
}

function formula({ algorithm, p, roundTrip, losses }: Case): number {
  return algorithm === "reno" ? renoWindow(p, losses) : cubicWindow(p, roundTrip, losses);
}

/** Counts data frames and losses of a direction, and picks whom to lose. */
class Loser {
  lost = 0;
  private readonly every: number;
  private readonly random: SeededRandom | null;
  private frames = 0;

  constructor({ p, losses }: Case) {
    this.every = Math.round(1 / p);
    this.random = losses === "random" ? new SeededRandom(1) : null;
  }

  readonly filter = (frame: Uint8Array, direction: "tx" | "rx"): "pass" | "drop" => {
    if (direction === "rx" || frame.length < DATA) return "pass";
    this.frames++;
    const drop = this.random === null ? this.frames % this.every === 0 : below(this.random, this.every) === 0;
    if (drop) this.lost++;
    return drop ? "drop" : "pass";
  };
}

/** Segments delivered in a round trip, on average, on a way without a bottleneck. */
async function averageWindow(c: Case): Promise<number> {
  const loser = new Loser(c);
  const way = { delay: c.roundTrip / 2, limit: 1_000_000 };
  const world = await World.create({
    seed: 1,
    memory: 32 << 20,
    acquainted: true,
    impairment: { ...way, filter: loser.filter },
    config: BUFFERS,
  });
  const sink = new OurSink(world.b, world.clock, c.algorithm, PATIENCE);
  const source = new OurSource(world.a, world.clock, c.algorithm, ADDRESS_B);
  const measured = c.losses === "regular" ? CYCLES : RANDOM_LOSSES;
  expect(world.until(() => loser.lost >= SETTLING, PATIENCE)).toBe(true);
  const from = { bytes: sink.count, at: world.clock.now() };
  expect(world.until(() => loser.lost >= SETTLING + measured, PATIENCE)).toBe(true);
  const roundTrips = (world.clock.now() - from.at) / (c.roundTrip * 1000);
  const segments = (sink.count - from.bytes) / PAYLOAD;
  source.close();
  sink.close();
  await world.close();
  return segments / roundTrips;
}

/** With what Linux 6.18 has in flight on the same way, in real time (a way that is 1 ms longer, for timers). */
const CASES: readonly (readonly [string, number, number, Losses, number])[] = [
  ["reno", 0.01, 100, "regular", 10.4],
  ["reno", 0.003, 100, "regular", 20.0],
  ["reno", 0.001, 100, "regular", 35.7],
  ["reno", 0.0003, 100, "regular", 66.7],
  ["reno", 0.01, 100, "random", 12.5],
  ["reno", 0.001, 100, "random", 39.2],
  // The Reno-friendly region, then the one where CUBIC goes its own way
  ["cubic", 0.01, 40, "regular", 9.9],
  ["cubic", 0.001, 40, "regular", 35.4],
  ["cubic", 0.01, 200, "regular", 14.1],
  ["cubic", 0.001, 200, "regular", 70.5],
  ["cubic", 0.0003, 200, "regular", 155.4],
  ["cubic", 0.0001, 200, "regular", 359.4],
  ["cubic", 0.01, 200, "random", 13.6],
  ["cubic", 0.001, 200, "random", 61.8],
];

const HEAD = "algorithm  losses   p       RTT ms  in flight  formula  ratio  Linux  ratio";

function line(c: Case, window: number, linux: number): string {
  const expected = formula(c);
  const cells = [
    c.algorithm.padEnd(9),
    c.losses.padEnd(7),
    `${c.p}`.padEnd(6),
    `${c.roundTrip}`.padStart(6),
    window.toFixed(1).padStart(9),
    expected.toFixed(1).padStart(7),
    (window / expected).toFixed(2).padStart(5),
    linux.toFixed(1).padStart(5),
    (window / linux).toFixed(2).padStart(5),
  ];
  return cells.join("  ");
}

for (const name of ["reno", "cubic"]) {
  it(
    `${name} follows its response function (RFC 5681, RFC 9438 §5), and Linux`,
    async () => {
      const lines = [HEAD];
      const astray: string[] = [];
      for (const [algorithm, p, roundTrip, losses, linux] of CASES) {
        if (algorithm !== name) continue;
        const c: Case = { algorithm, p, roundTrip, losses };
        const window = await averageWindow(c);
        const text = line(c, window, linux);
        lines.push(text);
        if (Math.abs(window / formula(c) - 1) > FROM_FORMULA) astray.push(text);
        else if (Math.abs(window / linux - 1) > FROM_LINUX) astray.push(text);
      }
      await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`__snapshots__/response-${name}.txt`);
      expect(astray).toEqual([]);
    },
    BUSY,
  );
}
