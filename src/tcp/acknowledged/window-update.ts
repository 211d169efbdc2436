import { seqGt, seqLt } from "../../wire/seqnum.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";

/** Linux's tcp_may_update_window. */
export function mayUpdateWindow(c: Connection, seg: Segment, window: number): boolean {
  if (seqGt(seg.ack, c.sndUna) || seqLt(c.sndWl1, seg.seq)) return true;
  return c.sndWl1 === seg.seq && (window > c.sndWnd || window === 0);
}
