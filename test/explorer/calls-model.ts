import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from "../../src/tcp/constants.js";
import * as D from "./diagram.js";
import { CONNECTION, NOTHING, SYN_RECORD, type View } from "./inspect.js";
import type { Life } from "./life.js";

/*
 * RFC 9293 §3.10.4, §3.10.5, §3.10.8, §3.9.2.2: calls, timeouts and ICMP messages, to the paths that may follow.
 */

/** CLOSE of the sending half. */
export function shutdownMoves(v: View, moves: D.Moves): void {
  moves.none();
  if (v.state === ESTABLISHED) moves.must(D.ESTABLISHED_CLOSE);
  else if (v.state === CLOSE_WAIT) moves.must(D.CLOSE_WAIT_CLOSE);
  else if (v.state === SYN_SENT) moves.must(D.SENT_CLOSE);
  // In SYN-RECEIVED its FIN waits for the ACK of the SYN (§3.10.4)
}

/**
 * CLOSE by an owner that lets go.
 * @param room for one more record of TIME-WAIT, which FIN-WAIT-2 without owner is, too
 */
export function closeMoves(v: View, room: boolean, moves: D.Moves): void {
  shutdownMoves(v, moves);
  if (v.rcvQueued > 0) {
    moves.none();
    moves.must(D.UNREAD[v.state] as number);
  } else if (v.state === SYN_RECEIVED) moves.must(D.RECEIVED_CLOSE);
  else if (v.state === FIN_WAIT_2 && (v.linger2 < 0 || !room)) moves.must(D.FIN_WAIT_2_ORPHAN);
}

export function abortMoves(v: View, moves: D.Moves): void {
  moves.none();
  moves.must(D.ABORT[v.state] as number);
}

/** The listener closes: what is half open is forgotten, what nobody accepted is reset. */
export function orphanedMoves(v: View, moves: D.Moves): void {
  moves.none();
  if (v.kind === SYN_RECORD) moves.must(D.RECEIVED_LISTEN_CLOSE);
  else abortMoves(v, moves);
}

/** A TIME-WAIT record lives 60 s, to the tick. */
export const TWO_MSL = 60_000_000;
const TICK = 1000;
/** Nothing is given up sooner than this. */
const LEAST_PATIENCE = 200_000;

/** Whether something may end in a timeout: what is in flight or waits for a window, or an idle peer that is asked. */
function mayTimeOut(v: View): boolean {
  return v.orphan || v.keepalive || v.sndNxt !== v.sndUna || v.sndQueued > 0 || v.finQueued;
}

/** @param finTimeout in microseconds */
export function timeMoves(v: View, life: Life, now: number, finTimeout: number, moves: D.Moves): void {
  moves.none();
  if (v.kind === NOTHING) return;
  const age = now - life.bornAt;
  if (v.kind === SYN_RECORD) {
    if (age >= 1_000_000) moves.add(D.RECEIVED_ABANDONED);
  } else if (v.state === TIME_WAIT) {
    if (now - life.waitingPerhaps >= TWO_MSL + 2 * TICK) moves.must(D.TIME_WAIT_OVER);
    else if (now - life.waitingSince >= TWO_MSL - TICK) moves.add(D.TIME_WAIT_OVER);
  } else if (v.state === FIN_WAIT_2 && (v.orphan || v.kind !== CONNECTION)) {
    const wait = life.linger2 > 0 ? life.linger2 * 1_000_000 : finTimeout;
    // Linux: or three and a half RTOs, if that is more
    if (now - life.changedAt >= wait - TICK || (v.kind === CONNECTION && v.keepalive)) moves.add(D.FIN_WAIT_2_ORPHAN);
  } else if (mayTimeOut(v) && (age >= LEAST_PATIENCE || v.impatient)) moves.add(D.TIMEOUT[v.state] as number);
}

/** TCP_KEEPIDLE is set: a time that is over by then has the next probe due, or the end (Linux's keepalive_time_elapsed). */
export function keepIdleMoves(v: View, moves: D.Moves): void {
  moves.none();
  if (v.keepalive && v.probed && v.sndNxt === v.sndUna) moves.add(D.TIMEOUT[v.state] as number);
}

const UNREACHABLE = 3;
const HOST_UNREACHABLE = 1;

/**
 * RFC 5927 §5.2: only an attempt ends by an error. RFC 6069: "network" or "host unreachable" takes a doubling of the RTO
 * back; the timeout that is due then may be the last.
 */
export function icmpMoves(v: View, type: number, code: number, seq: number, moves: D.Moves): void {
  moves.none();
  // RFC 5927 §4.1: not about anything that is in flight
  if (v.kind !== CONNECTION || ((seq - v.sndUna) | 0) < 0 || ((seq - v.sndNxt) | 0) > 0) return;
  if (v.state === SYN_SENT || v.state === SYN_RECEIVED) moves.add(D.ICMP_ERROR[v.state] as number);
  else if (type === UNREACHABLE && code <= HOST_UNREACHABLE && v.backedOff && seq === v.sndUna)
    moves.add(D.TIMEOUT[v.state] as number);
}
