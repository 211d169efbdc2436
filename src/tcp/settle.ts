import { afterAcks } from "./acknowledged/ack.js";
import type { Connection } from "./connection.js";
import type { TcpContext } from "./context.js";
import { pathReported } from "./loss/recovery-path.js";
import { touch } from "./notify.js";
import { decideAck } from "./receiving/ack-policy.js";
import { sendOwedAck } from "./receiving/ack-timers.js";
import { output } from "./sending/output.js";

/**
 * The end of a batch: every connection that something happened to sends what it now may, and decides once whether
 * and when to acknowledge. One decision for a batch of in-order segments is what Linux makes of a GRO'd packet.
 */
export function settle(tcp: TcpContext): void {
  const { touched } = tcp;
  // A connection touched while we go round is appended, and gets its turn.
  for (let i = 0; i < tcp.touchedCount; i++) {
    const c = touched[i] as Connection;
    touched[i] = null;
    c.touched = false;
    if (c.index >= 0) settleConnection(c);
  }
  tcp.touchedCount = 0;
}

function settleConnection(c: Connection): void {
  if (c.pathShrank) {
    c.pathShrank = false;
    pathReported(c, c.pathBefore);
  }
  // Before more is in flight: where cwnd is full the send buffer does not grow
  if (c.noSpace) afterAcks(c);
  // What is sent bears the ACK
  output(c);
  // What was unsent and no longer is may have been what was too much (TCP_NOTSENT_LOWAT)
  if (c.noSpace) afterAcks(c);
  if (c.ackHeld) c.ackHeld = false;
  else if ((c.ackDue || c.ackNow) && decideAck(c)) sendOwedAck(c);
}

/** The link has room again: those that found it full go on. */
export function resumeBlocked(tcp: TcpContext): void {
  const { blocked } = tcp;
  const n = blocked.length;
  for (let i = 0; i < n; i++) {
    const c = blocked[i] as Connection;
    c.blocked = false;
    if (c.index < 0) continue;
    output(c);
    if (c.noSpace) touch(c);
  }
  blocked.splice(0, n);
}
