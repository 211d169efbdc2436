import { ACK_ECE, ACK_NEW_SYN, ACK_PROGRESS, ACK_SLOW, ACK_TS_PROGRESS } from "../acknowledged/ack-state.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";
import { CA_CWR, CA_OPEN, ECN_ACC, ECN_OK, ECN_SEEN } from "../constants.js";
import { touch } from "../notify.js";
import { AccEcn, aceDelta, aceFlags, CE, ECT_0, ECT_1, NOT_ECT } from "./accecn.js";
import { takeCounters } from "./accecn-option.js";

/*
 * Accurate ECN's feedback (RFC 9768 §3.2.2): what we count of the peer's segments, and what its ACE fields say of ours.
 */

/** What an ACE field can tell apart. */
const ACE_MOST = 7;
/** An ACK goes when so many marks wait to be told (§3.2.2.5.1 allows 7), Linux's TCP_ACCECN_ACE_MAX_DELTA. */
const PENDING_MOST = 6;
const PENDING_CAP = 15;
/** A byte counter is told at least once when it passes a multiple of this (2^22). */
const TOLD_SHIFT = 22;
/** In doubt the ACE field is thought not to have wrapped while so few bytes are known to be marked (Linux). */
const SAFETY_SHIFT = 1;

/** The marks of a segment of an established connection, whatever else it is: as Linux for connections of every kind. */
export function countMarks(c: Connection, seg: Segment): void {
  const field = seg.ecn;
  if (field === NOT_ECT && c.accecn === null) return;
  c.accecn ??= new AccEcn();
  const a = c.accecn;
  if (field !== NOT_ECT) {
    if ((c.ecn & ECN_OK) === 0) c.ecn |= ECN_SEEN;
    if (field === CE) countCe(a, seg.segments);
    if (seg.length > 0) countBytes(a, field, seg.length);
  }
  const edge = a.prevField !== field;
  if (!edge && field !== CE) return;
  a.prevField = field;
  if ((c.ecn & ECN_ACC) === 0) return;
  if (edge) a.edge = true;
  // Two, so that the second says how things are now
  a.demand = 2;
}

export function countCe(a: AccEcn, segments: number): void {
  a.receivedCe += segments;
  a.pendingCe = Math.min(a.pendingCe + segments, PENDING_CAP);
}

/** Payload that came with a mark. */
export function countBytes(a: AccEcn, field: number, length: number): void {
  let before: number;
  if (field === ECT_0) {
    before = a.receivedE0;
    a.receivedE0 = (before + length) | 0;
  } else if (field === ECT_1) {
    before = a.receivedE1;
    a.receivedE1 = (before + length) | 0;
  } else {
    before = a.receivedCeBytes;
    a.receivedCeBytes = (before + length) | 0;
  }
  // Where the counter stands among those of the option that we send
  const least = field === ECT_0 ? 3 : field === CE ? 2 : 1;
  if (least > a.leastFields) a.leastFields = least;
  if (before >> TOLD_SHIFT !== (before + length) >> TOLD_SHIFT && a.demand === 0) a.demand = 1;
}

/**
 * What an ACK says of marks on what we sent; its ACE field and option count in `tcp.ack` as ECE does.
 * @param packets that the ACK delivered @param bytes likewise
 */
export function accEcnAck(c: Connection, seg: Segment, packets: number, bytes: number): void {
  takeAck(c, seg, packets, bytes);
  // An ACK that waits does so no longer. As Linux: but for an ACK that header prediction knows, which asks for none
  if (!c.ackDue || (c.tcp.ack.flags & ACK_SLOW) === 0 || !(c.accecn as AccEcn).edge) return;
  c.ackNow = true;
  touch(c);
}

function takeAck(c: Connection, seg: Segment, packets: number, bytes: number): void {
  const { ack } = c.tcp;
  const a = c.accecn as AccEcn;
  // Perhaps it was overtaken
  if ((ack.flags & (ACK_PROGRESS | ACK_TS_PROGRESS)) === 0) return;
  const ceBytes = a.deliveredCeBytes;
  const known = takeCounters(c, a, (ack.flags & ACK_SLOW) !== 0 ? seg.accecn : 0, bytes);
  if ((ack.flags & ACK_SLOW) === 0 && packets <= ACE_MOST) return;
  // §3.2.2.1: in a handshake the field means something else
  if ((ack.flags & ACK_NEW_SYN) !== 0) return;
  if (a.pendingCe >= PENDING_MOST) a.edge = true;
  const delta = aceDelta(seg.flags, c.deliveredCe);
  const marked =
    packets <= ACE_MOST ? delta : unwrapped(c, delta, packets, bytes, known, (a.deliveredCeBytes - ceBytes) | 0);
  if (marked === 0) return;
  c.deliveredCe += marked;
  c.aceExpected = aceFlags(c.deliveredCe);
  ack.ceDelivered = marked;
  ack.flags |= ACK_ECE;
}

/**
 * §3.2.2.5.2 and appendix A.2: an ACK of more packets than the ACE field can count. It has wrapped as often as it can
 * have, unless the option knows better.
 */
function unwrapped(
  c: Connection,
  delta: number,
  packets: number,
  bytes: number,
  known: boolean,
  ceBytes: number,
): number {
  const safe = packets - ((packets - delta) & ACE_MOST);
  if (!known) return safe;
  const steady = c.sackOk || c.caState === CA_OPEN || c.caState === CA_CWR;
  if (packets >= 2 * (ACE_MOST + 1) && steady) {
    if (bytes <= ceBytes) return safe;
    const estimate = Math.ceil((ceBytes * packets) / bytes);
    return Math.min(safe, delta + (estimate & ~ACE_MOST));
  }
  if (ceBytes > delta * c.mss) return safe;
  return ceBytes < (safe * c.mss) >> SAFETY_SHIFT ? delta : safe;
}

/** The ACE field of a segment that goes (§3.2.2.3). */
export function sendAce(a: AccEcn): number {
  a.pendingCe = 0;
  return aceFlags(a.receivedCe);
}
