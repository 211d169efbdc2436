import { ETIMEDOUT } from "../base/errors.js";
import { abort, destroy } from "./close.js";
import { type Connection, wake } from "./connection.js";
import {
  CLOSED,
  EVENT_WRITABLE,
  RTO_MAX,
  RTO_MIN,
  SYN_RECEIVED,
  SYN_SENT,
  TIMER_CORK,
  TIMER_DELACK,
  TIMER_FIN_WAIT_2,
  TIMER_KEEPALIVE,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from "./constants.js";
import { output, persistInterval, retransmitFirst, sendAck, sendForced, sendProbe } from "./output.js";
import { timeoutLoss } from "./recovery.js";
import { backOff } from "./rtt.js";
import { isDue, setTimer, standUp, stopTimer } from "./timer-set.js";

/** From 120 s on back-off is linear: this many doublings of 200 ms lead there (Linux's tcp_model_timeout). */
const LINEAR_FROM = 9;

/** The connection's node fired: whatever is due happens, then it stands up for what is left. */
export function connectionTimer(c: Connection): void {
  const now = c.tcp.time.ms;
  if (isDue(c, TIMER_DELACK, now)) delackTimeout(c);
  if (isDue(c, TIMER_CORK, now)) corkTimeout(c);
  if (isDue(c, TIMER_RETRANSMIT, now)) retransmitTimeout(c);
  if (isDue(c, TIMER_PERSIST, now)) persistTimeout(c);
  if (isDue(c, TIMER_KEEPALIVE, now)) keepaliveTimeout(c, now);
  if (isDue(c, TIMER_FIN_WAIT_2, now)) destroy(c, 0);
  if (c.index >= 0) standUp(c);
}

/** RFC 9293 §3.8.6.3: nothing turned up to carry the ACK. */
function delackTimeout(c: Connection): void {
  stopTimer(c, TIMER_DELACK);
  if (!c.ackDue) return;
  c.tcp.counters.TcpExtDelayedACKs++;
  // Nothing to say after all: Linux leaves pingpong mode
  c.pingpong = false;
  sendAck(c);
}

function corkTimeout(c: Connection): void {
  stopTimer(c, TIMER_CORK);
  const { cork } = c;
  c.cork = false;
  output(c);
  c.cork = cork;
}

/** RFC 6298 §5 (5.4) to (5.7). */
function retransmitTimeout(c: Connection): void {
  const { time, counters } = c.tcp;
  stopTimer(c, TIMER_RETRANSMIT);
  if (c.sndUna === c.sndMax) return;
  counters.TcpExtTCPTimeouts++;
  if (c.retransmits === 0) c.retransmitStart = (time.ms - c.rto) | 0;
  if (gaveUp(c)) return;
  const opening = c.state === SYN_SENT || c.state === SYN_RECEIVED;
  if (!opening) timeoutLoss(c);
  c.retransmits++;
  backOff(c);
  c.rttTiming = false;
  if (opening) retransmitFirst(c);
  else output(c);
  // RFC 9293 §3.8.6.1: where the window was taken back nothing went, and the persist timer sees to the rest
  if (opening || c.sndNxt !== c.sndUna || c.blocked) setTimer(c, TIMER_RETRANSMIT, (time.ms + untilNext(c)) | 0);
}

/** The RTO, or what is left of the user timeout if that is less (Linux's tcp_clamp_rto_to_user_timeout). */
function untilNext(c: Connection): number {
  if (c.userTimeout === 0) return c.rto;
  const left = (c.retransmitStart + c.userTimeout - c.tcp.time.ms) | 0;
  return Math.max(1, Math.min(c.rto, left));
}

/** RFC 9293 §3.8.3 (R2), in Linux's measure. */
function gaveUp(c: Connection): boolean {
  const { settings, counters, time } = c.tcp;
  const waited = (time.ms - c.retransmitStart) | 0;
  let over: boolean;
  if (c.state === SYN_SENT || c.state === SYN_RECEIVED)
    over = c.retransmits >= (c.synRetries > 0 ? c.synRetries : settings.synRetries);
  else over = c.retransmits > 0 && waited >= patience(c.orphan ? settings.orphanRetries : settings.retries2);
  if (c.userTimeout > 0 && waited >= c.userTimeout) over = true;
  if (!over) return false;
  if (c.state === SYN_SENT) counters.TcpAttemptFails++;
  counters.TcpExtTCPAbortOnTimeout++;
  destroy(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
  return true;
}

/** How long `retries` retransmissions take from an RTO of 200 ms, in milliseconds. */
function patience(retries: number): number {
  if (retries <= LINEAR_FROM) return ((2 << retries) - 1) * RTO_MIN;
  return ((2 << LINEAR_FROM) - 1) * RTO_MIN + (retries - LINEAR_FROM) * RTO_MAX;
}

/** RFC 9293 §3.8.6.1: the window is shut (or too small to be worth it); ask, more and more rarely. */
function persistTimeout(c: Connection): void {
  const { time, counters, settings } = c.tcp;
  stopTimer(c, TIMER_PERSIST);
  if (c.sndNxt !== c.sndUna) return;
  if (c.sndQueued === 0 && !c.finQueued) {
    waitedForMemory(c);
    return;
  }
  const limit = c.orphan ? settings.orphanRetries : settings.retries2;
  if (c.probes === 0) c.retransmitStart = time.ms;
  const waited = (time.ms - c.retransmitStart) | 0;
  // Answers keep a connection alive, but not for ever one that nobody holds (Linux's tcp_probe_timer)
  const unanswered = c.orphan ? c.persistBackoff : c.probes;
  if (unanswered > limit || (c.userTimeout > 0 && waited >= c.userTimeout)) {
    counters.TcpExtTCPAbortOnTimeout++;
    abort(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
    return;
  }
  // RFC 9293 §3.8.6.2.1 (4): the override that ends a silly window
  if (c.sndWnd > 0) {
    // Or the link takes nothing, or there is no route
    if (c.blocked) {
      c.probes++;
      c.persistBackoff++;
    }
    sendForced(c);
    return;
  }
  c.probes++;
  c.persistBackoff++;
  counters.TcpExtTCPWinProbe++;
  sendProbe(c);
  setTimer(c, TIMER_PERSIST, (time.ms + persistInterval(c)) | 0);
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
  const quiet = Math.min((now - c.lastReceive) | 0, (now - c.lastAck) | 0);
  // Anything in flight or waiting for a window is looked after by its own timer
  const busy = c.sndMax !== c.sndUna || c.sndQueued > 0;
  if (quiet < idle || busy) {
    c.keepProbes = 0;
    setTimer(c, TIMER_KEEPALIVE, (now + (busy ? idle : idle - quiet)) | 0);
    return;
  }
  const silent = c.userTimeout > 0 ? quiet >= c.userTimeout && c.keepProbes > 0 : c.keepProbes >= count;
  if (silent) {
    counters.TcpExtTCPAbortOnTimeout++;
    abort(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
    return;
  }
  c.keepProbes++;
  counters.TcpExtTCPKeepAlive++;
  sendProbe(c);
  setTimer(c, TIMER_KEEPALIVE, (now + interval) | 0);
}
