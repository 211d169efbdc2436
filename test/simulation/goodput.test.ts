import { expect, it } from "vitest";
import { CELLS, type Cell, expectedRate, LOSSES, RATE, ROUND_TRIPS } from "../../bench/goodput/cells.js";
import { ALGORITHM_LOOKS, draw, type Series } from "../../bench/goodput/plot.js";
import { algorithms, type Outcome, transfer } from "./goodput-transfer.js";

/** Of transfers in which chance has a part; what is given is their median. */
const SEEDS = [1, 2, 3];
/** Of virtual seconds these tell a regression; the benchmark watches for longer. */
const LONGEST = 20;
/** Milliseconds that it may take where others want the machine, too. */
const BUSY = 180_000;
const TITLE = "Goodput as a share of the link, in virtual time";

type Results = ReadonlyMap<string, readonly Outcome[]>;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const chancy = (cell: Cell): boolean => [cell.forward, cell.reverse].some((w) => w.loss || w.reorder || w.jitter);
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const middle = (values: readonly number[]): number => sorted(values)[values.length >> 1] as number;
const shares = (results: Results, cell: Cell): number[] => (results.get(cell.id) ?? []).map(({ share }) => share);

/** Long enough for a start from nothing; where chance picks frames, for as many frames as the full link takes in that time. */
function secondsOf(cell: Cell, algorithm: string): number {
  // BBR does not mind loss.
  const rate = algorithm === "bbr" ? cell.rate : expectedRate(cell);
  const least = 2.5 + 0.03 * cell.roundTrip;
  return Math.min(LONGEST, cell.seconds, (least * cell.rate) / rate);
}

async function measure(algorithm: string): Promise<Results> {
  const results = new Map<string, Outcome[]>();
  for (const cell of CELLS) {
    const shortened = { ...cell, seconds: secondsOf(cell, algorithm) };
    const outcomes: Outcome[] = [];
    for (const seed of chancy(cell) ? SEEDS : [1]) outcomes.push(await transfer(shortened, algorithm, seed));
    results.set(cell.id, outcomes);
  }
  return results;
}

function tableOf(algorithm: string, results: Results): string {
  const lines = [`${algorithm}`, `  loss     ${ROUND_TRIPS.map((ms) => `RTT ${ms} ms`.padStart(12)).join("")}`];
  for (const loss of LOSSES) {
    const cells = CELLS.filter((cell) => cell.group === "loss" && cell.loss === loss);
    const columns = cells.map((cell) => percent(middle(shares(results, cell))).padStart(12));
    lines.push(`  ${percent(loss).padEnd(9)}${columns.join("")}`);
  }
  for (const cell of CELLS.filter(({ group }) => group !== "loss")) {
    const name = `${cell.title}, RTT ${cell.roundTrip} ms`;
    const rtt = middle((results.get(cell.id) ?? []).map((outcome) => outcome.rtt));
    lines.push(`  ${name.padEnd(45)}${percent(middle(shares(results, cell))).padStart(8)}, RTT ${rtt.toFixed(1)} ms`);
  }
  return lines.join("\n");
}

function seriesOf(algorithm: string, results: Results): Series {
  const share = (cell: Cell) => {
    const values = sorted(shares(results, cell));
    return { middle: middle(values), low: values[0] as number, high: values.at(-1) as number };
  };
  return { name: algorithm, look: ALGORITHM_LOOKS[algorithm] as Series["look"], share };
}

it(
  "goodput over bad networks: a change in the table or in the plot is for review",
  async () => {
    const tables: string[] = [];
    const series: Series[] = [];
    for (const algorithm of await algorithms()) {
      const results = await measure(algorithm);
      tables.push(tableOf(algorithm, results));
      series.push(seriesOf(algorithm, results));
    }
    const about = `${RATE / 1e6} Mbit/s, a queue of one BDP and at least 64 KiB where nothing else is said`;
    await expect(`${TITLE}; ${about}\n\n${tables.join("\n\n")}\n`).toMatchFileSnapshot("__snapshots__/goodput.txt");
    const svg = draw(TITLE, `tapstack to tapstack, ${about}; medians of ${SEEDS.length} seeds`, series);
    await expect(svg).toMatchFileSnapshot("../../docs/goodput.svg");
  },
  BUSY,
);
