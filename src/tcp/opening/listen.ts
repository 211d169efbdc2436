import { ACK, FIN, RST, SYN } from "../../wire/tcp.js";
import { parseOptions } from "../arriving/options.js";
import type { Segment } from "../arriving/segment.js";
import { resetUnknown } from "../arriving/stateless.js";
import type { Connection } from "../connection.js";
import { KIND_SYN, RTO_INITIAL } from "../constants.js";
import { abort, dropReceived, orphaned } from "../ending/close.js";
import { promote } from "./child.js";
import { tryFastOpen } from "./fast-open-server.js";
import type { Listener } from "./listener.js";
import { cookieRecord, sendCookie } from "./syn-cookie.js";
import { prepareRecord } from "./syn-offer.js";
import { dropSynRecord, recordTsval, SynRecord, sendSynAck } from "./syn-record.js";

/**
 * RFC 9293 §3.10.7.2: a segment for a listening port.
 * @param isn the new connection's initial sequence number where a TIME-WAIT gave way to it (0: it is still to be chosen)
 * @returns a connection that the segment completes, for the rest of the segment to be processed on; or null
 */
export function listenInput(listener: Listener, seg: Segment, isn: number): Connection | null {
  const { tcp } = listener;
  // First, RST: ignored
  if ((seg.flags & RST) !== 0) return null;
  // Second, ACK: it acknowledges nothing that we sent, unless it was a cookie
  if ((seg.flags & ACK) !== 0) return ackForListener(listener, seg);
  // Third, SYN; fourth, anything else is dropped, and (Linux) a SYN that is a FIN, too.
  if ((seg.flags & (SYN | FIN)) !== SYN) return null;
  const cookie = isn === 0 && wantsCookie(listener);
  if (cookie) {
    if (tcp.settings.synCookies === 0) {
      tcp.counters.TcpExtTCPReqQFullDrop++;
      return refuse(listener);
    }
    tcp.counters.TcpExtTCPReqQFullDoCookies++;
  }
  if (listener.full) {
    tcp.counters.TcpExtListenOverflows++;
    return refuse(listener);
  }
  parseOptions(tcp, seg);
  if (cookie) {
    sendCookie(listener, seg);
    return null;
  }
  newAttempt(listener, seg, isn);
  return null;
}

/** A TIME-WAIT becomes an attempt without limit: it needs no more memory, and its peer is evidently there. */
function wantsCookie(listener: Listener): boolean {
  return listener.tcp.settings.synCookies === 2 || listener.synQueueFull;
}

function refuse(listener: Listener): null {
  listener.tcp.counters.TcpExtListenDrops++;
  return null;
}

/** Without cookies the last quarter of the SYN queue is for peers that are known. */
function reserved(listener: Listener, seg: Segment): boolean {
  const { metrics, settings, time } = listener.tcp;
  const most = settings.maxSynBacklog;
  if (settings.synCookies !== 0 || most - listener.synCount >= most >> 2) return false;
  return !metrics.proven(seg.dst, seg.src, time.s);
}

function newAttempt(listener: Listener, seg: Segment, isn: number): void {
  const { tcp } = listener;
  const record = new SynRecord(listener);
  if (!prepareRecord(record, seg) || (isn === 0 && reserved(listener, seg))) {
    refuse(listener);
    return;
  }
  record.iss = isn !== 0 ? isn : tcp.isn.next(seg.dst, seg.dstPort, seg.src, seg.srcPort);
  if (tryFastOpen(record, seg)) return;
  record.index = tcp.synRecords.add(record);
  listener.synCount++;
  listener.young++;
  tcp.tuples.insert(seg.dst, seg.dstPort, seg.src, seg.srcPort, (record.index << 2) | KIND_SYN);
  tcp.ports.connected(seg.dst, seg.dstPort, seg.src, seg.srcPort);
  tcp.wheel.arm(record, (tcp.time.ms + RTO_INITIAL) | 0);
  sendSynAck(record, recordTsval(record), tcp.fastOpen.answer);
}

/** RFC 4987 §3.6: the ACK of a cookie makes a connection; another is reset. */
function ackForListener(listener: Listener, seg: Segment): Connection | null {
  const { tcp } = listener;
  let record: SynRecord | null = null;
  if ((seg.flags & SYN) === 0 && listener.recentOverflow) {
    parseOptions(tcp, seg);
    record = cookieRecord(listener, seg);
  }
  if (record === null) {
    resetUnknown(tcp, seg);
    return null;
  }
  if (listener.full) {
    tcp.counters.TcpExtListenOverflows++;
    return refuse(listener);
  }
  return promote(record, seg);
}

/** Stops listening: half-open attempts are forgotten, those nobody accepted are reset (as Linux does). */
export function stopListening(listener: Listener): void {
  const { tcp } = listener;
  const records: SynRecord[] = [];
  tcp.synRecords.forEach((record) => {
    if (record.listener === listener) records.push(record);
  });
  for (const record of records) dropSynRecord(record);
  for (const c of listener.queue.splice(0)) {
    orphaned(c);
    if (c.index < 0) dropReceived(c);
    else abort(c, 0);
  }
}

export { copyOptions } from "./child.js";
export { Listener, type ListenerOwner } from "./listener.js";
export { dropSynRecord, SynRecord, synAckTimeout } from "./syn-record.js";
