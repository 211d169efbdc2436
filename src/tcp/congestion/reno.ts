import type { Connection } from "../connection.js";
import type { CongestionControl } from "./congestion.js";

/** RFC 5681 §3.1: below the threshold the window is probed for, from it on it is avoided to congest. */
export function inSlowStart(c: Connection): boolean {
  return c.cwnd < c.ssthresh;
}

/**
 * Only a window that was in the way is worth widening (RFC 7661's concern). In slow start it is enough that half of it
 * was used: the window may then be twice what was acknowledged (Linux's tcp_is_cwnd_limited).
 */
export function isCwndLimited(c: Connection): boolean {
  if (c.cwndLimited) return true;
  return c.cwnd < c.ssthresh && c.cwnd < 2 * c.maxPacketsOut;
}

/**
 * RFC 5681 §3.1 (2) with RFC 3465's counting of what was acknowledged and no limit on it: a segment for a segment, up
 * to the threshold.
 * @returns segments that are left for congestion avoidance
 */
export function slowStart(c: Connection, acked: number): number {
  const room = c.ssthresh - c.cwnd;
  const grown = acked < room ? acked : room;
  c.cwnd += grown;
  return acked - grown;
}

/** RFC 5681 §3.1 (3) with RFC 3465 §2.1: one segment for every `every` segments acknowledged. */
export function congAvoidAi(c: Connection, every: number, acked: number): void {
  // Credit saved under a slower growth is spent gently: one segment, not all at once
  if (c.cwndCnt >= every) {
    c.cwndCnt = 0;
    c.cwnd++;
  }
  c.cwndCnt += acked;
  if (c.cwndCnt >= every) {
    const grown = (c.cwndCnt / every) | 0;
    c.cwndCnt -= grown * every;
    c.cwnd += grown;
  }
}

/** The window before the reduction, unless it has outgrown that since. */
export function undoToPrior(c: Connection): number {
  return c.cwnd > c.priorCwnd ? c.cwnd : c.priorCwnd;
}

/** NewReno's window (RFC 5681 §3.1) with appropriate byte counting (RFC 3465), in segments as Linux grows it. */
export const RENO: CongestionControl = {
  name: "reno",

  init(c: Connection): void {
    c.ca = null;
  },

  // RFC 5681 §3.1 (4), of the window rather than of what is in flight
  ssthresh(c: Connection): number {
    const half = c.cwnd >> 1;
    return half > 2 ? half : 2;
  },

  congAvoid(c: Connection, _ack: number, acked: number): void {
    if (!isCwndLimited(c)) return;
    let left = acked;
    if (inSlowStart(c)) {
      left = slowStart(c, left);
      if (left === 0) return;
    }
    congAvoidAi(c, c.cwnd, left);
  },

  undoCwnd: undoToPrior,
};
