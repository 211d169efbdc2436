import { ACK } from "../wire/tcp.js";
import { mayUpdateWindow } from "./window-update.js";
import type { Connection } from "./connection.js";
import type { Segment } from "./segment.js";

/*
 * Protection against wrapped sequence numbers (RFC 7323 §5).
 */

/** TS.Recent is invalid after 24 days (§5.5); the millisecond clock has not wrapped by then. */
const PAWS_24_DAYS = 24 * 24 * 3600 * 1000;
/** Timestamps may run back by this much, as Linux allows. */
const SLACK = 1;

/** Whether the segment's timestamp is not older than TS.Recent, by more than `slack`. */
export function pawsFresh(c: Connection, slack: number): boolean {
  if (((c.tsRecent - c.rcvTsval) | 0) <= slack) return true;
  return c.tsRecent === 0 || ((c.tcp.time.ms - c.tsRecentAt) | 0) >= PAWS_24_DAYS;
}

/** §5.3 R1: an old duplicate. An ACK that was merely overtaken by another is none (Linux's tcp_disordered_ack). */
export function pawsRejects(c: Connection, seg: Segment): boolean {
  return !pawsFresh(c, SLACK) && !overtaken(c, seg);
}

function overtaken(c: Connection, seg: Segment): boolean {
  return (
    (seg.flags & ACK) !== 0 &&
    seg.seq === c.rcvNxt &&
    seg.length === 0 &&
    seg.ack === c.sndUna &&
    !mayUpdateWindow(c, seg, seg.window << c.sndWscale) &&
    ((c.tsRecent - c.rcvTsval) | 0) <= Math.floor((c.rto * 1200) / 1000)
  );
}
