import { seqGe, seqGt } from "../../wire/seqnum.js";
import {
  ACK_ADVANCED,
  ACK_ECE,
  ACK_LOST_RETRANS,
  ACK_NEW_SACK,
  ACK_ORIGINAL,
  ACK_RENEGED,
  ACK_SET_TIMER,
  REXMIT_LOST,
  REXMIT_NEW,
} from "../acknowledged/ack-state.js";
import { markLost } from "../acknowledged/flight.js";
import { FLAGS, NEXT, SENT_SACKED } from "../acknowledged/sent.js";
import { CA_EVENT_LOSS } from "../congestion/congestion.js";
import type { Connection } from "../connection.js";
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY, TIMER_RETRANSMIT } from "../constants.js";
import { mtuProbeLost } from "../sending/mtu-probe.js";
import { setSenderTimer } from "../timer-set.js";
import { newRenoMarkLost, rackMarkLost, rackRemaining } from "./rack.js";
import {
  anyRetransmitted,
  beginReduction,
  currentSsthresh,
  endReduction,
  enterCwr,
  inReduction,
  keepOpen,
  queueCwr,
  setCaState,
} from "./reduction.js";
import { addRenoSack } from "./reorder.js";
import { beginUndo, undoByDsack, undoLoss, undoPartial, undoRecovery } from "./undo.js";

/*
 * Loss recovery as a machine of five states (Linux's tcp_fastretrans_alert): Open, Disorder (duplicates or SACKs, no
 * loss yet), CWR (reduced for ECN), Recovery (fast retransmit: RFC 6675, 6582), Loss (after a timeout).
 */

/** Something is dubious about an ACK, or recovery goes on: what it means. The ACK in hand is in `tcp.ack`. */
export function alert(c: Connection): void {
  const { ack } = c.tcp;
  const { flags } = ack;
  const ece = (flags & ACK_ECE) !== 0;
  if (c.packetsOut === 0 && c.sackedOut > 0) c.sackedOut = 0;
  // A reduction asked for by ECN is not undone
  if (ece) c.priorSsthresh = 0;
  if (reneging(c)) return;
  if (c.caState === CA_OPEN) c.retransStamp = 0;
  else if (seqGe(c.sndUna, c.highSeq) && leave(c)) return;
  switch (c.caState) {
    case CA_RECOVERY:
      if (!inRecovery(c, ece)) return;
      break;
    case CA_LOSS:
      inLoss(c);
      leftLoss(c);
      markLosses(c);
      if (stillLoss(c) && (ack.flags & ACK_LOST_RETRANS) === 0) return;
      if (!elsewhere(c, ece)) return;
      break;
    default:
      if (!elsewhere(c, ece)) return;
  }
  ack.rexmit = REXMIT_LOST;
}

function stillLoss(c: Connection): boolean {
  return c.caState !== CA_OPEN;
}

/** RFC 2018 §8: the peer has dropped what it had SACKed. What it has is asked for by a timeout, soon. */
function reneging(c: Connection): boolean {
  const { ack } = c.tcp;
  if ((ack.flags & (ACK_RENEGED | ACK_ADVANCED)) !== (ACK_RENEGED | ACK_ADVANCED)) return false;
  setSenderTimer(c, TIMER_RETRANSMIT, Math.ceil(Math.max(c.srtt >> 4, 10_000) / 1000));
  ack.flags &= ~ACK_SET_TIMER;
  return true;
}

/** Everything that the episode was about is acknowledged. @returns whether that is all there is to do */
function leave(c: Connection): boolean {
  if (c.caState === CA_CWR) {
    // Held until something above is acknowledged, so that the CWR bit has reached the peer
    if (c.sndUna !== c.highSeq) {
      endReduction(c);
      setCaState(c, CA_OPEN);
    }
  } else if (c.caState === CA_RECOVERY) {
    if (!c.sackOk) c.sackedOut = 0;
    if (undoRecovery(c)) return true;
    endReduction(c);
  }
  return false;
}

/** RFC 6675 §5, RFC 6582 §3.2 step 3. @returns whether retransmission may go on */
function inRecovery(c: Connection, ece: boolean): boolean {
  const { ack } = c.tcp;
  if ((ack.flags & ACK_ADVANCED) === 0) {
    if (!c.sackOk) addRenoSack(c, ack.dupAcks, ece);
  } else if (undoPartial(c, ack.priorUna)) return false;
  if (undoByDsack(c)) tryOpen(c);
  markLosses(c);
  if (c.caState === CA_RECOVERY) return true;
  if (c.lostOut === 0) return false;
  enterRecovery(c, ece);
  return true;
}

/** Open, Disorder, CWR, or a Loss that has just ended. @returns whether recovery begins */
function elsewhere(c: Connection, ece: boolean): boolean {
  const { ack } = c.tcp;
  if (!c.sackOk) {
    if ((ack.flags & ACK_ADVANCED) !== 0) c.sackedOut = 0;
    addRenoSack(c, ack.dupAcks, ece);
  }
  if (c.caState <= CA_DISORDER) undoByDsack(c);
  markLosses(c);
  if (c.lostOut === 0) {
    tryOpen(c);
    return false;
  }
  // RFC 4821 §7.5: the probe was too large; that is no congestion
  if (c.caState < CA_CWR && mtuProbeLost(c)) return false;
  enterRecovery(c, ece);
  return true;
}

/** RFC 8985 with SACK, RFC 6582 without. */
function markLosses(c: Connection): void {
  const { ack } = c.tcp;
  if (c.rtxHead === 0) return;
  if (!c.sackOk) {
    newRenoMarkLost(c, (ack.flags & ACK_ADVANCED) !== 0);
    return;
  }
  const before = c.retransOut;
  if (rackMarkLost(c)) ack.flags &= ~ACK_SET_TIMER;
  if (before > c.retransOut) ack.flags |= ACK_LOST_RETRANS;
}

function tryOpen(c: Connection): void {
  if (!anyRetransmitted(c)) c.retransStamp = 0;
  if ((c.tcp.ack.flags & ACK_ECE) !== 0) enterCwr(c);
  if (c.caState !== CA_CWR) keepOpen(c);
}

/** RFC 5681 §3.2, RFC 6675 §5: fast retransmit begins. */
export function enterRecovery(c: Connection, ece: boolean): void {
  const { counters } = c.tcp;
  if (!anyRetransmitted(c)) c.retransStamp = 0;
  if (c.sackOk) counters.TcpExtTCPSackRecovery++;
  else counters.TcpExtTCPRenoRecovery++;
  c.priorSsthresh = 0;
  beginUndo(c);
  if (!inReduction(c)) {
    if (!ece) c.priorSsthresh = currentSsthresh(c);
    beginReduction(c);
  }
  setCaState(c, CA_RECOVERY);
}

/** RFC 6298 §5, RFC 5682 §3.1 (the SACK-enhanced F-RTO), while a timeout's loss is repaired. */
function inLoss(c: Connection): void {
  const { ack } = c.tcp;
  const { flags } = ack;
  const advanced = (flags & ACK_ADVANCED) !== 0;
  const recovered = seqGe(c.sndUna, c.highSeq);
  if (advanced && undoLoss(c, false)) return;
  if (c.frto) {
    // Step 3 b: never sent again, and delivered: not all was lost
    if ((flags & ACK_ORIGINAL) !== 0 && undoLoss(c, true)) return;
    if (seqGt(c.sndNxt, c.highSeq)) {
      // Step 3 a: the loss was real
      if ((flags & ACK_NEW_SACK) !== 0 || ack.dupAcks > 0) c.frto = false;
    } else if (advanced && !recovered) {
      c.highSeq = c.sndNxt;
      // Step 2 b: new data tells more than old
      if (seqGt(c.writeSeq, c.sndNxt) && seqGt((c.sndUna + c.sndWnd) | 0, c.sndNxt)) {
        ack.rexmit = REXMIT_NEW;
        return;
      }
      c.frto = false;
    }
  }
  if (recovered) {
    undoRecovery(c);
    return;
  }
  if (!c.sackOk) {
    // A duplicate in step 2 b: new data was delivered
    if (seqGt(c.sndNxt, c.highSeq) && ack.dupAcks > 0) addRenoSack(c, ack.dupAcks, (flags & ACK_ECE) !== 0);
    else if (advanced) c.sackedOut = 0;
  }
  ack.rexmit = REXMIT_LOST;
}

function leftLoss(c: Connection): void {
  if (c.caState === CA_LOSS || c.rtoStamp === 0) return;
  c.totalRtoTime += (c.tcp.time.ms - c.rtoStamp) | 0;
  c.rtoStamp = 0;
}

/** RFC 6298 §5 and RFC 5681 §3.1: the retransmission timer ran out. */
export function enterLoss(c: Connection): void {
  const { settings, time } = c.tcp;
  const fresh = c.caState < CA_RECOVERY;
  timeoutMarkLost(c);
  // Not twice within one window of data
  if (c.caState <= CA_DISORDER || !seqGt(c.highSeq, c.sndUna) || (c.caState === CA_LOSS && c.retransmits === 0)) {
    c.priorSsthresh = currentSsthresh(c);
    c.priorCwnd = c.cwnd;
    c.ssthresh = c.congestion.ssthresh(c);
    c.congestion.cwndEvent?.(c, CA_EVENT_LOSS);
    beginUndo(c);
  }
  c.cwnd = c.inFlight + 1;
  c.cwndCnt = 0;
  c.cwndStamp = time.ms;
  // So many duplicates and yet a timeout: reordering is not as bad as was thought
  if (c.caState <= CA_DISORDER && c.sackedOut >= settings.reordering)
    c.reordering = Math.min(c.reordering, settings.reordering);
  setCaState(c, CA_LOSS);
  c.highSeq = c.sndNxt;
  c.tlpHighSeq = 0;
  queueCwr(c);
  c.frto = settings.frto !== 0 && (fresh || c.retransmits > 0) && c.probeSize === 0;
}

/** Everything that is not SACKed is lost, but for what was sent a moment ago (RFC 8985 §6.3). */
function timeoutMarkLost(c: Connection): void {
  const d = c.tcp.sent.data;
  const head = c.rtxHead;
  const reneged = head !== 0 && ((d[head + FLAGS] as number) & SENT_SACKED) !== 0;
  if (reneged) {
    c.tcp.counters.TcpExtTCPSACKReneging++;
    c.sackedOut = 0;
    c.reneged = true;
  } else if (!c.sackOk) c.sackedOut = 0;
  for (let at = head; at !== 0; at = d[at + NEXT] as number) {
    if (reneged) d[at + FLAGS] = (d[at + FLAGS] as number) & ~SENT_SACKED;
    else if (at !== head && rackRemaining(c, at, 0) > 0) continue;
    markLost(c, at);
  }
  c.retransHint = 0;
}
