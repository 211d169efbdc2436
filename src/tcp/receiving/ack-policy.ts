import { MSS_DEFAULT } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { LOWAT as LOWAT_ } from "../connection-bits.js";
import {
  ACK_PUSHED as ACK_PUSHED_,
  ACK_PUSHED2 as ACK_PUSHED2_,
  ATO_MIN as ATO_MIN_,
  DELACK_MAX as DELACK_MAX_,
  DUPTHRESH,
  ESTABLISHED,
  PINGPONG_THRESH as PINGPONG_THRESH_,
  TIMER_DELACK as TIMER_DELACK_,
  TIMER_SACK_DELAY as TIMER_SACK_DELAY_,
} from "../constants.js";
import { touch } from "../notify.js";
import { setTimer, stopTimer } from "../timer-set.js";
import { offered, selectWindow, windowUpdateDue } from "./window.js";

// Constants of this module are folded into the code; imported ones are loaded and checked at every use.
const ACK_PUSHED = ACK_PUSHED_;
const ACK_PUSHED2 = ACK_PUSHED2_;
const ATO_MIN = ATO_MIN_;
const DELACK_MAX = DELACK_MAX_;
const PINGPONG_THRESH = PINGPONG_THRESH_;
const LOWAT = LOWAT_;
const TIMER_DELACK = TIMER_DELACK_;
const TIMER_SACK_DELAY = TIMER_SACK_DELAY_;

/*
 * When to acknowledge: RFC 9293 §3.8.6.3 and RFC 5681 §4.2 as Linux understands them. `transmit` reports every ACK that
 * went; `settle` asks once a batch.
 */

/** The longest that an ACK is delayed while nothing says that the peer waits for it. */
const ATO_MAX = 500;
const PINGPONG_MOST = 255;
/** Linux's TCP_MIN_MSS. */
export const MSS_LEAST = 88;

/** What is thought of the peer's segments before any came: rather too little, which is noticed sooner. */
export function initialRcvMss(c: Connection): void {
  c.rcvMss = Math.max(Math.min(c.advMss, c.mss, offered(c) >> 1, MSS_DEFAULT), MSS_LEAST);
}

/** The next ACKs go at once: the peer may be in slow start, or have lost something. */
export function moreQuickAcks(c: Connection, most: number): void {
  let n = Math.floor(offered(c) / (2 * c.rcvMss));
  if (n <= 0) n = 2;
  if (n > most) n = most;
  if (n > c.quickAcks) c.quickAcks = n;
}

/** The same, and whatever was thought of the conversation is forgotten. */
export function enterQuickAck(c: Connection, most: number): void {
  moreQuickAcks(c, most);
  c.pingpong = 0;
  c.ato = ATO_MIN;
}

/** The application answers what it receives: an ACK does better to wait. */
export function enterPingpong(c: Connection): void {
  c.pingpong = PINGPONG_THRESH;
}

export function inPingpong(c: Connection): boolean {
  return c.pingpong >= PINGPONG_THRESH;
}

/** Something waits behind a hole: data, or the peer's FIN. */
export function hasHoles(c: Connection): boolean {
  return c.oooCount > 0 || (c.rcvFin && ((c.rcvFinSeq - c.rcvNxt) | 0) > 0);
}

/** Segments that acknowledge have gone: nothing is owed any more. However many, Linux counts them as one ACK. */
export function ackSent(c: Connection): void {
  if (c.compressedAcks > 0) {
    c.tcp.counters.TcpExtTCPAckCompressed += c.compressedAcks;
    c.compressedAcks = 0;
  }
  if (c.quickAcks > 0 && c.ackDue && --c.quickAcks === 0) c.ato = ATO_MIN;
  if (c.rcvAcked !== c.rcvNxt) c.dupAckCounter = 0;
  c.ackDue = false;
  c.ackNow = false;
  if (c.accecn !== null) c.accecn.edge = false;
  c.ackPushed = 0;
  c.rcvAcked = c.rcvNxt;
  if ((c.timers & (TIMER_DELACK | TIMER_SACK_DELAY)) !== 0) stopTimer(c, TIMER_DELACK | TIMER_SACK_DELAY);
}

/** New data has gone: an answer, if it comes so soon after something was received. */
export function dataSent(c: Connection): void {
  if (((c.tcp.time.ms - c.lastReceive) | 0) < c.ato && c.pingpong < PINGPONG_MOST) c.pingpong++;
}

/** Less is unread than the application waits for. */
function nothingToRead(c: Connection): boolean {
  return (c.bits & LOWAT) === 0 ? c.rcvQueued === 0 : c.rcvQueued < c.rcvLowat;
}

/** Whether an ACK is to go now. If one is owed and need not, it is put off, and a timer sees to it. */
export function decideAck(c: Connection): boolean {
  if (c.ackNow) return true;
  if (!c.ackDue) return false;
  // At least every second full-sized segment; but not while the application leaves unread what it could read, and the
  // ACK could only say that there is less room: reading sends it
  if (((c.rcvNxt - c.rcvAcked) | 0) > c.rcvMss && (nothingToRead(c) || selectWindow(c) >= offered(c))) return true;
  // Asked second: where the buffer is half full the first question ends them
  if (c.quickAcks > 0 && !inPingpong(c)) return true;
  return hasHoles(c) ? duplicateDue(c) : !putOff(c);
}

/**
 * RFC 5681 §4.2: what comes out of order is answered at once. But once the peer has seen enough of that to send again
 * what is missing, SACKs may wait for each other a little (Linux's compressed ACKs).
 */
function duplicateDue(c: Connection): boolean {
  const { settings, time } = c.tcp;
  if (!c.sackOk || c.compressedAcks >= settings.compSackNr) return true;
  if (c.rcvAcked !== c.rcvNxt) c.dupAckCounter = 0;
  if (c.dupAckCounter < DUPTHRESH) {
    c.dupAckCounter++;
    return true;
  }
  if ((c.timers & TIMER_SACK_DELAY) === 0) {
    const rtt = c.srtt > 0 && c.srtt < c.rcvRtt ? c.srtt : c.rcvRtt;
    // 5 % of the round trip, kept eightfold
    const us = Math.min(settings.compSackDelayNs / 1000, rtt / 160);
    if (us <= 0) return true;
    setTimer(c, TIMER_SACK_DELAY, (time.ms + Math.ceil(us / 1000)) | 0);
  }
  c.compressedAcks++;
  return false;
}

/** Starts the timer of a delayed ACK. False: it is so near its end that the ACK may as well go. */
function putOff(c: Connection): boolean {
  const { time } = c.tcp;
  let delay = delayOf(c);
  if (delay > DELACK_MAX) delay = DELACK_MAX;
  if (c.rtoMinUs < (delay + 1) * 1000) delay = Math.min(delay, Math.max(c.rtoMinUs / 1000, 2) - 1);
  // Nothing but a FIN has ever come
  if (delay <= 0) return false;
  const at = (time.ms + delay) | 0;
  if ((c.timers & TIMER_DELACK) !== 0) {
    if (((c.delackAt - time.ms) | 0) <= delay >> 2) return false;
    if (((at - c.delackAt) | 0) >= 0) return true;
  }
  setTimer(c, TIMER_DELACK, at);
  return true;
}

/** The delay that the peer's rhythm suggests, no longer than a round trip. */
function delayOf(c: Connection): number {
  const { ato } = c;
  if (ato <= ATO_MIN) return ato;
  let most = inPingpong(c) || (c.ackPushed & ACK_PUSHED) !== 0 ? DELACK_MAX : ATO_MAX;
  if (c.srtt > 0) most = Math.min(most, Math.max(Math.ceil((c.srtt >> 3) / 1000), ATO_MIN));
  return ato < most ? ato : most;
}

/**
 * The application has read (Linux's tcp_cleanup_rbuf): whether the ACK that is owed goes for that, or one that tells
 * how far the window has opened.
 */
export function readWantsAck(c: Connection): boolean {
  if (c.ackDue) {
    if (((c.rcvNxt - c.rcvAcked) | 0) > c.rcvMss) return true;
    // The last of it, and it was small: no more may come before this is acknowledged
    const small = (c.ackPushed & ACK_PUSHED2) !== 0 || ((c.ackPushed & ACK_PUSHED) !== 0 && !inPingpong(c));
    if (small && c.rcvQueued === 0 && c.oooCount === 0) return true;
  }
  return windowUpdateDue(c);
}

/** TCP_QUICKACK: an odd value also keeps the connection out of pingpong mode; 0 enters it. */
export function setQuickAck(c: Connection, value: number): void {
  if (value === 0) {
    enterPingpong(c);
    return;
  }
  c.pingpong = 0;
  if (c.state < ESTABLISHED || !c.ackDue || c.index < 0) return;
  c.ackPushed |= ACK_PUSHED;
  if (readWantsAck(c)) {
    c.ackNow = true;
    touch(c);
  }
  if ((value & 1) === 0) enterPingpong(c);
}
