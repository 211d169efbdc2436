import { ENETUNREACH, ENOBUFS } from "../../base/errors.js";
import type { Route } from "../../ip/route.js";
import { PROTO_TCP } from "../../ip/transport.js";
import { GSO_TCP4 } from "../../link/tx-queue.js";
import { seqGt, seqLe } from "../../wire/seqnum.js";
import {
  ACK as ACK_,
  CWR as CWR_,
  ECE as ECE_,
  FIN,
  PSH as PSH_,
  SYN as SYN_,
  TCP_CHECKSUM,
  TCP_HEADER as TCP_HEADER_,
  URG,
} from "../../wire/tcp.js";
import { optionBytes, writeOptions, writeSynOptions } from "../arriving/options.js";
import { CA_EVENT_TX_START } from "../congestion/congestion.js";
import type { Connection } from "../connection.js";
import {
  ECN_ACC,
  ECN_DEMAND_CWR,
  ECN_OK as ECN_OK_,
  ECN_QUEUE_CWR,
  INLINE_PAYLOAD as INLINE_PAYLOAD_,
} from "../constants.js";
import { ACE_FLAGS, type AccEcn, aceFlags, ECT_0, FAIL_ACE_RECV } from "../ecn/accecn.js";
import { sendAce } from "../ecn/accecn-feedback.js";
import { synOptionsOf } from "../opening/handshake-options.js";
import { ackSent, dataSent } from "../receiving/ack-policy.js";
import { windowToOffer } from "../receiving/window.js";
import { paceSent, stampSent } from "./pacing.js";
import { routeOf } from "./path.js";
import { urgentMode } from "./send-rules.js";

// Constants of this module are folded into the code; imported ones are loaded and checked at every use.
const TCP_HEADER = TCP_HEADER_;
const SYN = SYN_;
const ACK = ACK_;
const PSH = PSH_;
const CWR = CWR_;
const ECE = ECE_;
const ECN_OK = ECN_OK_;
const INLINE_PAYLOAD = INLINE_PAYLOAD_;

/**
 * Writes one segment, or a run of them as one GSO frame, and hands it to IP. Moves nothing of the send sequence; what
 * it acknowledges is noted.
 * @param mss size of the run's segments
 * @returns 0 or a negative errno (-ENOBUFS: the link is full)
 */
export function transmit(c: Connection, seq: number, length: number, flags: number, mss = length): number {
  const { ip, memory } = c.tcp;
  const route = routeOf(c);
  if (route === null) return -ENETUNREACH;
  const inline = length <= INLINE_PAYLOAD;
  const l4 = ip.begin(route, TCP_HEADER + 40 + (inline ? length : 0));
  if (l4 < 0) return l4;
  const first = (flags & SYN) !== 0 ? (seq + 1) | 0 : seq;
  // What says something once (a window shut, a duplicate, marks) is used up only when there is nothing more in the way
  if (!inline && !addPieces(c, route, first, length)) return -ENOBUFS;
  let header = TCP_HEADER;
  let window: number;
  if ((flags & SYN) !== 0) {
    header += writeSynOptions(c.tcp, l4 + TCP_HEADER, synOptionsOf(c, flags));
    // RFC 7323 §2.2: the window of a SYN is never scaled
    window = Math.min((c.rcvAdv - c.rcvNxt) | 0, 65535);
  } else {
    window = windowToOffer(c);
    header += optionBytes(c);
    if (header > TCP_HEADER) writeOptions(c, l4 + TCP_HEADER);
  }
  const { dv } = memory;
  // Linux ends a row of more than one segment with PSH, whatever the application said
  const push = length > mss ? flags | PSH : flags;
  const more = c.ecn === 0 || (flags & SYN) !== 0 ? push : push | ecnFlags(c, seq, length, flags);
  dv.setInt32(l4, (c.localPort << 16) | c.remotePort);
  dv.setInt32(l4 + 4, seq);
  dv.setInt32(l4 + 8, (flags & ACK) !== 0 ? c.rcvNxt : 0);
  dv.setInt32(l4 + 12, (header << 26) | (more << 16) | window);
  dv.setInt32(l4 + 16, 0);
  if (urgentMode(c)) markUrgent(c, l4, seq);
  if (inline && length > 0) c.snd?.readTo(distanceOf(c, first), l4 + header, length);
  const segments = length > mss ? Math.ceil(length / mss) : 1;
  const sent = ip.finish(
    route,
    l4,
    inline ? header + length : header,
    inline ? 0 : length,
    PROTO_TCP,
    c.localAddr,
    TCP_CHECKSUM,
    segments > 1 ? (GSO_TCP4 << 16) | mss : 0,
    header,
    c.ttl,
    c.ecn === 0 ? c.tos : tosOf(c, seq, length, flags),
    c.dontFragment,
  );
  if (sent < 0) return sent;
  sentSegments(c, seq, length, flags, segments);
  return 0;
}

function sentSegments(c: Connection, seq: number, length: number, flags: number, segments: number): void {
  if (length === 0 ? isFirst(c, seq, flags) : seqGt((seq + length) | 0, c.sndNxt))
    c.tcp.counters.TcpOutSegs += segments;
  c.segsOut += segments;
  const late = stampSent(c);
  if ((flags & ACK) !== 0) ackSent(c);
  if (length === 0) return;
  if (ectDue(c, seq)) c.ecn &= ~ECN_QUEUE_CWR;
  c.dataSegsOut += segments;
  c.bytesSent += length;
  if (c.pacing) paceSent(c, length, late);
  if (c.inFlight === 0) c.congestion.cwndEvent?.(c, CA_EVENT_TX_START);
  c.lastSend = c.tcp.time.ms;
  dataSent(c);
}

/** RFC 4022: tcpOutSegs counts no segment that only sends something again. */
function isFirst(c: Connection, seq: number, flags: number): boolean {
  if ((flags & SYN) !== 0) return c.totalRetransmits === 0;
  return (flags & FIN) === 0 || seq === c.sndNxt;
}

/** RFC 3168 §6.1.5: only new data bears ECT; what is sent again, and bare ACKs, do not. */
function ectDue(c: Connection, seq: number): boolean {
  return (c.ecn & ECN_OK) !== 0 && seqLe(c.sndNxt, seq);
}

/** RFC 9768 §3.2.2.3: with AccECN every segment but a SYN is ECN-capable, unless the path was seen to meddle with that. */
function tosOf(c: Connection, seq: number, length: number, flags: number): number {
  if ((c.ecn & ECN_ACC) === 0) return length > 0 && ectDue(c, seq) ? c.tos | ECT_0 : c.tos;
  const meddled = ((c.accecn as AccEcn).failMode & FAIL_ACE_RECV) !== 0;
  return (flags & SYN) !== 0 || meddled ? c.tos : c.tos | ECT_0;
}

/** RFC 3168 §6.1.2 and §6.1.3. */
function ecnFlags(c: Connection, seq: number, length: number, flags: number): number {
  if ((c.ecn & ECN_ACC) !== 0) return (flags & ACE_FLAGS) === 0 ? sendAce(c.accecn as AccEcn) : 0;
  if ((c.ecn & ECN_OK) === 0) return 0;
  const cwr = (c.ecn & ECN_QUEUE_CWR) !== 0 && length > 0 && ectDue(c, seq) ? CWR : 0;
  return cwr | ((c.ecn & ECN_DEMAND_CWR) !== 0 ? ECE : 0);
}

/**
 * Whether the next segment cannot be one of a row: RFC 3168 §6.1.2's CWR stands on one segment only, and devices leave it
 * on the first of a row; where it is a bit of AccECN's field (RFC 9768 §3.2.2) it has to stand on each.
 */
export function goesAlone(c: Connection): boolean {
  if ((c.ecn & ECN_ACC) === 0) return (c.ecn & ECN_QUEUE_CWR) !== 0;
  return (aceFlags((c.accecn as AccEcn).receivedCe) & CWR) !== 0;
}

/** RFC 6093 §3 with Linux's reach: the pointer stands one past the urgent octet. */
function markUrgent(c: Connection, l4: number, seq: number): void {
  const { dv } = c.tcp.memory;
  const ahead = (c.sndUp - seq) | 0;
  if (ahead <= 0) return;
  if (ahead >= 0x10000 && ((seq + 0xffff - c.sndNxt) | 0) <= 0) return;
  dv.setUint8(l4 + 13, dv.getUint8(l4 + 13) | URG);
  dv.setUint16(l4 + 18, ahead < 0x10000 ? ahead : 0xffff);
}

/** How far behind the first byte of the send buffer `seq` is. */
function distanceOf(c: Connection, seq: number): number {
  return c.sndQueued - ((c.writeSeq - seq) | 0);
}

/** Puts the payload behind the header that is to be written, as pieces of the send buffer. */
function addPieces(c: Connection, route: Route, seq: number, length: number): boolean {
  const snd = c.snd;
  if (snd === null) return false;
  let distance = distanceOf(c, seq);
  const { ip } = c.tcp;
  for (let left = length; left > 0; ) {
    const n = Math.min(left, snd.contiguous(distance));
    if (!ip.piece(route, snd.offsetOf(distance), n)) return false;
    distance += n;
    left -= n;
  }
  return true;
}

/** The sequence number of a segment without data: SND.NXT, unless the window was taken back behind it. */
export function acceptableSeq(c: Connection): number {
  const edge = (c.sndUna + c.sndWnd) | 0;
  const beyond = (c.sndNxt - edge) | 0;
  return beyond <= 0 || beyond < 1 << c.rcvWscale ? c.sndNxt : edge;
}

/** An ACK that carries nothing else. @param ace AccECN's flags where they are not the count of marks; 0: they are */
export function sendAck(c: Connection, ace = 0): void {
  transmit(c, acceptableSeq(c), 0, ACK | ace);
}
