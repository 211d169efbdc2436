import { TimerNode } from "../../platform/timer-wheel.js";
import { ACK, ECE, SYN } from "../../wire/tcp.js";
import { tsClock } from "../arriving/options.js";
import { STAMPED, SYN_OPTIONS, sendBare } from "../arriving/stateless.js";
import { RTO_INITIAL, RTO_MAX } from "../constants.js";
import { ECN_ACCURATE, ECN_CLASSIC, ECN_NONE, reflection } from "../ecn/accecn.js";
import type { Listener } from "./listener.js";

/** A connection in SYN-RECEIVED after a passive open: small, since anybody can make many. */
export class SynRecord extends TimerNode {
  listener: Listener;
  /** Name among the stack's records; -1: it stands in no table (answered by a cookie, or by fast open). */
  index = -1;
  localAddr = 0;
  localPort = 0;
  remoteAddr = 0;
  remotePort = 0;
  irs = 0;
  iss = 0;
  /** What the SYN-ACK acknowledges: the SYN, and with fast open its data. */
  rcvNxt = 0;
  peerMss = 0;
  advMss = 0;
  /** Shifts of the peer and ours; -1: no scaling. */
  peerScale = -1;
  ourScale = -1;
  /** The initial window in bytes, and how far it may ever open. */
  window = 0;
  clamp = 0;
  /** Timestamps were offered: TS.Recent (the SYN's), our offset, TSvals of the first SYN-ACK and the last (RFC 7323 §3.2). */
  ts = false;
  tsRecent = 0;
  tsOffset = 0;
  firstTsval = 0;
  lastTsval = 0;
  sackOk = false;
  /** What the SYN asked for and we agree to: ECN_CLASSIC (RFC 3168 §6.1.1), ECN_ACCURATE (RFC 9768), or neither. */
  ecn = ECN_NONE;
  /** The ECN field it came with. */
  synField = 0;
  /** us at which the first SYN-ACK went, if one did. */
  sent = false;
  sentAt = 0;
  /** Timeouts of the SYN-ACK; times it was sent again, for whatever reason. */
  retries = 0;
  retrans = 0;
  /** The handshake's ACK came and was not acted upon: the accept queue was full, or data is waited for. */
  acked = false;
  /** Tick from which the next answer to an empty segment out of window may go. */
  outOfWindowAt = 0;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }

  /** As new, but for what {@link prepareRecord} or a cookie fills in: for one that stands in no table. */
  begin(listener: Listener): void {
    this.listener = listener;
    this.peerScale = -1;
    this.ourScale = -1;
    this.ts = false;
    this.tsRecent = 0;
    this.sackOk = false;
    this.ecn = ECN_NONE;
    this.synField = 0;
    this.sent = false;
    this.outOfWindowAt = listener.tcp.time.ms;
  }

  override onTimer(): void {
    this.listener.tcp.upcalls.synTimer(this);
  }
}

/** The window of a SYN-ACK: never scaled (RFC 7323 §2.2). */
export function synAckWindow(record: SynRecord): number {
  return record.window < 65535 ? record.window : 65535;
}

/**
 * The SYN-ACK (RFC 9293 §3.10.7.2, third step).
 * @param tsval its timestamp, where there is one
 * @param cookie a fast open cookie to give (RFC 7413 §4.1.2), or null
 */
export function sendSynAck(record: SynRecord, tsval: number, cookie: Uint8Array | null): number {
  const { tcp, template } = record.listener;
  const o = tcp.synOptions;
  o.mss = record.advMss;
  o.wscale = record.ourScale;
  o.sackOk = record.sackOk;
  o.ts = record.ts;
  o.tsval = tsval;
  o.tsecr = record.tsRecent;
  o.cookie = cookie;
  o.cookieLength = cookie === null ? -1 : cookie.length;
  // RFC 9768 §3.2.3.2.2: if that was what the path did not let through, the next goes without
  o.accecn = record.ecn === ECN_ACCURATE && tcp.settings.ecnOption !== 0 && !record.sent;
  o.cookieExp = tcp.fastOpen.answerExp;
  if (record.ts) {
    if (!record.sent) record.firstTsval = tsval;
    record.lastTsval = tsval;
  }
  if (!record.sent) {
    record.sent = true;
    record.sentAt = tcp.time.us;
  }
  return sendBare(
    tcp,
    record.localAddr,
    record.localPort,
    record.remoteAddr,
    record.remotePort,
    record.iss,
    record.rcvNxt,
    SYN | ACK | ecnAnswer(record),
    synAckWindow(record),
    template.ttl,
    template.tos & 0xfc,
    SYN_OPTIONS,
  );
}

/** RFC 3168 §6.1.1: an ECN-setup SYN-ACK has ECE without CWR; RFC 9768 §3.1.2: AccECN's tells how the SYN was marked. */
function ecnAnswer(record: SynRecord): number {
  if (record.ecn === ECN_ACCURATE) {
    // §3.2.3.2.2: the third without the flags, too; whether the peer got an earlier one its ACK tells
    const given = record.retrans >= 1 && record.listener.tcp.settings.ecnFallback !== 0;
    return given ? 0 : reflection(record.synField);
  }
  return record.ecn === ECN_CLASSIC ? ECE : 0;
}

/** TSval of a segment of the record's now. */
export function recordTsval(record: SynRecord): number {
  return tsClock(record.listener.tcp, record.tsOffset);
}

/** Sends the SYN-ACK once more; a retransmission carries no fast open option (RFC 7413 §4.1.3). */
export function resendSynAck(record: SynRecord): void {
  const { counters } = record.listener.tcp;
  if (sendSynAck(record, recordTsval(record), null) < 0) return;
  counters.TcpRetransSegs++;
  counters.TcpExtTCPSynRetrans++;
  record.retrans++;
}

/** RFC 9293 §3.10.7.4, first step: what is out of the window is told by an ACK what is expected. */
export function sendRecordAck(record: SynRecord, seq: number, tos: number): void {
  const { tcp } = record.listener;
  tcp.synOptions.tsval = recordTsval(record);
  tcp.synOptions.tsecr = record.tsRecent;
  sendBare(
    tcp,
    record.localAddr,
    record.localPort,
    record.remoteAddr,
    record.remotePort,
    seq,
    record.rcvNxt,
    ACK,
    synAckWindow(record) >> Math.max(record.ourScale, 0),
    0,
    tos,
    record.ts ? STAMPED : 0,
  );
}

/**
 * RFC 6298 §5 (5.5): how long the next SYN-ACK is waited for. As on Linux neither tcp_rto_max_ms nor the listener's
 * TCP_RTO_MAX_MS bounds that.
 */
export function synAckInterval(record: SynRecord): number {
  const doubled = RTO_INITIAL * 2 ** Math.min(record.retries, 20);
  return doubled < RTO_MAX ? doubled : RTO_MAX;
}

/** Sends the SYN-ACK again, or gives the attempt up (Linux's reqsk_timer_handler). */
export function synAckTimeout(record: SynRecord): void {
  const { listener } = record;
  const { tcp, template } = listener;
  const most = retriesAllowed(listener);
  const period = deferPeriods(template.deferAccept);
  tcp.counters.TcpExtTCPTimeouts++;
  // TCP_DEFER_ACCEPT: a peer that has answered is not asked again before the period is nearly over
  const waiting = period > 0 && record.acked;
  const expired = record.retries >= most && (!waiting || record.retries >= period);
  if (expired) {
    dropSynRecord(record);
    return;
  }
  if (!waiting || record.retries >= period - 1) resendSynAck(record);
  if (record.retries === 0) listener.young--;
  record.retries++;
  tcp.wheel.arm(record, (tcp.time.ms + synAckInterval(record)) | 0);
}

/** TCP_SYNCNT or tcp_synack_retries; fewer when old attempts fill more than half of the queue. */
function retriesAllowed(listener: Listener): number {
  const { tcp, template, synCount, backlog } = listener;
  let most = template.synRetries > 0 ? template.synRetries : tcp.settings.synackRetries;
  if (synCount * 2 <= Math.max(8, backlog)) return most;
  for (let young = listener.young * 2; most > 2 && synCount >= young; young *= 2) {
    most--;
    if (young === 0) return 2;
  }
  return most;
}

/** How many timeouts of a SYN-ACK a time in seconds is (Linux's secs_to_retrans). */
export function deferPeriods(seconds: number): number {
  if (seconds <= 0) return 0;
  const longest = RTO_MAX / 1000;
  let interval = RTO_INITIAL / 1000;
  let n = 1;
  for (let period = interval; seconds > period && n < 255; n++) {
    interval = Math.min(interval * 2, longest);
    period += interval;
  }
  return n;
}

/** The attempt is over: back to LISTEN. */
export function dropSynRecord(record: SynRecord): void {
  const { tcp } = record.listener;
  tcp.tuples.remove(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  tcp.ports.disconnected(record.localAddr, record.localPort, record.remoteAddr, record.remotePort);
  forgetSynRecord(record);
}

/** Takes a record out of service whose tuple has been dealt with. */
export function forgetSynRecord(record: SynRecord): void {
  const { listener } = record;
  listener.tcp.wheel.cancel(record);
  listener.tcp.synRecords.remove(record.index);
  record.index = -1;
  listener.synCount--;
  if (record.retries === 0) listener.young--;
}
