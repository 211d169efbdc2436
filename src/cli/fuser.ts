import { Command } from "commander";
import { ownerOf, type SocketRow } from "../observe/listing.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { CliError, usage } from "./errors.js";
import { type Names, serviceNames } from "./names.js";
import { withStack } from "./running.js";

interface FuserOptions extends StackOptions {
  readonly namespace?: string;
  readonly verbose?: boolean;
}

interface Place {
  readonly label: string;
  readonly proto: string;
  readonly port: number;
}

/** One process that holds a place. */
interface Holder {
  readonly pid: number;
  readonly name: string;
  readonly uid: number;
}

export function fuserCommand(): Command {
  const command = new Command("fuser")
    .summary("say which process holds a port of the stack, as fuser does")
    .description("Say which process holds a port of the running stack. Exit code 1 when none does.")
    .argument("<place...>", "PORT/tcp, PORT/udp; or PORT with -n")
    .option("-n, --namespace <tcp|udp>", "what plain ports mean")
    .option("-v, --verbose", "a table with user and name");
  return withStackOptions(command).action(async (words: string[], options: FuserOptions) => {
    const names = serviceNames();
    const places = words.map((word) => parsePlace(word, options.namespace, names));
    const found = await withStack(options, async (client) => {
      const rows = await client.sockets();
      return places.map((place) => ({ place, holders: holdersOf(rows, place, client.hello.pid) }));
    });
    for (const { place, holders } of found) {
      if (holders.length === 0) continue;
      if (options.verbose) process.stderr.write(table(place, holders));
      else {
        // As fuser: only the numbers go to standard output, so that $(fuser 80/tcp) is usable.
        process.stderr.write(`${place.label}:`.padEnd(21));
        process.stdout.write(holders.map(({ pid }) => String(pid).padStart(6)).join(""));
        process.stderr.write("\n");
      }
    }
    if (found.every(({ holders }) => holders.length === 0)) throw new CliError("", 1);
  });
}

function parsePlace(word: string, namespace: string | undefined, names: Names): Place {
  const [name = "", proto = namespace ?? ""] = word.split("/");
  const port = /^\d+$/.test(name) ? Number(name) : names.port(name);
  if (port === null || port < 1 || port > 65535 || !["tcp", "udp"].includes(proto))
    throw usage(`"${word}" is no place; give PORT/tcp or PORT/udp, or PORT with -n tcp`);
  return { label: `${name}/${proto}`, proto, port };
}

/** Who holds sockets whose local port this is. @param pid of the stack */
export function holdersOf(rows: readonly SocketRow[], place: Omit<Place, "label">, pid: number): Holder[] {
  const holders = new Map<number, Holder>();
  for (const row of rows) {
    const owner = row.proto === place.proto && row.localPort === place.port ? ownerOf(row, pid) : null;
    if (owner !== null) holders.set(owner.pid, { ...owner, uid: row.uid });
  }
  return [...holders.values()].sort((a, b) => a.pid - b.pid);
}

function table(place: Place, holders: readonly Holder[]): string {
  const lines = [`${"".padEnd(21)}USER        PID ACCESS COMMAND`];
  holders.forEach(({ pid, name, uid }, i) => {
    const label = i === 0 ? `${place.label}:` : "";
    const user = uid === 0 ? "root" : String(uid);
    lines.push(`${label.padEnd(21)}${user.padEnd(9)}${String(pid).padStart(6)} F.... ${name}`);
  });
  return `${lines.join("\n")}\n`;
}
