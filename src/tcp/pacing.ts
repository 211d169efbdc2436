import type { Connection } from "./connection.js";
import { SSTHRESH_INFINITE, TIMER_PACE } from "./constants.js";
import { setTimer } from "./timer-set.js";

/*
 * Pacing, for algorithms that ask for it; the rate is kept for all, since bursts are sized by it.
 */

/** So much of the past may be made up for, us: timers are whole milliseconds. */
const CATCH_UP_US = 2000;
const RATE_MAX = 2 ** 40;

/** Linux's tcp_update_pacing_rate: cwnd per RTT, and more, so that cwnd stays what limits. */
export function updatePacingRate(c: Connection): void {
  const { settings } = c.tcp;
  const ratio =
    c.ssthresh === SSTHRESH_INFINITE || c.cwnd < c.ssthresh >> 1 ? settings.pacingSsRatio : settings.pacingCaRatio;
  let rate = c.mss * 8e4 * ratio * Math.max(c.cwnd, c.packetsOut);
  if (c.srtt > 0) rate /= c.srtt;
  c.pacingRate = Math.min(Math.floor(rate), RATE_MAX);
}

/** Whether the next burst is not due yet. */
export function paced(c: Connection): boolean {
  return ((c.paceUntil - c.tcp.time.us) | 0) > 0;
}

/** Goes on when it is. */
export function armPace(c: Connection): void {
  const { time } = c.tcp;
  setTimer(c, TIMER_PACE, (time.ms + Math.ceil(((c.paceUntil - time.us) | 0) / 1000)) | 0);
}

/** `bytes` were sent: the next may go when they are through at the pacing rate. */
export function paceSent(c: Connection, bytes: number): void {
  if (c.pacingRate <= 0) return;
  const { us } = c.tcp.time;
  const least = (us - CATCH_UP_US) | 0;
  const from = ((c.paceUntil - least) | 0) > 0 ? c.paceUntil : least;
  c.paceUntil = (from + Math.ceil((bytes * 1e6) / c.pacingRate)) | 0;
}
