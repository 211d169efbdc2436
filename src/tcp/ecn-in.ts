import { CWR } from "../wire/tcp.js";
import { enterQuickAck } from "./ack-policy.js";
import type { Connection } from "./connection.js";
import { ECN_DEMAND_CWR, ECN_OK, ECN_SEEN } from "./constants.js";
import type { Segment } from "./segment.js";

/** The ECN field of the IP header, RFC 3168 §5. */
const NOT_ECT = 0;
const CE = 3;
/** A sender that has been told of congestion may have little in flight: it should not wait for our ACK. */
const QUICK = 2;

/** RFC 3168 §6.1.3: what a data segment says of congestion on its way, and whether the peer has heard of it. */
export function ecnReceived(c: Connection, seg: Segment): void {
  if ((c.ecn & ECN_OK) === 0) return;
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
