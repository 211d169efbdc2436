import { seqGt } from "../../wire/seqnum.js";
import { ACK, FIN, RST } from "../../wire/tcp.js";
import { dropFlight } from "../acknowledged/flight.js";
import type { Segment } from "../arriving/segment.js";
import { resetUnknown } from "../arriving/stateless.js";
import { dropReceiveBuffer, dropSendBuffer } from "../buffers.js";
import type { Connection } from "../connection.js";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  EVENT_CLOSED,
  EVENT_ERROR,
  EVENT_READABLE,
  EVENT_WRITABLE,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  TIME_WAIT,
  TIME_WAIT_MS,
  TIMER_FIN_WAIT_2,
} from "../constants.js";
import type { TcpContext } from "../context.js";
import { wake } from "../notify.js";
import { fastOpenOver, releaseRequest } from "../opening/fast-open.js";
import { releaseAll } from "../receiving/receive-queue.js";
import { saveMetrics } from "../sending/metrics.js";
import { acceptableSeq, transmit } from "../sending/transmit.js";
import { setTimer, stopTimer } from "../timer-set.js";
import { startTimeWait } from "./time-wait.js";

/** TCP_LINGER2 is taken up to this (Linux's TCP_FIN_TIMEOUT_MAX). */
const LINGER2_MOST = 120;

/** The one place where a connection changes state; keeps the gauge of established ones. */
export function setState(c: Connection, state: number): void {
  const { counters } = c.tcp;
  const was = c.state === ESTABLISHED || c.state === CLOSE_WAIT;
  const is = state === ESTABLISHED || state === CLOSE_WAIT;
  if (is && !was) counters.TcpCurrEstab++;
  else if (was && !is) {
    counters.TcpCurrEstab--;
    // RFC 4022: straight to CLOSED, whoever reset it
    if (state === CLOSED) counters.TcpEstabResets++;
  }
  c.state = state;
}

/**
 * The connection is gone: out of the tables, no timer, no send buffer. What was received stays for its owner to read.
 * @param error positive errno for the owner, or 0
 */
export function destroy(c: Connection, error: number): void {
  if (c.index < 0) return;
  const { tcp } = c;
  tcp.tuples.remove(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  tcp.ports.disconnected(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  if (c.binding !== null) tcp.ports.release(c.binding);
  c.binding = null;
  retire(c, error);
}

/** RFC 9293 §3.10.7.4: the connection becomes a record that waits for 2 MSL; its owner sees it closed. */
export function enterTimeWait(c: Connection): void {
  becomeRecord(c, TIME_WAIT, TIME_WAIT_MS);
}

function becomeRecord(c: Connection, state: number, ms: number): void {
  const { tcp } = c;
  saveMetrics(c);
  if (tcp.timeWaits.count >= tcp.settings.maxTimeWait) {
    tcp.counters.TcpExtTCPTimeWaitOverflow++;
    destroy(c, 0);
    return;
  }
  setState(c, state);
  startTimeWait(c, state, ms);
  c.binding = null;
  retire(c, 0);
}

/** Takes an object out of service whose tuple has been dealt with. */
function retire(c: Connection, error: number): void {
  const { tcp } = c;
  tcp.connections.remove(c.index);
  c.index = -1;
  releaseRequest(c, false);
  setState(c, CLOSED);
  c.error = error;
  c.timers = 0;
  tcp.wheel.cancel(c);
  if (c.blocked) unblock(c);
  dropFlight(c);
  dropSendBuffer(c);
  c.sndQueued = 0;
  if (c.orphan) {
    tcp.orphans--;
    fastOpenOver(c);
    dropReceived(c);
  }
  wake(c, EVENT_CLOSED | EVENT_READABLE | EVENT_WRITABLE | (error !== 0 ? EVENT_ERROR : 0));
}

/** Its owner, or the listener that kept it, lets go. */
export function orphaned(c: Connection): void {
  if (c.index >= 0 && !c.orphan) c.tcp.orphans++;
  c.owner = null;
  c.embryonic = false;
}

/**
 * Linux's tcp_too_many_orphans.
 * @param doublings how much a single one counts: those that are hopeless count for more
 */
export function tooManyOrphans(tcp: TcpContext, doublings: number): boolean {
  return tcp.orphans * 2 ** doublings > tcp.settings.maxOrphans;
}

/** There are too many that nobody holds: this one goes, and its peer is told. @returns whether it did */
export function refuseOrphan(c: Connection, doublings: number): boolean {
  if (c.index < 0 || !tooManyOrphans(c.tcp, doublings)) return false;
  c.tcp.counters.TcpExtTCPAbortOnMemory++;
  resetPeer(c);
  destroy(c, 0);
  return true;
}

/**
 * The same for one whose timer has run out (Linux's tcp_out_of_resources): one that has been silent for long, or about which
 * an ICMP error came, counts for more.
 * @param hope it may yet be answered: then its peer is told
 */
export function outOfResources(c: Connection, hope: boolean): boolean {
  const { time, counters } = c.tcp;
  const silent = (time.ms - c.lastSend) | 0;
  const doublings = (silent > 2 * c.rtoMax || !hope ? 1 : 0) + (c.softError !== 0 ? 1 : 0);
  if (!tooManyOrphans(c.tcp, doublings)) return false;
  counters.TcpExtTCPAbortOnMemory++;
  if (hope || silent <= TIME_WAIT_MS || (c.sndWnd === 0 && c.packetsOut === 0)) resetPeer(c);
  destroy(c, 0);
  return true;
}

function unblock(c: Connection): void {
  c.blocked = false;
  const { blocked } = c.tcp;
  const index = blocked.indexOf(c);
  if (index >= 0) blocked.splice(index, 1);
}

/** Gives back what was received and not read. */
export function dropReceived(c: Connection): void {
  dropReceiveBuffer(c);
  c.rcvQueued = 0;
  c.ooo = null;
  c.oooCount = 0;
  c.oooCharge = 0;
  releaseAll(c);
}

/** A RST from our side, whatever the state (Linux's tcp_send_active_reset). */
export function resetPeer(c: Connection): void {
  const { counters } = c.tcp;
  counters.TcpOutRsts++;
  if (transmit(c, acceptableSeq(c), 0, RST | ACK) < 0) counters.TcpExtTCPAbortFailed++;
}

/** RFC 9293 §3.10.5: ABORT tells the peer from SYN-RECEIVED to CLOSE-WAIT; Linux so long as data is unsent as well. */
function needsReset(c: Connection): boolean {
  switch (c.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
    case FIN_WAIT_1:
    case FIN_WAIT_2:
    case CLOSE_WAIT:
      return true;
    case CLOSING:
    case LAST_ACK:
      return !c.finSent;
    default:
      return false;
  }
}

/** Ends a connection from our side with a reset (RFC 9293 §3.10.5). */
export function abort(c: Connection, error: number): void {
  if (c.index < 0) return;
  if (needsReset(c)) resetPeer(c);
  destroy(c, error);
}

/** How long an orphan stays in FIN-WAIT-2: TCP_LINGER2 or tcp_fin_timeout, but 3.5 RTO at least. */
function finTime(c: Connection): number {
  const wait = c.linger2 > 0 ? Math.min(c.linger2, LINGER2_MOST) * 1000 : c.tcp.settings.finTimeout;
  return Math.max(wait, c.rto * 3.5) | 0;
}

/**
 * FIN-WAIT-2 was reached, or nobody holds it any more: then the peer gets {@link finTime} to say goodbye, and a small
 * record is enough to hear it.
 * @param seg the segment that acknowledged our FIN, or null: the owner has just let go
 * @returns whether the connection goes on, and the rest of the segment with it
 */
export function limitFinWait2(c: Connection, seg: Segment | null): boolean {
  if (!c.orphan || c.state !== FIN_WAIT_2) return true;
  const { time } = c.tcp;
  if (c.linger2 < 0) {
    lingerOver(c, seg);
    return false;
  }
  // RFC 1122 §4.2.2.13: data that nobody will read
  if (seg !== null && seg.length > 0 && seqGt((seg.seq + seg.length) | 0, c.rcvNxt)) {
    c.tcp.counters.TcpExtTCPAbortOnData++;
    resetUnknown(c.tcp, seg);
    destroy(c, 0);
    return false;
  }
  const wait = finTime(c);
  if (wait > TIME_WAIT_MS) setTimer(c, TIMER_FIN_WAIT_2, (time.ms + wait - TIME_WAIT_MS) | 0);
  // The FIN that stands in this very segment must not be lost
  else if (seg !== null && (seg.flags & FIN) !== 0) setTimer(c, TIMER_FIN_WAIT_2, (time.ms + wait) | 0);
  else {
    becomeRecord(c, FIN_WAIT_2, wait);
    return false;
  }
  return true;
}

/** TCP_LINGER2 below 0: no FIN-WAIT-2 at all. */
function lingerOver(c: Connection, seg: Segment | null): void {
  const { counters } = c.tcp;
  if (seg === null) {
    counters.TcpExtTCPAbortOnLinger++;
    resetPeer(c);
  } else {
    counters.TcpExtTCPAbortOnData++;
    resetUnknown(c.tcp, seg);
  }
  destroy(c, 0);
}

/** TIMER_FIN_WAIT_2 of an orphan: the last minute is a record's; where that is over already the peer is reset. */
export function finWait2Timeout(c: Connection): void {
  stopTimer(c, TIMER_FIN_WAIT_2);
  if (!c.orphan || c.state !== FIN_WAIT_2) return;
  const left = finTime(c) - TIME_WAIT_MS;
  if (c.linger2 >= 0 && left > 0) {
    becomeRecord(c, FIN_WAIT_2, left);
    return;
  }
  resetPeer(c);
  destroy(c, 0);
}
