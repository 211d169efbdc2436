import { setPriority } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Flow, type FlowSpec, type Lines, type Stage } from "./flow.js";
import { droppedByDevice, ipBatch } from "./netns.js";
import type { FlowResult } from "./results.js";

/** What the parent sends. */
export type Order =
  | { readonly what: "prepare"; readonly specs: readonly FlowSpec[] }
  | { readonly what: "run" }
  | { readonly what: "clear" };

/** How a batch went. */
export interface Batch {
  readonly flows: readonly FlowResult[];
  /** Frames lost where none may be: between the kernel and the impairment. */
  readonly lost: number;
  /** The event loop was so late in 1 % of cases, milliseconds. */
  readonly late: number;
  /** Share of a CPU that this process used. */
  readonly cpu: number;
}

/** What it hears back. */
export type Answer =
  | { readonly what: "ready" }
  | { readonly what: "done"; readonly batch: Batch }
  | { readonly what: "clear" }
  | { readonly what: "error"; readonly message: string };

/** Lateness is looked at so often, milliseconds. */
const RESOLUTION = 5;

const PRIORITY = -15;

const stage = JSON.parse(process.argv[2] as string) as Stage;
let flows: Flow[] = [];

async function prepare(specs: readonly FlowSpec[]): Promise<void> {
  flows = specs.map((spec, slot) => new Flow(spec, stage, slot));
  const lines: Lines = { a: [], b: [] };
  for (const flow of flows) await flow.prepare(lines);
  ipBatch(stage.a, lines.a);
  ipBatch(stage.b, lines.b);
  await Promise.all(flows.map((flow) => flow.listen()));
}

async function run(): Promise<Batch> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  const before = process.cpuUsage();
  const start = performance.now();
  const results = await Promise.all(flows.map((flow) => flow.run()));
  const { user, system } = process.cpuUsage(before);
  delay.disable();
  const dropped = droppedByDevice(stage.a);
  let lost = 0;
  for (const flow of flows) lost += flow.lost + (dropped.get(flow.deviceA) ?? 0);
  const cpu = (user + system) / 1000 / (performance.now() - start);
  return { flows: results, lost, late: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION), cpu };
}

async function clear(): Promise<void> {
  await Promise.all(flows.map((flow) => flow.close()));
  flows = [];
}

async function obey(order: Order): Promise<Answer> {
  switch (order.what) {
    case "prepare":
      await prepare(order.specs);
      return { what: "ready" };
    case "run":
      return { what: "done", batch: await run() };
    case "clear":
      await clear();
      return { what: "clear" };
  }
}

// Before whatever else runs on the machine, and the ends likewise, which inherit it: a late event loop turns what arrives
// one by one into a burst that a short queue does not hold.
setPriority(PRIORITY);
process.on("message", (order: Order) => {
  obey(order)
    .catch((error: Error): Answer => ({ what: "error", message: error.stack ?? error.message }))
    .then((answer) => process.send?.(answer));
});
// The parent is gone: so are the flows.
process.on("disconnect", () => process.exit(1));
