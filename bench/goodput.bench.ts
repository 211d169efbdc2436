// Goodput over bad networks beside the kernel's TCP, in real time: 20 minutes as root. [--quick] [--algorithm A] [--seeds N] [--roles R,R] [--only ID,ID] [--record]
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bandwidthDelay, CELLS, type Cell, expectedRate } from "./goodput/cells.js";
import { Crew } from "./goodput/crew.js";
import type { FlowSpec } from "./goodput/flow.js";
import { compilePeer } from "./goodput/peer.js";
import {
  DETAIL_HEAD,
  detailRows,
  type FlowResult,
  markdown,
  type Report,
  ROLES,
  type Role,
  shortfalls,
  summary,
} from "./goodput/results.js";
import { record, save } from "./goodput/save.js";
import { machine } from "./lib/suite.js";

/** Of cells, without which `--quick` would say nothing. */
const QUICK = ["loss-0-20", "loss-0.1-20", "loss-1-1", "loss-1-100", "loss-5-20", "reorder-1", "ack-30", "bloat"];
/** Bits in a second that the machine is trusted with, a CPU. Checked: see the lines about lost frames and lateness. */
const CAPACITY = 200e6;
/** Transfers at a time, a CPU. */
const MOST = 40;
/** Event loops that are so late, milliseconds, measure the machine: the batch is made again, so many times. */
const LATE = 8;
const AGAIN = 2;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    algorithm: { type: "string", default: "cubic" },
    seeds: { type: "string" },
    roles: { type: "string", default: ROLES.join(",") },
    /** Cells by id or group. */
    only: { type: "string" },
    /** Transfers take so many times as long. */
    stretch: { type: "string", default: "1" },
    detail: { type: "boolean", default: false },
    /** With --only: what was recorded of these cells gives way to this. */
    record: { type: "boolean", default: false },
  },
});
const algorithm = options.algorithm;
const leastSeeds = Number(options.seeds ?? (options.quick ? 4 : 10));
const roles = options.roles.split(",") as Role[];
const stretch = Number(options.stretch) * (options.quick ? 0.5 : 1);

function chosenCells(): Cell[] {
  const { only, quick } = options;
  const names = only?.split(",") ?? [];
  const wanted = ({ id, group }: Cell): boolean => {
    if (only !== undefined) return names.includes(id) || names.includes(group);
    return !quick || QUICK.includes(id);
  };
  const chosen = CELLS.filter(wanted);
  if (chosen.length === 0)
    throw new Error(`there is no cell ${only}; there are ${CELLS.map(({ id }) => id).join(", ")}`);
  return chosen.map((cell) => ({ ...cell, seconds: cell.seconds * stretch }));
}

/** BBR takes no loss for a reason to slow down. */
function rateOf(cell: Cell): number {
  return algorithm === "bbr" ? cell.rate : expectedRate(cell);
}

/**
 * Chance has more of a say where fewer frames are sent, and more transfers fit side by side; and most where the queue is
 * short: when slow start ends there decides about all the rest.
 */
function seedsOf(cell: Cell): number {
  if ((cell.forward.limitBytes ?? 0) < bandwidthDelay(cell.rate, cell.roundTrip)) return 3 * leastSeeds;
  return rateOf(cell) < cell.rate / 3 ? 2 * leastSeeds : leastSeeds;
}

/** Transfers of a cell that can take place at one time: whole seeds, with every pair of ends. */
function batchesOf(cell: Cell, workers: number): FlowSpec[][] {
  const seeds = seedsOf(cell);
  const flows = Math.min(CAPACITY / rateOf(cell), MOST) * workers;
  const most = Math.max(1, Math.floor(flows / roles.length));
  const size = Math.ceil(seeds / Math.ceil(seeds / most));
  const batches: FlowSpec[][] = [];
  for (let from = 1; from <= seeds; from += size) {
    const specs: FlowSpec[] = [];
    for (let seed = from; seed < from + size && seed <= seeds; seed++)
      for (const role of roles) specs.push({ cell, role, seed });
    batches.push(specs);
  }
  return batches;
}

async function measure(crew: Crew, cell: Cell, workers: number): Promise<FlowResult[]> {
  const flows: FlowResult[] = [];
  let lost = 0;
  let late = 0;
  let cpu = 0;
  const start = performance.now();
  for (const specs of batchesOf(cell, workers)) {
    let batch = await crew.run(specs);
    for (let i = 0; i < AGAIN && batch.late > LATE; i++) {
      console.log(`  a batch was ${batch.late.toFixed(1)} ms late, and is made again`);
      const another = await crew.run(specs);
      if (another.late < batch.late) batch = another;
    }
    flows.push(...batch.flows);
    lost += batch.lost;
    late = Math.max(late, batch.late);
    cpu = Math.max(cpu, batch.cpu);
  }
  const took = ((performance.now() - start) / 1000).toFixed(0);
  const load = `${(100 * cpu).toFixed(0)} % of a CPU, p99 of lateness ${late.toFixed(1)} ms`;
  console.log(`${cell.id}: ${flows.length} transfers, ${took} s, ${load}`);
  if (late > LATE) console.log("  this machine is too busy to tell");
  for (const { role, seed, error } of flows) if (error !== "") console.log(`  seed ${seed}, ${role}: ${error}`);
  if (lost > 0) console.log(`  ${lost} frames were lost outside of the impairment`);
  return flows;
}

async function main(): Promise<number> {
  const start = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "tapstack-goodput-"));
  // Also when it is interrupted; namespaces go likewise.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
  const program = compilePeer(process.cwd(), folder);
  const workers = Math.max(1, Math.min(cpus().length, 4));
  const crew = new Crew(workers, program, algorithm);
  const cells = chosenCells();
  const flows: FlowResult[] = [];
  try {
    // What is compiled on its first calls is not to be measured.
    const warm = { ...(CELLS[0] as Cell), seconds: 3 };
    const specs = Array.from({ length: workers }, (_, seed) =>
      roles.map((role) => ({ cell: warm, role, seed })),
    ).flat();
    await crew.run(specs);
    for (const cell of cells) flows.push(...(await measure(crew, cell, workers)));
  } finally {
    await crew.close();
  }
  const report: Report = { machine: machine(), kernel: release(), algorithm, seeds: leastSeeds, cells, flows };
  const whole = cells.length === CELLS.length && stretch >= 1 && ROLES.every((role) => roles.includes(role));
  const files = options.record && stretch >= 1 ? record(report) : save(report, whole);
  console.log(`\nwritten: ${files.join(", ")}\n\n${summary(report)}`);
  const details = cells.flatMap((cell) => detailRows(report, cell));
  if (options.detail) console.log(`${markdown(DETAIL_HEAD, details)}\n`);
  const failed = shortfalls(report);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`${minutes} minutes; ${failed.length === 0 ? "every cell holds" : `falls short: ${failed.join(", ")}`}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: Error) => {
  console.error(`goodput: ${error.message}`);
  return 2;
});
