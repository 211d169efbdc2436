import { ACK, FIN, PSH } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { CLOSED, TIMER_PERSIST } from "../constants.js";
import { setSenderTimer, stopTimer } from "../timer-set.js";
import { hasUnsent, headSpan, persistBase, sendRun, unsentBytes } from "./output.js";
import { paceDelay } from "./pacing.js";
import { headPiece, pieceSize } from "./pieces.js";
import { currentMss, windowRoom } from "./send-rules.js";
import { transmit } from "./transmit.js";

/*
 * Probes of a window that is shut, or too small for what waits (RFC 9293 §3.8.6.1), and of a peer that is silent.
 */

/** Doublings of the interval at most. */
const BACKOFF_MAX = 9;
/** When the link took nothing, ms. */
export const RESOURCE_PROBE_MS = 500;

/** Interval of the next probe, ms. */
function interval(c: Connection): number {
  return Math.min(persistBase(c) * 2 ** Math.min(c.backoff, BACKOFF_MAX), c.rtoMax);
}

/** ... or what is left of the user timeout, if that is less. */
function clamped(c: Connection, ms: number): number {
  if (c.userTimeout === 0 || c.probesSince === 0) return ms;
  const elapsed = Math.max(0, (c.tcp.time.ms - c.probesSince) | 0);
  return Math.min(ms, Math.max(c.userTimeout - elapsed, 2));
}

/**
 * An old sequence number, which the peer must answer with an ACK; or, where the window takes at least something, that
 * (§3.8.6.2.1: the override that ends a silly window).
 * @returns 0, or a negative errno
 */
export function wakePeer(c: Connection): number {
  if (c.state === CLOSED) return -1;
  const room = windowRoom(c);
  if (hasUnsent(c) && room > 0) {
    const mss = currentMss(c);
    const unsent = unsentBytes(c);
    const length = Math.min(headPiece(c, unsent, pieceSize(c, mss)), room, mss);
    const fin = length === unsent && c.finQueued && room > length;
    const sent = sendRun(c, length, ACK | (length > 0 ? PSH : 0) | (fin ? FIN : 0), mss);
    return sent < 0 ? sent : 0;
  }
  // RFC 6093: the peer is to know at least where the urgent data ends
  return transmit(c, (c.sndUna - 1) | 0, 0, ACK);
}

/** The persist timer ran out: probe, and set it again. */
export function probeWindow(c: Connection): void {
  const { counters, settings } = c.tcp;
  const full = windowRoom(c) <= 0;
  const result = wakePeer(c);
  if (full && result >= 0) counters.TcpExtTCPWinProbe++;
  if (c.packetsOut > 0 || !hasUnsent(c)) {
    c.probes = 0;
    c.backoff = 0;
    c.probesSince = 0;
    return;
  }
  c.probes++;
  let ms = RESOURCE_PROBE_MS;
  if (result >= 0) {
    if (c.backoff < settings.retries2) c.backoff++;
    ms = interval(c);
  }
  setSenderTimer(c, TIMER_PERSIST, clamped(c, ms) + paceDelay(c));
}

/** An ACK while nothing is in flight: if the window takes what waits, probing is over; else its time begins again. */
export function windowAnswered(c: Connection): void {
  if (!hasUnsent(c)) return;
  if (headSpan(c) <= windowRoom(c)) {
    c.backoff = 0;
    c.probesSince = 0;
    stopTimer(c, TIMER_PERSIST);
    return;
  }
  setSenderTimer(c, TIMER_PERSIST, clamped(c, interval(c)) + paceDelay(c));
}
