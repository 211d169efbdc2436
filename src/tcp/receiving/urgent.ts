import { EAGAIN, EINVAL } from "../../base/errors.js";
import { seqGt, seqLt } from "../../wire/seqnum.js";
import { URG } from "../../wire/tcp.js";
import type { Segment } from "../arriving/segment.js";
import { dropReceiveBuffer } from "../buffers.js";
import type { Connection } from "../connection.js";
import { EVENT_READABLE, EVENT_URGENT, URGENT_AWAITED, URGENT_HERE, URGENT_NONE, URGENT_TAKEN } from "../constants.js";
import { wake } from "../notify.js";
import { copiedSeq } from "./receive-buffer.js";
import { releaseRead } from "./receive-queue.js";

/*
 * Urgent data (RFC 9293 §3.8.5) as RFC 6093 found it in the field: one octet, which the sockets interface takes out of
 * the stream unless SO_OOBINLINE is set. A read stops in front of it.
 */

/** Sixth: the URG bit, and the octet that it means, if that is in this segment. */
export function urgentText(c: Connection, seg: Segment): void {
  // Where the segment began before what is old of it was cut off
  const cut = seg.payload - seg.options - seg.optionsLength;
  if ((seg.flags & URG) !== 0) urgentPointer(c, (seg.seq - cut) | 0, seg.urgent);
  if (c.urgent !== URGENT_AWAITED) return;
  const at = (c.rcvUp - seg.seq) | 0;
  if (at < 0 || at >= seg.length) return;
  c.urgent = URGENT_HERE;
  c.urgentByte = c.tcp.memory.u8[seg.payload + at] as number;
  wake(c, EVENT_READABLE | EVENT_URGENT);
}

/** RFC 6093 §2.1: whether the pointer points at the octet, or behind it as everybody reads it, is tcp_stdurg. */
function urgentPointer(c: Connection, seq: number, pointer: number): void {
  const behind = pointer > 0 && c.tcp.settings.stdUrg === 0 ? 1 : 0;
  const at = (seq + pointer - behind) | 0;
  const copied = copiedSeq(c);
  // Read already, or old
  if (seqGt(copied, at) || seqLt(at, c.rcvNxt)) return;
  if (c.urgent !== URGENT_NONE && !seqGt(at, c.rcvUp)) return;
  // The last urgent octet stands next to be read, and nobody has: it is not to turn up in the stream
  if (c.urgent !== URGENT_NONE && c.rcvUp === copied && !c.oobInline && c.rcvQueued > 0) dropMark(c);
  c.urgent = URGENT_AWAITED;
  c.rcvUp = at;
}

/** Bytes that a read skips: the octet at the mark, where it is not read in line. */
export function markSkip(c: Connection): number {
  return c.urgent !== URGENT_NONE && !c.oobInline && c.rcvQueued > 0 && atMark(c) ? 1 : 0;
}

/** How many of the unread bytes a read may give, `skip` of them left out: it stops in front of the mark. */
export function readable(c: Connection, skip: number): number {
  const most = c.rcvQueued - skip;
  if (c.urgent === URGENT_NONE || skip > 0) return most;
  const ahead = (c.rcvUp - copiedSeq(c)) | 0;
  return ahead > 0 && ahead < most ? ahead : most;
}

/** A read goes past the octet at the mark. */
export function dropMark(c: Connection): void {
  c.rcvQueued--;
  if (c.rcvQueued === 0 && c.oooCount === 0) dropReceiveBuffer(c);
  else c.rcv?.drop(1);
  releaseRead(c, 1);
  c.urgent = URGENT_NONE;
}

/** Reading has moved: what lies behind is no longer urgent. */
export function passMark(c: Connection): void {
  if (seqGt(copiedSeq(c), c.rcvUp)) c.urgent = URGENT_NONE;
}

/** recv(MSG_OOB). @returns the octet; -EINVAL: there is none to come; -EAGAIN: it is still under way */
export function urgentRead(c: Connection): number {
  if (c.oobInline || c.urgent === URGENT_NONE || c.urgent === URGENT_TAKEN) return -EINVAL;
  if (c.urgent === URGENT_AWAITED) return -EAGAIN;
  c.urgent = URGENT_TAKEN;
  return c.urgentByte;
}

/** SIOCATMARK: the next byte to be read is the urgent one. */
export function atMark(c: Connection): boolean {
  return c.urgent !== URGENT_NONE && c.rcvUp === copiedSeq(c);
}

/** send(MSG_OOB): the last byte that was queued is urgent; the pointer names the place behind it. */
export function setUrgent(c: Connection): void {
  c.sndUp = c.writeSeq;
  c.urgentMode = true;
}
