import { Command } from "commander";
import { ownerOf, type SocketRow, sortRows, ssState } from "../observe/listing.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { type Names, NUMERIC, serviceNames } from "./names.js";
import { withStack } from "./running.js";
import { type Row, renderColumns } from "./ss-columns.js";
import { defaultStates, inStates, parseFilter } from "./ss-filter.js";
import { infoText, memoryText } from "./ss-info.js";

export interface SsOptions extends StackOptions {
  readonly tcp?: boolean;
  readonly udp?: boolean;
  readonly listening?: boolean;
  readonly all?: boolean;
  readonly numeric?: boolean;
  readonly processes?: boolean;
  readonly extended?: boolean;
  readonly options?: boolean;
  readonly info?: boolean;
  readonly memory?: boolean;
  readonly oneline?: boolean;
  /** False: -H */
  readonly header: boolean;
}

/** Which directions are shut down, as ss -e draws it: `<->` none, `-->` the peer has finished, `<--` we have. */
const PEER_FINISHED = new Set(["CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT"]);
const WE_FINISHED = new Set(["FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "CLOSING", "TIME-WAIT"]);

export function ssCommand(): Command {
  const command = new Command("ss")
    .summary("list the stack's sockets, as ss does")
    .description("List the running stack's sockets in ss's own columns.")
    .argument("[filter...]", "state NAME, sport = :PORT, dport = :PORT, src ADDR, dst ADDR, and, or, not, ( )")
    .option("-t, --tcp", "TCP sockets")
    .option("-u, --udp", "UDP sockets")
    .option("-l, --listening", "listening sockets only")
    .option("-a, --all", "listening sockets too")
    .option("-n, --numeric", "numbers instead of service names")
    .option("-p, --processes", "who holds each socket")
    .option("-e, --extended", "uid and inode")
    .option("-o, --options", "timers")
    .option("-i, --info", "what TCP knows of the connection")
    .option("-m, --memory", "buffers of TCP sockets")
    .option("-O, --oneline", "one line a socket")
    .option("-H, --no-header", "without the line of names")
    .addHelpText(
      "after",
      "\nExamples:\n  tapstack ss -tnap\n  tapstack ss -tie\n  tapstack ss -tn state established 'sport = :80'",
    );
  return withStackOptions(command).action(async (filter: string[], options: SsOptions) => {
    const names = serviceNames();
    // A wrong filter is told before a stack is looked for.
    parseFilter(filter, new Set(), (name) => names.port(name));
    const text = await withStack(options, async (client) =>
      formatSs(
        await client.sockets(wantsDetails(options)),
        filter,
        options,
        client.hello.pid,
        names,
        process.stdout.columns ?? 0,
      ),
    );
    process.stdout.write(text);
  });
}

/**
 * What ss prints for these sockets.
 * @param pid of the stack  @param width of the terminal, 0 when it is none
 */
export function formatSs(
  rows: readonly SocketRow[],
  filterWords: readonly string[],
  options: SsOptions,
  pid: number,
  names: Names,
  width: number,
): string {
  const fallback = defaultStates(options.all === true, options.listening === true);
  const filter = parseFilter(filterWords, fallback, (name) => names.port(name));
  const protos = wantedProtos(options);
  const wanted = sortRows(rows).filter(
    (row) => protos.has(row.proto) && inStates(row, filter.states) && filter.test(row),
  );
  const shown = [protos.size > 1, filter.states.size > 1, true, true, true, true, true, true, true];
  const labels = options.numeric ? NUMERIC : names;
  const fields = wanted.map((row) => fieldsOf(row, labels, detailsOf(row, options, pid)));
  return renderColumns(fields, shown, { header: options.header, width });
}

function wantsDetails(options: SsOptions): boolean {
  return options.info === true || options.memory === true;
}

function wantedProtos(options: SsOptions): ReadonlySet<string> {
  const chosen = [options.tcp && "tcp", options.udp && "udp"].filter((proto) => typeof proto === "string");
  return new Set(chosen.length > 0 ? chosen : ["icmp", "udp", "tcp"]);
}

function fieldsOf(row: SocketRow, names: Names, details: string): Row {
  const port = (n: number): string => (n === 0 ? "*" : (names.name(n, row.proto) ?? String(n)));
  // ss writes the queues with %-6d.
  return [
    row.proto,
    ssState(row.state),
    String(row.recvQ).padEnd(6),
    String(row.sendQ).padEnd(6),
    `${row.localAddress}:`,
    port(row.localPort),
    `${row.remoteAddress || "0.0.0.0"}:`,
    port(row.remotePort),
    details,
  ];
}

/** What stands in the last column, each part behind a space. */
function detailsOf(row: SocketRow, options: SsOptions, pid: number): string {
  const parts: string[] = [];
  const owner = ownerOf(row, pid);
  if (options.processes && owner !== null) parts.push(`users:(("${owner.name}",pid=${owner.pid},fd=${row.fd}))`);
  const { timer } = row;
  if ((options.options || options.extended) && timer !== null)
    parts.push(`timer:(${timer.name},${formatTimer(timer.ms)},${timer.retransmits})`);
  if (options.extended) {
    if (row.uid !== 0) parts.push(`uid:${row.uid}`);
    parts.push(`ino:${row.inode}`, `sk:${row.inode.toString(16)}`);
    parts.push(
      `${PEER_FINISHED.has(ssState(row.state)) ? "-" : "<"}-${WE_FINISHED.has(ssState(row.state)) ? "-" : ">"}`,
    );
  }
  const text = parts.map((part) => ` ${part}`).join("");
  if (!options.memory && (!options.info || row.proto !== "tcp")) return text;
  return text + (options.oneline ? "" : "\n\t") + secondLine(row, options);
}

/** What -i and -m show of it. */
function secondLine(row: SocketRow, options: SsOptions): string {
  const { details } = row;
  if (details === undefined) return "";
  const memory = options.memory ? memoryText(details) : "";
  if (!options.info) return memory;
  const flags = options.options === true || options.extended === true;
  return memory + infoText(details, flags, options.numeric === true, ssState(row.state) === "LISTEN");
}

/** ss's print_ms_timer(): `4.772ms` is 4 seconds and 772 milliseconds, as there. */
export function formatTimer(timeout: number): string {
  const minutes = Math.floor(timeout / 60_000);
  let seconds = Math.floor(timeout / 1000) % 60;
  let ms = timeout % 1000;
  if (minutes > 0) ms = 0;
  if (minutes > 9) seconds = 0;
  let text = minutes > 0 ? `${minutes}min` : "";
  if (seconds > 0) {
    if (seconds > 9) ms = 0;
    text += `${seconds}${ms > 0 ? "." : "sec"}`;
  }
  return ms > 0 ? `${text}${String(ms).padStart(3, "0")}ms` : text;
}
