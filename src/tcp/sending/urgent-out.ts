import type { Connection } from "../connection.js";

/** The last byte queued is urgent (RFC 9293 §3.8.5): SND.UP stands behind it, as RFC 6093 §2.1 found everybody to have it. */
export function setUrgent(c: Connection): void {
  c.sndUp = c.writeSeq;
  c.urgentMode = true;
}
