import { seqGe } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { INITIAL_WINDOW_SEGMENTS } from "../constants.js";

/** A window is kept below this, so that arithmetic on it stays in int32. */
const CWND_MAX = 1 << 30;

/** RFC 6928: ten segments. */
export function initialWindow(c: Connection): number {
  return INITIAL_WINDOW_SEGMENTS * c.mss;
}

/** Grows the window after `acked` bytes of new data, by the algorithm the connection has. */
export function grow(c: Connection, acked: number): void {
  c.congestion.acknowledged(c, acked);
  if (c.cwnd > CWND_MAX) c.cwnd = CWND_MAX;
}

/**
 * Notes how much of cwnd output used, once a round trip or when it was more (Linux's tcp_cwnd_validate): only a window
 * that was in the way is worth widening.
 * @param from SND.NXT before the output
 */
export function noteUse(c: Connection, from: number): void {
  const flight = (c.sndNxt - c.sndUna) | 0;
  const limited = flight > c.cwnd - c.mss;
  if (!limited && c.sndNxt === from) return;
  if (!limited && !seqGe(c.sndUna, c.cwndUsageSeq) && (c.cwndLimited || flight <= c.maxFlight)) return;
  c.cwndLimited = limited;
  c.maxFlight = flight;
  c.cwndUsageSeq = c.sndNxt;
}

/** RFC 5681 §4.1: after an idle time of more than an RTO the window is at most the initial one. */
export function restartAfterIdle(c: Connection): void {
  const { settings, time } = c.tcp;
  if (settings.slowStartAfterIdle === 0 || c.sndMax !== c.sndUna) return;
  if (((time.ms - c.lastSend) | 0) <= c.rto) return;
  const initial = initialWindow(c);
  if (c.cwnd > initial) c.cwnd = initial;
}
