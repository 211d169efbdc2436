import type { Connection } from "../connection.js";
import type { CongestionControl } from "./congestion.js";

/** NewReno's window (RFC 5681 §3.1) with appropriate byte counting, as Linux grows it. */
export const RENO: CongestionControl = {
  name: "reno",

  acknowledged(c: Connection, acked: number): void {
    // Only a window that was in the way is worth widening (RFC 7661's concern; Linux's tcp_is_cwnd_limited).
    if (!c.cwndLimited && (c.cwnd >= c.ssthresh || c.cwnd >= 2 * c.maxFlight)) return;
    let left = acked;
    // RFC 5681 §3.1 (2): slow start
    if (c.cwnd < c.ssthresh) {
      const grown = Math.min(c.cwnd + left, c.ssthresh);
      left -= grown - c.cwnd;
      c.cwnd = grown;
      if (left <= 0) return;
    }
    // RFC 5681 §3.1 (3) with RFC 3465 §2.1: one segment for each window acknowledged
    c.cwndCredit += left;
    while (c.cwndCredit >= c.cwnd) {
      c.cwndCredit -= c.cwnd;
      c.cwnd += c.mss;
    }
  },

  thresholdAfterLoss(c: Connection): number {
    // RFC 5681 §3.1 (4); what limited transmit sent beyond cwnd does not count (§3.2 step 2)
    return Math.max(Math.min((c.sndMax - c.sndUna) | 0, c.cwnd) >> 1, 2 * c.mss);
  },
};
