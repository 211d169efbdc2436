/** One column of ss: iproute2's misc/ss.c, `columns[]`. */
interface Column {
  readonly header: string;
  /** Written before each of its fields, but not in the first column. */
  readonly delimiter: string;
  readonly right: boolean;
}

/** A column that is not shown has null. */
export type Row = readonly (string | null)[];

/** Netid, State, Recv-Q, Send-Q, local address and port, peer address and port, process. */
export const COLUMNS: readonly Column[] = [
  { header: "Netid", delimiter: "", right: false },
  { header: "State", delimiter: " ", right: false },
  { header: "Recv-Q", delimiter: " ", right: false },
  { header: "Send-Q", delimiter: " ", right: false },
  { header: "Local Address:", delimiter: " ", right: true },
  { header: "Port", delimiter: "", right: false },
  { header: "Peer Address:", delimiter: " ", right: true },
  { header: "Port", delimiter: "", right: false },
  { header: "Process", delimiter: "", right: false },
];

export interface Layout {
  /** With the line of names. */
  readonly header: boolean;
  /** Characters of the terminal; 0: as narrow as the contents allow, as ss does into a pipe. */
  readonly width: number;
}

/** Lays out rows as ss does. @param shown which of the columns appear */
export function renderColumns(rows: readonly Row[], shown: readonly boolean[], layout: Layout): string {
  const header: Row = COLUMNS.map((column, i) => (shown[i] ? column.header : null));
  const lines = layout.header ? [header, ...rows] : rows;
  const widths = contentWidths(lines, shown);
  if (layout.width > 0) spread(widths, layout.width);
  const first = shown.indexOf(true);
  return lines.map((line) => renderLine(line, widths, first)).join("");
}

/** The longest field of each column, and its delimiter. */
function contentWidths(lines: readonly Row[], shown: readonly boolean[]): number[] {
  const first = shown.indexOf(true);
  return COLUMNS.map((column, i) => {
    if (!shown[i]) return 0;
    let longest = 0;
    for (const line of lines) longest = Math.max(longest, line[i]?.length ?? 0);
    return longest > 0 && i !== first ? longest + column.delimiter.length : longest;
  });
}

/**
 * render_calc_width(): as many columns as fit fill a line of the terminal exactly, so that the terminal itself breaks
 * the line before the others. `widths` is changed.
 */
function spread(widths: number[], screen: number): void {
  const visible = widths.flatMap((width, i) => (width > 0 ? [i] : []));
  for (const i of visible) widths[i] = Math.min(widths[i] as number, screen);
  const widthAt = (at: number): number => widths[visible[at] as number] as number;
  for (let from = 0; from < visible.length; ) {
    let to = from;
    let length = 0;
    while (to < visible.length && length + widthAt(to) <= screen) length += widthAt(to++);
    share(widths, visible.slice(from, to), screen - length);
    from = to;
  }
}

function share(widths: number[], columns: readonly number[], pad: number): void {
  const each = Math.floor(pad / columns.length);
  let rest = pad % columns.length;
  for (const i of [...columns].reverse()) widths[i] = (widths[i] as number) + each + (rest-- > 0 ? 1 : 0);
}

function renderLine(line: Row, widths: readonly number[], first: number): string {
  let text = "";
  COLUMNS.forEach(({ delimiter, right }, i) => {
    const width = widths[i] as number;
    if (width === 0) return;
    const field = line[i] ?? "";
    const lead = i === first ? "" : delimiter;
    const room = width - lead.length;
    text += lead + (right ? field.padStart(room) : field.padEnd(room));
  });
  return `${text}\n`;
}
