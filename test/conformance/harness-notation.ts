import { formatOptions, type Option, parseOptions } from "./harness-options.js";

/** One line of a script, in packetdrill's notation. */
export interface Line {
  text: string;
  /** Seconds: after the line before ("+0.1"), or since the test began ("0.1"). */
  time: number;
  relative: boolean;
  /** `+0.1~0.05`: by how many seconds real time may be off; null: as usual. In virtual time nothing ever is. */
  tolerance: number | null;
  /** `<` the script sends, `>` the stack is expected to send. */
  direction: "<" | ">";
  /** `<&`: goes in one batch with the next. */
  batched: boolean;
  /** `[40001]` or `[40001>80]`: the peer's port, and ours. */
  peerPort: number | null;
  localPort: number | null;
  /** `[noecn]`, `[ect1]`, `[ect0]`, `[ce]`: the ECN bits of the IP header. */
  ecn: number | null;
  flags: number;
  /** `p`: with PSH or without. */
  anyPush: boolean;
  /** Relative to the sender's initial sequence number. */
  seq: number | null;
  length: number | null;
  ack: number | null;
  window: number | null;
  urgent: number | null;
  /** IP header: `ttl 64`, `tos 16` (without the ECN bits), `df 1`. */
  ttl: number | null;
  tos: number | null;
  df: number | null;
  options: Option[] | null;
  gso: number | null;
  /** `bad-checksum` */
  corrupt: boolean;
}

const LETTERS: readonly (readonly [string, number])[] = [
  ["S", 0x02],
  ["F", 0x01],
  ["R", 0x04],
  ["P", 0x08],
  ["U", 0x20],
  ["E", 0x40],
  ["W", 0x80],
  ["A", 0x100],
  [".", 0x10],
];

const ECN: readonly string[] = ["noecn", "ect1", "ect0", "ce"];

const LINE =
  /^(?:(\+?)(\d+(?:\.\d+)?)(?:~(\d+(?:\.\d+)?))?\s+)?(<&?|>)\s+((?:\[[a-z0-9>]+\]\s+)*)([SFRPpUEWA.]+|0)(?:\s+(-?\d+):(-?\d+)\((\d+)\))?(.*)$/;

/** Reads a line; throws with the line when it is none. */
export function parseLine(text: string): Line {
  const m = LINE.exec(text.trim());
  if (m === null) throw new Error(`not a line of a script: ${text}`);
  const [, plus, time, tolerance, arrow, prefixes, flags, from, to, count, rest] = m;
  const words = (rest as string).replace(/<.*>/, "");
  const odd = words.replace(/\b(ack|win|urg|ttl|tos|df|gso) -?\d+\b|\bbad-checksum\b/g, "").trim();
  if (odd !== "") throw new Error(`not a line of a script, for its ${odd}: ${text}`);
  const number = numberIn(words);
  const seq = from === undefined ? null : Number(from);
  const length = count === undefined ? null : Number(count);
  if (seq !== null && length !== null && seq + length !== Number(to))
    throw new Error(`${from}:${to}(${count}) does not add up in: ${text}`);
  const options = /<(.*)>/.exec(rest as string);
  return {
    text: text.trim(),
    time: time === undefined ? 0 : Number(time),
    relative: time === undefined || plus === "+",
    tolerance: tolerance === undefined ? null : Number(tolerance),
    direction: (arrow as string)[0] as "<" | ">",
    batched: arrow === "<&",
    ...parsePrefixes(prefixes as string, text),
    flags: parseFlags(flags as string),
    anyPush: (flags as string).includes("p"),
    seq,
    length,
    ack: number("ack"),
    window: number("win"),
    urgent: number("urg"),
    ttl: number("ttl"),
    tos: number("tos"),
    df: number("df"),
    options: options === null ? null : parseOptions(options[1] as string),
    gso: number("gso"),
    corrupt: /\bbad-checksum\b/.test(rest as string),
  };
}

function numberIn(text: string): (name: string) => number | null {
  return (name) => {
    const found = new RegExp(`\\b${name} (-?\\d+)`).exec(text);
    return found === null ? null : Number(found[1]);
  };
}

function parsePrefixes(text: string, line: string): Pick<Line, "peerPort" | "localPort" | "ecn"> {
  const found: Pick<Line, "peerPort" | "localPort" | "ecn"> = { peerPort: null, localPort: null, ecn: null };
  for (const [, prefix] of text.matchAll(/\[(.*?)\]/g) as Iterable<[string, string]>) {
    const ports = /^(\d+)(?:>(\d+))?$/.exec(prefix);
    if (ports !== null) {
      found.peerPort = Number(ports[1]);
      found.localPort = ports[2] === undefined ? null : Number(ports[2]);
    } else if (ECN.includes(prefix)) found.ecn = ECN.indexOf(prefix);
    else throw new Error(`unknown [${prefix}] in: ${line}`);
  }
  return found;
}

/** The lines of a script; `#` begins a comment. */
export function parseScript(text: string): Line[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseFlags(text: string): number {
  let flags = 0;
  for (const [letter, bit] of LETTERS) if (text.includes(letter)) flags |= bit;
  return flags;
}

function formatFlags(flags: number): string {
  const text = LETTERS.filter(([, bit]) => (flags & bit) !== 0)
    .map(([letter]) => letter)
    .join("");
  return text === "" ? "0" : text;
}

/** What is shown of a segment: numbers relative to each side's initial sequence number. */
export interface Shown {
  direction: "<" | ">";
  flow: string;
  ecn: number;
  flags: number;
  seq: number;
  length: number;
  ack: number;
  window: number;
  urgent: number;
  options: readonly Option[];
  gso: number;
}

/** The notation again. */
export function formatSegment(s: Shown): string {
  const ecn = s.ecn !== 0 ? `[${ECN[s.ecn]}] ` : "";
  const ack = (s.flags & 0x10) !== 0 ? ` ack ${s.ack}` : "";
  const urgent = (s.flags & 0x20) !== 0 ? ` urg ${s.urgent}` : "";
  const options = s.options.length > 0 ? ` <${formatOptions(s.options)}>` : "";
  const gso = s.gso > 0 ? ` gso ${s.gso}` : "";
  const range = `${s.seq}:${s.seq + s.length}(${s.length})`;
  return `${s.direction} ${s.flow}${ecn}${formatFlags(s.flags)} ${range}${ack} win ${s.window}${urgent}${options}${gso}`;
}
