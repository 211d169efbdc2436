/*
 * TCP options in the notation of scripts: `mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7`, `sack 100:200 300:400`,
 * `FO 0011223344556677`, `0x...` for any other. Written from the RFCs on its own, apart from src/wire.
 */

/** One option. A value of null stands for whatever it is. */
export interface Option {
  name: "eol" | "nop" | "mss" | "wscale" | "sackOK" | "sack" | "TS" | "FO" | "raw";
  /** mss, wscale: the value. TS: val, ecr. sack: from, to, from, to ... */
  numbers: (number | null)[];
  /** FO: the cookie, "" in a request, "cookie" for whichever it is. raw: all of the option. */
  hex: string;
}

const KINDS: Readonly<Record<string, number>> = { mss: 2, wscale: 3, sackOK: 4, sack: 5, TS: 8, FO: 34 };

const option = (name: Option["name"], numbers: (number | null)[] = [], hex = ""): Option => ({ name, numbers, hex });

/** Reads what stands between `<` and `>`. */
export function parseOptions(text: string): Option[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseOption);
}

function parseOption(part: string): Option {
  const [name, ...rest] = part.split(/\s+/) as [string, ...string[]];
  switch (name) {
    case "nop":
    case "eol":
    case "sackOK":
      return option(name);
    case "mss":
    case "wscale":
      return option(name, [Number(rest[0])]);
    case "TS":
      return option("TS", [named(rest, "val"), named(rest, "ecr")]);
    case "sack":
      return option(
        "sack",
        rest.flatMap((block) => block.split(":").map(Number)),
      );
    case "FO":
      return option("FO", [], rest[0] ?? "");
  }
  if (/^0x([0-9a-f]{2})+$/.test(name)) return option("raw", [], name.slice(2));
  throw new Error(`unknown option ${part}`);
}

function named(words: readonly string[], name: string): number | null {
  const at = words.indexOf(name);
  return at < 0 ? null : Number(words[at + 1]);
}

const hexBytes = (hex: string): number[] => (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
const word = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** Bytes of options whose numbers are absolute. Padded with EOL to whole words. */
export function encodeOptions(options: readonly Option[]): Uint8Array {
  const bytes: number[] = [];
  for (const { name, numbers, hex } of options) {
    const values = numbers.map((n) => n ?? 0);
    let body: number[] = [];
    if (name === "nop" || name === "eol") {
      bytes.push(name === "nop" ? 1 : 0);
      continue;
    }
    if (name === "raw") {
      bytes.push(...hexBytes(hex));
      continue;
    }
    if (name === "mss") body = word(values[0] as number).slice(2);
    else if (name === "wscale") body = [values[0] as number];
    else if (name === "TS" || name === "sack") body = values.flatMap(word);
    else if (name === "FO") body = hexBytes(hex);
    bytes.push(KINDS[name] as number, 2 + body.length, ...body);
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** The reverse of {@link encodeOptions}; an option cut short ends the reading. */
export function decodeOptions(bytes: Uint8Array): Option[] {
  const out: Option[] = [];
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < bytes.length; ) {
    const kind = bytes[i] as number;
    const length = kind < 2 ? 1 : (bytes[i + 1] ?? 0);
    out.push(decodeOption(dv, i, kind, length));
    if (length < 1) break;
    i += length;
  }
  return out;
}

function decodeOption(dv: DataView, at: number, kind: number, length: number): Option {
  if (kind === 0) return option("eol");
  if (kind === 1) return option("nop");
  if (kind === 2 && length === 4) return option("mss", [dv.getUint16(at + 2)]);
  if (kind === 3 && length === 3) return option("wscale", [dv.getUint8(at + 2)]);
  if (kind === 4 && length === 2) return option("sackOK");
  if (kind === 8 && length === 10) return option("TS", [dv.getUint32(at + 2), dv.getUint32(at + 6)]);
  const end = Math.min(at + Math.max(length, 1), dv.byteLength);
  if (kind === 5 && length % 8 === 2) {
    const numbers: number[] = [];
    for (let i = at + 2; i < end; i += 4) numbers.push(dv.getUint32(i));
    return option("sack", numbers);
  }
  let hex = "";
  for (let i = at; i < end; i++) hex += dv.getUint8(i).toString(16).padStart(2, "0");
  return kind === 34 && length >= 2 ? option("FO", [], hex.slice(4)) : option("raw", [], hex);
}

/** The notation again. */
export function formatOptions(options: readonly Option[]): string {
  return options.map(formatOption).join(",");
}

function formatOption({ name, numbers, hex }: Option): string {
  if (name === "raw") return `0x${hex}`;
  if (name === "FO") return hex === "" ? "FO" : `FO ${hex}`;
  if (name === "TS") {
    const [val, ecr] = numbers;
    return `TS${val === null ? "" : ` val ${val}`}${ecr === null ? "" : ` ecr ${ecr}`}`;
  }
  if (name === "sack") {
    let text = "sack";
    for (let i = 0; i < numbers.length; i += 2) text += ` ${numbers[i]}:${numbers[i + 1]}`;
    return text;
  }
  return [name, ...numbers].join(" ");
}

/**
 * Whether options seen are those expected; null and "cookie" in those expected stand for anything.
 * @param slack by how much a timestamp of ours may be off
 */
export function sameOptions(expected: readonly Option[], seen: readonly Option[], slack: number): boolean {
  const wanted = padded(expected);
  if (wanted.length !== seen.length) return false;
  return wanted.every((want, i) => {
    const got = seen[i] as Option;
    if (want.name !== got.name || want.numbers.length !== got.numbers.length) return false;
    if (want.hex !== got.hex && !(want.name === "FO" && want.hex === "cookie" && got.hex !== "")) return false;
    const off = (j: number): number => (want.name === "TS" && j === 0 ? slack : 0);
    return want.numbers.every((n, j) => n === null || Math.abs(n - (got.numbers[j] as number)) <= off(j));
  });
}

/** The options and the EOLs that fill their last word. */
function padded(options: readonly Option[]): Option[] {
  const length = options.reduce((sum, { name, numbers, hex }) => {
    if (name === "nop" || name === "eol") return sum + 1;
    if (name === "raw") return sum + hex.length / 2;
    const body = {
      mss: 2,
      wscale: 1,
      sackOK: 0,
      sack: 4 * numbers.length,
      TS: 8,
      FO: hex === "cookie" ? 8 : hex.length / 2,
    };
    return sum + 2 + body[name];
  }, 0);
  const padding = (4 - (length % 4)) % 4;
  return [...options, ...Array.from({ length: padding }, () => option("eol"))];
}
