import { dataLength, markLost } from "../acknowledged/flight.js";
import { FLAGS, MSS, NEXT, SEGS, SENT_SACKED } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_LOSS } from "../constants.js";
import { routeOf } from "../sending/path.js";
import { currentMss } from "../sending/send-rules.js";
import { currentSsthresh, setCaState } from "./reduction.js";
import { retransmitLost } from "./retransmit.js";

/*
 * Loss that is no sign of congestion: a path that takes less (RFC 1191), data of a SYN that was not taken (RFC 7413).
 */

/** What is held lost goes again, and the window stays (Linux's tcp_non_congestion_loss_retransmit). */
export function lossWithoutCongestion(c: Connection): void {
  if (c.caState !== CA_LOSS) {
    c.highSeq = c.sndNxt;
    c.ssthresh = currentSsthresh(c);
    c.priorSsthresh = 0;
    c.undoable = false;
    setCaState(c, CA_LOSS);
  }
  retransmitLost(c);
}

/**
 * A router has said that the path takes less than `before`, and IP has believed it or not: what was too large goes again,
 * window untouched.
 */
export function pathReported(c: Connection, before: number): void {
  const route = routeOf(c);
  if (route !== null && route.mtu < before) resendTooLarge(c);
}

/** RFC 1191 §6.4: what was sent in segments larger than the path takes goes again in smaller ones. */
export function resendTooLarge(c: Connection): void {
  const d = c.tcp.sent.data;
  const mss = currentMss(c);
  for (let at = c.rtxHead; at !== 0; at = d[at + NEXT] as number) {
    const size = (d[at + SEGS] as number) === 1 ? dataLength(c, at) : (d[at + MSS] as number);
    if (size > mss && ((d[at + FLAGS] as number) & SENT_SACKED) === 0) markLost(c, at);
  }
  if (c.lostOut === 0) return;
  c.retransHint = 0;
  if (!c.sackOk) limitDuplicates(c);
  lossWithoutCongestion(c);
}

/** Without SACK: not more duplicates than segments that can have made them. */
function limitDuplicates(c: Connection): void {
  const most = c.packetsOut - Math.min(Math.max(c.lostOut, 1), c.packetsOut);
  if (c.sackedOut > most) c.sackedOut = most;
}
