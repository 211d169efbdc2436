import type { TcpSocket } from "../../src/socket/tcp-socket.js";
import type { Socket } from "../../src/socket/types.js";
import type { Stack } from "../../src/stack.js";
import type { Connection } from "../../src/tcp/connection.js";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  KIND_CONNECTION,
  KIND_SYN,
  LAST_ACK,
  SYN_RECEIVED,
  TIMER_DELACK,
  TIMER_KEEPALIVE,
  TIMER_PACE,
  TIMER_SACK_DELAY,
  TIMERS_OF_SENDER,
  URGENT_NONE,
} from "../../src/tcp/constants.js";
import { aheadEnd } from "../../src/tcp/receiving/out-of-order.js";
import { copiedSeq } from "../../src/tcp/receiving/receive-buffer.js";
import { chargeOf } from "../../src/tcp/receiving/receive-queue.js";
import { markSkip } from "../../src/tcp/receiving/urgent.js";

import { auditFlight, auditQueue, auditRanges, recordsOf } from "./inspect-flight.js";
import { OURS, PEER } from "./wire.js";

/*
 * All that the explorer knows of the stack's inside: when the TCB changes, this file does (and
 * inspect-flight.ts).
 */

export const NOTHING = 0;
export const SYN_RECORD = 1;
export const CONNECTION = 2;
export const TIME_WAIT_RECORD = 3;

/** Timers that see to what waits to be sent; of them the sender's see to what is in flight. */
const SENDING = TIMERS_OF_SENDER | TIMER_PACE;
/** Timers after which an ACK goes. */
const ACKING = TIMER_DELACK | TIMER_SACK_DELAY;

/** What the stack holds for a 4-tuple, copied. */
export class View {
  kind = NOTHING;
  object: object | null = null;
  state = CLOSED;
  iss = 0;
  irs = 0;
  sndUna = 0;
  sndNxt = 0;
  sndWnd = 0;
  sndWl1 = 0;
  rcvNxt = 0;
  rcvAdv = 0;
  /** What the receive buffer has room for, in memory. */
  room = 0;
  rcvQueued = 0;
  /** Of it, an urgent octet at the front that is not read in line. */
  markFront = 0;
  copied = 0;
  sndQueued = 0;
  finQueued = false;
  finSent = false;
  rcvFin = false;
  rcvFinSeq = 0;
  oooCount = 0;
  /** Where what came out of order ends; whether that is told by SACK. */
  oooEnd = 0;
  sacks = false;
  orphan = false;
  /** It waits to be accepted. */
  embryonic = false;
  readShut = false;
  keepalive = false;
  /** Keep-alive probes went, and nothing has come since. */
  probed = false;
  /** The timer of keep-alive runs. */
  kept = false;
  /** TCP_USER_TIMEOUT is set. */
  impatient = false;
  /** A timeout has doubled the RTO, and nothing has come since. */
  backedOff = false;
  linger2 = 0;
  /** A timer runs that will send again, or ask again, and stands on the wheel; or one that will send on. */
  pursued = false;
  /** ms until a record's timer runs out. */
  left = 0;
  paced = false;
  blocked = false;
  mss = 0;
  cork = false;
  ackOwed = false;
  delackRuns = false;
  sndChunks = 0;
  rcvChunks = 0;

  /** RCV.WND */
  get window(): number {
    const left = (this.rcvAdv - this.rcvNxt) | 0;
    // The peer's FIN may stand right behind the edge (as Linux takes it)
    return left === -1 && this.finTaken ? 0 : left;
  }

  /** The peer's FIN has been reached. */
  get finTaken(): boolean {
    return this.state === CLOSE_WAIT || this.state === CLOSING || this.state === LAST_ACK;
  }

  /** Nothing is in flight, though the peer's window takes a whole segment of what is queued, or all of it. */
  idle(mss: number): boolean {
    if (this.sndQueued === 0 || this.sndNxt !== this.sndUna || this.cork) return false;
    // As Linux: a last segment waits for room for its FIN
    return this.sndWnd >= (this.sndQueued > mss ? mss : this.sndQueued + (this.finQueued ? 1 : 0));
  }

  /** Text, which may come in up to `most` pieces, with so many bytes of options may find no room: before the last at least. */
  crowded(length: number, options: number, most: number): boolean {
    for (let n = 1; n <= most; n++) if ((n - 1) * chargeOf(Math.ceil(length / n) + options) > this.room) return true;
    return false;
  }

  clear(): void {
    this.kind = NOTHING;
    this.object = null;
    this.state = CLOSED;
  }
}

function viewConnection(c: Connection, view: View): void {
  view.kind = CONNECTION;
  view.object = c;
  view.state = c.state;
  view.iss = c.iss;
  view.irs = c.irs;
  view.sndUna = c.sndUna;
  view.sndNxt = c.sndNxt;
  view.sndWnd = c.sndWnd;
  view.sndWl1 = c.sndWl1;
  view.rcvNxt = c.rcvNxt;
  // A segment that ran over the window does not move its edge
  view.rcvAdv = (c.rcvNxt + c.rcvWnd) | 0;
  view.rcvQueued = c.rcvQueued;
  view.markFront = markSkip(c);
  view.copied = copiedSeq(c);
  view.room = 2 * c.rcvLimit - c.rcvCharge;
  view.sndQueued = c.sndQueued;
  view.finQueued = c.finQueued;
  view.finSent = c.finSent;
  view.rcvFin = c.rcvFin;
  view.rcvFinSeq = c.rcvFinSeq;
  view.oooCount = c.oooCount;
  view.sacks = c.sackOk && c.ooo !== null && c.oooCount > 0;
  if (c.oooCount > 0) view.oooEnd = aheadEnd(c);
  view.orphan = c.orphan;
  view.embryonic = c.owner === null && !c.orphan;
  view.readShut = c.readShut;
  view.keepalive = c.keepalive;
  view.kept = (c.timers & TIMER_KEEPALIVE) !== 0 && c.wheelSlot >= 0;
  view.probed = c.keepProbes > 0;
  view.impatient = c.userTimeout > 0;
  view.backedOff = c.retransmits > 0 && c.backoff > 0 && c.sndNxt !== c.sndUna;
  view.linger2 = c.linger2;
  view.pursued = (c.timers & TIMERS_OF_SENDER) !== 0 && c.wheelSlot >= 0;
  view.paced = (c.timers & SENDING) !== 0 && c.wheelSlot >= 0;
  view.blocked = c.blocked;
  view.mss = c.mss;
  view.cork = c.cork;
  view.ackOwed = c.ackDue;
  view.delackRuns = (c.timers & ACKING) !== 0 && c.wheelSlot >= 0;
  view.sndChunks = c.snd === null ? 0 : c.snd.chunks;
  view.rcvChunks = c.rcv === null ? 0 : c.rcv.chunks;
}

/** Fills in what the stack holds for a tuple. */
export function look(stack: Stack, ours: number, localPort: number, peer: number, peerPort: number, view: View): void {
  const tcp = stack.tcp.context;
  const value = tcp.tuples.find(ours, localPort, peer, peerPort);
  if (value < 0) {
    view.clear();
    return;
  }
  const kind = value & 3;
  if (kind === KIND_CONNECTION) {
    viewConnection(tcp.connections.get(value >>> 2), view);
    return;
  }
  if (kind === KIND_SYN) {
    const record = tcp.synRecords.get(value >>> 2);
    view.kind = SYN_RECORD;
    view.object = record;
    view.state = SYN_RECEIVED;
    view.iss = record.iss;
    view.irs = record.irs;
    view.rcvNxt = (record.irs + 1) | 0;
    view.rcvAdv = (view.rcvNxt + Math.min(record.window, 65535)) | 0;
    view.pursued = record.wheelSlot >= 0;
    return;
  }
  const record = tcp.timeWaits.get(value >>> 2);
  view.kind = TIME_WAIT_RECORD;
  view.object = record;
  view.state = record.state;
  view.rcvNxt = record.rcvNxt;
  view.rcvAdv = (record.rcvNxt + record.window) | 0;
  view.sndNxt = record.sndNxt;
  view.pursued = record.wheelSlot >= 0;
  view.left = (record.wheelAt - tcp.time.ms) | 0;
}

/** The connection of a socket, as an identity; null while it stands in no table. */
export function liveConnection(socket: Socket): object | null {
  const { connection } = socket as TcpSocket;
  return connection.index >= 0 ? connection : null;
}

/** The same whether it is alive or not. */
export function connectionOf(socket: Socket): object {
  return (socket as TcpSocket).connection;
}

/** Bytes that a socket's connection, alive or over, still holds for reading. */
export function unread(socket: Socket): number {
  return (socket as TcpSocket).connection.rcvQueued;
}

/** Unread octets that the next read passes over: one that is urgent and stands at the front. */
export function passedOver(socket: Socket): number {
  return markSkip((socket as TcpSocket).connection);
}

/** Whether the urgent octet at the front is gone that was there, whatever became of its connection. */
export function frontDropped(v: View): boolean {
  return v.kind === CONNECTION && v.markFront > 0 && copiedSeq(v.object as Connection) === ((v.copied + 1) | 0);
}

/** A read stops in front of an urgent octet. */
export function marked(socket: Socket): boolean {
  return (socket as TcpSocket).connection.urgent !== URGENT_NONE;
}

/** Whether a listening socket takes a SYN, one in the place of a TIME-WAIT, and the ACK that completes a handshake. */
export function listenerRoom(stack: Stack, socket: Socket): { syn: boolean; again: boolean; ack: boolean } {
  const { listener } = socket as TcpSocket;
  if (listener === null) return { syn: false, again: false, ack: false };
  const ack = !listener.full;
  const { settings, metrics, time } = stack.tcp.context;
  const most = settings.maxSynBacklog;
  // The last quarter is for peers that have been heard of before
  const reserved = most - listener.synCount < most >> 2 && !metrics.proven(OURS, PEER, time.s);
  return { syn: ack && !listener.synQueueFull && !reserved, again: ack, ack };
}

/** TIME-WAIT records that may still be made. */
export function timeWaitRoom(stack: Stack): number {
  const { timeWaits, settings } = stack.tcp.context;
  return settings.maxTimeWait - timeWaits.count;
}

/** So few chunks are left that received data may be refused. */
export function memoryTight(stack: Stack): boolean {
  const { pool } = stack;
  return pool.inUse >= pool.capacity - (pool.capacity >> 2) - 16;
}

/** Adds up what is accounted for in more than one place. Null, or what does not add up. */
export function audit(stack: Stack, sockets: readonly Socket[], held: number): string | null {
  const tcp = stack.tcp.context;
  let chunks = held;
  let established = 0;
  let records = 0;
  let blocked = 0;
  let orphans = 0;
  let wrong: string | null = null;
  tcp.connections.forEach((c) => {
    chunks += chunksOf(c);
    records += c.rtxHead === 0 ? 0 : recordsOf(c);
    wrong ??= auditFlight(c) ?? auditRanges(c) ?? auditQueue(c);
    if (c.state === ESTABLISHED || c.state === CLOSE_WAIT) established++;
    if (c.blocked) blocked++;
    if (c.orphan) orphans++;
  });
  if (wrong !== null) return wrong;
  if (records !== tcp.sent.inUse) return `${tcp.sent.inUse} records are in use, connections have ${records} in flight`;
  let half = 0;
  for (const socket of sockets) {
    const { connection, listener } = socket as TcpSocket;
    if (connection.index < 0) chunks += chunksOf(connection);
    if (listener === null) continue;
    half += listener.synCount;
    for (const c of listener.queue) if (c.index < 0) chunks += chunksOf(c);
    if (listener.queue.length > listener.backlog + 1)
      return `${listener.queue.length} wait in a queue of ${listener.backlog}`;
  }
  if (chunks !== stack.pool.inUse) return `${stack.pool.inUse} chunks are in use, buffers hold ${chunks}`;
  if (tcp.counters.TcpCurrEstab !== established) return `TcpCurrEstab ${tcp.counters.TcpCurrEstab}, not ${established}`;
  if (orphans !== tcp.orphans) return `${tcp.orphans} orphans are counted, there are ${orphans}`;
  if (blocked !== tcp.blocked.length) return `${tcp.blocked.length} stand in line for the link, ${blocked} wait for it`;
  if (half !== tcp.synRecords.count) return `${tcp.synRecords.count} half open, listeners count ${half}`;
  const tuples = tcp.connections.count + tcp.synRecords.count + tcp.timeWaits.count;
  if (tcp.tuples.size !== tuples) return `${tcp.tuples.size} tuples for ${tuples} connections and records`;
  if (tcp.touchedCount !== 0) return `${tcp.touchedCount} connections are unsettled`;
  return null;
}

function chunksOf(c: Connection): number {
  return (c.snd === null ? 0 : c.snd.chunks) + (c.rcv === null ? 0 : c.rcv.chunks);
}

/** What must be the same when everything is over as it was before anything began. */
export function holdings(stack: Stack): string {
  const tcp = stack.tcp.context;
  const counts = {
    connections: tcp.connections.count,
    "SYN-RECEIVED records": tcp.synRecords.count,
    "TIME-WAIT records": tcp.timeWaits.count,
    tuples: tcp.tuples.size,
    destinations: tcp.ports.destinationCount,
    ports: tcp.ports.size,
    chunks: stack.pool.inUse,
    "records in flight": tcp.sent.inUse,
    timers: stack.wheel.size,
    blocked: tcp.blocked.length,
    sockets: stack.sockets().length,
    established: tcp.counters.TcpCurrEstab,
  };
  return Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(", ");
}

/** A counter that has fallen below zero, or null. */
export function negativeCounter(stack: Stack): string | null {
  const counters = stack.tcp.context.counters as unknown as Readonly<Record<string, number>>;
  for (const name in counters) if ((counters[name] as number) < 0) return name;
  return null;
}
