import type { Connection } from "./connection.js";
import { MODEST_WINDOW, memoryScarce } from "./pressure.js";

/**
 * The window to put into the next segment, unscaled, and the right edge it makes. RFC 9293 §3.8.6.2.2: the edge never
 * moves back, and moves forward only by at least one segment or half the buffer (silly window avoidance).
 */
export function windowToOffer(c: Connection): number {
  const current = (c.rcvAdv - c.rcvNxt) | 0;
  const free = receiveLimit(c) - c.rcvQueued;
  const shift = c.rcvWscale;
  let field = free >> shift;
  if (free - current < leastUpdate(c) || field << shift < current) {
    if (current === 0 && free > 0) c.tcp.counters.TcpExtTCPWantZeroWindowAdv++;
    // Rounded up, so that the shift takes nothing back. But each rounding gives a little away, and a peer of many
    // tiny segments must not fill memory with that: RFC 7323 §2.4 lets a window seem to shrink by less than a unit.
    field = (current + (1 << shift) - 1) >> shift;
    if (c.rcvQueued + (field << shift) > c.rcvLimit + (c.rcvLimit >> 2)) field = current >> shift;
  }
  if (field > 65535) field = 65535;
  const offered = field << shift;
  if (offered > current) {
    if (current === 0 && c.rcvAcked !== c.irs) c.tcp.counters.TcpExtTCPFromZeroWindowAdv++;
    c.rcvAdv = (c.rcvNxt + offered) | 0;
  } else if (offered === 0 && c.rcvAcked !== c.rcvNxt) c.tcp.counters.TcpExtTCPToZeroWindowAdv++;
  return field;
}

/** What may be queued: the buffer's size, or less while memory is scarce. */
function receiveLimit(c: Connection): number {
  const { rcvLimit } = c;
  return rcvLimit > MODEST_WINDOW && memoryScarce(c.tcp.pool) ? MODEST_WINDOW : rcvLimit;
}

/** The smallest step of the right edge worth telling the peer. */
function leastUpdate(c: Connection): number {
  return Math.min(c.rcvLimit >> 1, c.advMss);
}

/**
 * Whether reading has opened the window enough to say so unasked: by two segments and to at least twice what the peer
 * knows of (Linux's rule), or from zero.
 */
export function windowUpdateDue(c: Connection): boolean {
  // All that the peer will ever send has a place
  if (c.rcvFin) return false;
  const current = (c.rcvAdv - c.rcvNxt) | 0;
  const free = Math.min(receiveLimit(c) - c.rcvQueued, 65535 << c.rcvWscale);
  const step = free - current;
  if (step < leastUpdate(c)) return false;
  return current * 2 <= free || step >= c.rcvLimit >> 1;
}
