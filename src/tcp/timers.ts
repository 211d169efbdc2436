import { ETIMEDOUT } from "../base/errors.js";
import type { Connection } from "./connection.js";
import {
  CLOSED,
  EVENT_WRITABLE,
  SYN_SENT,
  TIMER_DELACK,
  TIMER_FIN_WAIT_2,
  TIMER_KEEPALIVE,
  TIMER_LOSS_PROBE,
  TIMER_PACE,
  TIMER_PERSIST,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
  TIMER_SACK_DELAY,
} from "./constants.js";
import { abort, destroy, finWait2Timeout, outOfResources } from "./ending/close.js";
import { orphanRetries } from "./loss/patience.js";
import { retransmitLost } from "./loss/retransmit.js";
import { reorderTimeout, retransmitTimeout } from "./loss/rto.js";
import { lossProbeTimeout } from "./loss/tlp.js";
import { touch, wake } from "./notify.js";
import { delackTimeout, sackDelayTimeout } from "./receiving/ack-timers.js";
import { hasUnsent, output } from "./sending/output.js";
import { probeWindow, RESOURCE_PROBE_MS, wakePeer } from "./sending/zero-window.js";
import { isDue, setTimer, standUp, stopTimer } from "./timer-set.js";

/** The connection's node fired: whatever is due happens, then it stands up for what is left. */
export function connectionTimer(c: Connection): void {
  const now = c.tcp.time.ms;
  if (isDue(c, TIMER_DELACK, now)) delackTimeout(c);
  if (isDue(c, TIMER_SACK_DELAY, now)) sackDelayTimeout(c);
  if (isDue(c, TIMER_PACE, now)) paceTimeout(c);
  if (isDue(c, TIMER_RETRANSMIT, now)) {
    stopTimer(c, TIMER_RETRANSMIT);
    retransmitTimeout(c);
  } else if (isDue(c, TIMER_LOSS_PROBE, now)) lossProbeTimeout(c);
  else if (isDue(c, TIMER_REORDER, now)) reorderTimeout(c);
  else if (isDue(c, TIMER_PERSIST, now)) persistTimeout(c);
  if (isDue(c, TIMER_KEEPALIVE, now)) keepaliveTimeout(c, now);
  if (isDue(c, TIMER_FIN_WAIT_2, now)) finWait2Timeout(c);
  if (c.index < 0) return;
  // What went may have been what was too much (TCP_NOTSENT_LOWAT)
  if (c.noSpace) touch(c);
  standUp(c);
}

/** The next paced burst is due. */
function paceTimeout(c: Connection): void {
  const { paceAt } = c;
  // The timer stands meanwhile: that is how the pace knows who was late
  if (c.lostOut > c.retransOut) retransmitLost(c);
  output(c);
  if (c.paceAt === paceAt) stopTimer(c, TIMER_PACE);
}

/** RFC 9293 §3.8.6.1: the window is shut, or too small for what waits; ask, more and more rarely. */
function persistTimeout(c: Connection): void {
  const { time, counters, settings } = c.tcp;
  stopTimer(c, TIMER_PERSIST);
  if (c.packetsOut > 0 || !hasUnsent(c)) {
    c.probes = 0;
    c.probesSince = 0;
    if (c.sndQueued === 0) waitedForMemory(c);
    return;
  }
  let expired = false;
  if (c.probesSince === 0) c.probesSince = time.ms === 0 ? 1 : time.ms;
  else if (c.userTimeout > 0) expired = ((time.ms - c.probesSince) | 0) >= c.userTimeout;
  let most = settings.retries2;
  if (c.orphan) {
    // Answers keep a connection alive, but not for ever one that nobody holds (Linux's tcp_probe_timer)
    const alive = c.rto * 2 ** Math.min(c.backoff, 16) < c.rtoMax;
    most = orphanRetries(c, alive);
    if (!alive && c.backoff >= most) expired = true;
    else if (outOfResources(c, true)) return;
  }
  if (!expired && c.probes < most) {
    probeWindow(c);
    return;
  }
  counters.TcpExtTCPAbortOnTimeout++;
  destroy(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
}

/** The pool was empty when the application wanted to write: it may try again. */
function waitedForMemory(c: Connection): void {
  if (!c.noSpace) return;
  c.noSpace = false;
  wake(c, EVENT_WRITABLE);
}

/** RFC 9293 §3.8.4. */
function keepaliveTimeout(c: Connection, now: number): void {
  const { settings, counters } = c.tcp;
  stopTimer(c, TIMER_KEEPALIVE);
  if (!c.keepalive || c.state === CLOSED || c.state === SYN_SENT) return;
  const idle = c.keepIdle > 0 ? c.keepIdle : settings.keepIdle;
  const interval = c.keepInterval > 0 ? c.keepInterval : settings.keepInterval;
  const count = c.keepCount > 0 ? c.keepCount : settings.keepProbes;
  // Anything in flight or waiting for a window is looked after by its own timer
  if (c.packetsOut > 0 || hasUnsent(c)) {
    setTimer(c, TIMER_KEEPALIVE, (now + idle) | 0);
    return;
  }
  const quiet = Math.min((now - c.lastReceive) | 0, (now - c.lastAck) | 0);
  if (quiet < idle) {
    setTimer(c, TIMER_KEEPALIVE, (now + idle - quiet) | 0);
    return;
  }
  const silent = c.userTimeout > 0 ? quiet >= c.userTimeout && c.keepProbes > 0 : c.keepProbes >= count;
  if (silent) {
    counters.TcpExtTCPAbortOnTimeout++;
    abort(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
    return;
  }
  if (wakePeer(c) === 0) {
    c.keepProbes++;
    counters.TcpExtTCPKeepAlive++;
    setTimer(c, TIMER_KEEPALIVE, (now + interval) | 0);
  } else setTimer(c, TIMER_KEEPALIVE, (now + RESOURCE_PROBE_MS) | 0);
}
