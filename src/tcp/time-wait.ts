import { TimerNode } from "../platform/timer-wheel.js";
import type { Binding } from "../ports/binding.js";
import type { Connection } from "./connection.js";
import { KIND_TIME_WAIT, OUT_OF_WINDOW_ACK_MS, TIME_WAIT_MS } from "./constants.js";
import type { TcpContext } from "./context.js";

/** What is left of a connection in TIME-WAIT: enough to answer an old segment, and to let a new SYN take its place. */
export class TimeWait extends TimerNode {
  readonly tcp: TcpContext;
  readonly index: number;
  readonly localAddr: number;
  readonly localPort: number;
  readonly remoteAddr: number;
  readonly remotePort: number;
  readonly binding: Binding | null;
  readonly sndNxt: number;
  readonly rcvNxt: number;
  readonly window: number;
  readonly ttl: number;
  readonly tos: number;
  /** Tick from which the next answer to an empty segment out of window may go. */
  outOfWindowAt: number;

  constructor(c: Connection) {
    super();
    this.tcp = c.tcp;
    this.localAddr = c.localAddr;
    this.localPort = c.localPort;
    this.remoteAddr = c.remoteAddr;
    this.remotePort = c.remotePort;
    this.binding = c.binding;
    this.sndNxt = c.sndMax;
    this.rcvNxt = c.rcvNxt;
    this.window = Math.min(c.rcvWnd >> c.rcvWscale, 65535);
    this.ttl = c.ttl;
    this.tos = c.tos;
    this.outOfWindowAt = c.tcp.time.ms;
    this.index = c.tcp.timeWaits.add(this);
  }

  override onTimer(): void {
    this.tcp.upcalls.timeWaitTimer(this);
  }
}

/** 2 MSL from now again. */
export function restartTimeWait(record: TimeWait): void {
  const { wheel, time } = record.tcp;
  wheel.arm(record, (time.ms + TIME_WAIT_MS) | 0);
}

/** An ACK in answer to an ACK may be answered by an ACK: limited, so that two such records do not do it for ever. */
export function mayAnswerEmpty(record: TimeWait): boolean {
  const { time } = record.tcp;
  if (((time.ms - record.outOfWindowAt) | 0) < 0) return false;
  record.outOfWindowAt = (time.ms + OUT_OF_WINDOW_ACK_MS) | 0;
  return true;
}

/** The record has waited long enough, or gives way to a new connection. */
export function endTimeWait(record: TimeWait): void {
  const { tcp } = record;
  tcp.wheel.cancel(record);
  tcp.tuples.remove(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  tcp.ports.disconnected(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  if (record.binding !== null) tcp.ports.release(record.binding);
  tcp.timeWaits.remove(record.index);
}

/** Puts a record in the place of a connection that has just been taken out of the table. */
export function startTimeWait(c: Connection): void {
  const { tcp } = c;
  const record = new TimeWait(c);
  tcp.counters.TcpExtTW++;
  tcp.tuples.set(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, (record.index << 2) | KIND_TIME_WAIT);
  // RFC 9293 §3.10.7.4, eighth step: 2 MSL from here
  tcp.wheel.arm(record, (tcp.time.ms + TIME_WAIT_MS) | 0);
}
