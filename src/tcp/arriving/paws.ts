import { ACK, FIN, SYN } from "../../wire/tcp.js";
import { mayUpdateWindow } from "../acknowledged/window-update.js";
import type { Connection } from "../connection.js";
import type { TcpContext } from "../context.js";
import type { Segment } from "./segment.js";

/*
 * Protection against wrapped sequence numbers (RFC 7323 §5).
 */

/** TS.Recent says nothing any more after so many seconds (RFC 7323 §5.5). */
const PAWS_IDLE = 24 * 24 * 3600;
/** ... and to a RST after one MSL. */
const PAWS_MSL = 60;

/** The second it is, for TS.Recent's age. */
export function secondNow(tcp: TcpContext): number {
  return tcp.time.s;
}

/**
 * RFC 7323 §5.3 R1, for a segment whose timestamp is older than the last one taken. As Linux, a TS.Recent of 0 is none
 * (some peers' SYNs carry 0), and a RST is held back by it only for one MSL.
 */
export function pawsRejects(tcp: TcpContext, tsRecent: number, recentAt: number, tsval: number, rst: boolean): boolean {
  if (((tsRecent - tsval) | 0) <= 0 || tsRecent === 0) return false;
  const age = (secondNow(tcp) - recentAt) | 0;
  return age < PAWS_IDLE && !(rst && age >= PAWS_MSL);
}

/** Timestamps may run back by this much, as Linux allows. */
const SLACK = 1;

/** Whether the segment's timestamp is not older than TS.Recent, by more than `slack`. */
export function pawsFresh(c: Connection, slack: number): boolean {
  if (((c.tsRecent - c.rcvTsval) | 0) <= slack) return true;
  return c.tsRecent === 0 || ((secondNow(c.tcp) - c.tsRecentAt) | 0) >= PAWS_IDLE;
}

/** §5.3 R1: an old duplicate. An ACK that was merely overtaken by another is none (Linux's tcp_disordered_ack). */
export function pawsRejectsSegment(c: Connection, seg: Segment): boolean {
  return !pawsFresh(c, SLACK) && !overtaken(c, seg);
}

function overtaken(c: Connection, seg: Segment): boolean {
  return (
    (seg.flags & ACK) !== 0 &&
    seg.seq === c.rcvNxt &&
    seg.length === 0 &&
    (seg.flags & (SYN | FIN)) === 0 &&
    seg.ack === c.sndUna &&
    !mayUpdateWindow(c, seg, seg.window << c.sndWscale) &&
    ((c.tsRecent - c.rcvTsval) | 0) <= Math.floor((c.rto * 1200) / 1000)
  );
}
