import type { Connection } from "../connection.js";
import { RATE_UNLIMITED, SSTHRESH_INFINITE, TIMER_PACE } from "../constants.js";
import { setTimer } from "../timer-set.js";

/*
 * Pacing, for algorithms that ask for it and under SO_MAX_PACING_RATE; the rate is kept for all, since bursts are sized
 * by it. c.lastSentUs is Linux's tcp_wstamp_ns: when the last segment went, or until when its pace keeps the next.
 */

/** What goes first goes at once, as with Linux's fq: segments. */
const FREE_SEGMENTS = 10;
/** Timers are whole milliseconds: so much of being late is made up for, whatever the size of a burst. */
const TIMER_US = 1000;
/** Between two bursts at most: a stamp so far ahead is no old one. */
const SLOWEST_US = 900_000_000;
/** A timer that waits for input (Clock.slack) may be so late. */
const TIMER_LATE_US = 12_000;
/** A stamp older than this, ms, may have wrapped. */
const STALE_MS = 1_000_000;

/** Linux's tcp_update_pacing_rate: cwnd per RTT, and more, so that cwnd stays what limits. */
export function updatePacingRate(c: Connection): void {
  const { settings } = c.tcp;
  const ratio =
    c.ssthresh === SSTHRESH_INFINITE || c.cwnd < c.ssthresh >> 1 ? settings.pacingSsRatio : settings.pacingCaRatio;
  let rate = c.mss * 8e4 * ratio * Math.max(c.cwnd, c.packetsOut);
  if (c.srtt > 0) rate /= c.srtt;
  c.pacingRate = Math.min(Math.floor(rate), c.maxPacingRate);
}

/** SO_MAX_PACING_RATE: from now on the connection is paced, at this rate at most. */
export function limitPacingRate(c: Connection, rate: number): void {
  if (rate < RATE_UNLIMITED) c.pacing = true;
  c.maxPacingRate = rate;
  // 0: the algorithm has not said yet
  if (c.pacingRate > rate) c.pacingRate = rate;
}

/** Whether the next burst is not due yet. */
export function paced(c: Connection): boolean {
  const { us, ms } = c.tcp.time;
  return ((c.lastSentUs - us) | 0) > 0 && ((ms - c.lastSend) | 0) < STALE_MS;
}

/** ms by which the pace puts off what is sent next: timers that wait for its answer wait so much longer. */
export function paceDelay(c: Connection): number {
  return c.pacing && paced(c) ? Math.floor(((c.lastSentUs - c.tcp.time.us) | 0) / 1000) : 0;
}

/** Goes on when it is. */
export function armPace(c: Connection): void {
  const { time } = c.tcp;
  setTimer(c, TIMER_PACE, (time.ms + Math.ceil(((c.lastSentUs - time.us) | 0) / 1000)) | 0);
}

/** A segment goes now. @returns us for which it could have gone before */
export function stampSent(c: Connection): number {
  const { us, ms } = c.tcp.time;
  const late = (us - c.lastSentUs) | 0;
  if (late < 0 && ((ms - c.lastSend) | 0) < STALE_MS) return 0;
  c.lastSentUs = us;
  return late < 0 ? STALE_MS : late;
}

/** Of being late, us. The application's being late counts for half of the time at most, the timer's for all of it. */
function madeUpFor(c: Connection, us: number): number {
  if ((c.timers & TIMER_PACE) !== 0) return TIMER_LATE_US;
  return us >> 1 > TIMER_US ? us >> 1 : Math.min(us, TIMER_US);
}

/** `bytes` were sent, `late` us after they might have been: the next may go when they are through at the pacing rate. */
export function paceSent(c: Connection, bytes: number, late: number): void {
  if (c.pacingRate <= 0 || c.dataSegsOut < FREE_SEGMENTS) return;
  const us = Math.min(Math.ceil((bytes * 1e6) / c.pacingRate), SLOWEST_US);
  c.lastSentUs = (c.lastSentUs + us - Math.min(late, madeUpFor(c, us))) | 0;
}
