import type { Connection } from "../tcp/connection.js";
import {
  LISTEN,
  STATE_NAMES,
  SYN_RECEIVED,
  TIMER_FIN_WAIT_2,
  TIMER_KEEPALIVE,
  TIMER_LOSS_PROBE,
  TIMER_PERSIST,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
} from "../tcp/constants.js";
import type { TcpContext } from "../tcp/context.js";
import type { TimeWait } from "../tcp/ending/time-wait.js";
import { connectionInfo, listenerInfo, notSent, type TcpInfo } from "../tcp/info.js";
import type { Listener, SynRecord } from "../tcp/opening/listen.js";
import { deadline } from "../tcp/timer-set.js";
import { type Addr, formatAddr } from "../wire/address.js";
import type { SocketBase } from "./base.js";
import type { TcpSocket } from "./tcp-socket.js";
import type { SocketType } from "./types.js";

/** A timer of a TCP connection, as `ss -o` shows it. */
export interface EntryTimer {
  /** "on" (retransmission, loss probe), "keepalive" (FIN-WAIT-2 too), "timewait" or "persist" */
  readonly name: string;
  /** Milliseconds until it fires, at least 0. */
  readonly ms: number;
  readonly retransmits: number;
}

/** What `ss -i` and `ss -m` show of a TCP socket. */
export interface EntryDetails {
  /** The congestion control's name. */
  readonly congestion: string;
  readonly info: TcpInfo;
  /** Bytes queued, and what may be: the buffers as SO_RCVBUF and SO_SNDBUF tell them. */
  readonly received: number;
  readonly receiveBuffer: number;
  readonly queued: number;
  readonly sendBuffer: number;
}

/** A line of the socket listing: plain data, made when somebody asks. */
export interface SocketEntry {
  readonly proto: SocketType;
  /** RFC 9293's name; "UNCONN" or "ESTABLISHED" for others than TCP. */
  readonly state: string;
  /** Bytes to read; of a listener: connections waiting for accept. */
  readonly recvQ: number;
  /** Bytes not acknowledged (TCP) or not sent; of a listener: the backlog. */
  readonly sendQ: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timer: EntryTimer | null;
  /** Who holds it; empty for what nobody does. */
  readonly owner: string;
  /** The socket's number; 0 for what nobody holds. */
  readonly fd: number;
  readonly uid: number;
  /** Unique in the stack's life; 0 for what nobody holds. */
  readonly inode: number;
  /** Only where it was asked for, and of TCP's connections and listeners. */
  readonly details?: EntryDetails;
}

/** Everything of a listing line but who holds it. */
export interface EntryParts {
  readonly proto: SocketType;
  readonly state: string;
  readonly recvQ: number;
  readonly sendQ: number;
  readonly localAddr: Addr;
  readonly localPort: number;
  readonly remoteAddr: Addr;
  readonly remotePort: number;
  readonly timer: EntryTimer | null;
  readonly details?: EntryDetails;
}

/** A line for a socket, or (null) for what nobody holds any more. */
export function entry(parts: EntryParts, socket: SocketBase | null): SocketEntry {
  return {
    proto: parts.proto,
    state: parts.state,
    recvQ: parts.recvQ,
    sendQ: parts.sendQ,
    localAddress: formatAddr(parts.localAddr),
    localPort: parts.localPort,
    remoteAddress: formatAddr(parts.remoteAddr),
    remotePort: parts.remotePort,
    timer: parts.timer,
    owner: socket === null ? "" : socket.owner,
    fd: socket === null ? 0 : socket.number,
    uid: 0,
    inode: socket === null ? 0 : socket.inode,
    ...(parts.details === undefined ? null : { details: parts.details }),
  };
}

const TIMER_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [TIMER_RETRANSMIT, "on"],
  [TIMER_LOSS_PROBE, "on"],
  [TIMER_REORDER, "on"],
  [TIMER_PERSIST, "persist"],
  [TIMER_KEEPALIVE, "keepalive"],
  [TIMER_FIN_WAIT_2, "keepalive"],
];

function timerOf(c: Connection): EntryTimer | null {
  for (const [bit, name] of TIMER_NAMES) {
    if ((c.timers & bit) === 0) continue;
    const ms = Math.max(0, (deadline(c, bit) - c.tcp.time.ms) | 0);
    return { name, ms, retransmits: name === "on" ? c.retransmits : c.probes + c.keepProbes };
  }
  return null;
}

function detailsOf(c: Connection, info: TcpInfo): EntryDetails {
  return {
    congestion: c.congestion.name,
    info,
    received: c.rcvQueued,
    receiveBuffer: c.rcvLimit * 2,
    queued: c.sndQueued,
    sendBuffer: c.sndLimit,
  };
}

/** @param details with what `ss -i` shows */
export function connectionEntry(c: Connection, socket: SocketBase | null, details: boolean): SocketEntry {
  // Linux's write_seq - snd_una: SYN and FIN count
  const sendQ = ((c.sndNxt - c.sndUna) | 0) + notSent(c);
  const { localAddr, localPort, remoteAddr, remotePort } = c;
  const state = STATE_NAMES[c.state] as string;
  const parts = { localAddr, localPort, remoteAddr, remotePort, state, sendQ, recvQ: c.rcvQueued, timer: timerOf(c) };
  const more = details ? { details: detailsOf(c, connectionInfo(c)) } : null;
  return entry({ proto: "tcp", ...parts, ...more }, socket);
}

export function listenerEntry(socket: TcpSocket, localAddr: Addr, listener: Listener, details: boolean): SocketEntry {
  const at = { localAddr, localPort: socket.localPort, remoteAddr: 0, remotePort: 0 };
  const parts = {
    ...at,
    recvQ: listener.queue.length,
    sendQ: listener.backlog,
    timer: null,
    state: STATE_NAMES[LISTEN] as string,
  };
  const more = details ? { details: detailsOf(listener.template, listenerInfo(listener)) } : null;
  return entry({ proto: "tcp", ...parts, ...more }, socket);
}

/** What TCP holds beside sockets: connections nobody has accepted or that only finish, SYN-RECEIVED and TIME-WAIT. */
export function loneTcpEntries(tcp: TcpContext, details: boolean): SocketEntry[] {
  const entries: SocketEntry[] = [];
  tcp.connections.forEach((c) => {
    if (c.owner === null) entries.push(connectionEntry(c, null, details));
  });
  const record = (r: SynRecord | TimeWait, state: number, name: string, retransmits: number): void => {
    const { localAddr, localPort, remoteAddr, remotePort } = r;
    const timer = { name, ms: Math.max(0, (r.wheelAt - tcp.time.ms) | 0), retransmits };
    const at = { localAddr, localPort, remoteAddr, remotePort };
    entries.push(entry({ proto: "tcp", state: STATE_NAMES[state] as string, recvQ: 0, sendQ: 0, timer, ...at }, null));
  };
  tcp.synRecords.forEach((r) => {
    record(r, SYN_RECEIVED, "on", r.retries);
  });
  tcp.timeWaits.forEach((r) => {
    record(r, r.state, "timewait", 0);
  });
  return entries;
}
