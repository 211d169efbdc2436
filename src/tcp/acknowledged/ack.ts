import { seqGt, seqLt } from "../../wire/seqnum.js";
import { CWR, ECE, FIN, SYN, TS_SPACE, URG } from "../../wire/tcp.js";
import { challenge } from "../arriving/challenge.js";
import { pawsFresh } from "../arriving/paws.js";
import type { Segment } from "../arriving/segment.js";
import { dropSendBuffer } from "../buffers.js";
import { CHRONO_SNDBUF, chronoStop } from "../chrono.js";
import { grow, restartAfterIdle } from "../congestion/window.js";
import type { Connection } from "../connection.js";
import { CA_OPEN, ECN_ACC, ECN_DEMAND_CWR, ECN_OK, ESTABLISHED, EVENT_WRITABLE, SYN_SENT } from "../constants.js";
import { ACE_FLAGS } from "../ecn/accecn.js";
import { accEcnAck } from "../ecn/accecn-feedback.js";
import { rackUpdateWindow } from "../loss/rack.js";
import { alert } from "../loss/recovery.js";
import { inReduction, reduceWindow } from "../loss/reduction.js";
import { countDelivered, highestSacked } from "../loss/reorder.js";
import { retransmitLost } from "../loss/retransmit.js";
import { setTimerAfterAck } from "../loss/retransmit-timer.js";
import { probeAnswered } from "../loss/tlp.js";
import { touch, wake } from "../notify.js";
import { hasUnsent, output, PUSH_NOW, push } from "../sending/output.js";
import { updatePacingRate } from "../sending/pacing.js";
import { updateMss } from "../sending/path.js";
import { roomToWrite, tuneSendBuffer } from "../sending/send-buffer.js";
import { windowAnswered } from "../sending/zero-window.js";
import {
  ACK_ADVANCED,
  ACK_ALERT,
  ACK_DATA,
  ACK_DSACK,
  ACK_ECE,
  ACK_NEW_DATA,
  ACK_NOT_DUP,
  ACK_PROGRESS,
  ACK_SET_TIMER,
  ACK_SLOW,
  ACK_TS_PROGRESS,
  ACK_WINDOW,
  REXMIT_NEW,
  REXMIT_NONE,
} from "./ack-state.js";
import { cleanQueue } from "./acked.js";
import { rateGenerate } from "./rate.js";
import { tagSacked } from "./sacktag.js";
import { mayUpdateWindow } from "./window-update.js";

/** What became of an acknowledgment. */
export const ACK_TAKEN = 1;
/** It is old: nothing in it is news, but the rest of the segment may be. */
export const ACK_OLD = 0;
/** Of what was never sent. */
export const ACK_UNSENT = -1;
/** Older than any window; it was answered already unless the caller does. */
export const ACK_TOO_OLD = -2;

/**
 * RFC 9293 §3.10.7.4, fifth step, from the synchronized states: takes what the segment acknowledges, measures, and does
 * what recovery and congestion control make of it. Retransmissions go out here; new data when the batch ends.
 * @param challenges whether to answer one that is too old with a challenge ACK
 */
export function processAck(c: Connection, seg: Segment, challenges: boolean): number {
  const { ack, rate } = c.tcp;
  if (c.touched) useAllowance(c, seg);
  const priorUna = c.sndUna;
  ack.begin(priorUna, c.packetsOut);
  rate.reset();
  if (seqLt(seg.ack, priorUna)) return oldAck(c, seg, challenges);
  if (seqGt(seg.ack, c.sndNxt)) return ACK_UNSENT;
  if (seqGt(seg.ack, priorUna)) {
    ack.flags |= ACK_ADVANCED;
    c.retransmits = 0;
  }
  ack.priorTop = c.sackOk ? highestSacked(c) : priorUna;
  rate.priorInFlight = c.inFlight;
  noteTimestamp(c, seg);
  const delivered = c.delivered;
  const lost = c.lost;
  read(c, seg, priorUna);
  peerLives(c);
  if (ack.priorPackets === 0) {
    if ((c.ecn & ECN_ACC) !== 0) marksDelivered(c, seg, delivered);
    nothingInFlight(c, seg);
    if (hasUnsent(c)) touch(c);
    return ACK_TAKEN;
  }
  cleanQueue(c);
  rackUpdateWindow(c, rate);
  if ((c.ecn & ECN_ACC) !== 0) marksDelivered(c, seg, delivered);
  if (c.tlpHighSeq !== 0) probeAnswered(c, seg.ack);
  if (dubious(c)) {
    if ((ack.flags & (ACK_ADVANCED | ACK_NOT_DUP | ACK_DSACK)) === 0) ack.dupAcks = 1;
    alert(c);
  }
  if ((ack.flags & ACK_SET_TIMER) !== 0) setTimerAfterAck(c);
  confirmNeighbour(c);
  const news = newlyDelivered(c, delivered);
  const losses = (c.lost - lost) | 0;
  rateGenerate(c, rate, news, losses, c.reneged);
  controlWindow(c, seg.ack, news, losses);
  sendForRecovery(c);
  if ((ack.flags & ACK_ADVANCED) !== 0 || hasUnsent(c)) touch(c);
  return ACK_TAKEN;
}

function peerLives(c: Connection): void {
  c.softError = 0;
  c.probes = 0;
  c.keepProbes = 0;
  c.lastAck = c.tcp.time.ms;
}

/**
 * What earlier ACKs of the batch allowed goes out before one that may take it back: Linux sends after each of them. While
 * nothing is amiss cwnd only grows, and the batch's end sends it all in long runs.
 */
function useAllowance(c: Connection, seg: Segment): void {
  if (
    c.caState === CA_OPEN &&
    seg.sackBlocks === 0 &&
    (seg.flags & ACE_FLAGS) === c.aceExpected &&
    seg.ack !== c.sndUna
  )
    return;
  if (hasUnsent(c)) output(c);
}

/** What the segment says besides its number: window, SACKs, ECN. */
function read(c: Connection, seg: Segment, priorUna: number): void {
  const { ack, counters } = c.tcp;
  // What takes a sequence number is data here
  const bare = seg.length === 0 && (seg.flags & (SYN | FIN)) === 0;
  const known = ((ack.flags & ACK_ADVANCED) !== 0 || (c.ecn & ECN_ACC) !== 0) && predicted(c, seg);
  if (!known && (c.ecn & ECN_ACC) !== 0) ack.flags |= ACK_SLOW;
  if ((ack.flags & ACK_ADVANCED) !== 0 && known) counters.TcpExtTCPHPAcks++;
  else if (bare) counters.TcpExtTCPPureAcks++;
  if (!bare) ack.flags |= ACK_DATA;
  if (updateWindow(c, seg)) ack.flags |= ACK_WINDOW;
  if ((ack.flags & ACK_ADVANCED) !== 0) moveUna(c, seg.ack);
  if (seg.sackBlocks > 0 && c.sackOk) {
    tagSacked(c, seg, priorUna);
    if (ack.sackDelivered > 0) countDelivered(c, ack.sackDelivered, (seg.flags & ECE) !== 0);
  }
  if ((c.ecn & ECN_OK) === 0) return;
  // RFC 3168 §6.1.2; a SYN's bits mean something else
  if ((seg.flags & (ECE | SYN)) === ECE) ack.flags |= ACK_ECE;
  if ((seg.flags & CWR) !== 0) c.ecn &= ~ECN_DEMAND_CWR;
}

/** Whether Linux's header prediction would have known the segment: the next one, with nothing in it but what it must have. */
function predicted(c: Connection, seg: Segment): boolean {
  return (
    c.state === ESTABLISHED &&
    seg.seq === c.rcvNxt &&
    (seg.flags & (ACE_FLAGS | URG | FIN | SYN)) === c.aceExpected &&
    seg.window << c.sndWscale === c.sndWnd &&
    seg.ts === c.tsOk &&
    seg.optionsLength === (c.tsOk ? TS_SPACE : 0) &&
    c.oooCount === 0
  );
}

/** RFC 7323 §4.3 (2): the timestamp of what stands at the last ACK sent, or before it, is the one to echo. */
export function noteTimestamp(c: Connection, seg: Segment): void {
  if (!c.sawTs || seqGt(seg.seq, c.rcvAcked) || !pawsFresh(c, 0)) return;
  if (((c.rcvTsval - c.tsRecent) | 0) > 0) c.tcp.ack.flags |= ACK_TS_PROGRESS;
  c.tsRecent = c.rcvTsval;
  c.tsRecentAt = c.tcp.time.s;
}

/** SND.WND, from a segment that is not older than the last that set it (RFC 9293 §3.10.7.4). @returns whether it is new */
function updateWindow(c: Connection, seg: Segment): boolean {
  const window = (seg.flags & SYN) !== 0 ? seg.window : seg.window << c.sndWscale;
  if (!mayUpdateWindow(c, seg, window)) return false;
  c.sndWl1 = seg.seq;
  if (window === c.sndWnd) return true;
  c.sndWnd = window;
  if (hasUnsent(c)) {
    restartAfterIdle(c);
    touch(c);
  }
  if (window > c.maxWnd) {
    c.maxWnd = window;
    updateMss(c);
  }
  return true;
}

/** SND.UNA moves: what was acknowledged leaves the buffer. */
function moveUna(c: Connection, ack: number): void {
  const acked = (ack - c.sndUna) | 0;
  c.bytesAcked += acked;
  c.sndUna = ack;
  if (seqLt(c.sndSml, ack)) c.sndSml = ack;
  const left = (c.writeSeq - ack) | 0;
  const bytes = c.sndQueued - (left > 0 ? left : 0);
  if (bytes > 0) release(c, bytes);
}

function release(c: Connection, bytes: number): void {
  const { snd } = c;
  c.sndQueued -= bytes;
  if (snd === null) return;
  if (c.sndQueued === 0) dropSendBuffer(c);
  else snd.drop(bytes);
}

/** An ACK below SND.UNA (RFC 5961 §5.2). */
function oldAck(c: Connection, seg: Segment, challenges: boolean): number {
  const reach = Math.min(c.maxWnd, c.bytesAcked);
  // Header prediction takes the timestamp before it looks at the number (RFC 7323 §4.3)
  if (predicted(c, seg)) noteTimestamp(c, seg);
  if (seqLt(seg.ack, (c.sndUna - reach) | 0)) {
    if (challenges) challenge(c);
    return ACK_TOO_OLD;
  }
  if (seg.sackBlocks === 0 || !c.sackOk) return ACK_OLD;
  // It comes late, but its SACKs may be news
  const delivered = c.delivered;
  tagSacked(c, seg, c.sndUna);
  if ((c.ecn & ECN_ACC) !== 0) marksDelivered(c, seg, delivered);
  alert(c);
  newlyDelivered(c, delivered);
  sendForRecovery(c);
  touch(c);
  return ACK_OLD;
}

/** Nothing was in flight: what else an ACK can mean. */
function nothingInFlight(c: Connection, seg: Segment): void {
  const { ack } = c.tcp;
  if ((ack.flags & ACK_DSACK) !== 0) {
    const delivered = c.delivered - ack.sackDelivered;
    alert(c);
    newlyDelivered(c, delivered);
  }
  windowAnswered(c);
  if (c.tlpHighSeq !== 0) probeAnswered(c, seg.ack);
}

/** Linux's tcp_ack_is_dubious. */
function dubious(c: Connection): boolean {
  const { flags } = c.tcp.ack;
  return (flags & ACK_NOT_DUP) === 0 || (flags & ACK_ALERT) !== 0 || c.caState !== CA_OPEN;
}

function newlyDelivered(c: Connection, before: number): number {
  const { ack, counters } = c.tcp;
  const n = c.delivered - before;
  counters.TcpExtTCPDelivered += n;
  if ((ack.flags & ACK_ECE) !== 0) counters.TcpExtTCPDeliveredCE += (c.ecn & ECN_ACC) !== 0 ? ack.ceDelivered : n;
  return n;
}

/** RFC 9768 §3.2.2: what the ACK says of marks on what it delivers, now that this is known. */
function marksDelivered(c: Connection, seg: Segment, before: number): void {
  const { ack } = c.tcp;
  accEcnAck(c, seg, c.delivered - before, ((c.sndUna - ack.priorUna) | 0) + ack.sackBytes);
}

/** RFC 4861 §7.3.1's idea, and Linux's dst_confirm: progress proves that the neighbour is there. */
function confirmNeighbour(c: Connection): void {
  const { flags } = c.tcp.ack;
  if ((flags & ACK_PROGRESS) === 0 && (flags & ACK_NOT_DUP) !== 0) return;
  const { route } = c;
  if (route !== null && route.neighbour !== null) route.neighbour.confirm();
}

/** cwnd: by the algorithm alone, by PRR while it comes down, else it may grow. */
function controlWindow(c: Connection, ackSeq: number, delivered: number, losses: number): void {
  const { ack, rate, settings } = c.tcp;
  if (c.congestion.congControl !== undefined) {
    c.congestion.congControl(c, delivered, rate);
    return;
  }
  if (inReduction(c)) reduceWindow(c, delivered, losses, (ack.flags & ACK_ADVANCED) !== 0);
  else {
    // With much reordering every delivery counts, else only what comes in order (RFC 5681)
    const mask = c.reordering > settings.reordering ? ACK_PROGRESS : ACK_NEW_DATA;
    if ((ack.flags & mask) !== 0) grow(c, ackSeq, delivered);
  }
  updatePacingRate(c);
}

/** What recovery wants sent, now that cwnd is known (Linux's tcp_xmit_recovery). */
function sendForRecovery(c: Connection): void {
  const { ack } = c.tcp;
  if (ack.rexmit === REXMIT_NONE || c.state === SYN_SENT) return;
  if (ack.rexmit === REXMIT_NEW) {
    push(c, PUSH_NOW);
    if (seqGt(c.sndNxt, c.highSeq)) return;
    c.frto = false;
  }
  retransmitLost(c);
}

/** The end of a batch in which something was acknowledged: the application may have room again. */
export function afterAcks(c: Connection): void {
  if (!c.noSpace) return;
  tuneSendBuffer(c);
  if (!roomToWrite(c)) return;
  c.noSpace = false;
  chronoStop(c, CHRONO_SNDBUF);
  wake(c, EVENT_WRITABLE);
}
