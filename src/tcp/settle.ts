import type { Connection } from "./connection.js";
import { TIMER_DELACK } from "./constants.js";
import type { TcpContext } from "./context.js";
import { output, sendAck } from "./output.js";
import { setTimer } from "./timer-set.js";
import { windowUpdateDue } from "./window.js";

/**
 * The end of a batch: every connection that something happened to sends what it now may, and decides once whether
 * and when to acknowledge. One decision for a batch of in-order segments is what Linux makes of a GRO'd packet.
 */
export function settle(tcp: TcpContext): void {
  const { touched } = tcp;
  // A connection touched while we go round is appended, and gets its turn.
  for (let i = 0; i < tcp.touchedCount; i++) {
    const c = touched[i] as Connection;
    touched[i] = null;
    c.touched = false;
    if (c.index >= 0) settleConnection(c);
  }
  tcp.touchedCount = 0;
}

function settleConnection(c: Connection): void {
  output(c);
  const opened = c.windowMoved;
  c.windowMoved = false;
  if (c.ackNow || (opened && windowUpdateDue(c))) {
    sendAck(c);
    return;
  }
  if (!c.ackDue) return;
  // RFC 9293 §3.8.6.3: at least every second full-sized segment; at once while quick ACKs last
  if (((c.rcvNxt - c.rcvAcked) | 0) > c.rcvMss || (c.quickAcks > 0 && !c.pingpong) || c.oooCount > 0) sendAck(c);
  else if ((c.timers & TIMER_DELACK) === 0) setTimer(c, TIMER_DELACK, (c.tcp.time.ms + c.ato) | 0);
}

/** The link has room again: those that found it full go on. */
export function resumeBlocked(tcp: TcpContext): void {
  const { blocked } = tcp;
  const n = blocked.length;
  for (let i = 0; i < n; i++) {
    const c = blocked[i] as Connection;
    c.blocked = false;
    if (c.index >= 0) output(c);
  }
  blocked.splice(0, n);
}
