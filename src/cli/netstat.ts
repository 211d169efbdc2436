import { Command } from "commander";
import { kernelState, ownerOf, type SocketRow, sortRows } from "../observe/listing.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { type Names, NUMERIC, serviceNames } from "./names.js";
import { withStack } from "./running.js";

export interface NetstatOptions extends StackOptions {
  readonly tcp?: boolean;
  readonly udp?: boolean;
  readonly listening?: boolean;
  readonly all?: boolean;
  readonly numeric?: boolean;
  readonly programs?: boolean;
  readonly extend?: boolean;
  readonly timers?: boolean;
}

const ADDRESS_WIDTH = 23;

export function netstatCommand(): Command {
  const command = new Command("netstat")
    .summary("list the stack's sockets, as netstat does")
    .description("List the running stack's sockets in netstat's own columns.")
    .option("-t, --tcp", "TCP sockets")
    .option("-u, --udp", "UDP sockets")
    .option("-l, --listening", "listening sockets only")
    .option("-a, --all", "listening sockets too")
    .option("-n, --numeric", "numbers instead of service names")
    .option("-p, --programs", "who holds each socket")
    .option("-e, --extend", "user and inode")
    .option("-o, --timers", "timers");
  return withStackOptions(command).action(async (options: NetstatOptions) => {
    const text = await withStack(options, async (client) =>
      formatNetstat(await client.sockets(), options, client.hello.pid, serviceNames()),
    );
    process.stdout.write(text);
  });
}

/** What netstat prints for these sockets. @param pid of the stack */
export function formatNetstat(rows: readonly SocketRow[], options: NetstatOptions, pid: number, names: Names): string {
  const which = options.all ? "servers and established" : options.listening ? "only servers" : "w/o servers";
  const lines = [`Active Internet connections (${which})`, header(options)];
  const labels = options.numeric ? NUMERIC : names;
  // netstat lists TCP before UDP.
  for (const row of sortRows(rows).sort((a, b) => order(a) - order(b)))
    if (wanted(row, options)) lines.push(line(row, options, pid, labels));
  return `${lines.join("\n")}\n`;
}

function order(row: SocketRow): number {
  return ["tcp", "udp", "icmp"].indexOf(row.proto);
}

function isServer(row: SocketRow): boolean {
  return row.proto === "tcp" ? kernelState(row.state) === "LISTEN" : row.remotePort === 0;
}

function wanted(row: SocketRow, options: NetstatOptions): boolean {
  if ((options.tcp || options.udp) && !((row.proto === "tcp" && options.tcp) || (row.proto === "udp" && options.udp)))
    return false;
  return options.all || isServer(row) === (options.listening === true);
}

function header(options: NetstatOptions): string {
  let text = "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ";
  if (options.extend) text += " User       Inode     ";
  if (options.programs) text += " PID/Program name    ";
  if (options.timers) text += " Timer";
  return text;
}

function line(row: SocketRow, options: NetstatOptions, pid: number, names: Names): string {
  const endpoint = (address: string, port: number): string =>
    `${address || "0.0.0.0"}:${port === 0 ? "*" : (names.name(port, row.proto) ?? port)}`.padEnd(ADDRESS_WIDTH);
  const listening = kernelState(row.state) === "LISTEN";
  const state = row.proto === "tcp" || kernelState(row.state) === "ESTABLISHED" ? kernelState(row.state) : "";
  // The kernel's table, which netstat reads, has no queues for listeners.
  const queues = [listening ? 0 : row.recvQ, listening ? 0 : row.sendQ].map((n) => String(n).padStart(6)).join(" ");
  const local = endpoint(row.localAddress, row.localPort);
  const peer = endpoint(row.remoteAddress, row.remotePort);
  let text = `${row.proto.padEnd(5)} ${queues} ${local} ${peer} ${state.padEnd(11)}`;
  if (options.extend) text += ` ${String(row.uid).padEnd(10)} ${String(row.inode).padEnd(10)}`;
  if (options.programs) {
    const owner = ownerOf(row, pid);
    text += ` ${(owner === null ? "-" : `${owner.pid}/${owner.name}`).padEnd(19).slice(0, 19)} `;
  }
  if (options.timers) text += ` ${timer(row)}`;
  return text;
}

function timer(row: SocketRow): string {
  if (row.timer === null) return "off (0.00/0/0)";
  const { name, ms, retransmits } = row.timer;
  const kind = name === "persist" ? "probe" : name;
  return `${kind} (${(ms / 1000).toFixed(2)}/${retransmits}/0)`;
}
