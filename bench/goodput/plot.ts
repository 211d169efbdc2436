import { CELLS, type Cell, LOSSES, ROUND_TRIPS } from "./cells.js";
import { medianGoodput, type Report, type Role, valuesOf } from "./results.js";
import { type Colour, type Shape, Svg } from "./svg.js";

/** A share of the link, and between which shares the middle half of the runs lies. */
export interface Share {
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

export interface Series {
  readonly name: string;
  readonly look: Look;
  /** Null: there is nothing. */
  readonly share: (cell: Cell) => Share | null;
}

interface Look {
  readonly shape: Shape;
  readonly colour: Colour;
}

const LOOKS: Readonly<Record<"grey" | "blue" | "orange" | "green", Look>> = {
  grey: { shape: "circle", colour: { light: "#6e7781", dark: "#9198a1" } },
  blue: { shape: "square", colour: { light: "#0969da", dark: "#58a6ff" } },
  orange: { shape: "triangle", colour: { light: "#bc4c00", dark: "#f0883e" } },
  green: { shape: "diamond", colour: { light: "#1a7f37", dark: "#56d364" } },
};
/** Of the simulation's algorithms. */
export const ALGORITHM_LOOKS: Readonly<Record<string, Look>> = {
  cubic: LOOKS.blue,
  reno: LOOKS.orange,
  bbr: LOOKS.green,
};
const ROLE_SERIES: readonly (readonly [Role, string, Look])[] = [
  ["kernel", "kernel to kernel", LOOKS.grey],
  ["sender", "tapstack to kernel", LOOKS.blue],
  ["receiver", "kernel to tapstack", LOOKS.orange],
  ["both", "tapstack to tapstack", LOOKS.green],
];

const WIDTH = 960;
const LEFT = 48;
const RIGHT = 24;
const PANEL_TOP = 112;
const PANEL_HEIGHT = 210;
const GAP = 20;
/** Between series that stand at the same place. */
const APART = 9;
/** Of the logarithmic scale, where equal distances are equal ratios. */
const LEAST = 0.005;
const TICKS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
const ROW = 30;
const NAMES = 250;

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

/** One panel per round trip, goodput over loss; below, the networks that are bad in other ways. */
export function draw(title: string, subtitle: string, series: readonly Series[]): string {
  const rows = CELLS.filter(({ group }) => group !== "loss");
  const rowsTop = PANEL_TOP + PANEL_HEIGHT + 84;
  const height = rowsTop + rows.length * ROW + 44;
  const svg = new Svg(
    title,
    WIDTH,
    height,
    series.map(({ look }) => look.colour),
  );
  svg.text(LEFT, 30, title, "title");
  svg.text(LEFT, 50, subtitle);
  legend(svg, series);
  const width = (WIDTH - LEFT - RIGHT - GAP * (ROUND_TRIPS.length - 1)) / ROUND_TRIPS.length;
  for (const [i, roundTrip] of ROUND_TRIPS.entries())
    lossPanel(svg, LEFT + i * (width + GAP), width, roundTrip, series, i === 0);
  svg.text(LEFT, rowsTop - 14, "Other bad networks, without random loss of data", "panel");
  otherPanel(svg, rowsTop, rows, series);
  return svg.toString();
}

function legend(svg: Svg, series: readonly Series[]): void {
  let x = LEFT + 4;
  for (const [i, { name, look }] of series.entries()) {
    svg.mark(x, 70, look.shape, i, name);
    svg.text(x + 10, 74, name);
    x += 36 + name.length * 6.6;
  }
}

function lossPanel(svg: Svg, x: number, width: number, roundTrip: number, series: readonly Series[], first: boolean) {
  const bottom = PANEL_TOP + PANEL_HEIGHT;
  const y = (share: number): number =>
    bottom - (Math.log(Math.max(share, LEAST) / LEAST) / Math.log(1 / LEAST)) * PANEL_HEIGHT;
  const step = width / LOSSES.length;
  svg.text(x, PANEL_TOP - 10, `RTT ${roundTrip} ms`, "panel");
  for (const tick of TICKS) {
    svg.line(x, y(tick), x + width, y(tick), tick === LEAST ? "axis" : "grid");
    if (first) svg.text(x - 6, y(tick) + 4, percent(tick), "small", "end");
  }
  for (const [i, loss] of LOSSES.entries())
    svg.text(x + (i + 0.5) * step, bottom + 17, percent(loss), "small", "middle");
  svg.text(x + width / 2, bottom + 34, "loss of data", "small", "middle");
  const cells = LOSSES.map((loss) =>
    CELLS.find((cell) => cell.group === "loss" && cell.loss === loss && cell.roundTrip === roundTrip),
  );
  for (const [s, { name, look, share }] of series.entries()) {
    const points: [number, number][] = [];
    for (const [i, cell] of cells.entries()) {
      const value = cell === undefined ? null : share(cell);
      if (value === null) continue;
      const at = x + (i + 0.5) * step + (s - (series.length - 1) / 2) * APART;
      points.push([at, y(value.middle)]);
      svg.line(at, y(value.low), at, y(value.high), `line${s}`);
      svg.mark(at, y(value.middle), look.shape, s, `${name}: ${percent(value.middle)}`, 3.6);
    }
    if (points.length > 1) svg.path(points, `line${s}`);
  }
}

function otherPanel(svg: Svg, top: number, rows: readonly Cell[], series: readonly Series[]): void {
  const left = LEFT + NAMES;
  const width = WIDTH - RIGHT - 12 - left;
  const bottom = top + rows.length * ROW;
  const x = (share: number): number => left + Math.min(1, share) * width;
  for (let tick = 0; tick <= 10; tick += 2) {
    svg.line(x(tick / 10), top, x(tick / 10), bottom, tick === 0 ? "axis" : "grid");
    svg.text(x(tick / 10), bottom + 17, percent(tick / 10), "small", "middle");
  }
  for (const [i, cell] of rows.entries()) {
    const middle = top + (i + 0.5) * ROW;
    svg.text(left - 10, middle + 4, `${cell.title}, RTT ${cell.roundTrip} ms`, "small", "end");
    for (const [s, { name, look, share }] of series.entries()) {
      const value = share(cell);
      if (value === null) continue;
      const y = middle + (s - (series.length - 1) / 2) * 6;
      svg.line(x(value.low), y, x(value.high), y, `line${s}`);
      svg.mark(x(value.middle), y, look.shape, s, `${name}: ${percent(value.middle)}`, 3.2);
    }
  }
  svg.text(left + width / 2, bottom + 34, "goodput as a share of the link", "small", "middle");
}

/** The plot of a run of the benchmark: ours beside the kernel's. */
export function plot(report: Report): string {
  const series = ROLE_SERIES.flatMap(([role, name, look]): Series[] => {
    if (!report.flows.some((flow) => flow.role === role)) return [];
    const share = (cell: Cell): Share | null => {
      const goodputs = valuesOf(report, cell, role, (flow) => flow.goodput / cell.rate).sort((a, b) => a - b);
      if (goodputs.length === 0) return null;
      const quartile = (q: number): number => goodputs[Math.round(q * (goodputs.length - 1))] as number;
      return { middle: medianGoodput(report, cell, role) / cell.rate, low: quartile(0.25), high: quartile(0.75) };
    };
    return [{ name, look, share }];
  });
  const subtitle = `${report.algorithm} on both sides, 20 Mbit/s, real time over TAPs; medians and quartiles of ${report.seeds} seeds or more`;
  return draw("Goodput as a share of the link, beside the kernel's TCP", subtitle, series);
}
