import { ECONNREFUSED, ECONNRESET, EPIPE } from "../base/errors.js";
import { seqGt, seqLe } from "../wire/seqnum.js";
import { ACK, FIN, MSS_DEFAULT, RST, SYN, URG } from "../wire/tcp.js";
import { completeSimultaneous, processAck } from "./ack.js";
import { abort, destroy, enterTimeWait, setState } from "./close.js";
import { type Connection, touch, wake } from "./connection.js";
import {
  CA_OPEN,
  CHALLENGE_ACK_MS,
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  EVENT_CONNECTED,
  EVENT_READABLE,
  EVENT_WRITABLE,
  FIN_WAIT_1,
  FIN_WAIT_2,
  OUT_OF_WINDOW_ACK_MS,
  QUICK_ACKS,
  SYN_RECEIVED,
  SYN_SENT,
  TIMER_RETRANSMIT,
} from "./constants.js";
import { established, lostHandshake } from "./listen.js";
import { offeredMss, parseOptions } from "./options.js";
import { sendAck, sendSyn } from "./output.js";
import { pruneOutOfOrder, receiveData } from "./reassembly.js";
import { measureRtt } from "./rtt.js";
import type { Segment } from "./segment.js";
import { resetUnknown } from "./stateless.js";
import { stopTimer } from "./timer-set.js";

/** RFC 9293 §3.10.7: a segment for a connection, by its state. */
export function connectionInput(c: Connection, seg: Segment): void {
  c.segsIn += seg.segments;
  if (seg.length > 0) c.dataSegsIn += seg.segments;
  if (c.state === ESTABLISHED && predicted(c, seg)) return;
  if (c.state === SYN_SENT) synSent(c, seg);
  else synchronized(c, seg);
}

/**
 * The common case, by Van Jacobson's header prediction: the next data in order, or a pure ACK that moves SND.UNA,
 * with nothing else going on. Does exactly what the steps below would.
 */
function predicted(c: Connection, seg: Segment): boolean {
  if ((seg.flags & (FIN | SYN | RST | ACK | URG)) !== ACK || seg.seq !== c.rcvNxt) return false;
  const acked = (seg.ack - c.sndUna) | 0;
  if (seg.length === 0) {
    if (acked <= 0 || seqGt(seg.ack, c.sndMax) || c.caState !== CA_OPEN) return false;
    c.tcp.counters.TcpExtTCPPureAcks++;
    return processAck(c, seg);
  }
  if (acked !== 0 || seg.window << c.sndWscale !== c.sndWnd) return false;
  if (c.oooCount > 0 || c.rcvFin || c.readShut || seg.length > c.rcvWnd) return false;
  c.tcp.counters.TcpExtTCPHPHits++;
  c.sndWl1 = seg.seq;
  acceptText(c, seg);
  return true;
}

/** RFC 9293 §3.10.7.4: the states from SYN-RECEIVED on, step by step. */
export function synchronized(c: Connection, seg: Segment): void {
  if (!checkSequence(c, seg)) return;
  if (!checkReset(c, seg)) return;
  if (!checkSyn(c, seg)) return;
  // Fifth: a segment without ACK is dropped
  if ((seg.flags & ACK) === 0) return;
  if (!processAck(c, seg)) return;
  // Sixth, URG: RFC 6093 discourages its use; urgent data is delivered in line
  if (c.state === ESTABLISHED || c.state === FIN_WAIT_1 || c.state === FIN_WAIT_2) processText(c, seg);
  if ((seg.flags & FIN) !== 0) noteFin(c, seg);
  processFin(c);
}

/** First: is any of it in the window? Trims what is not. What is old or beyond is answered with an ACK. */
function checkSequence(c: Connection, seg: Segment): boolean {
  // §3.5, figure 8: in a simultaneous open the peer's SYN comes again, with the ACK of ours
  if (c.state === SYN_RECEIVED && (seg.flags & (SYN | ACK | RST)) === (SYN | ACK) && seg.seq === c.irs) {
    completeSimultaneous(c, seg);
    return false;
  }
  const window = c.rcvWnd;
  const span = seg.length + ((seg.flags & FIN) !== 0 ? 1 : 0) + ((seg.flags & SYN) !== 0 ? 1 : 0);
  const offset = (seg.seq - c.rcvNxt) | 0;
  const acceptable =
    span === 0
      ? offset >= 0 && offset <= window // one further than the RFC, as Linux: a peer that filled the window, some of it lost
      : offset + span > 0 && (window > 0 ? offset < window : offset === 0 && seg.length === 0);
  if (acceptable) {
    if (offset < 0) trimFront(seg, -offset);
    return true;
  }
  if ((seg.flags & RST) !== 0) return false;
  // A zero window still takes valid ACKs (§3.10.7.4: "special allowance")
  if (window === 0 && offset === 0 && (seg.flags & (ACK | SYN)) === ACK) processAck(c, seg);
  if (c.index < 0) return false;
  if ((seg.flags & SYN) !== 0) return challenge(c);
  if (span > 0 || mayAnswerEmpty(c)) sendAck(c);
  return false;
}

/** An ACK in answer to an ACK may be answered by an ACK: limited, as RFC 5961 §7 asks and Linux does. */
function mayAnswerEmpty(c: Connection): boolean {
  const { time } = c.tcp;
  if (((time.ms - c.outOfWindowAt) | 0) < 0) return false;
  c.outOfWindowAt = (time.ms + OUT_OF_WINDOW_ACK_MS) | 0;
  return true;
}

/** Drops what was received before; the front of a SYN is the SYN itself. */
function trimFront(seg: Segment, old: number): void {
  let n = old;
  if ((seg.flags & SYN) !== 0) {
    seg.flags &= ~SYN;
    seg.seq = (seg.seq + 1) | 0;
    n--;
  }
  seg.seq = (seg.seq + n) | 0;
  seg.payload += n;
  seg.length -= n;
}

/** Second: RST. RFC 5961 §3.2: only the exact number resets, another in the window is challenged. */
function checkReset(c: Connection, seg: Segment): boolean {
  if ((seg.flags & RST) === 0) return true;
  if (seg.seq !== c.rcvNxt) return challenge(c);
  const { counters } = c.tcp;
  switch (c.state) {
    case SYN_RECEIVED:
      // An active open: simultaneous open refused
      counters.TcpAttemptFails++;
      destroy(c, ECONNREFUSED);
      break;
    case ESTABLISHED:
    case FIN_WAIT_1:
    case FIN_WAIT_2:
      destroy(c, ECONNRESET);
      break;
    case CLOSE_WAIT:
      destroy(c, EPIPE);
      break;
    default:
      destroy(c, 0);
  }
  return false;
}

/** Fourth: SYN in a synchronized state. RFC 5961 §4.2: a challenge, whatever its number. */
function checkSyn(c: Connection, seg: Segment): boolean {
  if ((seg.flags & SYN) === 0) return true;
  c.tcp.counters.TcpExtTCPSYNChallenge++;
  return challenge(c);
}

/** An ACK that lets an honest peer prove itself; at most one in 500 ms for a connection, as Linux limits it. */
export function challenge(c: Connection): false {
  const { time, counters } = c.tcp;
  if (((time.ms - c.challengeAt) | 0) < 0) return false;
  c.challengeAt = (time.ms + CHALLENGE_ACK_MS) | 0;
  counters.TcpExtTCPChallengeACK++;
  sendAck(c);
  return false;
}

/** RFC 9293 §3.10.7.3: SYN-SENT. */
function synSent(c: Connection, seg: Segment): void {
  const { tcp } = c;
  const hasAck = (seg.flags & ACK) !== 0;
  // First, ACK: it must acknowledge our SYN and nothing more
  if (hasAck && (seqLe(seg.ack, c.iss) || seqGt(seg.ack, c.sndMax))) {
    resetUnknown(tcp, seg);
    return;
  }
  // Second, RST: believed only with an acceptable ACK
  if ((seg.flags & RST) !== 0) {
    if (!hasAck) return;
    tcp.counters.TcpAttemptFails++;
    destroy(c, ECONNREFUSED);
    return;
  }
  // Fourth, SYN
  if ((seg.flags & SYN) === 0) return;
  parseOptions(tcp, seg);
  takeSyn(c, seg);
  if (hasAck) completeOpen(c, seg);
  else simultaneousOpen(c, seg);
}

/** What the peer's SYN says of itself. */
function takeSyn(c: Connection, seg: Segment): void {
  c.irs = seg.seq;
  c.rcvNxt = (seg.seq + 1) | 0;
  c.rcvAdv = (c.rcvNxt + Math.min(c.rcvLimit, 65535)) | 0;
  c.rcvAcked = c.irs;
  c.peerMss = offeredMss(seg);
  // RFC 7323 §1.3: scaling needs both sides
  const scaled = seg.wscale >= 0 && c.scaleOffer >= 0;
  c.sndWscale = scaled ? seg.wscale : 0;
  c.rcvWscale = scaled ? c.scaleOffer : 0;
  // ... so a SYN-ACK must not offer what the SYN did not
  if (!scaled) c.scaleOffer = -1;
  c.rcvMss = Math.min(c.advMss, c.peerMss, MSS_DEFAULT);
}

/** Our SYN is acknowledged: ESTABLISHED, and the rest of the segment counts. */
function completeOpen(c: Connection, seg: Segment): void {
  const lost = c.retransmits > 0;
  measureRtt(c, seg.ack);
  c.sndUna = seg.ack;
  c.sndNxt = c.sndMax;
  c.sndSml = seg.ack;
  stopTimer(c, TIMER_RETRANSMIT);
  const { srtt, rto } = c;
  established(c, seg);
  if (srtt > 0) c.rto = rto;
  if (lost) lostHandshake(c);
  wake(c, EVENT_CONNECTED | EVENT_WRITABLE);
  afterSyn(seg);
  if (seg.length > 0) processText(c, seg);
  if ((seg.flags & FIN) !== 0) noteFin(c, seg);
  processFin(c);
  if (c.index < 0 || c.state === CLOSED) return;
  // The handshake's ACK: now, unless the application has something to put it on within this batch
  c.ackNow = true;
  touch(c);
}

/** A SYN alone: both sides opened at once (RFC 9293 §3.5, figure 8). */
function simultaneousOpen(c: Connection, seg: Segment): void {
  setState(c, SYN_RECEIVED);
  c.sndWnd = seg.window;
  c.maxWnd = c.sndWnd;
  c.sndWl1 = seg.seq;
  c.sndWl2 = c.iss;
  c.rttTiming = false;
  sendSyn(c);
}

/** Moves the segment past its SYN. */
function afterSyn(seg: Segment): void {
  seg.flags &= ~SYN;
  seg.seq = (seg.seq + 1) | 0;
}
