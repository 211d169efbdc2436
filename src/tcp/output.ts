import { ENETUNREACH, ENOBUFS } from "../base/errors.js";
import type { Route } from "../ip/route.js";
import { PROTO_TCP } from "../ip/transport.js";
import { GSO_TCP4 } from "../link/tx-queue.js";
import { ACK, FIN, PSH, SYN, TCP_CHECKSUM, TCP_HEADER } from "../wire/tcp.js";
import { noteUse, restartAfterIdle } from "./congestion/window.js";
import type { Connection } from "./connection.js";
import {
  CA_OPEN,
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  GSO_MAX_PAYLOAD,
  INLINE_PAYLOAD,
  LAST_ACK,
  RTO_MAX,
  SYN_RECEIVED,
  SYN_SENT,
  TIMER_CORK,
  TIMER_DELACK,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from "./constants.js";
import { writeSynOptions } from "./options.js";
import { routeOf, updateMss } from "./path.js";
import { setTimer, stopTimer } from "./timer-set.js";
import { windowToOffer } from "./window.js";

/** How long a corked partial segment is held at most (Linux's TCP_CORK). */
const CORK_MS = 200;

/** Whether data or a FIN may still be sent from this state. */
function sendsData(state: number): boolean {
  return (
    state === ESTABLISHED || state === CLOSE_WAIT || state === FIN_WAIT_1 || state === LAST_ACK || state === CLOSING
  );
}

/**
 * Sends what may be sent now: the one place that decides it. Data goes in runs of as many segments as the windows and
 * a row allow; the link cuts them.
 */
export function output(c: Connection): void {
  // Nothing queued and nothing in flight: so it is with most of what a receiver's batch touches
  if (c.sndQueued === 0 && !c.finQueued && c.sndNxt === c.sndUna) return;
  if (!sendsData(c.state)) return;
  if (c.sndNxt === c.sndMax && c.sndQueued > 0) restartAfterIdle(c);
  const from = c.sndNxt;
  for (;;) {
    const sent = (c.sndNxt - c.sndUna) | 0;
    const finOut = c.finSent && sent > c.sndQueued;
    const unsent = c.sndQueued - (finOut ? sent - 1 : sent);
    const fin = c.finQueued && !finOut;
    if (unsent <= 0 && !fin) break;
    const length = runLength(c, sent, unsent);
    if (length < 0) break;
    const last = length === unsent;
    // A FIN takes one of the window: else a peer whose window is shut drops it, and we would give the peer up
    const withFin = last && fin && length < c.sndWnd - sent;
    const flags = (withFin ? FIN : 0) | ACK | (last && length > 0 ? PSH : 0);
    if (length === 0 && !withFin) break;
    if (sendRun(c, c.sndNxt, length, flags) < 0) {
      block(c);
      break;
    }
  }
  noteUse(c, from);
  armAfterOutput(c);
}

/** The link took nothing more: the connection goes on when it is writable again (or by a timer, whichever is first). */
function block(c: Connection): void {
  if (c.blocked) return;
  c.blocked = true;
  c.tcp.blocked.push(c);
}

/**
 * How many bytes the next run may have; -1: none, for now; 0: nothing but a FIN.
 * @param sent bytes in flight
 * @param unsent bytes queued beyond them
 */
function runLength(c: Connection, sent: number, unsent: number): number {
  if (unsent === 0) return 0;
  const offered = c.sndWnd - sent;
  const allowed = c.cwnd + limitedTransmit(c) - sent;
  let room = offered < allowed ? offered : allowed;
  if (room > GSO_MAX_PAYLOAD) room = GSO_MAX_PAYLOAD;
  if (room >= c.mss) {
    if (unsent > room) return room - (room % c.mss);
    const tail = unsent % c.mss;
    if (tail === 0 || mayEndSmall(c, sent)) return unsent;
    // Whole segments now; the tail waits for Nagle or the cork.
    return unsent > tail ? unsent - tail : -1;
  }
  if (room <= 0) return -1;
  if (unsent <= room) return mayEndSmall(c, sent) ? unsent : -1;
  // RFC 9293 §3.8.6.2.1 (3): less than a segment, but half of the largest window the peer ever offered
  return offered <= allowed && room >= c.maxWnd >> 1 && room > 0 ? room : -1;
}

/** RFC 3042: the first two duplicate ACKs may each bring out a new segment beyond cwnd. */
function limitedTransmit(c: Connection): number {
  if (c.dupAcks === 0 || c.caState !== CA_OPEN) return 0;
  return c.dupAcks === 1 ? c.mss : 2 * c.mss;
}

/**
 * Whether a segment smaller than the MSS may go: Nagle (RFC 9293 §3.7.4) in Minshall's variant, as Linux has it: it
 * waits only while an earlier small segment is unacknowledged. A cork holds every small segment.
 */
function mayEndSmall(c: Connection, sent: number): boolean {
  if (c.finQueued) return true;
  if (c.cork) {
    if ((c.timers & TIMER_CORK) === 0) setTimer(c, TIMER_CORK, (c.tcp.time.ms + CORK_MS) | 0);
    return false;
  }
  if (c.noDelay || sent === 0) return true;
  return ((c.sndSml - c.sndUna) | 0) <= 0 || ((c.sndSml - c.sndNxt) | 0) > 0;
}

/** Sends [seq, seq+length) and the flags, moves SND.NXT, starts what has to be timed. Negative errno: not sent. */
function sendRun(c: Connection, seq: number, length: number, flags: number): number {
  const result = transmit(c, seq, length, flags);
  if (result < 0) return result;
  const end = (seq + length + ((flags & FIN) !== 0 ? 1 : 0)) | 0;
  if ((flags & FIN) !== 0) c.finSent = true;
  const { time, counters } = c.tcp;
  const again = (c.sndMax - seq) | 0;
  if (again > 0) {
    const bytes = Math.min(length, again);
    const segments = Math.max(1, Math.ceil(bytes / c.mss));
    counters.TcpRetransSegs += segments;
    c.totalRetransmits += segments;
    c.bytesRetransmitted += bytes;
    counters.TcpExtTCPSlowStartRetrans += segments;
  } else if (!c.rttTiming) {
    c.rttTiming = true;
    c.rttSeq = end;
    c.rttStart = time.us;
  }
  if (length % c.mss !== 0) c.sndSml = (seq + length) | 0;
  c.sndNxt = end;
  if (((end - c.sndMax) | 0) > 0) c.sndMax = end;
  c.lastSend = time.ms;
  // An answer to what has just come: Linux's tcp_event_data_sent
  if (length > 0 && ((time.ms - c.lastReceive) | 0) < c.ato) c.pingpong = true;
  return 0;
}

/** Runs the retransmission timer while anything is in flight, and the persist timer while only the window stops us. */
function armAfterOutput(c: Connection): void {
  const { time } = c.tcp;
  if (c.sndNxt !== c.sndUna) {
    stopTimer(c, TIMER_PERSIST);
    // RFC 6298 §5 (5.1)
    if ((c.timers & TIMER_RETRANSMIT) === 0) setTimer(c, TIMER_RETRANSMIT, (time.ms + c.rto) | 0);
    return;
  }
  if (c.sndQueued === 0 && !c.finQueued) return;
  if ((c.timers & (TIMER_PERSIST | TIMER_CORK)) === 0) setTimer(c, TIMER_PERSIST, (time.ms + persistInterval(c)) | 0);
}

/** RFC 9293 §3.8.6.1: from the retransmission timeout on, doubling. */
export function persistInterval(c: Connection): number {
  return Math.min(c.rto << Math.min(c.persistBackoff, 9), RTO_MAX);
}

/**
 * Writes one segment, or a run of them as one GSO frame, and hands it to IP. Moves nothing of the send sequence; what
 * it acknowledges is noted.
 * @returns 0 or a negative errno (-ENOBUFS: the link is full)
 */
export function transmit(c: Connection, seq: number, length: number, flags: number): number {
  const { ip, memory, counters } = c.tcp;
  const route = routeOf(c);
  if (route === null) return -ENETUNREACH;
  if (c.mss > route.mtu - 40) updateMss(c);
  const inline = length <= INLINE_PAYLOAD;
  const l4 = ip.begin(route, TCP_HEADER + 8 + (inline ? length : 0));
  if (l4 < 0) return l4;
  let header = TCP_HEADER;
  // RFC 7323 §2.2: the window of a SYN is never scaled
  let window: number;
  if ((flags & SYN) !== 0) {
    header += writeSynOptions(c.tcp, l4 + TCP_HEADER, c.advMss, c.scaleOffer);
    window = Math.min(c.rcvLimit, 65535);
    c.rcvAdv = (c.rcvNxt + window) | 0;
  } else window = windowToOffer(c);
  const { dv } = memory;
  dv.setInt32(l4, (c.localPort << 16) | c.remotePort);
  dv.setInt32(l4 + 4, seq);
  dv.setInt32(l4 + 8, (flags & ACK) !== 0 ? c.rcvNxt : 0);
  dv.setInt32(l4 + 12, (header << 26) | (flags << 16) | window);
  dv.setInt32(l4 + 16, 0);
  if (length > 0 && !addPayload(c, route, seq, length, inline ? l4 + header : -1)) return -ENOBUFS;
  const segments = length > c.mss ? Math.ceil(length / c.mss) : 1;
  const sent = ip.finish(
    route,
    l4,
    inline ? header + length : header,
    inline ? 0 : length,
    PROTO_TCP,
    c.localAddr,
    TCP_CHECKSUM,
    segments > 1 ? (GSO_TCP4 << 16) | c.mss : 0,
    header,
    c.ttl,
    c.tos,
    c.dontFragment,
  );
  if (sent < 0) return sent;
  counters.TcpOutSegs += segments;
  c.segsOut += segments;
  if (length > 0) {
    c.dataSegsOut += segments;
    c.bytesSent += length;
  }
  if ((flags & ACK) !== 0) acknowledged(c);
  return 0;
}

/** Puts the payload behind the header: copied to `to`, or (to = -1) as pieces of the send buffer. */
function addPayload(c: Connection, route: Route, seq: number, length: number, to: number): boolean {
  const snd = c.snd;
  if (snd === null) return false;
  let distance = (seq - c.sndUna) | 0;
  if (to >= 0) {
    snd.readTo(distance, to, length);
    return true;
  }
  const { ip } = c.tcp;
  for (let left = length; left > 0; ) {
    const n = Math.min(left, snd.contiguous(distance));
    if (!ip.piece(route, snd.offsetOf(distance), n)) return false;
    distance += n;
    left -= n;
  }
  return true;
}

/** Every ACK sent settles what was owed. */
function acknowledged(c: Connection): void {
  if (c.quickAcks > 0 && c.ackDue) c.quickAcks--;
  c.ackDue = false;
  c.ackNow = false;
  c.rcvAcked = c.rcvNxt;
  stopTimer(c, TIMER_DELACK);
}

/** An ACK that carries nothing else. After a timeout SND.NXT stands behind what the peer may have: SND.MAX does not. */
export function sendAck(c: Connection): void {
  transmit(c, c.sndMax, 0, ACK);
}

/** The SYN of an active open, or the SYN-ACK of a simultaneous one; also when sent again. */
export function sendSyn(c: Connection): number {
  const result = transmit(c, c.iss, 0, c.state === SYN_RECEIVED ? SYN | ACK : SYN);
  if (c.sndMax === c.iss) {
    c.sndNxt = (c.iss + 1) | 0;
    c.sndMax = c.sndNxt;
    c.rttTiming = result >= 0;
    c.rttSeq = c.sndNxt;
    c.rttStart = c.tcp.time.us;
  }
  return result;
}

/** Resends one segment from SND.UNA (RFC 5681 §3.2, RFC 6298 §5.4). Karn: what it times is void. */
export function retransmitFirst(c: Connection): void {
  const { counters } = c.tcp;
  c.rttTiming = false;
  if (c.state === SYN_SENT || c.state === SYN_RECEIVED) {
    sendSyn(c);
    counters.TcpExtTCPSynRetrans++;
  } else {
    const outstanding = (c.sndMax - c.sndUna) | 0;
    const length = Math.min(c.mss, c.sndQueued, outstanding);
    const fin = c.finSent && length === c.sndQueued;
    transmit(c, c.sndUna, length, ACK | (fin ? FIN : 0) | (length > 0 && length === c.sndQueued ? PSH : 0));
    c.bytesRetransmitted += length;
  }
  counters.TcpRetransSegs++;
  c.totalRetransmits++;
}

/** Sends what the window takes, however small (the persist timer has run out), then what else may go. */
export function sendForced(c: Connection): void {
  const sent = (c.sndNxt - c.sndUna) | 0;
  const length = Math.min(c.sndWnd - sent, c.sndQueued - sent, c.mss);
  if (length > 0) {
    const last = length === c.sndQueued - sent;
    const fin = last && c.finQueued && length < c.sndWnd - sent;
    sendRun(c, c.sndNxt, length, ACK | PSH | (fin ? FIN : 0));
  }
  output(c);
}

/** A probe of a silent peer (keepalive, zero window): an old sequence number, which it must answer with an ACK. */
export function sendProbe(c: Connection): void {
  transmit(c, (c.sndUna - 1) | 0, 0, ACK);
}
