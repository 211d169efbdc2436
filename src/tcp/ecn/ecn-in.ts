import { CWR } from "../../wire/tcp.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";
import { ECN_ACC, ECN_DEMAND_CWR, ECN_OK, ECN_SEEN } from "../constants.js";
import { enterQuickAck } from "../receiving/ack-policy.js";
import { CE, NOT_ECT } from "./accecn.js";

/** A sender that has been told of congestion may have little in flight: it should not wait for our ACK. */
const QUICK = 2;

/** RFC 3168 §6.1.3: what a data segment says of congestion on its way, and whether the peer has heard of it. */
export function ecnReceived(c: Connection, seg: Segment): void {
  if ((c.ecn & (ECN_OK | ECN_ACC)) === 0) return;
  if ((c.ecn & ECN_ACC) !== 0) {
    accurate(c, seg);
    return;
  }
  if ((seg.flags & CWR) !== 0) {
    c.ecn &= ~ECN_DEMAND_CWR;
    c.ackNow = true;
  }
  if (seg.ecn === NOT_ECT) {
    // RFC 3168 §6.1.5: what is sent again bears no ECT
    if ((c.ecn & ECN_SEEN) !== 0) enterQuickAck(c, QUICK);
    return;
  }
  c.ecn |= ECN_SEEN;
  if (seg.ecn !== CE || (c.ecn & ECN_DEMAND_CWR) !== 0) return;
  c.ecn |= ECN_DEMAND_CWR;
  enterQuickAck(c, QUICK);
}

/** RFC 9768: marks have been counted (see accecn-feedback.ts), and a change of mark is told at once (§3.2.2.5.1). */
function accurate(c: Connection, seg: Segment): void {
  if (seg.ecn === NOT_ECT && (c.ecn & ECN_SEEN) !== 0) enterQuickAck(c, QUICK);
  tellEdge(c);
}

/** What asks for an ACK, with AccECN: whether it may wait. */
export function tellEdge(c: Connection): void {
  if (c.accecn?.edge) c.ackNow = true;
}
