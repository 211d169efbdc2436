import { EAGAIN, ECONNRESET, ENOTCONN } from "../base/errors.js";
import { dropReceiveBuffer } from "./buffers.js";
import { CHRONO_BUSY, chronoStart } from "./chrono.js";
import type { Connection } from "./connection.js";
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  FIN_WAIT_1,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  URGENT_NONE,
} from "./constants.js";
import {
  abort,
  destroy,
  dropReceived,
  limitFinWait2,
  orphaned,
  refuseOrphan,
  resetPeer,
  setState,
} from "./ending/close.js";
import { touch } from "./notify.js";
import { fastOpenOver, opensFast } from "./opening/fast-open.js";
import type { Listener } from "./opening/listener.js";
import { readMoved } from "./receiving/receive-buffer.js";
import { dropMark, markSkip, passMark, readable } from "./receiving/urgent.js";
import { armPersist, hasUnsent, output, PUSH_NOW, push } from "./sending/output.js";
import { setUrgent } from "./sending/urgent-out.js";
import { queueWrite } from "./sending/write.js";

/*
 * The user calls of RFC 9293 §3.10.1 to §3.10.5, as a socket makes them.
 */

/**
 * SEND. @returns bytes taken; -EAGAIN (buffer full: EVENT_WRITABLE follows), -EPIPE (sending is shut, or the
 * connection is gone), -ENOTCONN
 */
export function writeConnection(c: Connection, source: Uint8Array, start: number, length: number): number {
  const n = queueWrite(c, source, start, length, true);
  if (n > 0) {
    c.pushedSeq = c.writeSeq;
    // The rest has to wait for room: Nagle's rule must not hold up what makes it
    if (n < length) {
      pushWaiting(c);
      // And that may have made it
      if (c.noSpace) touch(c);
    } else output(c);
  }
  return n;
}

/** As writeConnection; the last byte taken is urgent (RFC 9293 §3.8.5). */
export function writeUrgent(c: Connection, source: Uint8Array, start: number, length: number): number {
  const n = queueWrite(c, source, start, length, false);
  if (n > 0) {
    c.pushedSeq = c.writeSeq;
    setUrgent(c);
    output(c);
  }
  return n;
}

/** No attempt was ever made with it. */
function neverOpened(c: Connection): boolean {
  return c.state === CLOSED && c.remotePort === 0;
}

/**
 * RECEIVE. @returns bytes put into `target`; 0 at the end of the stream; -EAGAIN; -ENOTCONN. Data received before an
 * error is read before the error is seen.
 */
export function readConnection(c: Connection, target: Uint8Array, start: number, length: number): number {
  if (markSkip(c) > 0) dropMark(c);
  const n = peekConnection(c, target, start, length);
  if (n > 0) consume(c, n);
  return n;
}

/** As readConnection; the data stays. */
export function peekConnection(c: Connection, target: Uint8Array, start: number, length: number): number {
  const { rcv } = c;
  const skip = markSkip(c);
  const most = readable(c, skip);
  if (most === 0 || rcv === null) return emptyRead(c);
  const n = length < most ? length : most;
  rcv.read(skip, target, start, n);
  return n;
}

/** Drops up to `length` received bytes; results as readConnection. */
export function skipConnection(c: Connection, length: number): number {
  if (markSkip(c) > 0) dropMark(c);
  const most = readable(c, 0);
  if (most === 0) return emptyRead(c);
  const n = length < most ? length : most;
  consume(c, n);
  return n;
}

/** The peer's FIN has been taken: no more will come. */
export function finTaken(c: Connection): boolean {
  return c.rcvFin && c.rcvNxt === ((c.rcvFinSeq + 1) | 0);
}

function emptyRead(c: Connection): number {
  if (c.readShut || finTaken(c)) return 0;
  if (c.state === CLOSED) return neverOpened(c) ? -ENOTCONN : 0;
  return -EAGAIN;
}

function consume(c: Connection, n: number): void {
  const { rcv } = c;
  if (rcv === null) return;
  c.rcvQueued -= n;
  if (c.rcvQueued === 0 && c.oooCount === 0) dropReceiveBuffer(c);
  else rcv.drop(n);
  if (c.urgent !== URGENT_NONE) passMark(c);
  readMoved(c, n);
}

/** The next established connection of a listener, or null. The caller becomes its owner. */
export function acceptConnection(listener: Listener): Connection | null {
  const c = listener.queue.shift() ?? null;
  if (c !== null) c.embryonic = false;
  return c;
}

/** Whether reading would give 0: the peer's FIN has been reached, or reading is shut. */
export function endOfStream(c: Connection): boolean {
  return c.rcvQueued === 0 && emptyRead(c) === 0;
}

/** CLOSE, the sending half: a FIN follows what is queued. @returns 0 or -ENOTCONN */
export function shutdownWrite(c: Connection): number {
  switch (c.state) {
    case ESTABLISHED:
      setState(c, FIN_WAIT_1);
      break;
    case SYN_RECEIVED:
      // RFC 9293 §3.10.4: queued for after ESTABLISHED
      break;
    case CLOSE_WAIT:
      setState(c, LAST_ACK);
      break;
    case SYN_SENT:
      // As Linux: to shut what has not begun is to give it up
      destroy(c, ECONNRESET);
      return 0;
    case CLOSED:
      return -ENOTCONN;
    default:
      return 0;
  }
  c.finQueued = true;
  chronoStart(c, CHRONO_BUSY);
  output(c);
  return 0;
}

/** The receiving half: reads end; what arrives all the same is acknowledged, and can be read, as on Linux. */
export function shutdownRead(c: Connection): number {
  if (c.state === CLOSED) return -ENOTCONN;
  c.readShut = true;
  if (c.state === SYN_SENT) destroy(c, ECONNRESET);
  return 0;
}

/**
 * CLOSE: the owner lets go. With unread data the peer is told by a reset that it was lost (RFC 9293 §3.6.1,
 * RFC 2525 §2.17); otherwise what is queued is delivered, then FIN.
 */
export function closeConnection(c: Connection): void {
  orphaned(c);
  if (c.index < 0) {
    fastOpenOver(c);
    dropReceived(c);
    return;
  }
  if (c.rcvQueued > 0) {
    c.tcp.counters.TcpExtTCPAbortOnClose++;
    resetPeer(c);
    destroy(c, 0);
    return;
  }
  c.readShut = true;
  if (opensFast(c) || c.state === SYN_RECEIVED) closeEarly(c);
  else shutdownWrite(c);
  if (c.index >= 0 && limitFinWait2(c, null)) refuseOrphan(c, 0);
}

/**
 * Closed before its SYN-ACK was answered: the FIN need not wait for that (RFC 9293 §3.10.4), as that of a half-close does,
 * on Linux.
 */
function closeEarly(c: Connection): void {
  if (c.state === SYN_RECEIVED) setState(c, FIN_WAIT_1);
  c.finQueued = true;
  output(c);
}

/** ABORT (SO_LINGER with 0 seconds): RST now; queued data is lost. Linux looks for unread data first. */
export function abortConnection(c: Connection): void {
  orphaned(c);
  if (c.index < 0) {
    fastOpenOver(c);
    dropReceived(c);
    return;
  }
  const { counters } = c.tcp;
  if (c.rcvQueued > 0) {
    counters.TcpExtTCPAbortOnClose++;
    resetPeer(c);
    destroy(c, 0);
    return;
  }
  counters.TcpExtTCPAbortOnData++;
  abort(c, 0);
}

/** What waits goes, whatever else would hold it (Linux's TCP_NAGLE_PUSH); so when TCP_NODELAY was set. */
export function pushWaiting(c: Connection): void {
  if (c.index >= 0 && hasUnsent(c) && push(c, PUSH_NOW)) armPersist(c);
}

/** TCP_CORK was taken out, or a buffer size changed: what waited for it may go. */
export function optionsChanged(c: Connection): void {
  if (c.index < 0) return;
  output(c);
}
