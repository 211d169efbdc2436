import { formatOptions, parseOptions } from "./harness-wire.js";

/** One line of a script, in packetdrill's notation. */
export interface Line {
  text: string;
  /** Seconds: after the line before ("+0.1"), or since the test began ("0.1"). */
  time: number;
  relative: boolean;
  /** `<` the script sends, `>` the stack is expected to send. */
  direction: "<" | ">";
  /** `<&`: goes in one batch with the next. */
  batched: boolean;
  /** `[40001]` or `[40001>80]`: the peer's port, and ours. */
  peerPort: number | null;
  localPort: number | null;
  flags: number;
  /** Relative to the sender's initial sequence number. */
  seq: number | null;
  length: number | null;
  ack: number | null;
  window: number | null;
  options: Uint8Array | null;
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
  [".", 0x10],
];

const LINE =
  /^(?:(\+?)(\d+(?:\.\d+)?)\s+)?(<&?|>)\s+(?:\[(\d+)(?:>(\d+))?\]\s+)?([SFRPUEW.]+|0)(?:\s+(-?\d+):(-?\d+)\((\d+)\))?(.*)$/;

/** Reads a line; throws with the line when it is none. */
export function parseLine(text: string): Line {
  const m = LINE.exec(text.trim());
  if (m === null) throw new Error(`not a line of a script: ${text}`);
  const rest = m[10] as string;
  const number = (name: string): number | null => {
    const found = new RegExp(`\\b${name} (-?\\d+)`).exec(rest.replace(/<.*>/, ""));
    return found === null ? null : Number(found[1]);
  };
  const seq = m[7] === undefined ? null : Number(m[7]);
  const length = m[9] === undefined ? null : Number(m[9]);
  if (seq !== null && length !== null && seq + length !== Number(m[8]))
    throw new Error(`${m[7]}:${m[8]}(${m[9]}) does not add up in: ${text}`);
  const options = /<(.*)>/.exec(rest);
  return {
    text: text.trim(),
    time: m[2] === undefined ? 0 : Number(m[2]),
    relative: m[2] === undefined || m[1] === "+",
    direction: (m[3] as string)[0] as "<" | ">",
    batched: m[3] === "<&",
    peerPort: m[4] === undefined ? null : Number(m[4]),
    localPort: m[5] === undefined ? null : Number(m[5]),
    flags: parseFlags(m[6] as string),
    seq,
    length,
    ack: number("ack"),
    window: number("win"),
    options: options === null ? null : parseOptions(options[1] as string),
    gso: number("gso"),
    corrupt: /\bbad-checksum\b/.test(rest),
  };
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
  flags: number;
  seq: number;
  length: number;
  ack: number;
  window: number;
  options: Uint8Array;
  gso: number;
}

/** The notation again. */
export function formatSegment(s: Shown): string {
  const ack = (s.flags & 0x10) !== 0 ? ` ack ${s.ack}` : "";
  const options = s.options.length > 0 ? ` <${formatOptions(s.options)}>` : "";
  const gso = s.gso > 0 ? ` gso ${s.gso}` : "";
  const range = `${s.seq}:${s.seq + s.length}(${s.length})`;
  return `${s.direction} ${s.flow}${formatFlags(s.flags)} ${range}${ack} win ${s.window}${options}${gso}`;
}
