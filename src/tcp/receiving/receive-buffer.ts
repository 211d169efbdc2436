import { FIN, MSS_DEFAULT, PSH, SYN, TS_SPACE as TIMESTAMPS, URG } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { ACK_PUSHED, ACK_PUSHED2, ATO_MIN, QUICK_ACKS } from "../constants.js";
import { touch } from "../notify.js";
import { initialRcvMss, MSS_LEAST, moreQuickAcks, readWantsAck } from "./ack-policy.js";
import { lastEnd } from "./out-of-order.js";
import { memoryScarce } from "./pressure.js";
import { advertised, chargeOf, releaseRead } from "./receive-queue.js";
import { freeSpace, fullSpace, offered, setWindowClamp, windowOf } from "./window.js";

/*
 * The receiver's view of what comes: segment size, rhythm, round trip, and from those the size of the buffer (dynamic
 * right-sizing: Fisk and Feng, "Dynamic right-sizing in TCP", 2001; Linux's tcp_rcv_space_adjust).
 */

/** Segments below this do not open the window. */
const GROWS_FROM = 128;
/** Linux's TCP_INIT_CWND. */
const SPACE_SEGMENTS = 10;
const NOT_FULL = FIN | URG | SYN | PSH;
// Constants of this module are folded into the code; imported ones are loaded and checked at every use.
const PUSH = PSH;
const TS_SPACE = TIMESTAMPS;
const PUSHED = ACK_PUSHED;
const PUSHED_BOTH = ACK_PUSHED | ACK_PUSHED2;
const FULL_FROM = MSS_DEFAULT;
const PERHAPS_FROM = MSS_LEAST;
/** us of a round trip at most: it is kept eightfold, and in 32 bits. */
const RTT_MOST = 1 << 27;
const FASTEST = ATO_MIN >> 1;
const STEADY = ATO_MIN;

/** RCV.NXT less what is unread: how far the application has read. */
export function copiedSeq(c: Connection): number {
  const fin = c.rcvFin && ((c.rcvNxt - c.rcvFinSeq) | 0) > 0 ? 1 : 0;
  return (c.rcvNxt - c.rcvQueued - fin) | 0;
}

/** The connection is ESTABLISHED: its buffer and window are known (Linux's tcp_init_buffer_space). */
export function initReceiveBuffer(c: Connection): void {
  const mss = advertised(c);
  const most = fullSpace(c);
  const now = offered(c);
  initialRcvMss(c);
  if (c.windowClamp === 0 || c.windowClamp > most) c.windowClamp = most;
  // Room for a segment more than is offered
  if (c.windowClamp > 2 * mss && c.windowClamp + mss > most) c.windowClamp = Math.max(2 * mss, most - mss);
  if (c.rcvSsthresh === 0) c.rcvSsthresh = now;
  if (c.rcvSsthresh > c.windowClamp) c.rcvSsthresh = c.windowClamp;
  c.rcvSpace = Math.min(c.rcvSsthresh, now, SPACE_SEGMENTS * mss);
  c.rcvSpaceSeq = copiedSeq(c);
  c.rcvSpaceStamp = c.tcp.time.us;
}

/**
 * Data in order has been queued: RFC 9293 §3.8.6.3's every second "full-sized" segment needs the peer's size, and the
 * delay of an ACK his rhythm.
 * @param length payload; size: of the largest segment in it; options: bytes of them
 */
export function dataArrived(c: Connection, length: number, size: number, options: number, flags: number): void {
  const { ms } = c.tcp.time;
  c.ackDue = true;
  measureSize(c, length, size, options, flags);
  if (c.rcvRttStamp === 0 || ((c.rcvNxt - c.rcvRttSeq) | 0) >= 0) measureRtt(c);
  const gap = (ms - c.lastReceive) | 0;
  // What the rhythm of a steady stream comes to, and stays at
  if (gap !== 0 || c.ato !== STEADY) followRhythm(c, gap);
  c.lastReceive = ms;
  if (length >= GROWS_FROM && c.rcvSsthresh < c.windowClamp) growWindow(c, length, chargeOf(length + options));
}

function followRhythm(c: Connection, gap: number): void {
  if (c.ato === 0) {
    moreQuickAcks(c, QUICK_ACKS);
    c.ato = ATO_MIN;
  } else if (gap <= FASTEST) c.ato = (c.ato >> 1) + FASTEST;
  else if (gap < c.ato) c.ato = Math.min((c.ato >> 1) + gap, c.rto);
  // The peer seems to restart from a small window
  else if (gap > c.rto) moreQuickAcks(c, QUICK_ACKS);
}

/** The size of the peer's full segments: the largest seen, or what comes twice in succession. */
export function measureSize(c: Connection, length: number, size: number, options: number, flags: number): void {
  const last = c.lastSegSize;
  c.lastSegSize = 0;
  if (size >= c.rcvMss) {
    if (size !== c.rcvMss) {
      adaptRatio(c, length, options);
      const most = advertised(c);
      c.rcvMss = size < most ? size : most;
    }
    if ((flags & PUSH) !== 0) c.ackPushed |= PUSHED;
    return;
  }
  // SACK blocks take of a full segment's payload; without PSH it should be full
  const whole = size + options;
  if (whole >= FULL_FROM || (whole >= PERHAPS_FROM && (flags & NOT_FULL) === 0)) {
    const n = c.tsOk ? whole - TS_SPACE : whole;
    c.lastSegSize = n;
    if (n === last) {
      c.rcvMss = n;
      return;
    }
  }
  c.ackPushed = c.ackPushed === 0 ? PUSHED : PUSHED_BOTH;
}

/** A larger segment than any before: what share of a buffer is payload is known better. */
function adaptRatio(c: Connection, length: number, options: number): void {
  const ratio = Math.max(Math.floor((length * 256) / chargeOf(length + options)), 1);
  if (ratio === c.rcvRatio) return;
  c.rcvRatio = ratio;
  setWindowClamp(c, fullSpace(c));
  if (c.rcvSpace > c.windowClamp) c.rcvSpace = c.windowClamp;
}

/** Opens the window by two segments, while segments as large as this one are no burden. */
export function growWindow(c: Connection, length: number, charge: number): void {
  const room = Math.min(c.windowClamp, freeSpace(c)) - c.rcvSsthresh;
  if (room <= 0 || memoryScarce(c.tcp.pool)) return;
  let step = windowOf(c, charge) <= length ? 2 * advertised(c) : slowStep(c, length, charge);
  if (step === 0) return;
  if (step < 2 * length) step = 2 * length;
  c.rcvSsthresh += step < room ? step : room;
  c.quickAcks |= 1;
}

/** The step for segments that cost more than they bring: the further the window is open, the fuller they must be. */
function slowStep(c: Connection, length: number, charge: number): number {
  let cost = windowOf(c, charge) >> 1;
  let window = windowOf(c, c.tcp.settings.rmemMax) >> 1;
  while (c.rcvSsthresh <= window) {
    if (cost <= length) return 2 * c.rcvMss;
    cost >>= 1;
    window >>= 1;
  }
  return 0;
}

/** The time in which a whole window comes is a round trip at most, and the least of them nearly one. */
function measureRtt(c: Connection): void {
  const { us } = c.tcp.time;
  if (c.rcvRttStamp !== 0) {
    const sample = Math.min(Math.max((us - c.rcvRttStamp) | 0, 1), RTT_MOST) * 8;
    if (c.rcvRtt === 0 || sample < c.rcvRtt) c.rcvRtt = sample;
  }
  c.rcvRttSeq = (c.rcvNxt + offered(c)) | 0;
  c.rcvRttStamp = us === 0 ? 1 : us;
}

/** RFC 7323 §4.1's echo measures it for a receiver, too, where a full segment answers an ACK of ours at once. */
export function measureRttByEcho(c: Connection, length: number): void {
  const echo = c.rcvTsecr;
  if (echo === c.rcvRttLastEcr) return;
  // Not by the segment that established the connection
  if (c.bytesReceived === 0 && c.rcvSpaceStamp === c.tcp.time.us) return;
  c.rcvRttLastEcr = echo;
  if (length < c.rcvMss) return;
  const ms = (c.tcp.time.ms - echo) | 0;
  if (ms <= 0 || ms > RTT_MOST / 1000) return;
  const us = ms * 1000;
  if (c.rcvRtt === 0 || us * 8 < c.rcvRtt) c.rcvRtt = us * 8;
  // While the application has not kept up it measures the application
  else if (c.rcvQueued === 0) c.rcvRtt += us - (c.rcvRtt >> 3);
}

/** The application has read `n` bytes; they have left the queue. Linux's tcp_rcv_space_adjust and tcp_cleanup_rbuf. */
export function readMoved(c: Connection, n: number): void {
  // What came in one batch is one segment: on most devices it would have been received as one (GRO)
  const ofOthers = n > c.rcvFront && c.rcvFrontAt !== c.tcp.time.us ? n - c.rcvFront : 0;
  releaseRead(c, n);
  if (c.index < 0) return;
  adjustSpace(c, ofOthers);
  if (!c.ackNow && readWantsAck(c)) {
    c.ackNow = true;
    touch(c);
  }
}

/**
 * Once a round trip: how much the application has read in it is what the window has to hold. As in Linux it is looked
 * at when the first segment of a read has been read, `ahead` bytes before its end.
 */
function adjustSpace(c: Connection, ahead: number): void {
  const { us } = c.tcp.time;
  if (c.rcvRtt === 0 || ((us - c.rcvSpaceStamp) | 0) < c.rcvRtt >> 3) return;
  const seq = (copiedSeq(c) - ahead) | 0;
  const copied = ((seq - c.rcvSpaceSeq) | 0) - c.rcvQueued - ahead;
  if (copied > c.rcvSpace) growBuffer(c, copied);
  c.rcvSpaceSeq = seq;
  c.rcvSpaceStamp = us;
}

/** Sizes the buffer for a peer that reads or sends `space` a round trip; RFC 9293 leaves its size open. */
export function growBuffer(c: Connection, space: number): void {
  const { settings } = c.tcp;
  const old = c.rcvSpace;
  c.rcvSpace = space;
  if (settings.moderateRcvbuf === 0 || c.rcvLocked || old <= 0) return;
  // A round trip has passed meanwhile, and in slow start the peer doubles in each
  let window = 2 * space;
  window += 2 * Math.floor((window * (space - old)) / old);
  if (c.oooCount > 0) window += (lastEnd(c) - c.rcvNxt) | 0;
  const size = Math.min(Math.floor((window * 256) / c.rcvRatio), settings.rmemMax);
  if (size <= 2 * c.rcvLimit) return;
  c.rcvLimit = size >> 1;
  c.windowClamp = fullSpace(c);
}
