import { cpus } from "node:os";
import benny from "benny";

/** One line of a suite. */
export interface Case {
  readonly name: string;
  /** Operations that one call of `run` performs: what takes nanoseconds must be measured in thousands. */
  readonly operations: number;
  /** Performs them. What it returns is kept from the optimizer's eye. */
  readonly run: () => number;
}

/** What came of a case. */
export interface Measured {
  readonly name: string;
  /** Median over benny's samples. */
  readonly nanoseconds: number;
  /** Relative margin of error of the mean, per cent. */
  readonly margin: number;
}

let sink = 0;

/** Runs the cases under benny and prints a table of nanoseconds per operation. */
export async function suite(title: string, cases: readonly Case[], seconds = 0.6): Promise<Measured[]> {
  const entries = cases.map((c) =>
    benny.add(c.name, () => {
      sink = (sink + c.run()) | 0;
    }),
  );
  const options = benny.configure({ cases: { minSamples: 20, maxTime: seconds, delay: 0 } });
  const measured: Measured[] = [];
  const keep = benny.complete((summary) => {
    for (const [i, result] of summary.results.entries()) {
      const { operations } = cases[i] as Case;
      const nanoseconds = (result.details.median * 1e9) / operations;
      measured.push({ name: result.name, nanoseconds, margin: result.margin });
    }
  });
  await benny.suite(title, ...entries, options, keep);
  table(
    ["", "ns/op", "M op/s", "±%"],
    measured.map((m) => [m.name, number(m.nanoseconds), number(1e3 / m.nanoseconds), number(m.margin)]),
  );
  return measured;
}

/** Three significant figures, without an exponent. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size === 0) return "0";
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Prints a Markdown table, so that it can be put into docs/benchmarks.md as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  console.log(line(head));
  console.log(
    `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`,
  );
  for (const row of rows) console.log(line(row));
  console.log("");
}

/** The machine, for the record. */
export function machine(): string {
  const model = cpus()[0]?.model ?? "unknown CPU";
  return `${new Date().toISOString().slice(0, 10)}, ${model} x ${cpus().length}, ${process.platform}, Node ${process.versions.node}, V8 ${process.versions.v8}`;
}

/** Gives what must not be optimized away somewhere to go. */
export function keepAlive(): number {
  return sink;
}
