import { type SocketRow, ssState } from "../observe/listing.js";
import { type Addr, maskOf, parseAddr, parsePrefix } from "../wire/address.js";
import { usage } from "./errors.js";

export type Test = (row: SocketRow) => boolean;

/** ss's names of states, each with the states that it stands for. */
const ALL = [
  "ESTAB",
  "SYN-SENT",
  "SYN-RECV",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "UNCONN",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
];
const CONNECTED = ALL.filter((state) => state !== "LISTEN" && state !== "UNCONN");
const BUCKET = ["SYN-RECV", "TIME-WAIT"];
const STATE_NAMES = new Map<string, readonly string[]>([
  ["established", ["ESTAB"]],
  ["estab", ["ESTAB"]],
  ["syn-sent", ["SYN-SENT"]],
  ["syn-recv", ["SYN-RECV"]],
  ["fin-wait-1", ["FIN-WAIT-1"]],
  ["fin-wait-2", ["FIN-WAIT-2"]],
  ["time-wait", ["TIME-WAIT"]],
  ["unconnected", ["UNCONN"]],
  ["closed", ["UNCONN"]],
  ["close-wait", ["CLOSE-WAIT"]],
  ["last-ack", ["LAST-ACK"]],
  ["listening", ["LISTEN"]],
  ["listen", ["LISTEN"]],
  ["closing", ["CLOSING"]],
  ["all", ALL],
  ["connected", CONNECTED],
  ["synchronized", CONNECTED.filter((state) => state !== "SYN-SENT")],
  ["bucket", BUCKET],
  ["big", ALL.filter((state) => !BUCKET.includes(state))],
]);

/** Which states `-a`, `-l`, or neither lets through. */
export function defaultStates(all: boolean, listening: boolean): ReadonlySet<string> {
  if (all) return new Set(ALL);
  if (listening) return new Set(["LISTEN", "UNCONN"]);
  return new Set(ALL.filter((state) => !["LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV"].includes(state)));
}

export interface Filter {
  readonly states: ReadonlySet<string>;
  readonly test: Test;
}

/**
 * Reads ss's filter: any number of `state NAME` and `exclude NAME`, then an expression.
 * @param states what is let through when no state is named
 * @param portOf a service name to its port, or null. Throws a usage error.
 */
export function parseFilter(
  words: readonly string[],
  states: ReadonlySet<string>,
  portOf: (name: string) => number | null,
): Filter {
  const tokens = tokenize(words.join(" "));
  let chosen: Set<string> | null = null;
  while (tokens[0] === "state" || tokens[0] === "exclude") {
    const add = tokens.shift() === "state";
    const name = tokens.shift() ?? "";
    const named = STATE_NAMES.get(name.toLowerCase());
    if (named === undefined) throw usage(`"${name}" is no state; choose from ${[...STATE_NAMES.keys()].join(", ")}`);
    chosen ??= new Set(add ? [] : ALL);
    for (const state of named) {
      if (add) chosen.add(state);
      else chosen.delete(state);
    }
  }
  const parser = new Parser(tokens, portOf);
  return { states: chosen ?? states, test: tokens.length === 0 ? () => true : parser.whole() };
}

/** Whether the row's state is one of these. */
export function inStates(row: SocketRow, states: ReadonlySet<string>): boolean {
  return states.has(ssState(row.state));
}

function tokenize(text: string): string[] {
  return text.match(/[()]|!=|==|<=|>=|[=<>!]|&&|\|\||[&|]|[^\s()!=<>&|]+/g) ?? [];
}

type Comparison = (a: number, b: number) => boolean;
const COMPARISONS = new Map<string, Comparison>([
  ["=", (a, b) => a === b],
  ["==", (a, b) => a === b],
  ["eq", (a, b) => a === b],
  ["!=", (a, b) => a !== b],
  ["ne", (a, b) => a !== b],
  ["neq", (a, b) => a !== b],
  [">", (a, b) => a > b],
  ["gt", (a, b) => a > b],
  ["<", (a, b) => a < b],
  ["lt", (a, b) => a < b],
  [">=", (a, b) => a >= b],
  ["ge", (a, b) => a >= b],
  ["geq", (a, b) => a >= b],
  ["<=", (a, b) => a <= b],
  ["le", (a, b) => a <= b],
  ["leq", (a, b) => a <= b],
]);

/** or := and ("or" and)*; and := not ("and"? not)*; not := "!" not | "(" or ")" | test */
class Parser {
  private readonly tokens: string[];
  private readonly portOf: (name: string) => number | null;

  constructor(tokens: string[], portOf: (name: string) => number | null) {
    this.tokens = tokens;
    this.portOf = portOf;
  }

  whole(): Test {
    const test = this.or();
    if (this.tokens.length > 0) throw usage(`the filter goes wrong at "${this.tokens.join(" ")}"`);
    return test;
  }

  private or(): Test {
    let left = this.and();
    while (this.eat("or", "|", "||")) {
      const [a, b] = [left, this.and()];
      left = (row) => a(row) || b(row);
    }
    return left;
  }

  private and(): Test {
    let left = this.not();
    while (this.eat("and", "&", "&&") || this.startsTest()) {
      const [a, b] = [left, this.not()];
      left = (row) => a(row) && b(row);
    }
    return left;
  }

  private not(): Test {
    if (this.eat("not", "!")) {
      const inner = this.not();
      return (row) => !inner(row);
    }
    if (this.eat("(")) {
      const inner = this.or();
      if (!this.eat(")")) throw usage('the filter has a "(" without a ")"');
      return inner;
    }
    return this.single();
  }

  private single(): Test {
    const word = this.tokens.shift();
    switch (word) {
      case "sport":
        return this.port((row) => row.localPort);
      case "dport":
        return this.port((row) => row.remotePort);
      case "src":
        return this.address((row) => [row.localAddress, row.localPort]);
      case "dst":
        return this.address((row) => [row.remoteAddress, row.remotePort]);
      default:
        throw usage(
          `the filter goes wrong at "${word ?? "its end"}"; it knows state, sport, dport, src, dst, and, or, not`,
        );
    }
  }

  private port(of: (row: SocketRow) => number): Test {
    const compare = COMPARISONS.get(this.tokens[0] ?? "");
    if (compare !== undefined) this.tokens.shift();
    const word = (this.tokens.shift() ?? "").replace(/^:/, "");
    const port = this.readPort(word);
    return (row) => (compare ?? Object.is)(of(row), port);
  }

  private address(of: (row: SocketRow) => readonly [string, number]): Test {
    const equal = !this.eat("!=");
    if (equal) this.eat("=", "==");
    const word = this.tokens.shift() ?? "";
    const [host = "", port] = word.split(":");
    const prefix = host === "" || host === "*" ? { addr: 0, length: 0 } : parsePrefix(host);
    if (prefix === null)
      throw usage(`"${word}" is no address; give one such as 10.77.0.2, 10.77.0.0/24 or 10.77.0.2:80`);
    const wanted = port === undefined || port === "*" || port === "" ? null : this.readPort(port);
    const mask = maskOf(prefix.length);
    return (row) => {
      const [address, itsPort] = of(row);
      const addr: Addr = parseAddr(address) ?? 0;
      const fits = (addr & mask) === (prefix.addr & mask) && (wanted === null || itsPort === wanted);
      return fits === equal;
    };
  }

  private readPort(word: string): number {
    const port = /^\d+$/.test(word) ? Number(word) : this.portOf(word);
    if (port === null || port > 65535) throw usage(`"${word}" is neither a port nor a service's name`);
    return port;
  }

  private startsTest(): boolean {
    const word = this.tokens[0];
    return word !== undefined && ["sport", "dport", "src", "dst", "!", "not", "("].includes(word);
  }

  private eat(...words: string[]): boolean {
    if (!words.includes(this.tokens[0] ?? "")) return false;
    this.tokens.shift();
    return true;
  }
}
