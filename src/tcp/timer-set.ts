import type { Connection } from "./connection.js";
import {
  TIMER_DELACK,
  TIMER_FIN_WAIT_2,
  TIMER_KEEPALIVE,
  TIMER_LOSS_PROBE,
  TIMER_PACE,
  TIMER_PERSIST,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
  TIMER_SACK_DELAY,
  TIMERS_OF_SENDER,
} from "./constants.js";

/**
 * A connection stands once on the wheel, for the earliest of its deadlines. Setting one later, or stopping one, only
 * assigns: the node fires early, finds nothing due and stands up again for what is left.
 */
export function setTimer(c: Connection, timer: number, at: number): void {
  c.timers |= timer;
  switch (timer) {
    case TIMER_RETRANSMIT:
      c.retransmitAt = at;
      break;
    case TIMER_PERSIST:
      c.persistAt = at;
      break;
    case TIMER_DELACK:
      c.delackAt = at;
      break;
    case TIMER_KEEPALIVE:
      c.keepaliveAt = at;
      break;
    case TIMER_FIN_WAIT_2:
      c.finWait2At = at;
      break;
    case TIMER_LOSS_PROBE:
      c.lossProbeAt = at;
      break;
    case TIMER_REORDER:
      c.reorderAt = at;
      break;
    case TIMER_PACE:
      c.paceAt = at;
      break;
    default:
      c.sackDelayAt = at;
  }
  c.tcp.wheel.armBefore(c, at);
}

/**
 * Sets one of the sender's timers (retransmission, loss probe, reordering, persist) to run out in `ms`; the others stop:
 * only one of them runs at a time (Linux's icsk_pending).
 */
export function setSenderTimer(c: Connection, timer: number, ms: number): void {
  c.timers &= ~TIMERS_OF_SENDER;
  setTimer(c, timer, (c.tcp.time.ms + ms) | 0);
}

export function stopTimer(c: Connection, timer: number): void {
  c.timers &= ~timer;
}

/** Starts the keepalive timer of a connection that wants one; it counts from the last sign of life. */
export function startKeepalive(c: Connection): void {
  if (!c.keepalive) return;
  const { settings, time } = c.tcp;
  setTimer(c, TIMER_KEEPALIVE, (time.ms + (c.keepIdle > 0 ? c.keepIdle : settings.keepIdle)) | 0);
}

/** Whether `timer` runs and has come due at tick `now`. */
export function isDue(c: Connection, timer: number, now: number): boolean {
  return (c.timers & timer) !== 0 && ((now - deadline(c, timer)) | 0) >= 0;
}

/** Stands the connection on the wheel for its earliest deadline, or takes it off when none runs. */
export function standUp(c: Connection): void {
  const { wheel } = c.tcp;
  if (c.timers === 0) {
    wheel.cancel(c);
    return;
  }
  let first = 0;
  let found = false;
  for (let timer = TIMER_RETRANSMIT; timer <= TIMER_SACK_DELAY; timer <<= 1) {
    if ((c.timers & timer) === 0) continue;
    const at = deadline(c, timer);
    if (!found || ((at - first) | 0) < 0) first = at;
    found = true;
  }
  wheel.arm(c, first);
}

/** When `timer` is due, a tick; meaningful while its bit stands. */
export function deadline(c: Connection, timer: number): number {
  switch (timer) {
    case TIMER_RETRANSMIT:
      return c.retransmitAt;
    case TIMER_PERSIST:
      return c.persistAt;
    case TIMER_DELACK:
      return c.delackAt;
    case TIMER_KEEPALIVE:
      return c.keepaliveAt;
    case TIMER_FIN_WAIT_2:
      return c.finWait2At;
    case TIMER_LOSS_PROBE:
      return c.lossProbeAt;
    case TIMER_REORDER:
      return c.reorderAt;
    case TIMER_PACE:
      return c.paceAt;
    default:
      return c.sackDelayAt;
  }
}
