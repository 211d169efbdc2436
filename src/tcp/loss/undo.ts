import { seqGe } from "../../wire/seqnum.js";
import { FLAGS, NEXT, SENT_LOST } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_LOSS, CA_OPEN, ECN_QUEUE_CWR, SYN_SENT } from "../constants.js";
import { REO_WND_PERSIST } from "./rack.js";
import { anyRetransmitted, keepOpen, setCaState } from "./reduction.js";
import { noteSackReordering } from "./reorder.js";

/*
 * A retransmission turns out to have been needless, by its echo (Eifel, RFC 3522), by DSACK (RFC 3708) or by F-RTO
 * (RFC 5682): the window comes back (RFC 4015).
 */

/** Notes what must be known to undo the reduction that begins. */
export function beginUndo(c: Connection): void {
  c.undoable = true;
  c.undoMarker = c.sndUna;
  c.undoRetrans = c.retransOut;
  if (c.tlpHighSeq !== 0 && c.tlpRetrans) c.undoRetrans++;
  // 0 would mean that all of none were needless
  if (c.undoRetrans === 0) c.undoRetrans = -1;
}

/** RFC 3522: what was acknowledged is the first sending, by its timestamp's echo; or nothing was sent again yet. */
function packetDelayed(c: Connection): boolean {
  if (c.retransStamp !== 0) return c.sawTs && c.rcvTsecr !== 0 && ((c.rcvTsecr - c.retransStamp) | 0) < 0;
  // The stamp was cleared though something had been sent again: see holdsReno
  if (!c.sackOk && seqGe(c.sndUna, c.highSeq)) return false;
  return c.state !== SYN_SENT;
}

function mayUndo(c: Connection): boolean {
  return c.undoable && (c.undoRetrans === 0 || packetDelayed(c));
}

function undoReduction(c: Connection, unmarkLost: boolean): void {
  if (unmarkLost) {
    const d = c.tcp.sent.data;
    for (let at = c.rtxHead; at !== 0; at = d[at + NEXT] as number)
      d[at + FLAGS] = (d[at + FLAGS] as number) & ~SENT_LOST;
    c.lostOut = 0;
    c.retransHint = 0;
  }
  if (c.priorSsthresh !== 0) {
    c.cwnd = c.congestion.undoCwnd(c);
    if (c.priorSsthresh > c.ssthresh) {
      c.ssthresh = c.priorSsthresh;
      c.ecn &= ~ECN_QUEUE_CWR;
    }
  }
  c.cwndStamp = c.tcp.time.ms;
  c.undoable = false;
  // What is lost has to be asked anew
  c.rackAdvanced = true;
}

/** RFC 6582 §3.2: without SACK the state is held until something above highSeq is acknowledged. */
function holdsReno(c: Connection): boolean {
  if (c.sackOk || c.sndUna !== c.highSeq) return false;
  if (!anyRetransmitted(c)) c.retransStamp = 0;
  return true;
}

/** Everything up to highSeq is acknowledged. @returns whether the state is to stay for all that */
export function undoRecovery(c: Connection): boolean {
  const { counters } = c.tcp;
  if (mayUndo(c)) {
    undoReduction(c, false);
    if (c.caState === CA_LOSS) counters.TcpExtTCPLossUndo++;
    else counters.TcpExtTCPFullUndo++;
  } else if (c.rackReoWndPersist > 0) c.rackReoWndPersist--;
  if (holdsReno(c)) return true;
  setCaState(c, CA_OPEN);
  c.reneged = false;
  return false;
}

/** RFC 3708: each retransmission has been reported as a duplicate. */
export function undoByDsack(c: Connection): boolean {
  if (!c.undoable || c.undoRetrans !== 0) return false;
  c.rackReoWndPersist = Math.min(REO_WND_PERSIST, c.rackReoWndPersist + 1);
  undoReduction(c, false);
  c.tcp.counters.TcpExtTCPDSACKUndo++;
  return true;
}

/** The timeout was for nothing. @param frto F-RTO says so */
export function undoLoss(c: Connection, frto: boolean): boolean {
  if (!frto && !mayUndo(c)) return false;
  const { counters } = c.tcp;
  undoReduction(c, true);
  counters.TcpExtTCPLossUndo++;
  if (frto) counters.TcpExtTCPSpuriousRTOs++;
  c.retransmits = 0;
  if (holdsReno(c)) return true;
  if (frto || c.sackOk) {
    setCaState(c, CA_OPEN);
    c.reneged = false;
  }
  return true;
}

/**
 * A part of what recovery is about was acknowledged, and not for our retransmission: it was late.
 * @returns whether nothing more is to be held lost now
 */
export function undoPartial(c: Connection, priorUna: number): boolean {
  if (!c.undoable || !packetDelayed(c)) return false;
  noteSackReordering(c, priorUna, true);
  if (c.retransOut > 0) return true;
  if (!anyRetransmitted(c)) c.retransStamp = 0;
  undoReduction(c, true);
  c.tcp.counters.TcpExtTCPPartialUndo++;
  keepOpen(c);
  return false;
}
