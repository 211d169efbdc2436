import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { controlDirectory, privateDirectory } from "../observe/paths.js";
import type { Hello } from "../observe/protocol.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { withStack } from "./running.js";

type Counters = Readonly<Record<string, number>>;

interface NstatOptions extends StackOptions {
  readonly ignore?: boolean;
  readonly zeros?: boolean;
  /** False: -s */
  readonly update: boolean;
  readonly json?: boolean;
}

export function nstatCommand(): Command {
  const command = new Command("nstat")
    .summary("show the stack's counters, as nstat does")
    .description("Show how the running stack's counters have changed since the last time, under nstat's names.")
    .argument("[pattern...]", "names, with * and ?")
    .option("-a, --ignore", "absolute values; leave the history alone")
    .option("-z, --zeros", "counters at zero too")
    .option("-s, --no-update", "leave the history alone")
    .option("-j, --json", "as JSON");
  return withStackOptions(command).action(async (patterns: string[], options: NstatOptions) => {
    const text = await withStack(options, async (client) => {
      const now = await client.counters();
      const before = options.ignore ? {} : readHistory(client.hello);
      if (options.update && !options.ignore) writeHistory(client.hello, now);
      return formatNstat(now, before, patterns, options.zeros === true, options.json === true);
    });
    process.stdout.write(text);
  });
}

/** What nstat prints: what has changed since `before`. */
export function formatNstat(
  now: Counters,
  before: Counters,
  patterns: readonly string[],
  zeros: boolean,
  json: boolean,
): string {
  const tests = patterns.map(glob);
  const changes = Object.entries(now)
    .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
    .filter(
      ([name, change]) => (zeros || change !== 0) && (tests.length === 0 || tests.some((test) => test.test(name))),
    );
  if (json) return `${JSON.stringify({ tapstack: Object.fromEntries(changes) })}\n`;
  const lines = changes.map(([name, change]) => `${name.padEnd(31)} ${String(change).padEnd(18)} 0.0`);
  return `${["#tapstack", ...lines].join("\n")}\n`;
}

function glob(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`);
}

function historyPath(hello: Hello): string {
  return join(controlDirectory(), `${hello.tap}.nstat.json`);
}

interface History {
  /** Which run of the stack it is about. */
  readonly started: number;
  readonly counters: Counters;
}

function readHistory(hello: Hello): Counters {
  try {
    const history = JSON.parse(readFileSync(historyPath(hello), "utf8")) as History;
    return history.started === hello.started ? history.counters : {};
  } catch {
    return {};
  }
}

function writeHistory(hello: Hello, counters: Counters): void {
  privateDirectory(controlDirectory());
  const history: History = { started: hello.started, counters };
  writeFileSync(historyPath(hello), JSON.stringify(history), { mode: 0o600 });
}
