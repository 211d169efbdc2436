import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
} from "../../src/tcp/constants.js";
import { ACK, FIN, RST, SYN } from "../../src/wire/tcp.js";
import * as D from "./diagram.js";
import { CONNECTION, NOTHING, SYN_RECORD, type View } from "./inspect.js";
import type { Life } from "./life.js";
import type { Segment } from "./wire.js";

/*
 * RFC 9293 §3.10.7 as a function: from what a tuple's state was and the segment that comes, to the paths of the
 * diagram that may follow. Where the RFC (or Linux beside it) leaves a choice, both are allowed.
 */

/** What a tuple meets beside its own state. */
export interface Surroundings {
  /** A listener would take a SYN; one that has no room for it or for a finished handshake. */
  listening: boolean;
  synRoom: boolean;
  /** ... in the place of a TIME-WAIT. */
  againRoom: boolean;
  acceptRoom: boolean;
  abortOnOverflow: boolean;
  timeWaitRoom: boolean;
  /** Memory is so scarce that data may be refused. */
  tight: boolean;
}

/** Bytes of the option. */
const TIMESTAMPS = 10;
/** A segment's text may come in up to so many pieces, one after the other. */
export const PIECES = 5;

export const NO = 0;
export const EITHER = 1;
export const YES = 2;

function worse(a: number, b: number): number {
  return a < b ? a : b;
}

function span(s: Segment): number {
  return s.length + ((s.flags & SYN) !== 0 ? 1 : 0) + ((s.flags & FIN) !== 0 ? 1 : 0);
}

/** RFC 9293 §3.10.7.4, first: whether the segment is acceptable. */
export function acceptable(v: View, s: Segment, life: Life): number {
  const window = v.window;
  const offset = (s.seq - v.rcvNxt) | 0;
  const n = span(s);
  // RFC 7323 §3.2, §5.3: without timestamps, or with old ones, it may be dropped
  const trust = life.timestamps ? EITHER : YES;
  if (n === 0) {
    if (offset === 0) return trust;
    if (offset > 0) return offset < window ? trust : offset === window ? EITHER : NO;
  } else {
    if (offset + n > 0 && window > 0) return offset > window ? NO : offset + n <= window ? trust : EITHER;
    if (offset + n > 0) return offset <= 0 ? EITHER : NO;
  }
  // Old. Linux takes what is not older than its last ACK for the ACK in it.
  return life.mixed || life.doubted || (life.ackSeen && ((s.seq + n - life.ack) | 0) >= 0) ? EITHER : NO;
}

/** Fifth: whether SEG.ACK may move SND.UNA, or be processed at all. */
export function ackAcceptable(v: View, s: Segment): number {
  if (((s.ack - v.sndNxt) | 0) > 0) return NO;
  return ((s.ack - v.sndUna) | 0) >= 0 ? YES : EITHER;
}

export function segmentMoves(v: View, s: Segment, life: Life | null, around: Surroundings, moves: D.Moves): void {
  moves.none();
  if (v.kind === NOTHING) fromListen(s, around, moves, false);
  else if (life === null) return;
  else if (v.kind === SYN_RECORD) {
    fromRecord(v, s, around, moves);
    // RFC 7323 §3.2, §5.3
    if (life.timestamps) moves.stay = true;
  } else if (v.kind !== CONNECTION && v.state === FIN_WAIT_2) fromFinWait2(v, s, life, moves);
  else if (v.kind !== CONNECTION) fromTimeWait(v, s, life, around, moves);
  else if (v.state === SYN_SENT) fromSynSent(v, s, around, moves);
  else synchronized(v, s, life, around, moves);
}

/** §3.10.7.2. A SYN that brings a FIN is dropped by some (Linux). */
function fromListen(s: Segment, around: Surroundings, moves: D.Moves, waiting: boolean): void {
  const edge = waiting ? D.TIME_WAIT_SYN : D.LISTEN_SYN;
  if (!around.listening || (s.flags & (SYN | ACK | RST)) !== SYN) return;
  if (!(waiting ? around.againRoom : around.synRoom)) {
    if (waiting) moves.must(D.TIME_WAIT_REFUSED);
  } else if ((s.flags & FIN) === 0) moves.must(edge);
  else {
    moves.add(edge);
    if (waiting) moves.add(D.TIME_WAIT_REFUSED);
  }
}

/** SYN-RECEIVED after a passive open. */
function fromRecord(v: View, s: Segment, around: Surroundings, moves: D.Moves): void {
  const offset = (s.seq - v.rcvNxt) | 0;
  const n = span(s);
  if (offset > v.window || (n === 0 ? offset < 0 : offset + n <= 0)) return;
  const sure = offset === 0 || (offset > 0 && (n === 0 ? offset < v.window : offset + n <= v.window));
  // Linux looks at the ACK first
  if ((s.flags & ACK) !== 0 && s.ack !== ((v.iss + 1) | 0)) return;
  if ((s.flags & RST) !== 0) {
    // RFC 5961 §3.2: only the exact number
    if (offset === 0) moves.must(D.RECEIVED_RST);
    return;
  }
  if ((s.flags & SYN) !== 0 && s.seq !== v.irs) {
    moves.must(D.RECEIVED_SYN);
    if (!sure) moves.stay = true;
    return;
  }
  if ((s.flags & ACK) === 0) return;
  if (!around.acceptRoom) {
    if (around.abortOnOverflow) moves.must(D.RECEIVED_OVERFLOW);
    if (!sure) moves.stay = true;
    return;
  }
  const withFin = (s.flags & FIN) !== 0 && offset <= 0;
  if (withFin) moves.must(D.RECEIVED_ACK, D.ESTABLISHED_FIN);
  if (!withFin || !sure || around.tight) moves.must(D.RECEIVED_ACK);
  if (!sure) moves.stay = true;
}

function fromTimeWait(v: View, s: Segment, life: Life, around: Surroundings, moves: D.Moves): void {
  const above = ((s.seq - v.rcvNxt) | 0) > 0;
  if ((s.flags & (SYN | ACK | RST)) === SYN) {
    if (above || life.timestamps) fromListen(s, around, moves, true);
    if (life.timestamps) moves.stay = true;
  } else if ((s.flags & RST) !== 0 && s.seq === v.rcvNxt) {
    moves.must(D.TIME_WAIT_RST);
    if (life.timestamps) moves.stay = true;
  }
}

/** FIN-WAIT-2 that nobody holds, which Linux keeps as a TIME-WAIT: the peer has to close, and may say nothing else. */
function fromFinWait2(v: View, s: Segment, life: Life, moves: D.Moves): void {
  const offset = (s.seq - v.rcvNxt) | 0;
  const end = offset + span(s);
  const inside = offset === 0 || (end > 0 && offset < v.window) || (offset === v.window && end === offset);
  if (!inside) return;
  const late = D.LATE_DATA[FIN_WAIT_2] as number;
  if ((s.flags & RST) !== 0) moves.must(D.RST[FIN_WAIT_2] as number);
  else if ((s.flags & SYN) !== 0 && offset >= 0) moves.must(late);
  else if ((s.flags & ACK) !== 0 && end > 0 && end !== offset) {
    if ((s.flags & FIN) !== 0 && end === 1) moves.must(D.FIN_WAIT_2_FIN);
    else moves.must(late);
  }
  if (life.timestamps) moves.stay = true;
}

/** §3.10.7.3. */
function fromSynSent(v: View, s: Segment, around: Surroundings, moves: D.Moves): void {
  const hasAck = (s.flags & ACK) !== 0;
  if (hasAck && (((s.ack - v.iss) | 0) <= 0 || ((s.ack - v.sndNxt) | 0) > 0)) return;
  // RFC 7323 §5.8 with Linux: it may echo what is of no SYN of ours, even in a RST
  const stamped = s.optionsLength >= TIMESTAMPS;
  if ((s.flags & RST) !== 0) {
    if (hasAck) moves.must(D.SENT_RST);
    if (stamped) moves.stay = true;
    return;
  }
  if ((s.flags & SYN) === 0) return;
  if (!hasAck) {
    moves.must(D.SENT_SYN);
    if ((s.flags & FIN) !== 0) moves.stay = true;
    return;
  }
  moves.must(D.SENT_SYNACK);
  if (stamped) moves.stay = true;
  if ((s.flags & FIN) === 0) return;
  moves.add(D.SENT_SYNACK, D.ESTABLISHED_FIN);
  if (around.tight) moves.stay = true;
}

/** §3.10.7.4, step by step. */
function synchronized(v: View, s: Segment, life: Life, around: Surroundings, moves: D.Moves): void {
  // §3.5, figure 8: the SYN-ACK of a simultaneous open, whose SYN is old
  if (v.state === SYN_RECEIVED && (s.flags & (SYN | ACK | RST)) === (SYN | ACK) && s.seq === v.irs) {
    // Linux: nothing but SYN and ACK, for a socket that is still held; another SYN is challenged
    if (s.ack !== v.sndNxt || s.length > 0 || (s.flags & FIN) !== 0 || v.orphan) return;
    opened(v, moves);
    if (life.timestamps) moves.stay = true;
    return;
  }
  const taken = acceptable(v, s, life);
  if ((s.flags & RST) !== 0) {
    // Linux: a peer that closed and then reset may do so with the number of its FIN
    if (v.finTaken && s.seq === ((v.rcvNxt - 1) | 0)) moves.must(D.RST[v.state] as number);
    if (taken === NO) return;
    // RFC 5961 §3.2: only the exact number, or (Linux) the end of what was SACKed
    if (s.seq === v.rcvNxt) moves.must(D.RST[v.state] as number);
    else if (v.sacks && s.seq === v.oooEnd) moves.add(D.RST[v.state] as number);
    else return;
  } else if (taken === NO || (s.flags & SYN) !== 0) {
    // RFC 5961 §4.2: a SYN is challenged, whatever its number
    return;
  } else text(v, s, life, around, moves);
  if (taken === EITHER) moves.stay = true;
}

function opened(v: View, moves: D.Moves): void {
  if (v.finQueued) moves.must(D.RECEIVED_CLOSE);
  else moves.must(D.RECEIVED_ACK);
}

/** Fifth to eighth: ACK, text, FIN. */
function text(v: View, s: Segment, life: Life, around: Surroundings, moves: D.Moves): void {
  if ((s.flags & ACK) === 0) return;
  const ok = ackAcceptable(v, s);
  if (ok === NO) return;
  if (v.state === SYN_RECEIVED) {
    if (((s.ack - v.sndUna) | 0) <= 0) return;
    opened(v, moves);
  }
  const finAcked = v.finSent && s.ack === v.sndNxt && v.sndNxt !== v.sndUna;
  if (finAcked && v.state === LAST_ACK) moves.must(D.LAST_ACK_ACK);
  else if (finAcked && v.state === CLOSING) moves.must(around.timeWaitRoom ? D.CLOSING_ACK : D.CLOSING_SHORT);
  else if (finAcked && v.state === FIN_WAIT_1) finWait(v, around, moves);
  else if (v.state !== SYN_RECEIVED) moves.stay = true;
  if (!finAcked && crosses(v, s)) moves.must(D.CONTRADICTION[v.state] as number);
  dataAfterClose(v, s, moves, finAcked);
  finMoves(v, s, around, moves, finAcked);
  if (ok === EITHER || worse(acceptable(v, s, life), ok) === EITHER) moves.stay = true;
}

/** Our FIN is acknowledged; an orphan with TCP_LINGER2 below 0 does not wait. */
function finWait(v: View, around: Surroundings, moves: D.Moves): void {
  if (v.orphan && v.linger2 < 0) moves.must(D.FIN_WAIT_1_ACK, D.FIN_WAIT_2_ORPHAN);
  else moves.must(D.FIN_WAIT_1_ACK);
  // An orphan waits as a record of TIME-WAIT
  if (v.orphan && !around.timeWaitRoom) moves.must(D.FIN_WAIT_1_ACK, D.FIN_WAIT_2_ORPHAN);
}

/**
 * Seventh: text behind the peer's FIN is ignored, but where it is on both sides of it one of the two is wrong. Over the
 * window nothing is taken while data is unread.
 */
function crosses(v: View, s: Segment): boolean {
  const end = (s.seq + s.length) | 0;
  if (!v.finTaken || ((s.seq - v.rcvNxt) | 0) >= 0 || ((end - v.rcvNxt) | 0) <= 0) return false;
  return v.rcvQueued === 0 || ((end - v.rcvAdv) | 0) <= 0;
}

/** RFC 9293 §3.6.1: data that nobody can read any more is a reason to reset. */
function dataAfterClose(v: View, s: Segment, moves: D.Moves, finAcked: boolean): void {
  const closing = v.state === SYN_RECEIVED && v.finQueued;
  if (v.state !== FIN_WAIT_1 && v.state !== FIN_WAIT_2 && !closing) return;
  const seq = textSeq(s);
  const fresh = (seq + s.length - v.rcvNxt) | 0;
  // A FIN ahead of data says that there was some
  const ahead = s.length === 0 && (s.flags & FIN) !== 0;
  if ((s.length === 0 && !ahead) || fresh <= 0 || !(v.orphan || v.readShut)) return;
  const whole = s.length > 0 && ((seq - v.rcvNxt) | 0) < v.window && fresh <= v.window && !v.rcvFin;
  const uncertain = moves.stay && moves.count > 0;
  if (whole && !uncertain) {
    moves.count = 0;
    moves.stay = false;
  }
  if (closing) moves.add(D.RECEIVED_CLOSE, D.LATE_DATA[FIN_WAIT_1] as number);
  else if (v.state === FIN_WAIT_2) moves.add(D.LATE_DATA[FIN_WAIT_2] as number);
  else if (finAcked) {
    moves.add(D.FIN_WAIT_1_ACK, D.LATE_DATA[FIN_WAIT_2] as number);
    moves.add(D.FIN_WAIT_1_ACK, D.FIN_WAIT_2_ORPHAN);
  } else moves.add(D.LATE_DATA[FIN_WAIT_1] as number);
}

/** Where the text begins: behind the SYN. */
function textSeq(s: Segment): number {
  return (s.seq + ((s.flags & SYN) !== 0 ? 1 : 0)) | 0;
}

/** How sure it is that this segment brings RCV.NXT to the peer's FIN. */
function finReached(v: View, s: Segment, tight: boolean): number {
  const seq = textSeq(s);
  const offset = (seq - v.rcvNxt) | 0;
  if (offset > 0) return NO;
  const end = (seq + s.length) | 0;
  const fits = ((end - v.rcvAdv) | 0) < 0 || (s.length === 0 && end === v.rcvNxt);
  const whole = fits && !(tight && s.length > 0);
  if ((s.flags & FIN) !== 0) {
    if (((end - v.rcvNxt) | 0) < 0) return NO;
    // In pieces: the first joins what came before it, past the FIN of the last
    if (s.length > 1 && v.oooCount > 0 && ((v.oooEnd - end) | 0) > 0) return EITHER;
    if (v.rcvFin && v.rcvFinSeq !== end) return EITHER;
    return whole ? YES : EITHER;
  }
  if (!v.rcvFin || ((end - v.rcvNxt) | 0) <= 0) return NO;
  if (end === v.rcvFinSeq) return whole ? YES : EITHER;
  return v.oooCount > 0 || ((end - v.rcvFinSeq) | 0) > 0 ? EITHER : NO;
}

/** Eighth: what the FIN makes of the state that the ACK has led to. */
function finMoves(v: View, s: Segment, around: Surroundings, moves: D.Moves, finAcked: boolean): void {
  const { state } = v;
  const doomed = (v.orphan || v.readShut) && s.length > 0;
  const reached = finReached(v, s, around.tight || v.crowded(s.length, s.optionsLength, PIECES));
  if (reached === NO) return;
  const sure = reached === YES && !doomed;
  const replace = sure && state !== CLOSE_WAIT && state !== CLOSING && state !== LAST_ACK;
  if (replace) {
    moves.count = 0;
    moves.stay = false;
  }
  // Its first pieces may reach the FIN that is known already, and one more run over that
  const over = s.length > 1 && v.rcvFin && ((s.seq + s.length - v.rcvFinSeq) | 0) > 0;
  if (state === ESTABLISHED) {
    moves.add(D.ESTABLISHED_FIN);
    if (over) moves.add(D.ESTABLISHED_FIN, D.CONTRADICTION[CLOSE_WAIT] as number);
  } else if (state === SYN_RECEIVED && v.finQueued) moves.add(D.RECEIVED_CLOSE, D.FIN_WAIT_1_FIN);
  else if (state === SYN_RECEIVED) moves.add(D.RECEIVED_ACK, D.ESTABLISHED_FIN);
  else if (state === FIN_WAIT_2) moves.add(around.timeWaitRoom ? D.FIN_WAIT_2_FIN : D.FIN_WAIT_2_SHORT);
  else if (state === FIN_WAIT_1 && !finAcked) {
    moves.add(D.FIN_WAIT_1_FIN);
    if (over) moves.add(D.FIN_WAIT_1_FIN, D.CONTRADICTION[CLOSING] as number);
  } else if (state === FIN_WAIT_1 && v.orphan && v.linger2 < 0) moves.add(D.FIN_WAIT_1_ACK, D.FIN_WAIT_2_ORPHAN);
  else if (state === FIN_WAIT_1) moves.add(around.timeWaitRoom ? D.FIN_WAIT_1_BOTH : D.FIN_WAIT_1_SHORT);
}
