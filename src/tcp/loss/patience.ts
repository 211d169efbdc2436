import type { Connection } from "../connection.js";
import { SYN_RECEIVED, SYN_SENT } from "../constants.js";

/*
 * How long a silent peer is waited for (RFC 9293 §3.8.3, RFC 1122 §4.2.3.5), in Linux's measure: a number of
 * retransmissions stands for the time that they take from the least RTO on.
 */

const RTO_BASE_MS = 200;

/** What tcp_orphan_retries means by 0. */
const ORPHAN_RETRIES = 8;

/** Linux's tcp_model_timeout: ms that `retries` retransmissions take from `base` on, doubling up to the largest RTO. */
function modelTimeout(retries: number, base: number, most: number): number {
  const linearFrom = Math.floor(Math.log2(most / base));
  if (retries <= linearFrom) return ((2 << retries) - 1) * base;
  return ((2 << linearFrom) - 1) * base + (retries - linearFrom) * most;
}

/** Whether the retransmissions of the connection have gone on for as long as `retries` of them would. */
export function timedOut(c: Connection, retries: number): boolean {
  if (c.retransmits === 0) return false;
  const opening = c.state === SYN_SENT || c.state === SYN_RECEIVED;
  const limit = modelTimeout(retries, opening ? 1000 : RTO_BASE_MS, c.rtoMax);
  return ((c.tcp.time.ms - c.retransStamp) | 0) >= limit;
}

/** TCP_USER_TIMEOUT (RFC 5482). */
export function userTimedOut(c: Connection): boolean {
  return c.userTimeout > 0 && c.retransmits > 0 && ((c.tcp.time.ms - c.retransStamp) | 0) >= c.userTimeout;
}

/** Retries of a connection that nobody holds. @param alive the peer may still be there */
export function orphanRetries(c: Connection, alive: boolean): number {
  // RFC 1122 §4.2.3.5: an error that came by ICMP says that it is not
  if (c.softError !== 0 && !alive) return 0;
  const { orphanRetries: set } = c.tcp.settings;
  return set === 0 && alive ? ORPHAN_RETRIES : set;
}

/** A retransmission timeout, for TCP_INFO (Linux's tcp_update_rto_stats). */
export function countTimeout(c: Connection): void {
  const { ms } = c.tcp.time;
  if (c.retransmits === 0) {
    c.totalRtoRecoveries++;
    c.rtoStamp = ms === 0 ? 1 : ms;
  }
  c.retransmits++;
  c.totalRto++;
}
