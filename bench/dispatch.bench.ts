// Frames from memory through the whole receive path at 1, 1,000 and 100,000 connections, beside the same in C. [--quick] [--size BYTES]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { PhaseResult } from "./lib/dispatch-worker.js";
import { Reference } from "./lib/reference.js";
import { machine, number, table } from "./lib/suite.js";
import type { Kind, Protocol } from "./lib/traffic.js";

const COUNTS = [1, 1_000, 100_000];
const LIMIT = 3;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean" },
    size: { type: "string" },
    connections: { type: "string" },
    software: { type: "boolean" },
  },
});
const size = Number(options.size ?? 64);
const groups = options.quick ? 300 : 1500;
const repeats = options.quick ? 3 : 5;
const counts = options.connections === undefined ? COUNTS : options.connections.split(",").map(Number);
const modes = options.software ? [true] : options.quick ? [false] : [false, true];

const worker = fileURLToPath(new URL("lib/dispatch-worker.js", import.meta.url));
const reference = new Reference(process.cwd());

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** A stack of its own process: nothing that another count did to heap or optimizer is left. */
function ours(connections: number, software: boolean): PhaseResult[] {
  const args = [worker, connections, size, software ? "software" : "valid", groups, repeats].map(String);
  const done = spawnSync(process.execPath, [...process.execArgv, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 26,
  });
  if (done.status !== 0) throw new Error(`the worker ended with ${done.status ?? done.signal}`);
  return done.stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as PhaseResult);
}

function ofPhase(results: readonly PhaseResult[], protocol: Protocol, kind: Kind): PhaseResult[] {
  return results.filter((r) => r.protocol === protocol && r.kind === kind);
}

const label = (connections: number): string => connections.toLocaleString("en");
const missed: string[] = [];

function compare(software: boolean): void {
  const rows: string[][] = [];
  const others: string[][] = [];
  for (const connections of counts) {
    const results = ours(connections, software);
    for (const protocol of ["tcp", "udp"] as const) {
      const hits = ofPhase(results, protocol, "hit");
      const mine = median(hits.map((r) => r.nanoseconds));
      const runs = Array.from({ length: repeats }, () => reference.run(protocol, connections, size, software, groups));
      const theirs = median(runs.map((r) => r.ns));
      const ratio = mine / theirs;
      if (connections >= 1_000 && ratio > LIMIT) missed.push(`${protocol} at ${label(connections)}: ${number(ratio)}`);
      const allocated = median(hits.map((r) => r.allocated));
      const replies = median(hits.map((r) => r.sent / r.frames));
      const cReplies = median(runs.map((r) => r.acks / r.frames));
      rows.push([
        `${protocol}, ${label(connections)}`,
        number(mine),
        number(1e3 / mine),
        number(allocated),
        String(Math.max(...hits.map((r) => r.collections))),
        number(replies),
        number(theirs),
        number(cReplies),
        number(ratio),
      ]);
    }
    for (const [protocol, kind, name] of OTHER_PHASES) {
      const all = ofPhase(results, protocol, kind);
      const mine = median(all.map((r) => r.nanoseconds));
      const replies = number(median(all.map((r) => r.sent / r.frames)));
      others.push([
        `${name}, ${label(connections)}`,
        number(mine),
        number(1e3 / mine),
        number(median(all.map((r) => r.allocated))),
        replies,
      ]);
    }
  }
  console.log(
    `${size} B frames that find their socket, L4 checksums ${software ? "in software" : "vouched for by the link"}:\n`,
  );
  table(
    ["", "ns/frame", "M frames/s", "B garbage/frame", "GCs", "ACKs/frame", "C ns/frame", "C ACKs/frame", "ours / C"],
    rows,
  );
  console.log("Frames that do not:\n");
  table(["", "ns/frame", "M frames/s", "B garbage/frame", "answers/frame"], others);
}

const OTHER_PHASES: readonly (readonly [Protocol, Kind, string])[] = [
  ["tcp", "miss", "tcp to a closed port"],
  ["udp", "miss", "udp to a closed port"],
  ["tcp", "malformed", "malformed"],
];

console.log(`${machine()}\nMedians of ${repeats} runs of ${groups * 1024} frames.\n`);
for (const software of modes) compare(software);
reference.close();
if (missed.length > 0) {
  console.error(`more than ${LIMIT} times the reference: ${missed.join("; ")}`);
  process.exitCode = 1;
}
