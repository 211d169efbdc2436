import { FIN, MSS_DEFAULT, TS_SPACE } from "../../wire/tcp.js";
import { secondNow } from "../arriving/paws.js";
import type { Segment } from "../arriving/segment.js";
import { Connection } from "../connection.js";
import { ECN_ACC, ECN_OK, KIND_CONNECTION, SYN_RECEIVED } from "../constants.js";
import { ECN_ACCURATE, ECN_CLASSIC } from "../ecn/accecn.js";
import { beginAccEcn, thirdAck } from "../ecn/accecn-handshake.js";
import { noteOption } from "../ecn/accecn-option.js";
import { updatePacingRate } from "../sending/pacing.js";
import { updateMss } from "../sending/path.js";
import { startKeepalive } from "../timer-set.js";
import { agreeTimestamps, established, initTransfer, measureHandshake } from "./establish.js";
import type { Listener } from "./listener.js";
import { forgetSynRecord, type SynRecord } from "./syn-record.js";

/** What a connection inherits from its listener, or a renewed one from what it was. */
export function copyOptions(from: Connection, to: Connection): void {
  to.congestion = from.congestion;
  to.pacing = from.pacing;
  to.maxPacingRate = from.maxPacingRate;
  to.rtoMax = from.rtoMax;
  to.rtoMinUs = from.rtoMinUs;
  to.sndLimit = from.sndLimit;
  to.sndLocked = from.sndLocked;
  to.rcvLimit = from.rcvLimit;
  to.rcvLocked = from.rcvLocked;
  to.userMss = from.userMss;
  to.userClamp = from.userClamp;
  to.noDelay = from.noDelay;
  to.cork = from.cork;
  to.keepalive = from.keepalive;
  to.keepIdle = from.keepIdle;
  to.keepInterval = from.keepInterval;
  to.keepCount = from.keepCount;
  to.userTimeout = from.userTimeout;
  to.synRetries = from.synRetries;
  to.linger2 = from.linger2;
  to.notsentLowat = from.notsentLowat;
  to.thinLinear = from.thinLinear;
  to.oobInline = from.oobInline;
  to.rcvLowat = from.rcvLowat;
  to.lowat = from.lowat;
  to.deferAccept = from.deferAccept;
  to.fastOpenNoCookie = from.fastOpenNoCookie;
  to.ttl = from.ttl;
  to.tos = from.tos;
  to.priority = from.priority;
  to.dontFragment = from.dontFragment;
  to.pmtuDiscover = from.pmtuDiscover;
  to.recvErr = from.recvErr;
}

/** The connection of a record, in SYN-RECEIVED and in no table (Linux's tcp_create_openreq_child). */
function makeChild(record: SynRecord, seg: Segment): Connection {
  const { listener } = record;
  const { tcp, template } = listener;
  const c = new Connection(tcp);
  copyOptions(template, c);
  c.localAddr = record.localAddr;
  c.localPort = record.localPort;
  c.remoteAddr = record.remoteAddr;
  c.remotePort = record.remotePort;
  c.route = tcp.ip.routeTo(c.remoteAddr, c.localAddr);
  takeSequences(c, record);
  c.peerMss = record.peerMss;
  c.advMss = record.advMss;
  c.tsOffset = record.tsOffset;
  c.sackOk = record.sackOk;
  agreeEcn(c, record, seg);
  // Before the segment size, which is bounded by it. RFC 7323 §2.2: what completes the handshake is no SYN, its window is scaled
  c.sndWnd = seg.window << c.sndWscale;
  c.maxWnd = c.sndWnd;
  updateMss(c);
  if (record.ts) agreeTimestamps(c, record.tsRecent, secondNow(tcp));
  if (seg.length >= MSS_DEFAULT) c.lastSegSize = seg.length;
  c.totalRetransmits = record.retrans;
  c.segsIn = 1;
  c.state = SYN_RECEIVED;
  return c;
}

/** RFC 3168 §6.1.1, RFC 9768 §3.1. */
function agreeEcn(c: Connection, record: SynRecord, seg: Segment): void {
  if (record.ecn === ECN_CLASSIC) c.ecn = ECN_OK;
  if (record.ecn !== ECN_ACCURATE) return;
  const a = beginAccEcn(c, record.synField);
  a.prevField = record.synField;
  if (seg.accecn !== 0) noteOption(c.tcp, a, seg.accecn);
  a.demand = 1;
}

function takeSequences(c: Connection, record: SynRecord): void {
  c.iss = record.iss;
  c.irs = record.irs;
  c.sndUna = (c.iss + 1) | 0;
  c.sndNxt = c.sndUna;
  c.writeSeq = c.sndUna;
  c.sndSml = c.sndUna;
  c.sndUp = c.sndUna;
  c.pushedSeq = c.sndUna;
  c.pieceSeq = c.sndUna;
  c.rcvNxt = (c.irs + 1) | 0;
  c.rcvAcked = c.rcvNxt;
  c.rcvUp = c.rcvNxt;
  c.rcvAdv = (c.rcvNxt + record.window) | 0;
  c.rcvSsthresh = record.window;
  c.scaleOffer = record.ourScale;
  c.sndWscale = record.peerScale > 0 ? record.peerScale : 0;
  c.rcvWscale = record.ourScale > 0 ? record.ourScale : 0;
  c.windowClamp = record.ourScale < 0 ? Math.min(record.clamp, 65535) : record.clamp;
}

/** Puts a child into the tables, in the place of its record or where there was nothing, and into the accept queue. */
function enlist(c: Connection, record: SynRecord): void {
  const { listener } = record;
  const { tcp } = listener;
  c.index = tcp.connections.add(c);
  const value = (c.index << 2) | KIND_CONNECTION;
  if (record.index >= 0) {
    tcp.tuples.set(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, value);
    forgetSynRecord(record);
  } else {
    tcp.tuples.insert(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, value);
    tcp.ports.connected(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  }
  c.binding = tcp.ports.inherit(listener.binding, c);
  tcp.counters.TcpPassiveOpens++;
  c.embryonic = true;
}

/** Into the accept queue, for which the caller has seen that there is room. */
export function queueForAccept(listener: Listener, c: Connection): void {
  listener.queue.push(c);
  listener.owner.listenerEvent();
}

/**
 * The three-way handshake is complete (RFC 9293 §3.10.7.4, fifth step): the record becomes a connection that waits to be
 * accepted. The rest of the segment is the caller's to process on it.
 */
export function promote(record: SynRecord, seg: Segment): Connection {
  const { listener } = record;
  const { time } = listener.tcp;
  const c = makeChild(record, seg);
  measureHandshake(c, record.sent && record.retrans === 0 ? (time.us - record.sentAt) | 0 : -1, seg);
  if (record.retries > 0) countTimeouts(c, record, seg);
  enlist(c, record);
  // The SYN-ACK
  c.delivered = 1;
  initTransfer(c);
  established(c, seg);
  startKeepalive(c);
  if ((c.ecn & ECN_ACC) !== 0) thirdAck(c, seg);
  if (c.congestion.congControl === undefined) updatePacingRate(c);
  queueForAccept(listener, c);
  return c;
}

/** The SYN-ACK timed out; in vain, if what is acknowledged is the first one (Eifel, RFC 3522). */
function countTimeouts(c: Connection, record: SynRecord, seg: Segment): void {
  c.totalRto = record.retries;
  c.totalRtoRecoveries = 1;
  c.totalRtoTime = Math.round(((c.tcp.time.us - record.sentAt) | 0) / 1000);
  if (!(c.tsOk && seg.ts && seg.tsecr === record.firstTsval)) c.undoable = true;
}

/**
 * RFC 7413 §4.2.2: the connection of a SYN that may open fast. It can be accepted, read and written before the handshake
 * is complete.
 */
export function fastOpenChild(record: SynRecord, seg: Segment): Connection {
  const { time } = record.listener.tcp;
  const c = makeChild(record, seg);
  // RFC 7323 §2.2: the window of a SYN is not scaled
  c.sndWnd = seg.window;
  c.maxWnd = seg.window;
  c.sndWl1 = seg.seq;
  c.lastReceive = time.ms;
  c.lastSend = time.ms;
  c.lastAck = time.ms;
  enlist(c, record);
  // Linux takes the timestamps off what we advertise only when the handshake is complete
  const stamps = c.tsOk ? TS_SPACE : 0;
  c.advMss += stamps;
  initTransfer(c);
  c.advMss -= stamps;
  startKeepalive(c);
  return c;
}

/** Whether a segment with data or FIN beyond the SYN came (Linux's syn_data). */
export function bringsData(seg: Segment): boolean {
  return seg.length > 0 || (seg.flags & FIN) !== 0;
}
