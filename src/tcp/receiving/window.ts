import type { Connection } from "../connection.js";
import type { TcpContext } from "../context.js";
import { MODEST_WINDOW, memoryScarce } from "./pressure.js";

/*
 * How much is offered to the peer. The receive buffer is counted as Linux counts it, so that windows come out the same:
 * a segment is charged with more than its payload, and a share (rcvRatio / 256) of the buffer is window.
 */

/** The largest window there is: RFC 7323 §2.3. */
const WINDOW_MAX = 65535 << 14;
/** Linux's SOCK_MIN_RCVBUF / 2. */
const CLAMP_LEAST = 1152;

/** What an opening connection offers; one record for all, filled by {@link selectInitialWindow}. */
export class InitialWindow {
  /** Bytes; a SYN's field can say no more than 65535 of them. */
  window = 0;
  clamp = 0;
  scale = 0;
}

export const initialOffer = new InitialWindow();

/**
 * The window of a SYN, its scale (RFC 7323 §2.2), and the most that is ever offered.
 * @param limit payload bytes of the receive buffer
 * @param mss what we advertise, less the timestamps if they are in use already
 * @param scaling the scale option may be used
 * @param clamp the most that may be offered, or 0: see {@link clampOf}
 */
export function selectInitialWindow(
  tcp: TcpContext,
  limit: number,
  mss: number,
  scaling: boolean,
  clamp: number,
): InitialWindow {
  const most = clamp > 0 ? clamp : WINDOW_MAX;
  let space = Math.min(limit, most);
  if (space > mss) space -= space % mss;
  initialOffer.window = space;
  let scale = 0;
  if (scaling) {
    const reach = Math.min(Math.max(space, tcp.settings.rmemMax), most);
    scale = Math.min(Math.max(31 - Math.clz32(reach) - 15, 0), 14);
  }
  initialOffer.scale = scale;
  initialOffer.clamp = Math.min(most, 65535 << scale);
  return initialOffer;
}

/** The clamp that a connection's SYN is made with: TCP_WINDOW_CLAMP, and a buffer set by SO_RCVBUF as it is. */
export function clampOf(c: Connection): number {
  const { userClamp, rcvLimit } = c;
  return c.rcvLocked && (userClamp === 0 || userClamp > rcvLimit) ? rcvLimit : userClamp;
}

/** The window that so much of the buffer makes (Linux's tcp_win_from_space); may be negative, as `space` may. */
export function windowOf(c: Connection, space: number): number {
  const { rcvRatio } = c;
  // (space * rcvRatio) / 256 rounded down, without leaving 32 bits
  const window = (Math.imul(space >> 8, rcvRatio) + (Math.imul(space & 255, rcvRatio) >> 8)) | 0;
  return window < WINDOW_MAX ? window : WINDOW_MAX;
}

/** The window of the empty buffer. rcvLimit is half of what Linux calls sk_rcvbuf: the share before any segment came. */
export function fullSpace(c: Connection): number {
  return windowOf(c, 2 * c.rcvLimit);
}

/** The window of what is left of it. */
export function freeSpace(c: Connection): number {
  return windowOf(c, 2 * c.rcvLimit - c.rcvCharge);
}

/** What we offer as the peer knows it: its right edge less what was acknowledged with it. */
export function offered(c: Connection): number {
  return (c.rcvAdv - c.rcvAcked) | 0;
}

/** TCP_WINDOW_CLAMP, and whatever else changes the most that is offered. */
export function setWindowClamp(c: Connection, value: number): void {
  const clamp = Math.max(CLAMP_LEAST, value);
  const old = c.windowClamp;
  c.windowClamp = clamp;
  if (clamp < old) {
    if (c.rcvSsthresh > clamp) c.rcvSsthresh = clamp;
    return;
  }
  const now = Math.min(offered(c), clamp);
  if (c.rcvSsthresh < now) c.rcvSsthresh = now;
}

/**
 * The window worth offering now (Linux's __tcp_select_window). RFC 9293 §3.8.6.2.2: it opens by whole segments or half
 * the buffer, and shuts before less than a segment is left.
 */
export function selectWindow(c: Connection): number {
  let allowed = fullSpace(c);
  // Everything has been read, as it mostly has
  let free = c.rcvCharge === 0 ? allowed : freeSpace(c);
  if (c.rcvLimit > MODEST_WINDOW && memoryScarce(c.tcp.pool)) {
    allowed = Math.min(allowed, MODEST_WINDOW);
    free = Math.min(free, MODEST_WINDOW - c.rcvQueued);
  }
  const full = c.windowClamp < allowed ? c.windowClamp : allowed;
  const shift = c.rcvWscale;
  let mss = c.rcvMss;
  if (mss > full) {
    mss = full;
    if (mss <= 0) return 0;
  }
  if (free < full >> 1) {
    c.quickAcks = 0;
    free = (free >> shift) << shift;
    if (free < allowed >> 4 || free < mss) return 0;
  }
  if (free > c.rcvSsthresh) free = c.rcvSsthresh;
  // Whole segments are nothing to aim at where the scale rounds; up, so that it takes nothing away
  if (shift > 0) return ((free + (1 << shift) - 1) >> shift) << shift;
  const window = offered(c);
  if (window <= free - mss || window > free) return free - (free % mss);
  return mss === full && free > window + (full >> 1) ? free : window;
}

/** The window field of the next segment. RFC 9293 §3.8.6.2.2: the right edge never moves back. */
export function windowToOffer(c: Connection): number {
  const { counters } = c.tcp;
  const shift = c.rcvWscale;
  if (c.noMemory) {
    // As Linux, against the rule: what the peer may still send could not be kept
    c.noMemory = false;
    c.slowPath = true;
    c.rcvAdv = c.rcvNxt;
    return 0;
  }
  const old = offered(c);
  const current = Math.max((c.rcvAdv - c.rcvNxt) | 0, 0);
  let window = selectWindow(c);
  if (window < current) {
    if (window === 0) counters.TcpExtTCPWantZeroWindowAdv++;
    // RFC 7323 §2.4: rounded up, so that the shift takes nothing back
    window = ((current + (1 << shift) - 1) >> shift) << shift;
  }
  const edge = (c.rcvNxt + window) | 0;
  if (((edge - c.rcvAdv) | 0) > 0) c.rcvAdv = edge;
  let field = window >> shift;
  if (field > 65535) field = 65535;
  if (field === 0) {
    c.slowPath = true;
    if (old > 0) counters.TcpExtTCPToZeroWindowAdv++;
  } else if (old <= 0) counters.TcpExtTCPFromZeroWindowAdv++;
  return field;
}

/** Whether reading has opened the window enough to say so unasked: to twice what the peer knows of (Linux's rule). */
export function windowUpdateDue(c: Connection): boolean {
  // All that the peer will ever send has a place
  if (c.rcvFin) return false;
  const current = Math.max((c.rcvAdv - c.rcvNxt) | 0, 0);
  if (2 * current > c.windowClamp) return false;
  const window = selectWindow(c);
  return window > 0 && window >= 2 * current;
}
