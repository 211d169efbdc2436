import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CELLS } from "./cells.js";
import { plot } from "./plot.js";
import { type FlowResult, type Report, summary } from "./results.js";

/** Puts the table where the page about goodput has one of this algorithm. */
function document(page: string, report: Report): void {
  const text = readFileSync(page, "utf8");
  const begin = `<!-- ${report.algorithm}: written by npm run bench -- goodput -->\n`;
  const from = text.indexOf(begin);
  const to = text.indexOf("<!-- end -->", from);
  if (from < 0 || to < 0) return;
  const image = `![Goodput beside the kernel's: ${report.algorithm}](goodput-kernel-${report.algorithm}.svg)`;
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${image}\n\n${summary(report)}\n${text.slice(to)}`);
}

/** What they have in common on the first line, then a transfer on each, so that a change can be read. */
function lines(report: Report): string {
  const { flows, ...rest } = report;
  return [rest, ...flows].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/**
 * Writes results and plot, of a whole run into the repository, of anything else to where it can be looked at. Returns the
 * files' names.
 */
export function save(report: Report, whole: boolean): string[] {
  const root = process.cwd();
  const docs = join(root, "docs");
  const folder = whole
    ? join(root, "bench", "goodput", "results")
    : join(root, "node_modules", ".cache", "tapstack-goodput");
  const results = join(folder, `${report.algorithm}.jsonl`);
  const picture = join(whole ? docs : folder, `goodput-kernel-${report.algorithm}.svg`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(results, lines(report));
  writeFileSync(picture, plot(report));
  if (whole) document(join(docs, "goodput.md"), report);
  return [results, picture];
}

/** Puts the report's cells in the place of what was recorded of them by a whole run. Returns the files' names. */
export function record(report: Report): string[] {
  const file = join(process.cwd(), "bench", "goodput", "results", `${report.algorithm}.jsonl`);
  const [, ...rows] = readFileSync(file, "utf8").trimEnd().split("\n");
  const again = new Set(report.cells.map(({ id }) => id));
  const kept = rows.map((row) => JSON.parse(row) as FlowResult).filter(({ cell }) => !again.has(cell));
  return save({ ...report, cells: CELLS, flows: [...kept, ...report.flows] }, true);
}
