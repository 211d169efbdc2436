import { ACK, CWR, ECE, SYN } from "../wire/tcp.js";
import type { Connection } from "./connection.js";
import { ECN_OK } from "./constants.js";
import { append, sentNow } from "./flight.js";
import { rateSent } from "./rate.js";
import { END, FLAGS, MSS, NO_RECORDS, SEGS, SENT_SYN, SEQ, XMIT_US } from "./sent.js";
import { transmit } from "./transmit.js";

/** The SYN of an active open goes out for the first time, as the first record in flight. @returns 0 or a negative errno */
export function sendSyn(c: Connection): number {
  const { sent, time } = c.tcp;
  const at = sent.take();
  if (at === 0) return NO_RECORDS;
  const d = sent.data;
  d[at + SEQ] = c.iss;
  d[at + END] = (c.iss + 1) | 0;
  d[at + SEGS] = 1;
  d[at + MSS] = c.mss;
  d[at + FLAGS] = SENT_SYN;
  d[at + XMIT_US] = time.us;
  const result = sendSynAgain(c, SYN);
  rateSent(c, sent, at);
  append(c, at);
  sentNow(c, at);
  c.packetsOut = 1;
  c.sndNxt = (c.iss + 1) | 0;
  return result;
}

/** A SYN, or in a simultaneous open a SYN-ACK, whether it went before or not. */
export function sendSynAgain(c: Connection, flags: number): number {
  const { settings } = c.tcp;
  // RFC 3168 §6.1.1; a SYN sent again no longer asks (§6.1.1.1)
  const asks = (flags & ACK) === 0 && settings.ecn === 1 && (c.retransmits === 0 || settings.ecnFallback === 0);
  const agrees = (flags & ACK) !== 0 && (c.ecn & ECN_OK) !== 0;
  return transmit(c, c.iss, 0, flags | (asks ? ECE | CWR : agrees ? ECE : 0));
}
