import type { Connection } from "./connection.js";
import { CA_LOSS } from "./constants.js";
import { markLost } from "./flight.js";
import { currentSsthresh, setCaState } from "./reduction.js";
import { retransmitLost } from "./retransmit.js";
import { END, FLAGS, NEXT, SEGS, SENT_SACKED, SEQ } from "./sent.js";

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

/** RFC 1191 §6.4: what was sent in segments larger than the path takes goes again in smaller ones. */
export function resendTooLarge(c: Connection): void {
  const d = c.tcp.sent.data;
  const before = c.lostOut;
  for (let at = c.rtxHead; at !== 0; at = d[at + NEXT] as number) {
    const segs = d[at + SEGS] as number;
    const size = Math.ceil((((d[at + END] as number) - (d[at + SEQ] as number)) | 0) / segs);
    if (size > c.mss && ((d[at + FLAGS] as number) & SENT_SACKED) === 0) markLost(c, at);
  }
  if (c.lostOut === before) return;
  c.retransHint = 0;
  if (!c.sackOk) limitDuplicates(c);
  lossWithoutCongestion(c);
}

/** Without SACK: not more duplicates than segments that can have made them. */
function limitDuplicates(c: Connection): void {
  const most = c.packetsOut - Math.min(Math.max(c.lostOut, 1), c.packetsOut);
  if (c.sackedOut > most) c.sackedOut = most;
}
