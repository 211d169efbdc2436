import { seqGt, seqLe, seqLt } from "../../wire/seqnum.js";
import { CHRONO_BUSY, chronoStop } from "../chrono.js";
import type { Connection } from "../connection.js";
import { rackDelivered } from "../loss/rack.js";
import { countDelivered, noteSackReordering, removeRenoSacks } from "../loss/reorder.js";
import { mtuProbeAcked } from "../sending/mtu-probe.js";
import {
  ACK_ACKED,
  ACK_ALERT,
  ACK_ECE,
  ACK_MAYBE_DELAYED,
  ACK_NEW_DATA,
  ACK_NEW_SYN,
  ACK_ORIGINAL,
  ACK_RENEGED,
  ACK_RETRANSMITTED,
  ACK_SET_TIMER,
} from "./ack-state.js";
import { dataLength, remove } from "./flight.js";
import { rateDelivered } from "./rate.js";
import { updateRtt } from "./rtt.js";
import {
  END,
  FLAGS,
  MSS,
  SEGS,
  SENT_EVER,
  SENT_LOST,
  SENT_RETRANS,
  SENT_SACKED,
  SENT_SYN,
  SEQ,
  XMIT_US,
} from "./sent.js";

const TOUCHED = SENT_RETRANS | SENT_EVER;

/** What the walk below found; stack-wide scratch is safe: nothing reenters. */
let segments = 0;
let timed = false;
let firstAcked = 0;
let lastAcked = 0;
/** Of what was never sent again and not SACKed. */
let lowest = 0;
let whole = true;

/**
 * SND.UNA has moved, or something was SACKed: takes what is acknowledged out of the retransmission queue, and measures
 * the round trip (Linux's tcp_clean_rtx_queue).
 */
export function cleanQueue(c: Connection): void {
  const { ack, rate, time } = c.tcp;
  const sackedBefore = c.sackedOut;
  segments = 0;
  timed = false;
  lowest = c.sndNxt;
  whole = true;
  while (c.rtxHead !== 0 && takeHead(c, c.rtxHead));
  const head = c.rtxHead;
  if (head === 0) chronoStop(c, CHRONO_BUSY);
  else if (((c.tcp.sent.data[head + FLAGS] as number) & SENT_SACKED) !== 0) ack.flags |= ACK_RENEGED;
  if (seqLt(c.sndUp, c.sndUna)) c.sndUp = c.sndUna;
  let rtt = -1;
  let last = -1;
  if (timed && (ack.flags & ACK_RETRANSMITTED) === 0) {
    rtt = (time.us - firstAcked) | 0;
    last = (time.us - lastAcked) | 0;
    if (segments === 1 && whole && sackedBefore === 0 && loneRunt(c)) ack.flags |= ACK_MAYBE_DELAYED;
  }
  let sackRtt = -1;
  if (ack.sackTimed) {
    sackRtt = (time.us - ack.firstSacked) | 0;
    last = (time.us - ack.lastSacked) | 0;
  }
  const measured = updateRtt(c, rtt, sackRtt, last);
  if ((ack.flags & ACK_ACKED) !== 0) afterProgress(c);
  // A round trip of what was sent after the head last was: the timer may move on, else it would never end
  else if (
    head !== 0 &&
    measured &&
    sackRtt >= 0 &&
    sackRtt > ((time.us - (c.tcp.sent.data[head + XMIT_US] as number)) | 0)
  )
    ack.flags |= ACK_SET_TIMER;
  c.congestion.pktsAcked?.(c, segments, rate.rtt, rate.priorInFlight);
}

/** A single segment smaller than the MSS that ended a flight: its ACK may have been delayed. */
function loneRunt(c: Connection): boolean {
  const { ack, rate } = c.tcp;
  return (
    ((c.sndUna - ack.priorUna) | 0) < c.mss &&
    rate.priorDelivered + 1 === c.delivered &&
    (ack.flags & (ACK_ALERT | ACK_NEW_SYN)) === 0
  );
}

/** Takes the first record, or its acknowledged part. @returns whether the next may be acknowledged, too */
function takeHead(c: Connection, at: number): boolean {
  const { ack, rate, sent } = c.tcp;
  const d = sent.data;
  const seq = d[at + SEQ] as number;
  const full = seqLe(d[at + END] as number, c.sndUna);
  let segs = d[at + SEGS] as number;
  if (!full) {
    if (segs === 1 || !seqGt(c.sndUna, seq)) return false;
    segs = trimFront(c, at);
    if (segs === 0) return false;
    whole = false;
  }
  const flags = d[at + FLAGS] as number;
  const ece = (ack.flags & ACK_ECE) !== 0;
  if ((flags & TOUCHED) !== 0) {
    if ((flags & SENT_RETRANS) !== 0) c.retransOut -= segs;
    ack.flags |= ACK_RETRANSMITTED;
  } else if ((flags & SENT_SACKED) === 0)
    noteOriginal(c, seq, full ? (d[at + END] as number) : c.sndUna, d[at + XMIT_US] as number);
  if ((flags & SENT_SACKED) !== 0) {
    c.sackedOut -= segs;
    ack.sackBytes -= ((full ? (d[at + END] as number) : c.sndUna) - seq) | 0;
  } else if (c.sackOk) {
    countDelivered(c, segs, ece);
    if (!spurious(c, at, flags)) rackDelivered(c, at);
  }
  if ((flags & SENT_LOST) !== 0) c.lostOut -= segs;
  c.packetsOut -= segs;
  segments += segs;
  if ((flags & SENT_SACKED) === 0) rateDelivered(c, rate, sent, at);
  if ((flags & SENT_SYN) !== 0) {
    ack.flags |= ACK_NEW_SYN;
    c.retransStamp = 0;
  } else ack.flags |= ACK_NEW_DATA;
  if (!full) return false;
  remove(c, at);
  return true;
}

/** [seq, end), sent once at `xmit`, is acknowledged and was not SACKed before. */
function noteOriginal(c: Connection, seq: number, end: number, xmit: number): void {
  lastAcked = xmit;
  if (!timed) firstAcked = xmit;
  timed = true;
  if (seqLt(seq, lowest)) lowest = seq;
  if (seqLe(end, c.highSeq)) c.tcp.ack.flags |= ACK_ORIGINAL;
}

/** The echo is older than the last sending: that was needless, and an earlier one was delivered. */
function spurious(c: Connection, at: number, flags: number): boolean {
  if ((flags & TOUCHED) === 0 || !c.sawTs || c.rcvTsecr === 0) return false;
  const us = (c.tcp.time.us - (c.tcp.sent.data[at + XMIT_US] as number)) | 0;
  return ((c.rcvTsecr - (c.tcp.time.ms - Math.floor(us / 1000))) | 0) < 0;
}

/** Whole segments of the record that are acknowledged leave it; counts of them are the caller's. */
function trimFront(c: Connection, at: number): number {
  const d = c.tcp.sent.data;
  const mss = d[at + MSS] as number;
  const was = d[at + SEGS] as number;
  d[at + SEQ] = c.sndUna;
  const left = Math.max(1, Math.ceil(dataLength(c, at) / mss));
  if (left >= was) return 0;
  d[at + SEGS] = left;
  return was - left;
}

function afterProgress(c: Connection): void {
  const { ack } = c.tcp;
  ack.flags |= ACK_SET_TIMER;
  mtuProbeAcked(c);
  if (!c.sackOk) {
    removeRenoSacks(c, segments, (ack.flags & ACK_ECE) !== 0);
    // Without SACK it cannot be known which of the sendings arrived
    if ((ack.flags & ACK_RETRANSMITTED) !== 0) ack.flags &= ~ACK_ORIGINAL;
  } else if (seqLt(lowest, ack.priorTop)) noteSackReordering(c, lowest, false);
}
