import { SYN } from "../../wire/tcp.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";
import { ECN_ACC, ECN_OK } from "../constants.js";
import {
  AccEcn,
  aceFlags,
  aceOf,
  agreedBy,
  agreesTo,
  asksFor,
  CE,
  ECN_ACCURATE,
  ECN_CLASSIC,
  ECN_NONE,
  NOT_ECT,
  reflectionIsSound,
  synFlags,
  thirdAckSaysCe,
} from "./accecn.js";
import { countCe } from "./accecn-feedback.js";
import { noteOption } from "./accecn-option.js";

/*
 * ECN in the handshake of a connection, by the tables of accecn.ts; what a passive open does before there is one is in
 * syn-record.ts.
 */

/** How often a SYN for AccECN goes before ECN is given up (RFC 9768 §3.1.4.1); RFC 3168 §6.1.1.1: an ECN-setup SYN, once. */
const ACCURATE_TRIES = 2;
const CLASSIC_TRIES = 1;

/** The ECN flags of a SYN that goes now. */
export function synAsks(c: Connection): number {
  const { settings } = c.tcp;
  const asked = asksFor(settings.ecn);
  const tries = asked === ECN_ACCURATE ? ACCURATE_TRIES : CLASSIC_TRIES;
  return c.retransmits < tries || settings.ecnFallback === 0 ? synFlags(asked) : 0;
}

/** AccECN is agreed on with a peer whose SYN or SYN-ACK came with the ECN field `field`. */
export function beginAccEcn(c: Connection, field: number): AccEcn {
  const a = new AccEcn();
  a.synField = field;
  c.accecn = a;
  c.ecn = ECN_ACC;
  c.aceExpected = aceFlags(0);
  return a;
}

/** The answer to our SYN (RFC 3168 §6.1.1, RFC 9768 table 2). */
export function takeSynAck(c: Connection, seg: Segment): void {
  const { settings } = c.tcp;
  const asked = asksFor(settings.ecn);
  if (asked === ECN_NONE) return;
  const agreed = agreedBy(asked, seg.flags);
  if (agreed === ECN_CLASSIC) c.ecn = ECN_OK;
  if (agreed !== ECN_ACCURATE) return;
  const a = beginAccEcn(c, seg.ecn);
  if (seg.accecn !== 0) {
    noteOption(c.tcp, a, seg.accecn);
    a.demand = 2;
  }
  // §3.2.2.2
  if (seg.ecn === CE && reflectionIsSound(a, aceOf(seg.flags), NOT_ECT, settings.ecnFallback !== 0)) countCe(a, 1);
}

/** The peer's SYN in a simultaneous open, which agrees to what ours asked for if it asks for as much itself. */
export function takeCrossedSyn(c: Connection, seg: Segment): void {
  const asked = asksFor(c.tcp.settings.ecn);
  // RFC 3168 says nothing here of its IP header, nor does Linux look at it
  const both = Math.min(asked, agreesTo(c.tcp.settings.ecn, seg.flags, NOT_ECT));
  if (both === ECN_CLASSIC) c.ecn = ECN_OK;
  if (both === ECN_ACCURATE) beginAccEcn(c, seg.ecn).prevField = seg.ecn;
}

/** RFC 9768 §3.2.2.1: the handshake's last ACK tells how our SYN-ACK was marked. */
export function thirdAck(c: Connection, seg: Segment): void {
  const plain = seg.length === 0 && seg.sackBlocks === 0 && (seg.flags & SYN) === 0;
  if (thirdAckSaysCe(c.accecn as AccEcn, seg.flags, plain, c.tcp.settings.ecnFallback !== 0) && c.deliveredCe === 0)
    c.deliveredCe = 1;
  c.aceExpected = aceFlags(c.deliveredCe);
}
