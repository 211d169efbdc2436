import { TimerNode } from "../../platform/timer-wheel.js";
import type { Binding } from "../../ports/binding.js";
import { type Addr, isLoopback } from "../../wire/address.js";
import type { Connection } from "../connection.js";
import { FIN_WAIT_2, KIND_TIME_WAIT, TIME_WAIT_MS } from "../constants.js";
import type { TcpContext } from "../context.js";

/** A wait of no more than this counts as one cut short (FIN-WAIT-2 with a small tcp_fin_timeout). */
const SHORT_WAIT_MS = 4000;
/** A connection that takes the place of a TIME-WAIT begins at least this far above it, as Linux has it. */
const GAP = 65535 + 2;

/** What is left of a connection in TIME-WAIT: enough to answer an old segment, and to let a new SYN take its place. */
export class TimeWait extends TimerNode {
  readonly tcp: TcpContext;
  readonly index: number;
  readonly localAddr: number;
  readonly localPort: number;
  readonly remoteAddr: number;
  readonly remotePort: number;
  readonly binding: Binding | null;
  /** TIME-WAIT; or FIN-WAIT-2 of a connection that nobody holds, whose peer has not closed yet. */
  state: number;
  readonly sndNxt: number;
  rcvNxt: number;
  /** RCV.WND in bytes, and the shift with which it is told. */
  readonly window: number;
  readonly scale: number;
  readonly tos: number;
  readonly tsOk: boolean;
  tsRecent: number;
  tsRecentAt: number;
  readonly tsOffset: number;
  /** Tick at which it began. */
  readonly since: number;
  /** Tick from which the next answer to an empty segment out of window may go. */
  outOfWindowAt: number;

  constructor(c: Connection, state: number) {
    super();
    const { tcp } = c;
    this.tcp = tcp;
    this.localAddr = c.localAddr;
    this.localPort = c.localPort;
    this.remoteAddr = c.remoteAddr;
    this.remotePort = c.remotePort;
    this.binding = c.binding;
    this.state = state;
    this.sndNxt = c.sndNxt;
    this.rcvNxt = c.rcvNxt;
    this.window = Math.max(c.rcvWnd, 0);
    this.scale = c.rcvWscale;
    this.tos = c.tos & 0xfc;
    this.tsOk = c.tsOk;
    this.tsRecent = c.tsRecent;
    this.tsRecentAt = c.tsRecentAt;
    this.tsOffset = c.tsOffset;
    this.since = tcp.time.ms;
    this.outOfWindowAt = tcp.time.ms;
    this.index = tcp.timeWaits.add(this);
  }

  override onTimer(): void {
    this.tcp.upcalls.timeWaitTimer(this);
  }

  /** The initial sequence number of a connection in its place: RFC 9293 §3.6.1 wants it above the old ones. */
  get nextIss(): number {
    const iss = (this.sndNxt + GAP) | 0;
    return iss === 0 ? 1 : iss;
  }
}

/** 2 MSL from now again (RFC 9293 §3.10.7.4, TIME-WAIT). */
export function restartTimeWait(record: TimeWait): void {
  const { wheel, time } = record.tcp;
  wheel.arm(record, (time.ms + TIME_WAIT_MS) | 0);
}

/** The record goes: its time is over, it was reset, or it gives way to a new connection. */
export function endTimeWait(record: TimeWait): void {
  const { tcp } = record;
  tcp.wheel.cancel(record);
  tcp.tuples.remove(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  tcp.ports.disconnected(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  if (record.binding !== null) tcp.ports.release(record.binding);
  tcp.timeWaits.remove(record.index);
}

/**
 * Puts a record in the place of a connection that has just been taken out of the table.
 * @param ms how long it lasts
 */
export function startTimeWait(c: Connection, state: number, ms: number): void {
  const { tcp } = c;
  const record = new TimeWait(c, state);
  // Counted when it begins, and by its length, as Linux does
  if (ms <= SHORT_WAIT_MS) tcp.counters.TcpExtTWKilled++;
  else tcp.counters.TcpExtTW++;
  tcp.tuples.set(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, (record.index << 2) | KIND_TIME_WAIT);
  tcp.wheel.arm(record, (tcp.time.ms + ms) | 0);
}

/**
 * Whether an active open may take the place of a TIME-WAIT (RFC 6191 §3): its timestamps tell old segments from new.
 * @param bound the application asked for that local port: Linux then does not ask for tcp_tw_reuse
 */
export function mayReuse(record: TimeWait, bound: boolean): boolean {
  const { settings, time } = record.tcp;
  // A peer that has not closed would not hear a SYN
  if (!record.tsOk || record.state === FIN_WAIT_2) return false;
  if (bound) return true;
  if (settings.twReuse === 0) return false;
  if (settings.twReuse === 2 && !isLoopback(record.localAddr) && !isLoopback(record.remoteAddr)) return false;
  return ((time.ms - record.since - settings.twReuseDelay) | 0) > 0;
}

/** The TIME-WAIT of a tuple that an active open may take over, or null. */
export function reusable(
  tcp: TcpContext,
  localAddr: Addr,
  localPort: number,
  remoteAddr: Addr,
  remotePort: number,
  bound: boolean,
): TimeWait | null {
  const value = tcp.tuples.find(localAddr, localPort, remoteAddr, remotePort);
  if (value < 0 || (value & 3) !== KIND_TIME_WAIT) return null;
  const record = tcp.timeWaits.get(value >>> 2);
  return mayReuse(record, bound) ? record : null;
}

/** The local port of a TIME-WAIT towards a destination that an active open may take over; 0: there is none. */
export function reusablePort(tcp: TcpContext, localAddr: Addr, remoteAddr: Addr, remotePort: number): number {
  if (tcp.settings.twReuse === 0) return 0;
  let port = 0;
  tcp.timeWaits.forEach((record) => {
    if (port !== 0 || record.localAddr !== localAddr) return;
    if (record.remoteAddr !== remoteAddr || record.remotePort !== remotePort) return;
    if (mayReuse(record, false)) port = record.localPort;
  });
  return port;
}
