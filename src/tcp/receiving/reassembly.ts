import { dropReceiveBuffer, receiveBuffer } from "../buffers.js";
import type { Connection } from "../connection.js";
import { aheadEnd, collapseAhead, forgetAhead, keepAhead, NOTHING_NEW, pruneFromEnd } from "./out-of-order.js";
import { mayKeep } from "./pressure.js";
import { clampWindow, collapse, hasRoom } from "./receive-queue.js";
import { sackReset } from "./sack-out.js";

/**
 * Puts [seq, seq+length), which is the next in order, where it belongs in the receive buffer (RFC 9293 §3.10.7.4,
 * seventh step). The segment lies within the window.
 * @param at memory offset of the payload
 * @returns bytes by which RCV.NXT moved; -1: no memory, nothing was kept
 */
export function receiveNext(c: Connection, at: number, length: number): number {
  if (!mayKeep(c, false)) return -1;
  const buffer = receiveBuffer(c);
  const room = buffer.ensure(c.rcvQueued, length);
  if (room === 0) return -1;
  buffer.writeFrom(c.rcvQueued, at, room);
  c.rcvNxt = (c.rcvNxt + room) | 0;
  c.rcvQueued += room;
  return room;
}

/**
 * The same for what comes ahead of RCV.NXT.
 * @returns as {@link keepAhead}; -1 also where there is no memory
 */
export function receiveAhead(c: Connection, seq: number, at: number, length: number, options: number): number {
  if (!mayKeep(c, true)) return -1;
  const buffer = receiveBuffer(c);
  const distance = c.rcvQueued + ((seq - c.rcvNxt) | 0);
  const room = buffer.ensure(distance, length) === length;
  const result = room ? keepAhead(c, seq, (seq + length) | 0, length + options) : -1;
  if (result < 0) trimBuffer(c);
  else if (result !== NOTHING_NEW) buffer.writeFrom(distance, at, length);
  return result;
}

/** Forgets what came ahead of RCV.NXT (RFC 9293 §3.10.7.4 lets it be sent again), and gives its memory back. */
export function pruneOutOfOrder(c: Connection): void {
  sackReset(c);
  if (c.ooo === null) return;
  forgetAhead(c);
  trimBuffer(c);
}

function trimBuffer(c: Connection): void {
  if (c.oooCount > 0) c.rcv?.truncate(c.rcvQueued + ((aheadEnd(c) - c.rcvNxt) | 0));
  else if (c.rcvQueued === 0) dropReceiveBuffer(c);
  else c.rcv?.truncate(c.rcvQueued);
}

/** Whether the receive buffer takes one more segment, which begins at `seq` (Linux's tcp_try_rmem_schedule). */
export function admitted(c: Connection, seq: number): boolean {
  return hasRoom(c) || makeRoom(c, seq);
}

/** Linux's tcp_prune_queue. */
function makeRoom(c: Connection, seq: number): boolean {
  const { counters } = c.tcp;
  counters.TcpExtPruneCalled++;
  clampWindow(c);
  if (hasRoom(c)) return true;
  collapseAhead(c);
  collapse(c);
  if (hasRoom(c)) return true;
  if (c.oooCount > 0 && pruneFromEnd(c, seq)) {
    counters.TcpExtOfoPruned++;
    trimBuffer(c);
    if (hasRoom(c)) return true;
  }
  counters.TcpExtRcvPruned++;
  return false;
}
