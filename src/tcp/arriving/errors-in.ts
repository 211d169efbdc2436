import { EMSGSIZE } from "../../base/errors.js";
import type { IcmpReport } from "../../ip/transport.js";
import { seqGe, seqLe } from "../../wire/seqnum.js";
import { estimatedRto } from "../acknowledged/rtt.js";
import { XMIT_US } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import {
  EVENT_ERROR,
  KIND_CONNECTION,
  KIND_SYN,
  PMTU_DO,
  PMTU_DONT,
  PMTU_INTERFACE,
  RTO_INITIAL,
  SYN_RECEIVED,
  SYN_SENT,
  TIMER_RETRANSMIT,
} from "../constants.js";
import type { TcpContext } from "../context.js";
import { destroy } from "../ending/close.js";
import { retransmitTimeout } from "../loss/rto.js";
import { touch, wake } from "../notify.js";
import { opensFast } from "../opening/fast-open.js";
import { dropSynRecord, type SynRecord } from "../opening/syn-record.js";
import { setSenderTimer, stopTimer } from "../timer-set.js";

const UNREACHABLE = 3;
const NET_UNREACHABLE = 0;
const HOST_UNREACHABLE = 1;

/** An ICMP error about a segment of ours (RFC 9293 §3.9.2.2, RFC 1122 §4.2.3.9), believed only about data in flight. */
export function icmpReport(tcp: TcpContext, report: IcmpReport): void {
  const { dv } = tcp.memory;
  const localPort = dv.getUint16(report.l4);
  const remotePort = dv.getUint16(report.l4 + 2);
  const seq = dv.getInt32(report.l4 + 4);
  const value = tcp.tuples.find(report.src, localPort, report.dst, remotePort);
  const kind = value & 3;
  if (value >= 0 && kind === KIND_SYN) aboutRecord(tcp.synRecords.get(value >>> 2), seq, report);
  if (value < 0 || kind !== KIND_CONNECTION) {
    report.credible = false;
    return;
  }
  const c = tcp.connections.get(value >>> 2);
  // RFC 5927 §4.1: not about anything that is in flight
  if (!(seqGe(seq, opensFast(c) ? c.iss : c.sndUna) && seqLe(seq, c.sndNxt))) {
    tcp.counters.TcpExtOutOfWindowIcmps++;
    report.credible = false;
    return;
  }
  if (report.errno === EMSGSIZE) smallerPath(c, report.mtu);
  else aboutConnection(c, seq, report);
}

/**
 * RFC 1122 §4.2.3.9 has some messages end a connection; RFC 5927 §5.2 and Linux end only an attempt by them. Elsewhere they
 * say why, if nothing comes any more.
 */
function aboutConnection(c: Connection, seq: number, report: IcmpReport): void {
  if (!opensFast(c) && unreachable(report)) revertBackoff(c, seq);
  if (c.index < 0) return;
  // Opened by fast open and accepted: it is as good as established
  const attempt = c.state === SYN_SENT || (c.state === SYN_RECEIVED && (!opensFast(c) || c.embryonic));
  if (!attempt) {
    // ip(7), IP_RECVERR: its owner hears of it at once; the connection goes on all the same
    if (c.recvErr && c.owner !== null) {
      c.error = report.errno;
      wake(c, EVENT_ERROR);
    } else c.softError = report.errno;
    return;
  }
  c.tcp.counters.TcpAttemptFails++;
  destroy(c, report.errno);
}

function unreachable(report: IcmpReport): boolean {
  return report.type === UNREACHABLE && (report.code === NET_UNREACHABLE || report.code === HOST_UNREACHABLE);
}

/** Linux's tcp_req_err: a request of a listener is dropped in silence; nobody could be told. */
function aboutRecord(record: SynRecord, seq: number, report: IcmpReport): void {
  const { counters } = record.listener.tcp;
  if (seq !== record.iss) counters.TcpExtOutOfWindowIcmps++;
  else if (report.type !== UNREACHABLE || unreachable(report)) {
    dropSynRecord(record);
    counters.TcpExtListenDrops++;
  }
}

/**
 * RFC 6069: a router says that it cannot reach the peer, so the timeout was no sign of congestion. The last doubling of the
 * RTO is taken back; if that has run out already, the segment goes again now.
 */
function revertBackoff(c: Connection, seq: number): void {
  if (seq !== c.sndUna || c.retransmits === 0 || c.backoff === 0 || c.rtxHead === 0) return;
  const { sent, time } = c.tcp;
  c.backoff--;
  const base = c.srtt > 0 ? estimatedRto(c) : RTO_INITIAL;
  c.rto = Math.min(base * 2 ** c.backoff, c.rtoMax);
  const elapsed = Math.floor(((time.us - (sent.data[c.rtxHead + XMIT_US] as number)) | 0) / 1000);
  if (elapsed < c.rto) {
    setSenderTimer(c, TIMER_RETRANSMIT, c.rto - elapsed);
    return;
  }
  stopTimer(c, TIMER_RETRANSMIT);
  retransmitTimeout(c);
}

/**
 * RFC 1191 §6.4: the path takes less; what was too large is sent again in smaller segments, window untouched. That goes
 * out when the batch ends: IP learns of the path (and of sending without DF) only after this report.
 */
function smallerPath(c: Connection, mtu: number): void {
  const { route, pmtuDiscover } = c;
  if (route === null || mtu >= route.mtu) return;
  // Smaller than IP will go, and DF is insisted on: nothing will get through
  if (pmtuDiscover === PMTU_DO && mtu < c.tcp.ip.pathMtus.minimum) c.softError = EMSGSIZE;
  if (pmtuDiscover === PMTU_DONT || pmtuDiscover >= PMTU_INTERFACE) return;
  if (!c.pathShrank) c.pathBefore = route.mtu;
  c.pathShrank = true;
  touch(c);
}
