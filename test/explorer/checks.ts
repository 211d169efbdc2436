import {
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  STATE_NAMES,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from "../../src/tcp/constants.js";
import { ACK, FIN, PSH, RST, SYN } from "../../src/wire/tcp.js";
import { orphanedMoves, TWO_MSL, timeMoves } from "./calls-model.js";
import { Moves } from "./diagram.js";
import {
  audit,
  CONNECTION,
  look,
  NOTHING,
  negativeCounter,
  SYN_RECORD,
  TIME_WAIT_RECORD,
  type View,
} from "./inspect.js";
import type { Life, Tuple } from "./life.js";
import { acceptable, ackAcceptable, PIECES, YES } from "./model.js";
import { OURS, PEER } from "./wire.js";
import { LISTEN_PORT, type World } from "./world.js";

const CHUNK = 8192;
const others = new Moves();

/** What kind of step has just been taken. */
export const SEGMENT = 0;
export const CALL = 1;
export const TIME = 2;
export const OTHER = 3;

/** Looks at everything after a step: no tuple has moved but as the model allows, and all invariants hold. */
export function checkStep(w: World, kind: number): void {
  for (const tuple of w.tuples) {
    look(w.stack, OURS, tuple.localPort, PEER, tuple.peerPort, tuple.after);
    checkTransition(w, tuple, kind);
    if (tuple.after.kind !== NOTHING) checkTuple(w, tuple, kind);
    const { before } = tuple;
    tuple.before = tuple.after;
    tuple.after = before;
  }
  w.listenerClosed = false;
  const wrong = audit(w.stack, w.sockets, w.chunks.length);
  if (wrong !== null) w.fail(wrong);
  if ((w.step & 63) !== 0) return;
  const negative = negativeCounter(w.stack);
  if (negative !== null) w.fail(`${negative} is negative`);
}

function movesOf(w: World, tuple: Tuple, kind: number): Moves {
  if (tuple === w.target) return w.moves;
  const v = tuple.before;
  if (kind === TIME && tuple.life !== null) {
    timeMoves(v, tuple.life, w.clock.now(), w.terms.finTimeout, others);
    return others;
  }
  if (
    w.listenerClosed &&
    tuple.localPort === LISTEN_PORT &&
    (v.kind === SYN_RECORD || (v.kind === CONNECTION && v.embryonic))
  )
    orphanedMoves(v, others);
  else others.none();
  return others;
}

function checkTransition(w: World, tuple: Tuple, kind: number): void {
  const { before, after } = tuple;
  const same = before.object === after.object || (after.kind === TIME_WAIT_RECORD && after.state === FIN_WAIT_2);
  const still = before.state === after.state && same;
  if (still && before.kind === NOTHING && tuple !== w.target) return;
  // The SYN was not taken: a SYN-ACK that still waits in the link is none to it
  if (still) tuple.next = null;
  const moves = movesOf(w, tuple, kind);
  if (still) {
    if (!moves.stay && moves.to(after.state) === null) w.fail(`it stayed, but may: ${moves}`, tuple);
    // A connection that came and went within the step
    return;
  }
  const path = moves.to(after.state);
  if (path === null) w.fail(`it went to ${STATE_NAMES[after.state]}, but may: ${moves}`, tuple);
  for (const edge of path) w.covered(edge);
  if (w.trace !== null) w.note(`  ${STATE_NAMES[before.state]} -> ${STATE_NAMES[after.state]}`);
  adopt(w, tuple, after);
  const { life } = tuple;
  if (life === null) w.fail("a connection that nobody opened", tuple);
  life.changedAt = w.clock.now();
  if (after.state === TIME_WAIT) {
    life.waitingSince = w.clock.now();
    life.waitingPerhaps = life.waitingSince;
  }
  if (after.kind === CONNECTION && after.object !== null) w.lives.set(after.object, life);
}

/** A SYN was taken whose SYN-ACK waits in a full link. */
function adopt(w: World, tuple: Tuple, v: View): void {
  const { next } = tuple;
  tuple.next = null;
  if (next === null || v.kind !== SYN_RECORD) return;
  if (w.link.room < 0) w.fail("a SYN is taken and not answered", tuple);
  tuple.life = next;
  next.doubted = true;
  if (next.mixed) return;
  next.mixed = w.link.behind;
  next.issSeen = true;
  next.iss = v.iss;
  next.wireMax = (v.iss + 1) | 0;
  next.rightEdge = (next.rightEdge + v.iss) | 0;
}

function checkTuple(w: World, tuple: Tuple, kind: number): void {
  const { after, before, life } = tuple;
  if (life === null) w.fail("a connection that nobody opened", tuple);
  if (after.kind !== CONNECTION) {
    if (!after.pursued) w.fail("a record without a timer", tuple);
    if (after.state === TIME_WAIT && after.left > TWO_MSL / 1000) w.fail("TIME-WAIT of more than 2 MSL", tuple);
    return;
  }
  life.linger2 = after.linger2;
  checkSend(w, tuple, after, life);
  if (after.state !== SYN_SENT) checkReceive(w, tuple, after, life);
  noteMss(w, tuple, before, after, life, kind);
  checkTimers(w, tuple, after, life);
  checkMemory(w, tuple, after);
  if (kind === SEGMENT && tuple === w.target) checkWindow(w, tuple, before, after, life);
  if (before.object !== after.object) return;
  checkSteady(w, tuple, before, after, kind);
  if (kind === SEGMENT && tuple === w.target) checkProgress(w, tuple, before, after, life);
}

function checkSend(w: World, tuple: Tuple, v: View, life: Life): void {
  if (((v.sndNxt - v.sndUna) | 0) < 0) w.fail("SND.NXT is behind SND.UNA", tuple);
  if (life.issSeen && v.iss !== life.iss) w.fail("the initial number has changed", tuple);
  const acked = Math.max(0, Math.min((v.sndUna - v.iss - 1) | 0, life.written));
  if (v.sndQueued !== life.written - acked)
    w.fail(`${v.sndQueued} bytes are queued; ${life.written} were written, ${acked} acknowledged`, tuple);
  const most = 1 + life.written + (v.finQueued ? 1 : 0);
  if (((v.sndNxt - v.iss) | 0) > most) w.fail("more is sent than was written", tuple);
  if (w.link.room >= 0) life.doubted = true;
  if (life.doubted) return;
  if (!life.issSeen || v.sndNxt !== life.wireMax)
    w.fail(`SND.NXT is ${(v.sndNxt - v.iss) | 0}, on the wire it was ${(life.wireMax - v.iss) | 0}`, tuple);
  if (life.edgeKnown && v.state !== SYN_SENT && ((v.sndNxt - life.rightEdge) | 0) > 1)
    w.fail(`SND.NXT is ${(v.sndNxt - life.rightEdge) | 0} past the right edge`, tuple);
}

function checkReceive(w: World, tuple: Tuple, v: View, life: Life): void {
  if (!life.isnKnown || v.irs !== life.isn) w.fail("IRS is not the peer's initial number", tuple);
  const got = ((v.rcvNxt - v.irs - 1) | 0) - (v.finTaken ? 1 : 0);
  const kept = life.read + v.rcvQueued;
  if (v.readShut ? got < kept : got !== kept)
    w.fail(`RCV.NXT stands at ${got}; ${life.read} bytes were read, ${v.rcvQueued} wait`, tuple);
  if (got > life.completeFrom(0)) w.fail(`RCV.NXT stands at ${got}, the peer sent ${life.completeFrom(0)}`, tuple);
  if (v.finTaken && !life.fins.includes(got)) w.fail(`a FIN is taken at ${got}`, tuple);
  if (v.window < 0) w.fail("the window is negative", tuple);
  if (life.doubted || !life.ackSeen) return;
  if (((life.ack - v.rcvNxt) | 0) > 0) w.fail("more is acknowledged than was received", tuple);
  if (((life.edge - v.rcvAdv) | 0) > 0)
    w.fail(`${(life.edge - v.rcvAdv) | 0} more is offered than is remembered`, tuple);
}

/** As Linux: a path that takes less is no reason to send; the next ACK is one, or the timer that asks for the window. */
function noteMss(w: World, tuple: Tuple, a: View, b: View, life: Life, kind: number): void {
  const { segment: s } = w;
  const plain = kind === SEGMENT && tuple === w.target && !s.broken && (s.flags & ~(FIN | PSH)) === ACK;
  const heard = plain && acceptable(a, s, life) === YES && ackAcceptable(a, s) === YES;
  if (heard || b.mss > life.mss || b.sndNxt !== b.sndUna || b.sndQueued === 0) life.mss = b.mss;
}

function checkTimers(w: World, tuple: Tuple, v: View, life: Life): void {
  if (v.sndNxt !== v.sndUna && !v.pursued && !v.blocked) w.fail("something is in flight and no timer runs", tuple);
  const waits = v.sndQueued > 0 || (v.finQueued && !v.finSent && v.sndUna !== v.iss);
  if (waits && !v.paced && !v.blocked) w.fail("something waits to be sent and no timer runs", tuple);
  const free = w.link.room < 0 && !w.link.behind;
  if (free && v.blocked) w.fail("it waits for a link that has room", tuple);
  if (free && v.idle(life.mss)) w.fail("nothing is in flight, and nothing is in the way", tuple);
  // As Linux: one opened from both sides has the timer only if the application asks for it meanwhile or later
  if (v.kept) life.unkept = false;
  else if (v.state === SYN_RECEIVED) life.unkept = true;
  if (v.keepalive && !v.kept && !life.unkept && v.state !== SYN_SENT && v.state !== SYN_RECEIVED)
    w.fail("keep-alive without a timer", tuple);
  // One that found the link full is lost, as in a full queue of Linux's
  if (v.ackOwed && !v.delackRuns && free && !life.doubted) w.fail("an ACK is owed and no timer runs", tuple);
}

function checkMemory(w: World, tuple: Tuple, v: View): void {
  const send = v.sndQueued === 0 ? 0 : Math.ceil(v.sndQueued / CHUNK) + 1;
  if (v.sndChunks > send) w.fail(`${v.sndChunks} chunks for ${v.sndQueued} bytes to send`, tuple);
  if (v.sndQueued > v.sndChunks * CHUNK) w.fail("bytes to send without memory", tuple);
  // What is out of order may run over the window (as Linux takes it)
  const most = v.oooCount > 0 ? v.rcvQueued + Math.max(v.window, (v.oooEnd - v.rcvNxt) | 0) : v.rcvQueued;
  const receive = most === 0 ? 0 : Math.ceil(most / CHUNK) + 1;
  if (v.rcvChunks > receive) w.fail(`${v.rcvChunks} chunks for ${v.rcvQueued} bytes received`, tuple);
  if (v.rcvQueued > v.rcvChunks * CHUNK) w.fail("received bytes without memory", tuple);
}

/** What only ever moves forward, and what only a segment moves. */
function checkSteady(w: World, tuple: Tuple, a: View, b: View, kind: number): void {
  const moved = (b.sndUna - a.sndUna) | 0;
  const { segment: s } = w;
  const heard = kind === SEGMENT && tuple === w.target && (s.flags & ACK) !== 0;
  if (moved !== 0 && (moved < 0 || !heard || b.sndUna !== s.ack)) w.fail("SND.UNA has moved without an ACK", tuple);
  if (((b.sndNxt - a.sndNxt) | 0) < 0) w.fail("SND.NXT has moved back", tuple);
  checkSent(w, tuple, a, b);
  // From SYN-SENT on there is none before the peer's SYN
  if (a.state === SYN_SENT) return;
  const arrived = (b.rcvNxt - a.rcvNxt) | 0;
  if (arrived < 0 || (arrived > 0 && !(kind === SEGMENT && tuple === w.target))) w.fail("RCV.NXT has moved", tuple);
  if (((b.rcvAdv - a.rcvAdv) | 0) < 0 && b.window !== 0) w.fail("the right edge has moved back", tuple);
}

/** RFC 9293 §3.8.6: what is new on the wire lies within the window of this moment, but for a FIN or a probe. */
function checkSent(w: World, tuple: Tuple, a: View, b: View): void {
  if (a.sndNxt === b.sndNxt || a.state === SYN_SENT) return;
  const before = (a.sndUna + a.sndWnd - b.sndNxt) | 0;
  const now = (b.sndUna + b.sndWnd - b.sndNxt) | 0;
  if (Math.max(before, now) < -1) w.fail(`sent ${-Math.max(before, now)} past the window`, tuple);
}

/** RFC 9293 §3.10.7.4, fifth: a good segment in order sets SND.WND. The window of a SYN is never scaled (RFC 7323 §2.2). */
function checkWindow(w: World, tuple: Tuple, a: View, b: View, life: Life): void {
  const { segment: s } = w;
  if (s.broken || (s.flags & RST) !== 0 || b.kind !== CONNECTION || life.doubted) return;
  const syn = (s.flags & SYN) !== 0;
  const window = syn ? s.window : s.window << life.scale;
  if (syn || a.kind !== CONNECTION) {
    // It has brought the connection to where it is
    if (a.state === b.state && a.kind === b.kind) return;
  } else {
    if ((s.flags & ~(FIN | PSH)) !== ACK || s.seq !== a.rcvNxt || a.state === SYN_SENT) return;
    if (acceptable(a, s, life) !== YES || ackAcceptable(a, s) !== YES) return;
    const after = (s.seq - a.sndWl1) | 0;
    // SND.WL1; and as Linux, an ACK that is no news only opens it, or shuts it
    if (s.ack === a.sndUna && (after < 0 || (after === 0 && window <= a.sndWnd && window > 0))) return;
  }
  if (((b.sndWl1 - s.seq) | 0) < 0) w.fail("SND.WL1 stands before the segment that set SND.WND", tuple);
  if (b.sndWnd !== window) w.fail(`SND.WND is ${b.sndWnd}, the peer says ${window}`, tuple);
}

/** A good segment in order must be taken: its ACK, its text. */
function checkProgress(w: World, tuple: Tuple, a: View, b: View, life: Life): void {
  const { segment: s, around } = w;
  if (s.broken || (s.flags & ~(FIN | PSH)) !== ACK || a.state === SYN_SENT) return;
  if (acceptable(a, s, life) !== YES || ackAcceptable(a, s) !== YES) return;
  if (((s.ack - b.sndUna) | 0) > 0) w.fail("an acceptable ACK has not moved SND.UNA", tuple);
  const offset = (s.seq - a.rcvNxt) | 0;
  const listens = a.state === ESTABLISHED || a.state === FIN_WAIT_1 || a.state === FIN_WAIT_2;
  if (!listens || offset > 0 || s.length === 0 || a.rcvFin || around.tight) return;
  if (a.crowded(s.length, s.optionsLength, PIECES)) return;
  if (((s.seq + s.length - b.rcvNxt) | 0) > 0) w.fail("text in order has not been taken", tuple);
}
