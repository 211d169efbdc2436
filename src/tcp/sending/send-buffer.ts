import type { Connection } from "../connection.js";
import { memoryScarce } from "../receiving/pressure.js";
import { BUFFER, HEADERS, sendCharge } from "./pieces.js";

/*
 * The size of the send buffer follows the window (Linux's tcp_sndbuf_expand): twice what is in flight, so that there is
 * always something to send.
 */

/** Segments assumed at least. */
const LEAST = 10;
/** Windows that there is room for, where the algorithm has no word on it. */
const WINDOWS = 2;

/** RFC 6928's window and the segment size give 87040 for an MSS of 1460, as on Linux. */
export function expandSendBuffer(c: Connection): void {
  if (c.sndLocked) return;
  const bytes = Math.max(c.mss, c.peerMss) + HEADERS;
  let unit = 1;
  while (unit < bytes) unit <<= 1;
  const segments = Math.max(LEAST, c.cwnd, c.reordering + 1);
  const windows = c.congestion.sndbufExpand ?? WINDOWS;
  const wanted = Math.min(windows * segments * (unit + BUFFER), c.tcp.settings.wmemMax);
  if (wanted > c.sndLimit) c.sndLimit = wanted;
}

/** The application wants to write more than there is room for. */
export function tuneSendBuffer(c: Connection): void {
  if (c.sndLocked || memoryScarce(c.tcp.pool)) return;
  // Where cwnd is what limits, more would only wait (Linux's tcp_should_expand_sndbuf)
  if (c.inFlight >= c.cwnd) return;
  expandSendBuffer(c);
  c.cwndStamp = c.tcp.time.ms;
}

/** TCP_NOTSENT_LOWAT, the socket's or the stack's. */
export function lowWater(c: Connection): number {
  return c.notsentLowat !== 0 ? c.notsentLowat : c.tcp.settings.notsentLowat;
}

/** Linux's sk_stream_memory_free: a write may begin another piece. */
export function roomForPiece(c: Connection): boolean {
  return sendCharge(c) < c.sndLimit && ((c.writeSeq - c.sndNxt) | 0) < lowWater(c);
}

/** Linux's sk_stream_is_writeable: a third of the buffer is free, and less than half of what may be is unsent. */
export function roomToWrite(c: Connection): boolean {
  // So it is with most of what a receiver's batch touches
  if (c.sndQueued === 0 && c.tcp.settings.notsentLowat > 0) return true;
  const charge = sendCharge(c);
  return (c.sndLimit - charge) * 2 >= charge && ((c.writeSeq - c.sndNxt) | 0) * 2 < lowWater(c);
}
