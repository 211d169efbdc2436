import { seqGe } from "../../wire/seqnum.js";
import { CHRONO_SNDBUF, chronoStart } from "../chrono.js";
import type { Connection } from "../connection.js";
import { CA_OPEN, CLOSE_WAIT, ESTABLISHED, INITIAL_WINDOW_SEGMENTS } from "../constants.js";
import { currentSsthresh } from "../loss/reduction.js";
import { CA_EVENT_CWND_RESTART } from "./congestion.js";
import { isCwndLimited } from "./reno.js";

/** New data was acknowledged: the window may grow, by the algorithm the connection has. */
export function grow(c: Connection, ack: number, acked: number): void {
  c.congestion.congAvoid(c, ack, acked);
  c.cwndStamp = c.tcp.time.ms;
}

/**
 * Notes how much of cwnd output used, once a round trip or when it was more (Linux's tcp_cwnd_validate): only a window
 * that was in the way is worth widening, and one that was not used shrinks (RFC 7661's concern).
 */
export function noteUse(c: Connection, limited: boolean): void {
  if (seqGe(c.sndUna, c.cwndUsageSeq) || limited || (!c.cwndLimited && c.packetsOut > c.maxPacketsOut)) {
    c.cwndLimited = limited;
    c.maxPacketsOut = c.packetsOut;
    c.cwndUsageSeq = c.sndNxt;
  }
  const { settings, time } = c.tcp;
  if (isCwndLimited(c)) {
    c.cwndUsed = 0;
    c.cwndStamp = time.ms;
    return;
  }
  if (c.packetsOut > c.cwndUsed) c.cwndUsed = c.packetsOut;
  const idle = ((time.ms - c.cwndStamp) | 0) >= c.rto;
  if (settings.slowStartAfterIdle !== 0 && idle && c.congestion.congControl === undefined) shrinkUnused(c);
  // Nothing more to send, since there was no room to put it
  if (c.writeSeq === c.sndNxt && c.noSpace && (c.state === ESTABLISHED || c.state === CLOSE_WAIT))
    chronoStart(c, CHRONO_SNDBUF);
}

/** Linux's tcp_cwnd_application_limited: half way back to what was used. */
function shrinkUnused(c: Connection): void {
  if (c.caState === CA_OPEN && !c.noSpace) {
    const used = Math.max(c.cwndUsed, INITIAL_WINDOW_SEGMENTS);
    if (used < c.cwnd) {
      c.ssthresh = currentSsthresh(c);
      c.cwnd = (c.cwnd + used) >> 1;
    }
    c.cwndUsed = 0;
  }
  c.cwndStamp = c.tcp.time.ms;
}

/** RFC 5681 §4.1 and RFC 2861: for each RTO of idle time cwnd is halved, down to the initial window. */
export function restartAfterIdle(c: Connection): void {
  const { settings, time } = c.tcp;
  if (settings.slowStartAfterIdle === 0 || c.packetsOut > 0 || c.congestion.congControl !== undefined) return;
  let idle = (time.ms - c.lastSend) | 0;
  if (idle <= c.rto) return;
  c.congestion.cwndEvent?.(c, CA_EVENT_CWND_RESTART);
  c.ssthresh = currentSsthresh(c);
  const least = Math.min(INITIAL_WINDOW_SEGMENTS, c.cwnd);
  let cwnd = c.cwnd;
  for (idle -= c.rto; idle > 0 && cwnd > least; idle -= c.rto) cwnd >>= 1;
  c.cwnd = Math.max(cwnd, least);
  c.cwndStamp = time.ms;
  c.cwndUsed = 0;
}
