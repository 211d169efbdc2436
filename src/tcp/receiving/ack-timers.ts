import type { Connection } from "../connection.js";
import { ATO_MIN, DELACK_MAX, TIMER_DELACK, TIMER_SACK_DELAY } from "../constants.js";
import { sendAck } from "../sending/transmit.js";
import { setTimer, stopTimer } from "../timer-set.js";
import { inPingpong } from "./ack-policy.js";

/** Sends the ACK that is owed. Where the link takes nothing, it is tried again. */
export function sendOwedAck(c: Connection): void {
  sendAck(c);
  if (c.index >= 0 && (c.ackNow || c.ackDue) && (c.timers & TIMER_DELACK) === 0)
    setTimer(c, TIMER_DELACK, (c.tcp.time.ms + DELACK_MAX) | 0);
}

/** RFC 9293 §3.8.6.3: nothing turned up to carry the ACK. */
export function delackTimeout(c: Connection): void {
  stopTimer(c, TIMER_DELACK);
  if (!c.ackDue && !c.ackNow) return;
  if (inPingpong(c)) {
    // Nothing to say after all
    c.pingpong = 0;
    c.ato = ATO_MIN;
  } else c.ato = Math.min(c.ato << 1, c.rto);
  sendOwedAck(c);
  c.tcp.counters.TcpExtDelayedACKs++;
}

/** SACKs have been held back for long enough. */
export function sackDelayTimeout(c: Connection): void {
  stopTimer(c, TIMER_SACK_DELAY);
  flushSacks(c);
}

/** Sends one ACK for all that were held back, if any were. */
export function flushSacks(c: Connection): void {
  if (c.compressedAcks === 0) return;
  // One of them goes after all
  c.compressedAcks--;
  sendOwedAck(c);
}
