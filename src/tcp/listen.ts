import { TimerNode } from "../platform/timer-wheel.js";
import type { Binding } from "../ports/binding.js";
import { seqLt, seqMax } from "../wire/seqnum.js";
import { ACK, MSS_DEFAULT, RST, SYN } from "../wire/tcp.js";
import { abort, dropReceived, setState } from "./close.js";
import { initialWindow } from "./congestion/window.js";
import { Connection } from "./connection.js";
import {
  ESTABLISHED,
  KIND_CONNECTION,
  KIND_SYN,
  OUT_OF_WINDOW_ACK_MS,
  QUICK_ACKS,
  RTO_INITIAL,
  RTO_MAX,
} from "./constants.js";
import type { TcpContext } from "./context.js";
import { offeredMss, parseOptions, windowScaleFor } from "./options.js";
import { advertisedMss, updateMss } from "./path.js";
import { sample } from "./rtt.js";
import type { Segment } from "./segment.js";
import { resetUnknown, sendBare } from "./stateless.js";
import { startKeepalive } from "./timer-set.js";

/** RFC 6298 §5 (5.7): what the timer starts from when the handshake needed a retransmission. */
const RTO_AFTER_SYN_LOSS = 3000;

/** Who listens from above. */
export interface ListenerOwner {
  /** A connection can be accepted. */
  listenerEvent(): void;
}

/** A listening port: the options its connections inherit, those half open, those waiting to be accepted. */
export class Listener {
  readonly tcp: TcpContext;
  readonly binding: Binding;
  /** Options of new connections stand in here; it is never connected itself. */
  readonly template: Connection;
  readonly owner: ListenerOwner;
  backlog: number;
  /** Records in SYN-RECEIVED. */
  synCount = 0;
  /** Established and not accepted. */
  readonly queue: Connection[] = [];

  constructor(binding: Binding, template: Connection, owner: ListenerOwner, backlog: number) {
    this.tcp = template.tcp;
    this.binding = binding;
    this.template = template;
    this.owner = owner;
    this.backlog = backlog;
  }

  /** Linux's sk_acceptq_is_full: one more than the backlog fits. */
  get full(): boolean {
    return this.queue.length > this.backlog;
  }
}

/** A connection in SYN-RECEIVED after a passive open: small, since anybody can make many. */
export class SynRecord extends TimerNode {
  readonly listener: Listener;
  readonly index: number;
  readonly localAddr: number;
  readonly localPort: number;
  readonly remoteAddr: number;
  readonly remotePort: number;
  readonly irs: number;
  readonly iss: number;
  readonly peerMss: number;
  readonly advMss: number;
  /** Shifts of the peer and ours; -1: no scaling. */
  readonly peerScale: number;
  readonly ourScale: number;
  readonly window: number;
  sentAt: number;
  retries = 0;
  /** Tick from which the next answer to an empty segment out of window may go. */
  outOfWindowAt: number;
  /** The SYN-ACK went out again for a SYN that came again: its round trip says nothing (Karn). */
  resent = false;

  constructor(listener: Listener, seg: Segment, iss: number, advMss: number) {
    super();
    const { tcp, template } = listener;
    const scaled = seg.wscale >= 0 && tcp.settings.windowScaling !== 0;
    this.listener = listener;
    this.localAddr = seg.dst;
    this.localPort = seg.dstPort;
    this.remoteAddr = seg.src;
    this.remotePort = seg.srcPort;
    this.irs = seg.seq;
    this.iss = iss;
    this.peerMss = offeredMss(seg);
    this.advMss = advMss;
    this.peerScale = scaled ? seg.wscale : -1;
    this.ourScale = scaled ? windowScaleFor(template.rcvLimit) : -1;
    this.window = Math.min(template.rcvLimit, 65535);
    this.sentAt = tcp.time.us;
    this.outOfWindowAt = tcp.time.ms;
    this.index = tcp.synRecords.add(this);
    listener.synCount++;
  }

  override onTimer(): void {
    this.listener.tcp.upcalls.synTimer(this);
  }
}

/**
 * RFC 9293 §3.10.7.2: a segment for a listening port.
 * @param above the new sequence numbers begin above this one (a TIME-WAIT that gives way), when `reuse`
 */
export function listenInput(listener: Listener, seg: Segment, reuse: boolean, above: number): void {
  const { tcp } = listener;
  // First, RST: ignored. Second, ACK: it acknowledges nothing that we sent.
  if ((seg.flags & RST) !== 0) return;
  if ((seg.flags & ACK) !== 0) {
    resetUnknown(tcp, seg);
    return;
  }
  // Third, SYN; fourth, anything else is dropped.
  if ((seg.flags & SYN) === 0) return;
  if (listener.full) {
    tcp.counters.TcpExtListenOverflows++;
    tcp.counters.TcpExtListenDrops++;
    return;
  }
  if (listener.synCount >= tcp.settings.maxSynBacklog) {
    tcp.counters.TcpExtListenDrops++;
    return;
  }
  const route = tcp.ip.routeTo(seg.src, seg.dst);
  if (route === null) {
    tcp.counters.TcpExtListenDrops++;
    return;
  }
  parseOptions(tcp, seg);
  let iss = tcp.isn.next(seg.dst, seg.dstPort, seg.src, seg.srcPort);
  if (reuse) iss = seqMax(iss, above);
  const { userMss } = listener.template;
  const advMss = advertisedMss(route);
  const record = new SynRecord(listener, seg, iss, userMss > 0 ? Math.min(userMss, advMss) : advMss);
  tcp.tuples.insert(seg.dst, seg.dstPort, seg.src, seg.srcPort, (record.index << 2) | KIND_SYN);
  tcp.ports.connected(seg.dst, seg.dstPort, seg.src, seg.srcPort);
  tcp.wheel.arm(record, (tcp.time.ms + RTO_INITIAL) | 0);
  sendSynAck(record);
}

export function sendSynAck(record: SynRecord): void {
  const { tcp, template } = record.listener;
  sendBare(
    tcp,
    record.localAddr,
    record.localPort,
    record.remoteAddr,
    record.remotePort,
    record.iss,
    (record.irs + 1) | 0,
    SYN | ACK,
    record.window,
    template.ttl,
    template.tos,
    record.advMss,
    record.ourScale,
  );
}

/** Sends the SYN-ACK again, or gives the attempt up. */
export function synAckTimeout(record: SynRecord): void {
  const { tcp } = record.listener;
  if (record.retries >= tcp.settings.synackRetries) {
    tcp.counters.TcpAttemptFails++;
    dropSynRecord(record);
    return;
  }
  record.retries++;
  tcp.counters.TcpRetransSegs++;
  tcp.counters.TcpExtTCPSynRetrans++;
  tcp.wheel.arm(record, (tcp.time.ms + Math.min(RTO_INITIAL << record.retries, RTO_MAX)) | 0);
  sendSynAck(record);
}

/** The attempt is over: back to LISTEN. */
export function dropSynRecord(record: SynRecord): void {
  const { tcp } = record.listener;
  tcp.tuples.remove(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  tcp.ports.disconnected(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  forget(record);
}

function forget(record: SynRecord): void {
  const { listener } = record;
  listener.tcp.wheel.cancel(record);
  listener.tcp.synRecords.remove(record.index);
  listener.synCount--;
}

/**
 * RFC 9293 §3.10.7.4 for SYN-RECEIVED after a passive open.
 * @returns the connection that the segment completes, for the rest of the segment to be processed on; or null
 */
export function synRecordInput(record: SynRecord, seg: Segment): Connection | null {
  const { listener } = record;
  const { tcp } = listener;
  const expected = (record.irs + 1) | 0;
  // A SYN sent again: our SYN-ACK was lost. Linux answers it at once.
  if ((seg.flags & (SYN | ACK | RST)) === SYN && seg.seq === record.irs) {
    record.resent = true;
    sendSynAck(record);
    return null;
  }
  // First, the sequence number
  const offset = (seg.seq - expected) | 0;
  if (offset < 0 || offset >= record.window) {
    if ((seg.flags & RST) === 0 && (seg.length > 0 || mayAnswerEmpty(record))) sendSynAck(record);
    return null;
  }
  // Second, RST: the peer gave up; RFC 5961 §3.2 wants it exact
  if ((seg.flags & RST) !== 0) {
    if (offset === 0) {
      tcp.counters.TcpAttemptFails++;
      dropSynRecord(record);
    }
    return null;
  }
  // Fourth, SYN: return to LISTEN
  if ((seg.flags & SYN) !== 0) {
    tcp.counters.TcpAttemptFails++;
    dropSynRecord(record);
    return null;
  }
  // Fifth, ACK
  if ((seg.flags & ACK) === 0) return null;
  if (seg.ack !== ((record.iss + 1) | 0)) {
    resetUnknown(tcp, seg);
    return null;
  }
  if (listener.full) {
    tcp.counters.TcpExtListenOverflows++;
    tcp.counters.TcpExtListenDrops++;
    if (tcp.settings.abortOnOverflow !== 0) {
      resetUnknown(tcp, seg);
      dropSynRecord(record);
    }
    return null;
  }
  return promote(record, seg);
}

/** An old SYN made this record, and its sender has moved on: his ACKs and our SYN-ACKs must not chase each other. */
function mayAnswerEmpty(record: SynRecord): boolean {
  const { time } = record.listener.tcp;
  if (((time.ms - record.outOfWindowAt) | 0) < 0) return false;
  record.outOfWindowAt = (time.ms + OUT_OF_WINDOW_ACK_MS) | 0;
  return true;
}

/** The three-way handshake is complete: the record becomes a connection in the accept queue. */
function promote(record: SynRecord, seg: Segment): Connection {
  const { listener } = record;
  const { tcp, template } = listener;
  const c = new Connection(tcp);
  copyOptions(template, c);
  c.localAddr = record.localAddr;
  c.localPort = record.localPort;
  c.remoteAddr = record.remoteAddr;
  c.remotePort = record.remotePort;
  c.route = tcp.ip.routeTo(c.remoteAddr, c.localAddr);
  c.iss = record.iss;
  c.irs = record.irs;
  c.sndUna = (c.iss + 1) | 0;
  c.sndNxt = c.sndUna;
  c.sndMax = c.sndUna;
  c.sndSml = c.sndUna;
  c.rcvNxt = (c.irs + 1) | 0;
  c.rcvAcked = c.rcvNxt;
  c.rcvAdv = (c.rcvNxt + record.window) | 0;
  c.sndWscale = record.peerScale > 0 ? record.peerScale : 0;
  c.rcvWscale = record.ourScale > 0 ? record.ourScale : 0;
  c.peerMss = record.peerMss;
  c.advMss = record.advMss;
  c.rcvMss = Math.min(c.advMss, c.peerMss, MSS_DEFAULT);
  established(c, seg);
  if (record.retries > 0) lostHandshake(c);
  else if (!record.resent) sample(c, (tcp.time.us - record.sentAt) | 0);
  c.index = tcp.connections.add(c);
  tcp.tuples.set(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, (c.index << 2) | KIND_CONNECTION);
  c.binding = tcp.ports.inherit(listener.binding, c);
  forget(record);
  tcp.counters.TcpPassiveOpens++;
  c.embryonic = true;
  listener.queue.push(c);
  listener.owner.listenerEvent();
  return c;
}

/** What an ESTABLISHED connection starts with; the segment is the one that completed the handshake. */
export function established(c: Connection, seg: Segment): void {
  const { time } = c.tcp;
  setState(c, ESTABLISHED);
  c.sndWnd = seg.window << ((seg.flags & SYN) !== 0 ? 0 : c.sndWscale);
  c.maxWnd = c.sndWnd;
  c.sndWl1 = seg.seq;
  c.sndWl2 = seg.ack;
  updateMss(c);
  c.cwnd = initialWindow(c);
  c.quickAcks = QUICK_ACKS;
  c.retransmits = 0;
  c.backoff = 0;
  c.rto = RTO_INITIAL;
  c.lastReceive = time.ms;
  c.lastSend = time.ms;
  c.lastAck = time.ms;
  startKeepalive(c);
}

/** RFC 5681 §3.1 and RFC 6298 §5.7: a handshake that lost segments begins carefully. */
export function lostHandshake(c: Connection): void {
  c.cwnd = c.mss;
  c.rto = RTO_AFTER_SYN_LOSS;
}

/** What a connection inherits from its listener. */
export function copyOptions(from: Connection, to: Connection): void {
  to.congestion = from.congestion;
  to.sndLimit = from.sndLimit;
  to.rcvLimit = from.rcvLimit;
  to.userMss = from.userMss;
  to.noDelay = from.noDelay;
  to.cork = from.cork;
  to.keepalive = from.keepalive;
  to.keepIdle = from.keepIdle;
  to.keepInterval = from.keepInterval;
  to.keepCount = from.keepCount;
  to.userTimeout = from.userTimeout;
  to.synRetries = from.synRetries;
  to.linger2 = from.linger2;
  to.ttl = from.ttl;
  to.tos = from.tos;
  to.dontFragment = from.dontFragment;
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
    c.embryonic = false;
    if (c.index < 0) dropReceived(c);
    else abort(c, 0);
  }
}

/** Whether a SYN may take the place of a connection in TIME-WAIT: RFC 9293 §3.6.1, its number is above the old ones. */
export function synMayReuse(seg: Segment, rcvNxt: number): boolean {
  return (seg.flags & (SYN | RST | ACK)) === SYN && seqLt(rcvNxt, seg.seq);
}
