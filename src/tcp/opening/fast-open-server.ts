import { ECONNRESET, ETIMEDOUT } from "../../base/errors.js";
import { ACK, RST, SYN } from "../../wire/tcp.js";
import { parseOptions } from "../arriving/options.js";
import { pawsRejects, secondNow } from "../arriving/paws.js";
import type { Segment } from "../arriving/segment.js";
import { resetUnknown } from "../arriving/stateless.js";
import type { Connection } from "../connection.js";
import { RTO_INITIAL, TIMER_RETRANSMIT } from "../constants.js";
import { destroy } from "../ending/close.js";
import { countTimeout } from "../loss/patience.js";
import { enterLoss } from "../loss/recovery.js";
import { rearmRetransmit } from "../loss/retransmit-timer.js";
import { receiveNext } from "../receiving/reassembly.js";
import { chargeReceived } from "../receiving/receive-queue.js";
import { setSenderTimer } from "../timer-set.js";
import { bringsData, fastOpenChild, queueForAccept } from "./child.js";
import { measureHandshake } from "./establish.js";
import { FASTOPEN_SERVER, FASTOPEN_SERVER_NO_COOKIE, FastOpenState, releaseRequest } from "./fast-open.js";
import { acceptable, repeatsSyn } from "./syn-input.js";
import { recordTsval, resendSynAck, type SynRecord, sendSynAck } from "./syn-record.js";

/**
 * RFC 7413 §4.1.2, §4.2.2: a SYN for a listener. Where its cookie is good, a connection is made of it at once and its
 * SYN-ACK sent; otherwise tcp.fastOpen.answer is the cookie that the SYN-ACK is to give, or null.
 */
export function tryFastOpen(record: SynRecord, seg: Segment): boolean {
  const { listener } = record;
  const { tcp, template } = listener;
  const { fastOpen, counters, settings } = tcp;
  fastOpen.answer = null;
  fastOpen.answerExp = seg.cookieExp;
  if (seg.cookieLength === 0) counters.TcpExtTCPFastOpenCookieReqd++;
  if ((settings.fastOpen & FASTOPEN_SERVER) === 0 || !(bringsData(seg) || seg.cookieLength >= 0)) return false;
  if (!listener.fastOpenRoom()) return false;
  if ((settings.fastOpen & FASTOPEN_SERVER_NO_COOKIE) === 0 && !template.fastOpenNoCookie) {
    if (seg.cookieLength < 0) return false;
    const keys = template.fastOpenKeys;
    const match = fastOpen.match(keys, tcp.memory.u8, seg.cookie, seg.cookieLength, seg.src, seg.dst);
    if (match !== 1) fastOpen.answer = fastOpen.cookieFor(keys, seg.src, seg.dst);
    if (match === 0) {
      if (seg.cookieLength > 0) counters.TcpExtTCPFastOpenPassiveFail++;
      return false;
    }
    if (match === 2) counters.TcpExtTCPFastOpenPassiveAltKey++;
  }
  open(record, seg);
  return true;
}

function open(record: SynRecord, seg: Segment): void {
  const { listener } = record;
  const { tcp } = listener;
  const c = fastOpenChild(record, seg);
  c.fastOpen = new FastOpenState();
  c.fastOpen.request = record;
  c.fastOpen.child = true;
  listener.fastOpenPending++;
  if (seg.length > 0) takeSynData(c, seg);
  record.rcvNxt = c.rcvNxt;
  c.rcvAcked = c.rcvNxt;
  c.rcvAdv = (c.rcvNxt + record.window) | 0;
  setSenderTimer(c, TIMER_RETRANSMIT, RTO_INITIAL);
  tcp.counters.TcpExtTCPFastOpenPassive++;
  sendSynAck(record, recordTsval(record), tcp.fastOpen.answer);
  queueForAccept(listener, c);
}

/** The data of a SYN, as far as there is a place for it; the rest is not acknowledged. */
function takeSynData(c: Connection, seg: Segment): void {
  const length = Math.min(seg.length, c.rcvWnd);
  const moved = receiveNext(c, seg.payload, length);
  if (moved <= 0) return;
  chargeReceived(c, moved, seg.optionsLength);
  c.bytesReceived += moved;
  c.dataSegsIn++;
  c.synDataAcked = true;
}

/**
 * A segment for a connection opened by fast open whose handshake is not complete: what a record would have made of it.
 * @returns whether the rest of input is to look at it
 */
export function fastOpenInput(c: Connection, seg: Segment): boolean {
  const record = c.fastOpen?.request;
  if (record === null || record === undefined) return true;
  const { tcp } = c;
  parseOptions(tcp, seg);
  const old = seg.ts && pawsRejects(tcp, record.tsRecent, secondNow(tcp), seg.tsval, (seg.flags & RST) !== 0);
  if (repeatsSyn(record, seg, old)) return false;
  if (!acceptable(record, seg, old, c.sndNxt)) return false;
  const syn = (seg.flags & SYN) !== 0 && seg.seq !== record.irs;
  if (syn || (seg.flags & RST) !== 0) {
    tcp.counters.TcpAttemptFails++;
    if ((seg.flags & RST) === 0) resetUnknown(tcp, seg);
    else {
      // Twice, as Linux has it: the request, and the connection made of it
      tcp.counters.TcpAttemptFails++;
      releaseRequest(c, true);
      destroy(c, ECONNRESET);
    }
    return false;
  }
  return (seg.flags & ACK) !== 0;
}

/** The SYN-ACK of such a connection is acknowledged. State and timers of what was sent meanwhile are the caller's. */
export function fastOpenComplete(c: Connection, seg: Segment): void {
  const record = c.fastOpen?.request;
  if (record === null || record === undefined) return;
  if (c.srtt === 0) measureHandshake(c, record.retrans === 0 ? (c.tcp.time.us - record.sentAt) | 0 : -1, seg);
  if (c.rtoStamp !== 0) c.totalRtoTime += (c.tcp.time.ms - c.rtoStamp) | 0;
  c.rtoStamp = 0;
  c.retransmits = 0;
  c.retransStamp = 0;
  releaseRequest(c, false);
  rearmRetransmit(c);
}

/** Its retransmission timer: until the SYN-ACK is answered nothing else is sent again. */
export function fastOpenTimeout(c: Connection): void {
  const record = c.fastOpen?.request;
  if (record === null || record === undefined) return;
  const { settings, counters } = c.tcp;
  counters.TcpExtTCPTimeouts++;
  // One more than for others, as Linux has it
  const most = c.synRetries > 0 ? c.synRetries : settings.synackRetries + 1;
  if (record.retries >= most) {
    counters.TcpExtTCPAbortOnTimeout++;
    destroy(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
    return;
  }
  // As Linux: the second is taken for the loss of what was sent meanwhile
  if (c.retransmits === 1) enterLoss(c);
  resendSynAck(record);
  c.totalRetransmits++;
  record.retries++;
  countTimeout(c);
  if (c.retransStamp === 0) c.retransStamp = c.rtoStamp;
  const wait = Math.min(RTO_INITIAL * 2 ** Math.min(record.retries, 20), c.rtoMax);
  setSenderTimer(c, TIMER_RETRANSMIT, wait);
}
