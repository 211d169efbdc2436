import { dataLength } from "../../src/tcp/acknowledged/flight.js";
import {
  EARLIER,
  END,
  FLAGS,
  LATER,
  MSS,
  NEXT,
  PREV,
  SEGS,
  SENT_LOST,
  SENT_RETRANS,
  SENT_SACKED,
  SENT_TIMED,
  SEQ,
} from "../../src/tcp/acknowledged/sent.js";
import type { Connection } from "../../src/tcp/connection.js";

/** Records that a connection has in flight. */
export function recordsOf(c: Connection): number {
  const d = c.tcp.sent.data;
  let n = 0;
  for (let at = c.rtxHead; at !== 0; at = d[at + NEXT] as number) n++;
  return n;
}

/** The retransmission queue of a connection: both its chains, and the counts that follow from its records. */
export function auditFlight(c: Connection): string | null {
  const d = c.tcp.sent.data;
  let packets = 0;
  let sacked = 0;
  let lost = 0;
  let retrans = 0;
  let timed = 0;
  let end = c.sndUna;
  let before = 0;
  for (let at = c.rtxHead; at !== 0; at = d[at + NEXT] as number) {
    const flags = d[at + FLAGS] as number;
    const segs = d[at + SEGS] as number;
    if ((d[at + PREV] as number) !== before) return "a record in flight does not know the one before it";
    // The first may have been acknowledged in part
    if (before === 0 ? ((d[at + SEQ] as number) - end) | 0 : (d[at + SEQ] as number) !== end) {
      if (before !== 0 || (((d[at + SEQ] as number) - end) | 0) > 0) return "a gap between records in flight";
    }
    end = d[at + END] as number;
    const made = Math.max(1, Math.ceil(dataLength(c, at) / (d[at + MSS] as number)));
    if (segs !== made) return `a record in flight of ${segs} segments, where its bytes make ${made}`;
    packets += segs;
    if ((flags & SENT_SACKED) !== 0) sacked += segs;
    if ((flags & SENT_LOST) !== 0) lost += segs;
    if ((flags & SENT_RETRANS) !== 0) retrans += segs;
    if ((flags & SENT_TIMED) !== 0) timed++;
    if ((flags & SENT_SACKED) !== 0 && (flags & SENT_LOST) !== 0) return "a record is SACKed and held lost";
    before = at;
  }
  if (before !== c.rtxTail) return "the last record in flight is not the last of the chain";
  if (c.rtxHead !== 0 && end !== c.sndNxt) return `what is in flight ends ${(c.sndNxt - end) | 0} before SND.NXT`;
  // Without SACK sackedOut counts duplicate ACKs
  if (!c.sackOk) sacked = c.sackedOut;
  const counted = [c.packetsOut, c.sackedOut, c.lostOut, c.retransOut].join(" ");
  const found = [packets, sacked, lost, retrans].join(" ");
  if (counted !== found) return `out, SACKed, lost, sent again: counted ${counted}, records say ${found}`;
  if (c.sackedOut < 0 || c.sackedOut + c.lostOut > c.packetsOut)
    return `more left the network than was sent: ${counted}`;
  return auditTimes(c, timed);
}

function auditTimes(c: Connection, timed: number): string | null {
  const d = c.tcp.sent.data;
  let n = 0;
  let before = 0;
  for (let at = c.timeHead; at !== 0; at = d[at + LATER] as number) {
    if ((d[at + EARLIER] as number) !== before) return "a record does not know the one sent before it";
    if (((d[at + FLAGS] as number) & SENT_TIMED) === 0) return "a record in the order of time that says it is not";
    before = at;
    if (++n > timed) break;
  }
  if (before !== c.timeTail && n <= timed) return "the record sent last is not the last of the order of time";
  return n === timed ? null : `${n} records in the order of time, ${timed} say so`;
}

/** Int32s of a range out of order: where it begins and ends, what it costs, what its memory has room for. */
const RANGE = 4;

/**
 * What came out of order, in the order in which it begins, behind a hole: two may overlap, and one may lie within another.
 * Only a FIN by itself is nothing. The memory of all of them is counted.
 */
export function auditRanges(c: Connection): string | null {
  const { ooo } = c;
  if (ooo === null) {
    if (c.oooCount > 0) return `${c.oooCount} ranges out of order, none of them there`;
    return c.oooCharge === 0 ? null : `${c.oooCharge} bytes of memory for nothing out of order`;
  }
  if (c.oooCount === 0) return "room for ranges out of order, and none there";
  let charge = 0;
  let start = c.rcvNxt;
  for (let i = 0; i < RANGE * c.oooCount; i += RANGE) {
    const from = ooo[i] as number;
    const to = ooo[i + 1] as number;
    if (((from - start) | 0) <= 0) {
      if (i === 0) return "a range out of order that has no hole before it";
      return "ranges out of order that do not stand in their order";
    }
    if (((to - from) | 0) < 0 || (to === from && !(c.rcvFin && c.rcvFinSeq === to)))
      return "a range out of order with nothing in it";
    if ((ooo[i + 3] as number) < 0) return "a range out of order that is larger than its memory";
    charge += ooo[i + 2] as number;
    start = from;
  }
  return charge === c.oooCharge
    ? null
    : `${c.oooCharge} bytes of memory out of order are counted, ranges have ${charge}`;
}

/** What waits to be read, segment by segment: its bytes, and the memory of all that was received. */
export function auditQueue(c: Connection): string | null {
  const more = c.rcvMore;
  let bytes = c.rcvFront;
  let charge = c.rcvFrontCharge;
  if (c.rcvFrontCharge === 0 && (c.rcvFront !== 0 || more !== null))
    return "segments to read behind a first that is none";
  if (more !== null) {
    if (more.count === 0) return "a queue of segments with nothing in it";
    for (let i = 0; i < more.count; i++) {
      if (more.length(i) <= 0 || more.charge(i) <= 0) return "a segment to read that has no text or no memory";
      bytes += more.length(i);
      charge += more.charge(i);
    }
  }
  if (c.rcvTailRoom < 0) return "a segment to read that is larger than its memory";
  if (bytes !== c.rcvQueued) return `${c.rcvQueued} bytes wait to be read, segments hold ${bytes}`;
  charge += c.oooCharge;
  return charge === c.rcvCharge ? null : `${c.rcvCharge} bytes of memory are counted, segments have ${charge}`;
}
