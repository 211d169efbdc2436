// Frames from memory through the whole receive path, beside the same in C; then each part alone. [--quick] [--untuned] [--size B]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { PhaseResult, WorkerTask } from "./lib/dispatch-worker.js";
import { Reference } from "./lib/reference.js";
import { machine, number, table } from "./lib/suite.js";
import { GROUP, type Kind, type Protocol } from "./lib/traffic.js";

/** Ours may take so many times what C takes, from this many connections on. */
const LIMIT = 3;
const LIMITED_FROM = 1_000;
/** Bytes of RFC 7323's option as it stands in segments. */
const TS_SPACE = 12;
const PARTS = ["demux", "ports", "checksum", "timers"];
const OTHERS: readonly (readonly [Protocol, Kind, string])[] = [
  ["tcp", "miss", "tcp to a closed port"],
  ["udp", "miss", "udp to a closed port"],
  ["tcp", "malformed", "malformed"],
];

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    untuned: { type: "boolean", default: false },
    size: { type: "string", default: "64" },
    connections: { type: "string", default: "1,1000,100000" },
  },
});
const size = Number(options.size);
const counts = options.connections.split(",").map(Number);
const groups = options.quick ? 1_000 : 6_000;
const repeats = options.quick ? 3 : 7;

const reference = new Reference(process.cwd());
const missed: string[] = [];

function run(script: string, args: readonly string[], stdout: "pipe" | "inherit"): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const done = spawnSync(process.execPath, [...process.execArgv, path, ...args], {
    encoding: "utf8",
    stdio: ["ignore", stdout, "inherit"],
    maxBuffer: 1 << 26,
  });
  if (done.status !== 0) throw new Error(`${script} ended with ${done.status ?? done.signal}`);
  return done.stdout;
}

/** A stack in a process of its own: nothing that another count did to heap or optimizer is left. */
function measure(connections: number, software: boolean, stamped: boolean): PhaseResult[] {
  const { program } = reference;
  // As many bytes of payload
  const bytes = stamped ? size + TS_SPACE : size;
  const tuned = !options.untuned;
  const task: WorkerTask = { connections, size: bytes, software, stamped, tuned, groups, repeats, program };
  return run("lib/dispatch-worker.js", [JSON.stringify(task)], "pipe")
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as PhaseResult);
}

/** The median of what `pick` makes of each; NaN of none. */
function median(results: readonly PhaseResult[], pick: (result: PhaseResult) => number): number {
  const sorted = results.map(pick).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function hitRow(name: string, hits: readonly PhaseResult[], limited: boolean): string[] {
  const mine = median(hits, (r) => r.nanoseconds);
  const ratio = median(hits, (r) => r.nanoseconds / (r.reference?.ns ?? Number.NaN));
  if (limited && !(ratio <= LIMIT)) missed.push(`${name}: ${number(ratio)}`);
  return [
    name,
    number(mine),
    number(1e3 / mine),
    number(median(hits, (r) => r.allocated)),
    String(Math.max(...hits.map((r) => r.collections))),
    number(median(hits, (r) => r.sent / r.frames)),
    number(median(hits, (r) => r.reference?.ns ?? Number.NaN)),
    number(ratio),
  ];
}

function compare(software: boolean): void {
  const rows: string[][] = [];
  const others: string[][] = [];
  for (const connections of counts) {
    const results = measure(connections, software, false);
    const pick = (p: Protocol, k: Kind): PhaseResult[] => results.filter((r) => r.protocol === p && r.kind === k);
    const count = connections.toLocaleString("en");
    for (const protocol of ["tcp", "udp"] as const)
      rows.push(hitRow(`${protocol}, ${count}`, pick(protocol, "hit"), connections >= LIMITED_FROM));
    rows.push(hitRow(`tcp with timestamps, ${count}`, measure(connections, software, true), false));
    for (const [protocol, kind, name] of OTHERS) {
      const all = pick(protocol, kind);
      const mine = median(all, (r) => r.nanoseconds);
      const allocated = number(median(all, (r) => r.allocated));
      const sent = number(median(all, (r) => r.sent / r.frames));
      others.push([`${name}, ${count}`, number(mine), number(1e3 / mine), allocated, sent]);
    }
  }
  const checksums = software ? "computed on both sides" : "vouched for by the link";
  console.log(`${size} B frames that find their socket, transport checksums ${checksums}:\n`);
  table(["", "ns/frame", "M frames/s", "B garbage/frame", "GCs", "ACKs/frame", "C ns/frame", "ours / C"], rows);
  console.log("Frames that do not:\n");
  table(["", "ns/frame", "M frames/s", "B garbage/frame", "answers/frame"], others);
}

const engine = options.untuned ? "V8 as it comes" : "V8 tuned as `tapstack up` tunes it (src/cli/engine.ts)";
console.log(
  `${machine()}, ${engine}\nMedians of ${repeats} runs of ${(groups * GROUP).toLocaleString("en")} frames.\n`,
);
for (const software of options.quick ? [false] : [false, true]) compare(software);
reference.close();
if (!options.quick) for (const part of PARTS) run(`${part}.bench.js`, [], "inherit");
if (missed.length > 0) {
  console.error(`more than ${LIMIT} times the reference: ${missed.join("; ")}`);
  process.exitCode = 1;
}
