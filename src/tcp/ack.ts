import { seqGt, seqLe, seqLt } from "../wire/seqnum.js";
import { FIN } from "../wire/tcp.js";
import { destroy, enterTimeWait, limitFinWait2, setState } from "./close.js";
import { type Connection, dropSendBuffer, touch, wake } from "./connection.js";
import {
  CHALLENGE_ACK_MS,
  CLOSING,
  EVENT_CONNECTED,
  EVENT_WRITABLE,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from "./constants.js";
import { established } from "./listen.js";
import { sendAck } from "./output.js";
import { duplicateAck, newAck } from "./recovery.js";
import { measureRtt } from "./rtt.js";
import type { Segment } from "./segment.js";
import { resetUnknown } from "./stateless.js";
import { setTimer, stopTimer } from "./timer-set.js";

/**
 * RFC 9293 §3.10.7.4, fifth step.
 * @returns whether the rest of the segment is to be looked at
 */
export function processAck(c: Connection, seg: Segment): boolean {
  if (c.state === SYN_RECEIVED && !completeSimultaneous(c, seg)) return false;
  const { ack } = seg;
  if (seqGt(ack, c.sndMax)) return refuse(c);
  // RFC 5961 §5.2: too old to be from the peer
  if (seqLt(ack, (c.sndUna - c.maxWnd) | 0)) return refuse(c);
  c.lastAck = c.tcp.time.ms;
  c.keepProbes = 0;
  const acked = (ack - c.sndUna) | 0;
  const opened = acked >= 0 && updateWindow(c, seg);
  if (acked > 0) {
    advance(c, ack, acked);
    return finAcknowledged(c);
  }
  if (acked === 0) {
    if (opened) touch(c);
    else if (seg.length === 0 && (seg.flags & FIN) === 0 && c.sndMax !== c.sndUna) {
      // RFC 5681 §2: nothing new at all
      duplicateAck(c);
      touch(c);
    }
    // A window probe got its answer
    c.probes = 0;
  }
  return true;
}

/** RFC 9293 §3.10.7.4: an ACK of what was never sent, or of what is long gone, is answered and dropped. */
function refuse(c: Connection): false {
  const { time, counters } = c.tcp;
  if (((time.ms - c.challengeAt) | 0) >= 0) {
    c.challengeAt = (time.ms + CHALLENGE_ACK_MS) | 0;
    counters.TcpExtTCPChallengeACK++;
    sendAck(c);
  }
  return false;
}

/** SYN-RECEIVED after a simultaneous open: an acceptable ACK establishes, another is reset. */
export function completeSimultaneous(c: Connection, seg: Segment): boolean {
  if (!(seqGt(seg.ack, c.sndUna) && seqLe(seg.ack, c.sndMax))) {
    resetUnknown(c.tcp, seg);
    return false;
  }
  established(c, seg);
  // CLOSE came in between
  if (c.finQueued) setState(c, FIN_WAIT_1);
  c.sndUna = seg.ack;
  c.sndNxt = c.sndMax;
  c.sndSml = seg.ack;
  stopTimer(c, TIMER_RETRANSMIT);
  wake(c, EVENT_CONNECTED | EVENT_WRITABLE);
  touch(c);
  return true;
}

/** SND.WND, from the newest segment only. Returns whether it changed. */
function updateWindow(c: Connection, seg: Segment): boolean {
  const newer = seqLt(c.sndWl1, seg.seq) || (c.sndWl1 === seg.seq && seqLe(c.sndWl2, seg.ack));
  if (!newer) return false;
  c.sndWl1 = seg.seq;
  c.sndWl2 = seg.ack;
  const window = seg.window << c.sndWscale;
  if (window === c.sndWnd) return false;
  if (c.sndWnd === 0) c.persistBackoff = 0;
  c.sndWnd = window;
  if (window > c.maxWnd) c.maxWnd = window;
  return true;
}

/** SND.UNA moves: what was acknowledged leaves the buffer, the round trip is measured, the window may grow. */
function advance(c: Connection, ack: number, acked: number): void {
  const { route, tcp } = c;
  measureRtt(c, ack);
  const bytes = acked < c.sndQueued ? acked : c.sndQueued;
  if (bytes > 0) release(c, bytes);
  c.sndUna = ack;
  if (seqLt(c.sndNxt, ack)) c.sndNxt = ack;
  if (seqLt(c.sndSml, ack)) c.sndSml = ack;
  c.retransmits = 0;
  c.probes = 0;
  c.softError = 0;
  c.persistBackoff = 0;
  newAck(c, acked);
  stopTimer(c, TIMER_PERSIST);
  // RFC 6298 §5 (5.2), (5.3). RFC 6582 §3.2 step 3: of the partial ACKs of a recovery only the first restarts the timer,
  // so that a window with many holes is left to slow start instead of being mended one hole a round trip
  if (c.sndUna === c.sndMax) stopTimer(c, TIMER_RETRANSMIT);
  else if (c.partialAcks <= 1) setTimer(c, TIMER_RETRANSMIT, (tcp.time.ms + c.rto) | 0);
  // RFC 4861 §7.3.1's idea, and Linux's dst_confirm: progress proves that the neighbour is there
  if (route !== null && route.neighbour !== null) route.neighbour.confirm();
  touch(c);
}

function release(c: Connection, bytes: number): void {
  const { snd } = c;
  c.bytesAcked += bytes;
  c.sndQueued -= bytes;
  if (snd !== null) {
    if (c.sndQueued === 0) dropSendBuffer(c);
    else snd.drop(bytes);
  }
  if (c.noSpace && roomToWrite(c)) {
    c.noSpace = false;
    wake(c, EVENT_WRITABLE);
  }
}

/** Linux's sk_stream_is_writeable: a third of the buffer is free. */
export function roomToWrite(c: Connection): boolean {
  return (c.sndLimit - c.sndQueued) * 2 >= c.sndQueued;
}

/** What it means that our FIN is acknowledged. Returns whether the connection goes on. */
function finAcknowledged(c: Connection): boolean {
  if (!c.finSent || c.sndUna !== c.sndMax) return true;
  switch (c.state) {
    case FIN_WAIT_1:
      setState(c, FIN_WAIT_2);
      limitFinWait2(c);
      return true;
    case CLOSING:
      enterTimeWait(c);
      return false;
    case LAST_ACK:
      destroy(c, 0);
      return false;
    default:
      return true;
  }
}
