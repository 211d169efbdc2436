import { seqGt } from "../../wire/seqnum.js";
import { markLost, split, untime } from "../acknowledged/flight.js";
import type { RateSample } from "../acknowledged/rate.js";
import {
  END,
  FLAGS,
  LATER,
  MSS,
  SEGS,
  SENT_EVER,
  SENT_LOST,
  SENT_RETRANS,
  SEQ,
  XMIT_US,
} from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_RECOVERY, MIN_RTT_NONE, TIMER_REORDER } from "../constants.js";
import { setSenderTimer } from "../timer-set.js";

/*
 * Recent acknowledgment (RFC 8985 §6): a segment is lost when one sent sufficiently later has been delivered.
 */

/** Bits of net.ipv4.tcp_recovery. */
const STATIC_REO_WND = 2;
const NO_DUPTHRESH = 4;
/** Loss recoveries for which a widened reordering window stands (RFC 8985 §6.2, step 4). */
export const REO_WND_PERSIST = 16;
const STEPS_MAX = 255;
/** No timer of this kind is shorter, us (Linux's TCP_TIMEOUT_MIN_US). */
export const TIMEOUT_MIN_US = 2000;

/** Whether what was sent at t1 up to end1 was sent after the other. */
function sentAfter(t1: number, end1: number, t2: number, end2: number): boolean {
  const later = (t1 - t2) | 0;
  return later > 0 || (later === 0 && seqGt(end1, end2));
}

/** RFC 8985 §6.2 step 2: a segment was delivered. */
export function rackDelivered(c: Connection, at: number): void {
  const d = c.tcp.sent.data;
  const xmit = d[at + XMIT_US] as number;
  const end = d[at + END] as number;
  const rtt = (c.tcp.time.us - xmit) | 0;
  // Faster than any round trip: not this sending was delivered but the one before
  if (((d[at + FLAGS] as number) & (SENT_EVER | SENT_RETRANS)) !== 0 && rtt < c.minRtt) return;
  c.rackAdvanced = true;
  c.rackRtt = rtt;
  if (sentAfter(xmit, end, c.rackXmit, c.rackEndSeq)) {
    c.rackXmit = xmit;
    c.rackEndSeq = end;
  }
}

/** RFC 8985 §6.2 step 4: how long, in us, a segment may be late for being reordered. */
function reorderingWindow(c: Connection): number {
  const { recovery } = c.tcp.settings;
  if (c.reordSeen === 0) {
    if (c.caState >= CA_RECOVERY) return 0;
    if (c.sackedOut >= c.reordering && (recovery & NO_DUPTHRESH) === 0) return 0;
  }
  const min = c.minRtt === MIN_RTT_NONE ? MIN_RTT_NONE >> 8 : c.minRtt;
  const window = (min >> 2) * c.rackReoWndSteps;
  const most = c.srtt >> 3;
  return window < most ? window : most;
}

/** us until the record counts as lost; 0 or less: it does. */
export function rackRemaining(c: Connection, at: number, window: number): number {
  const d = c.tcp.sent.data;
  return (c.rackRtt + window - ((c.tcp.time.us - (d[at + XMIT_US] as number)) | 0)) | 0;
}

/** RFC 8985 §6.2 step 5. @returns us until the next record may count as lost; 0: none may */
function detectLoss(c: Connection): number {
  const d = c.tcp.sent.data;
  const window = reorderingWindow(c);
  let wait = 0;
  for (let at = c.timeHead; at !== 0; ) {
    const later = d[at + LATER] as number;
    const flags = d[at + FLAGS] as number;
    if ((flags & (SENT_LOST | SENT_RETRANS)) !== SENT_LOST) {
      if (!sentAfter(c.rackXmit, c.rackEndSeq, d[at + XMIT_US] as number, d[at + END] as number)) break;
      const remaining = rackRemaining(c, at, window);
      if (remaining <= 0) {
        markLost(c, at);
        untime(c, at);
      } else if (remaining > wait) wait = remaining;
    }
    at = later;
  }
  return wait;
}

/** After an ACK. @returns whether the reordering timer was set, so that no other may be */
export function rackMarkLost(c: Connection): boolean {
  if (!c.rackAdvanced) return false;
  c.rackAdvanced = false;
  const wait = detectLoss(c);
  if (wait === 0) return false;
  setSenderTimer(c, TIMER_REORDER, Math.ceil((wait + TIMEOUT_MIN_US) / 1000));
  return true;
}

/** The reordering timer ran out: what is still missing is lost. */
export function rackTimeout(c: Connection): void {
  detectLoss(c);
}

/** RFC 8985 §6.2 step 4: DSACKs widen the reordering window, for some recoveries. */
export function rackUpdateWindow(c: Connection, rs: RateSample): void {
  if ((c.tcp.settings.recovery & STATIC_REO_WND) !== 0 || !rs.valid || rs.priorDelivered === 0) return;
  // Once in a round trip
  if (((rs.priorDelivered - c.rackLastDelivered) | 0) < 0) c.rackDsackSeen = false;
  if (c.rackDsackSeen) {
    c.rackReoWndSteps = Math.min(STEPS_MAX, c.rackReoWndSteps + 1);
    c.rackDsackSeen = false;
    c.rackLastDelivered = c.delivered;
    c.rackReoWndPersist = REO_WND_PERSIST;
  } else if (c.rackReoWndPersist === 0) c.rackReoWndSteps = 1;
}

/** RFC 6582 and 5681, without SACK: DupThresh duplicates, or a partial ACK, say that the first segment is lost. */
export function newRenoMarkLost(c: Connection, advanced: boolean): void {
  const begins = c.caState < CA_RECOVERY && c.sackedOut >= c.reordering;
  if (!begins && !(c.caState === CA_RECOVERY && advanced)) return;
  const at = c.rtxHead;
  const d = c.tcp.sent.data;
  if (((d[at + FLAGS] as number) & SENT_LOST) !== 0) return;
  const mss = d[at + MSS] as number;
  const seq = d[at + SEQ] as number;
  if ((d[at + SEGS] as number) > 1 && (((d[at + END] as number) - seq) | 0) > mss) split(c, at, (seq + mss) | 0, mss);
  markLost(c, at);
}
