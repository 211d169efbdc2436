import type { SocketEntry } from "../socket/entries.js";

/** One socket as every view (ss, netstat, lsof, fuser, the page) shows it. Plain data: it travels as JSON. */
export type SocketRow = SocketEntry;

/** Who holds a socket. */
export interface Owner {
  readonly name: string;
  readonly pid: number;
}

/**
 * Takes {@link SocketRow.owner} apart: `name`, or `name,pid=N` when it is not the stack's own process. Null when nobody
 * holds the socket.
 * @param pid of the stack's process
 */
export function ownerOf(row: SocketRow, pid: number): Owner | null {
  if (row.owner === "") return null;
  const match = /^(.*),pid=(\d+)$/.exec(row.owner);
  if (match === null) return { name: row.owner, pid };
  return { name: match[1] as string, pid: Number(match[2]) };
}

const STATES = new Map<string, string>([
  ["ESTABLISHED", "ESTAB"],
  ["ESTAB", "ESTAB"],
  ["SYN-RECEIVED", "SYN-RECV"],
  ["FIN-WAIT1", "FIN-WAIT-1"],
  ["FIN-WAIT2", "FIN-WAIT-2"],
  ["CLOSE", "UNCONN"],
  ["CLOSED", "UNCONN"],
]);

/** ss's name of a state: `FIN-WAIT-1` for FIN_WAIT1, `ESTAB` for ESTABLISHED, `UNCONN` for CLOSE. */
export function ssState(state: string): string {
  const dashed = state.toUpperCase().replaceAll("_", "-");
  return STATES.get(dashed) ?? dashed;
}

/** netstat's and lsof's name of a state: `FIN_WAIT1`, `ESTABLISHED`, `SYN_RECV`. */
export function kernelState(state: string): string {
  const name = ssState(state);
  if (name === "ESTAB") return "ESTABLISHED";
  if (name === "UNCONN") return "CLOSE";
  return name.replace("WAIT-", "WAIT").replaceAll("-", "_");
}

const PROTO_ORDER = { icmp: 0, udp: 1, tcp: 2 };

function stateOrder(row: SocketRow): number {
  return ssState(row.state) === "LISTEN" ? 0 : 1;
}

/** As the tools list them: by protocol, listeners first, then ports. */
export function sortRows(rows: readonly SocketRow[]): SocketRow[] {
  return [...rows].sort(
    (a, b) =>
      PROTO_ORDER[a.proto] - PROTO_ORDER[b.proto] ||
      stateOrder(a) - stateOrder(b) ||
      a.localPort - b.localPort ||
      a.remotePort - b.remotePort ||
      a.inode - b.inode,
  );
}
