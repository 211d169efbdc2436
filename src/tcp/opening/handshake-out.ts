import { ACK, ECE, SYN } from "../../wire/tcp.js";
import { append, sentNow } from "../acknowledged/flight.js";
import { rateSent } from "../acknowledged/rate.js";
import { END, FLAGS, MSS, NO_RECORDS, SEGS, SENT_PSH, SENT_SYN, SEQ, XMIT_US } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { ECN_ACC, ECN_OK, TIMER_RETRANSMIT } from "../constants.js";
import { type AccEcn, reflection } from "../ecn/accecn.js";
import { synAsks } from "../ecn/accecn-handshake.js";
import { transmit } from "../sending/transmit.js";
import { setSenderTimer } from "../timer-set.js";

/**
 * The SYN of an active open goes out for the first time, as the first record in flight; with data where fast open has
 * some, as the second. A link that takes nothing now gets it when the timer comes round.
 * @returns 0 or a negative errno
 */
export function sendSyn(c: Connection): number {
  const { time } = c.tcp;
  const syn = note(c, c.iss, (c.iss + 1) | 0, SENT_SYN);
  if (syn === 0) return NO_RECORDS;
  // Kept for what timeouts are measured from, and for the echo of the SYN's timestamp
  c.retransStamp = time.ms === 0 ? 1 : time.ms;
  const bytes = c.fastOpen === null ? 0 : c.fastOpen.synBytes;
  const result = sendSynAgain(c, SYN, bytes);
  setSenderTimer(c, TIMER_RETRANSMIT, c.rto);
  if (bytes === 0) return result;
  if (note(c, (c.iss + 1) | 0, (c.iss + 1 + bytes) | 0, SENT_PSH) === 0) return NO_RECORDS;
  if (result >= 0) c.tcp.counters.TcpExtTCPOrigDataSent++;
  return result;
}

/** A record of what is being sent, up to `end`. @returns 0: there are none left */
function note(c: Connection, seq: number, end: number, flags: number): number {
  const { sent, time } = c.tcp;
  const at = sent.take();
  if (at === 0) return 0;
  const d = sent.data;
  d[at + SEQ] = seq;
  d[at + END] = end;
  d[at + SEGS] = 1;
  d[at + MSS] = c.mss;
  d[at + FLAGS] = flags;
  d[at + XMIT_US] = time.us;
  rateSent(c, sent, at);
  append(c, at);
  sentNow(c, at);
  c.packetsOut++;
  c.sndNxt = end;
  return at;
}

/** A SYN, or in a simultaneous open a SYN-ACK, whether it went before or not. */
export function sendSynAgain(c: Connection, flags: number, bytes = 0): number {
  return transmit(c, c.iss, bytes, flags | ((flags & ACK) === 0 ? synAsks(c) : agrees(c)));
}

/** RFC 3168 §6.1.1, RFC 9768 §3.1.2. */
function agrees(c: Connection): number {
  if ((c.ecn & ECN_ACC) !== 0) return reflection((c.accecn as AccEcn).synField);
  return (c.ecn & ECN_OK) !== 0 ? ECE : 0;
}
