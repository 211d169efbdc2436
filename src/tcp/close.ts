import { ACK, RST } from "../wire/tcp.js";
import { type Connection, dropReceiveBuffer, dropSendBuffer, wake } from "./connection.js";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  EVENT_CLOSED,
  EVENT_ERROR,
  EVENT_READABLE,
  EVENT_WRITABLE,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_SENT,
  TIME_WAIT,
  TIMER_FIN_WAIT_2,
} from "./constants.js";
import { transmit } from "./output.js";
import { startTimeWait } from "./time-wait.js";
import { setTimer } from "./timer-set.js";

/** The one place where a connection changes state; keeps the gauge of established ones. */
export function setState(c: Connection, state: number): void {
  const { counters } = c.tcp;
  const was = c.state === ESTABLISHED || c.state === CLOSE_WAIT;
  const is = state === ESTABLISHED || state === CLOSE_WAIT;
  if (is && !was) counters.TcpCurrEstab++;
  else if (was && !is) {
    counters.TcpCurrEstab--;
    // RFC 4022: straight to CLOSED, whoever reset it
    if (state === CLOSED) counters.TcpEstabResets++;
  }
  c.state = state;
}

/**
 * The connection is gone: out of the tables, no timer, no send buffer. What was received stays for its owner to read.
 * @param error positive errno for the owner, or 0
 */
export function destroy(c: Connection, error: number): void {
  if (c.index < 0) return;
  const { tcp } = c;
  tcp.tuples.remove(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  tcp.ports.disconnected(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  if (c.binding !== null) tcp.ports.release(c.binding);
  c.binding = null;
  retire(c, error);
}

/** RFC 9293 §3.10.7.4: the connection becomes a record that waits for 2 MSL; its owner sees it closed. */
export function enterTimeWait(c: Connection): void {
  const { tcp } = c;
  if (tcp.timeWaits.count >= tcp.settings.maxTimeWait) {
    destroy(c, 0);
    return;
  }
  setState(c, TIME_WAIT);
  startTimeWait(c);
  c.binding = null;
  retire(c, 0);
}

/** Takes an object out of service whose tuple has been dealt with. */
function retire(c: Connection, error: number): void {
  const { tcp } = c;
  tcp.connections.remove(c.index);
  c.index = -1;
  setState(c, CLOSED);
  c.error = error;
  c.timers = 0;
  tcp.wheel.cancel(c);
  if (c.blocked) unblock(c);
  dropSendBuffer(c);
  c.sndQueued = 0;
  if (c.orphan) dropReceived(c);
  wake(c, EVENT_CLOSED | EVENT_READABLE | EVENT_WRITABLE | (error !== 0 ? EVENT_ERROR : 0));
}

function unblock(c: Connection): void {
  c.blocked = false;
  const { blocked } = c.tcp;
  const index = blocked.indexOf(c);
  if (index >= 0) blocked.splice(index, 1);
}

/** Gives back what was received and not read. */
export function dropReceived(c: Connection): void {
  dropReceiveBuffer(c);
  c.rcvQueued = 0;
  c.ooo = null;
  c.oooCount = 0;
}

/** Ends a connection from our side with a reset (RFC 9293 §3.10.5). */
export function abort(c: Connection, error: number): void {
  if (c.index < 0) return;
  if (c.state !== SYN_SENT && c.state !== CLOSING && c.state !== LAST_ACK) {
    c.tcp.counters.TcpOutRsts++;
    transmit(c, c.sndMax, 0, RST | ACK);
  }
  destroy(c, error);
}

/** Nobody holds it any more: in FIN-WAIT-2 the peer gets tcp_fin_timeout (or TCP_LINGER2) to say goodbye. */
export function limitFinWait2(c: Connection): void {
  if (!c.orphan || c.state !== FIN_WAIT_2) return;
  const { settings, time } = c.tcp;
  const wait = c.linger2 > 0 ? c.linger2 * 1000 : settings.finTimeout;
  if (c.linger2 < 0) abort(c, 0);
  else setTimer(c, TIMER_FIN_WAIT_2, (time.ms + wait) | 0);
}
