import { Command } from "commander";
import { kernelState, ownerOf, type SocketRow, sortRows } from "../observe/listing.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { CliError, usage } from "./errors.js";
import { type Names, NUMERIC, serviceNames } from "./names.js";
import { withStack } from "./running.js";

interface LsofOptions extends StackOptions {
  /** A selection, or true for all. */
  readonly i?: string | true;
  readonly n?: boolean;
  readonly P?: boolean;
}

interface Selection {
  readonly proto: string | null;
  readonly address: string | null;
  /** Ranges, ends included; empty: any. */
  readonly ports: readonly (readonly [from: number, to: number])[];
}

export function lsofCommand(): Command {
  const command = new Command("lsof")
    .summary("list the stack's sockets, as lsof -i does")
    .description("List the running stack's sockets in lsof's own columns. Exit code 1 when there are none.")
    .option("-i [selection]", "[tcp|udp][@address][:port[,port|port-port]...]")
    .option("-n", "accepted; addresses are never turned into names")
    .option("-P", "numbers instead of service names")
    .addHelpText("after", "\nExamples:\n  tapstack lsof -i :443\n  tapstack lsof -nP -i tcp@10.77.0.1:80-90");
  return withStackOptions(command).action(async (options: LsofOptions) => {
    const names = serviceNames();
    const selection = parseSelection(typeof options.i === "string" ? options.i : "", names);
    const text = await withStack(options, async (client) => {
      const rows = sortRows(await client.sockets()).filter((row) => row.owner !== "" && selects(selection, row));
      return formatLsof(rows, client.hello.pid, options.P ? NUMERIC : names);
    });
    if (text === "") throw new CliError("", 1);
    process.stdout.write(text);
  });
}

/** Reads what lsof takes after -i. Throws a usage error. */
export function parseSelection(text: string, names: Names): Selection {
  const match = /^(?:4)?(tcp|udp)?(?:@([^:]+))?(?::(.+))?$/i.exec(text);
  if (match === null) throw usage(`"${text}" is no selection; give one such as :80, tcp, udp:53, tcp@10.77.0.1:80-90`);
  const [, proto, address, list] = match;
  const ports = (list === undefined ? [] : list.split(",")).map((item): readonly [number, number] => {
    const range = /^(\d+)-(\d+)$/.exec(item);
    if (range !== null) return [Number(range[1]), Number(range[2])];
    const port = /^\d+$/.test(item) ? Number(item) : names.port(item);
    if (port === null) throw usage(`"${item}" is neither a port nor a service's name`);
    return [port, port];
  });
  return { proto: proto?.toLowerCase() ?? null, address: address ?? null, ports };
}

function selects({ proto, address, ports }: Selection, row: SocketRow): boolean {
  if (proto !== null && proto !== row.proto) return false;
  if (address !== null && address !== row.localAddress && address !== row.remoteAddress) return false;
  if (ports.length === 0) return true;
  return ports.some(
    ([from, to]) => (row.localPort >= from && row.localPort <= to) || (row.remotePort >= from && row.remotePort <= to),
  );
}

/** What lsof prints for these sockets; empty when there are none. @param pid of the stack */
export function formatLsof(rows: readonly SocketRow[], pid: number, names: Names): string {
  if (rows.length === 0) return "";
  const table = [["COMMAND", "PID", "USER", "FD", "TYPE", "DEVICE", "SIZE/OFF", "NODE", "NAME"]];
  for (const row of rows) table.push(cells(row, pid, names));
  const width = (i: number): number => Math.max(...table.map((line) => line[i]?.length ?? 0));
  const [command, id, user, device] = [width(0), width(1), width(2), width(5)];
  const lines = table.map(
    ([c = "", p = "", u = "", fd = "", type = "", d = "", size = "", node = "", name = ""], i) => {
      // lsof keeps a character for the mode and one for the lock behind the number.
      const descriptor = i === 0 ? "  FD  " : `${fd.slice(0, -1).padStart(4)}${fd.slice(-1)} `;
      const left = `${c.padEnd(command)} ${p.padStart(id)} ${u.padStart(user)} ${descriptor} ${type}`;
      return `${left} ${d.padStart(device)} ${size.padStart(8)} ${node} ${name}`;
    },
  );
  return `${lines.join("\n")}\n`;
}

function cells(row: SocketRow, pid: number, names: Names): string[] {
  const owner = ownerOf(row, pid);
  const endpoint = (address: string, port: number): string =>
    `${address === "0.0.0.0" || address === "" ? "*" : address}:${port === 0 ? "*" : (names.name(port, row.proto) ?? port)}`;
  const peer = row.remotePort === 0 ? "" : `->${endpoint(row.remoteAddress, row.remotePort)}`;
  const state = row.proto === "tcp" ? ` (${kernelState(row.state)})` : "";
  const name = `${endpoint(row.localAddress, row.localPort)}${peer}${state}`;
  const user = row.uid === 0 ? "root" : String(row.uid);
  const command = (owner?.name ?? "").slice(0, 9);
  const id = String(owner?.pid ?? pid);
  return [command, id, user, `${row.fd}u`, "IPv4", String(row.inode), "0t0", row.proto.toUpperCase().padStart(4), name];
}
