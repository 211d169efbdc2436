import { TS_SPACE } from "../../wire/tcp.js";
import { XMIT_US } from "../acknowledged/sent.js";
import { optionBytes } from "../arriving/options.js";
import type { Connection } from "../connection.js";
import { CA_RECOVERY, ECN_ACC, GSO_MAX_PAYLOAD, GSO_MAX_SIZE, MIN_RTT_NONE } from "../constants.js";
import { routeOf } from "./path.js";

/*
 * Whether and how much new data may go: the tests of Linux's tcp_write_xmit, one function each.
 */

/** Linux's tcp_tso_win_divisor: a third of the window is worth a burst. */
const WINDOW_DIVISOR = 3;
/** Small bursts are not put off when the last one is so long ago, us. */
const RECENT_US = 1000;
/** Nor are they when the next ACK is further off than this, or than half a round trip. */
const NEAR_US = 1000;
/** A burst lasts about 2^-10 s at the pacing rate. */
const PACING_SHIFT = 10;
const RTT_SHIFT = 9;
/** Linux's tcp_min_tso_segs, for algorithms that have no word on it. */
const LEAST_BURST = 2;

/** Eff.snd.MSS for the next segment: less what its SACK blocks and AccECN take (RFC 6691). */
export function currentMss(c: Connection): number {
  // RFC 1191 §6.3: the path may have changed since
  routeOf(c);
  if (c.sackBlocks === 0 && !c.dsackDue && (c.ecn & ECN_ACC) === 0) return c.mss;
  return c.mss - optionBytes(c) + (c.tsOk ? TS_SPACE : 0);
}

/** Segments that cwnd lets out now: half of it at most, so that there are two bursts in flight. */
export function cwndQuota(c: Connection): number {
  const { inFlight, cwnd } = c;
  if (inFlight >= cwnd) return 0;
  const half = cwnd > 3 ? cwnd >> 1 : 1;
  const rest = cwnd - inFlight;
  return half < rest ? half : rest;
}

/** Bytes between SND.NXT and the right edge of the window. */
export function windowRoom(c: Connection): number {
  return (c.sndUna + c.sndWnd - c.sndNxt) | 0;
}

/** RFC 6093: the peer has not acknowledged all that is urgent. */
export function urgentMode(c: Connection): boolean {
  return c.urgentMode && c.sndUp !== c.sndUna;
}

/**
 * Whether a segment smaller than the MSS waits: under a cork, or by Nagle's rule (RFC 9293 §3.7.4) in Minshall's
 * variant, while an earlier small one is unacknowledged.
 */
export function nagleHolds(c: Connection): boolean {
  if (c.cork) return true;
  if (c.noDelay || c.packetsOut === 0) return false;
  return ((c.sndSml - c.sndUna) | 0) > 0 && ((c.sndSml - c.sndNxt) | 0) <= 0;
}

/** Segments in a burst that lasts a millisecond at the present rate (Linux's TSO autosizing), and at least what the algorithm wants. */
export function burstSegments(c: Connection, mss: number): number {
  let bytes = Math.floor(c.pacingRate / (1 << PACING_SHIFT));
  const shift = c.minRtt === MIN_RTT_NONE ? 31 : c.minRtt >> RTT_SHIFT;
  if (shift < 31) bytes += 65536 >> shift;
  if (bytes > GSO_MAX_SIZE) bytes = GSO_MAX_SIZE;
  const segs = Math.floor(bytes / mss);
  const least = c.congestion.minTsoSegs === undefined ? LEAST_BURST : c.congestion.minTsoSegs(c);
  return segs > least ? segs : least;
}

/** Why what is next does not go: by the peer's window, by cwnd, or since there may soon be more to send with it. */
export const HELD_NOT = 0;
export const HELD_CWND = 1;
export const HELD_WINDOW = 2;
export const HELD_APP = 3;

/**
 * Whether to wait for more ACKs and send more at once (Linux's tcp_tso_should_defer): never in recovery, never when the
 * last sending was long ago or the next ACK is far off.
 * @param head bytes of the first piece, more than one segment @param last nothing is queued behind it
 * @param most segments in a burst
 */
export function defersBurst(c: Connection, head: number, last: boolean, mss: number, most: number): number {
  if (c.caState >= CA_RECOVERY || c.rtxHead === 0) return HELD_NOT;
  const { us } = c.tcp.time;
  if (((us - c.lastSentUs) | 0) > RECENT_US) return HELD_NOT;
  const room = windowRoom(c);
  const cong = (c.cwnd - c.inFlight) * mss;
  const limit = room < cong ? room : cong;
  if (limit >= most * mss) return HELD_NOT;
  if (limit >= Math.floor(Math.min(c.sndWnd, c.cwnd * mss) / WINDOW_DIVISOR)) return HELD_NOT;
  const sinceHead = (us - (c.tcp.sent.data[c.rtxHead + XMIT_US] as number)) | 0;
  const half = c.srtt >> 4;
  if ((c.srtt >> 3) - sinceHead > (half < NEAR_US ? half : NEAR_US)) return HELD_NOT;
  if (cong < room) {
    if (cong <= head) return HELD_CWND;
  } else if (room <= head) return HELD_WINDOW;
  // What ends with FIN will not grow
  return last && c.finQueued ? HELD_NOT : HELD_APP;
}

/** Bytes that may go in one row; one segment where the urgent pointer must not be repeated in others. */
export function rowLimit(c: Connection, mss: number): number {
  if (urgentMode(c)) return mss;
  return GSO_MAX_PAYLOAD - (GSO_MAX_PAYLOAD % mss);
}
