import type { Cell } from "./cells.js";
import type { SenderReport } from "./peer.js";

/**
 * Who plays the two ends: the kernel both; our sender against the kernel's receiver; the kernel's sender against our
 * receiver; two stacks of ours.
 */
export type Role = "kernel" | "sender" | "receiver" | "both";
export const ROLES: readonly Role[] = ["kernel", "sender", "receiver", "both"];

export interface FlowResult extends SenderReport {
  readonly cell: string;
  readonly role: Role;
  readonly seed: number;
  /** Payload bits in a second that reached the receiving application. */
  readonly goodput: number;
  /** Why there was no transfer, and so no goodput; empty when there was one. */
  readonly error: string;
}

/** What a run of the benchmark leaves for the plot and for whoever wants to look closer. */
export interface Report {
  readonly machine: string;
  readonly kernel: string;
  readonly algorithm: string;
  readonly seeds: number;
  readonly cells: readonly Cell[];
  readonly flows: readonly FlowResult[];
}

/** Ours may fall so far short of the kernel's. */
export const SHARE = 0.95;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half] as number;
  return sorted.length === 0 ? Number.NaN : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

/** What `pick` finds in the transfers of a cell with these ends. */
export function valuesOf(report: Report, cell: Cell, role: Role, pick: (flow: FlowResult) => number): number[] {
  return report.flows.filter((flow) => flow.cell === cell.id && flow.role === role).map(pick);
}

export function medianGoodput(report: Report, cell: Cell, role: Role): number {
  return median(valuesOf(report, cell, role, (flow) => flow.goodput));
}

/** Ours over the kernel's; NaN where one is missing. */
export function ratioOf(report: Report, cell: Cell, role: Role): number {
  return medianGoodput(report, cell, role) / medianGoodput(report, cell, "kernel");
}

const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(1)} %`);
const times = (ratio: number): string => (Number.isNaN(ratio) ? "-" : ratio.toFixed(2));

export const TABLE_HEAD = [
  "",
  "RTT ms",
  "kernel",
  "sender",
  "receiver",
  "both",
  "sender/k",
  "receiver/k",
  "both/k",
  "at least 0.95",
];

/** A line of the table: goodput as shares of the link, then the ratios. */
export function tableRow(report: Report, cell: Cell): string[] {
  const shares = ROLES.map((role) => percent(medianGoodput(report, cell, role) / cell.rate));
  const ratios = ROLES.slice(1).map((role) => ratioOf(report, cell, role));
  const failed = ratios.some((ratio) => ratio < SHARE);
  return [
    `${cell.group === "loss" ? "loss " : ""}${cell.title}`,
    `${cell.roundTrip}`,
    ...shares,
    ...ratios.map(times),
    failed ? "NO" : "yes",
  ];
}

export const DETAIL_HEAD = [
  "",
  "RTT ms",
  "",
  "goodput",
  "quartiles",
  "retransmitted",
  "timeouts",
  "min RTT",
  "median RTT",
];

/** Lines that say how each pair of ends got there. */
export function detailRows(report: Report, cell: Cell): string[][] {
  return ROLES.filter((role) => valuesOf(report, cell, role, () => 0).length > 0).map((role) => {
    const goodputs = valuesOf(report, cell, role, (flow) => flow.goodput / cell.rate).sort((a, b) => a - b);
    const quartile = (q: number) => percent(goodputs[Math.round(q * (goodputs.length - 1))] as number);
    const middle = (pick: (flow: FlowResult) => number) => median(valuesOf(report, cell, role, pick));
    const timeouts = middle((flow) => flow.timeouts);
    return [
      cell.id,
      `${cell.roundTrip}`,
      role,
      percent(median(goodputs)),
      `${quartile(0.25)} to ${quartile(0.75)}`,
      percent(middle((flow) => flow.retransmits / Math.max(1, flow.segments))),
      timeouts < 0 ? "-" : `${timeouts}`,
      `${(middle((flow) => flow.minRtt) / 1000).toFixed(1)} ms`,
      `${(middle((flow) => flow.rtt) / 1000).toFixed(1)} ms`,
    ];
  });
}

/** Cells in which ours falls short, with the ratio. */
export function shortfalls(report: Report): string[] {
  return report.cells.flatMap((cell) =>
    ROLES.slice(1).flatMap((role) => {
      const ratio = ratioOf(report, cell, role);
      return ratio < SHARE ? [`${cell.id} ${role} ${ratio.toFixed(3)}`] : [];
    }),
  );
}

/** A Markdown table, as docs/goodput.md has it. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`));
  return [line(head), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}

/** Where and how a run was made, and its table. */
export function summary(report: Report): string {
  const { machine, kernel, algorithm, seeds, cells } = report;
  const rows = cells.map((cell) => tableRow(report, cell));
  return `${machine}, Linux ${kernel}; ${algorithm}, medians of ${seeds} seeds and more.\n\n${markdown(TABLE_HEAD, rows)}\n`;
}
