import { ECONNREFUSED } from "../../base/errors.js";
import { seqGt, seqLe } from "../../wire/seqnum.js";
import { ACK, FIN, RST, SYN, TS_SPACE } from "../../wire/tcp.js";
import { ACK_TAKEN, processAck } from "../acknowledged/ack.js";
import { markLost } from "../acknowledged/flight.js";
import { NEXT, XMIT_US } from "../acknowledged/sent.js";
import type { Segment } from "../arriving/segment.js";
import { resetUnknown } from "../arriving/stateless.js";
import type { Connection } from "../connection.js";
import {
  ATO_MIN,
  DELACK_MAX,
  ECN_ACC,
  EVENT_CONNECTED,
  EVENT_WRITABLE,
  FIN_WAIT_1,
  QUICK_ACKS,
  SYN_RECEIVED,
  TIMER_DELACK,
  TIMER_RETRANSMIT,
} from "../constants.js";
import { type AccEcn, reflection } from "../ecn/accecn.js";
import { takeCrossedSyn, takeSynAck, thirdAck } from "../ecn/accecn-handshake.js";
import { destroy, setState } from "../ending/close.js";
import { lossWithoutCongestion } from "../loss/recovery-path.js";
import { touch, wake } from "../notify.js";
import { initialRcvMss, inPingpong, moreQuickAcks } from "../receiving/ack-policy.js";
import { noteFin, processFin, processText } from "../receiving/receive.js";
import { dsackSet } from "../receiving/sack-out.js";
import { beginSearch } from "../sending/mtu-probe.js";
import { updateMss } from "../sending/path.js";
import { sendAck } from "../sending/transmit.js";
import { setSenderTimer, setTimer, startKeepalive } from "../timer-set.js";
import { agreeTimestamps, established, initTransfer, measureHandshake } from "./establish.js";
import { offersFastOpen, opensFast } from "./fast-open.js";
import { fastOpenAnswered } from "./fast-open-client.js";
import { fastOpenComplete } from "./fast-open-server.js";
import { sendSynAgain } from "./handshake-out.js";

/*
 * An active open, from its SYN on; and the end of SYN-RECEIVED where that is a whole connection (a simultaneous open,
 * or one that fast open let begin early).
 */

/** When an ACK of something old answers our SYN, the SYN goes again after this, ms (Linux's TCP_TIMEOUT_MIN). */
const SYN_SOON_MS = 2;
/** Window without scaling. */
const WINDOW_MAX = 65535;

/** RFC 9293 §3.10.7.3: SYN-SENT. */
export function synSent(c: Connection, seg: Segment): void {
  const { tcp } = c;
  const hasAck = (seg.flags & ACK) !== 0;
  // First, ACK: it must acknowledge our SYN and nothing more
  if (hasAck && (seqLe(seg.ack, c.sndUna) || seqGt(seg.ack, c.sndNxt))) {
    if (c.retransmits === 0) setSenderTimer(c, TIMER_RETRANSMIT, SYN_SOON_MS);
    resetUnknown(tcp, seg);
    return;
  }
  if (hasAck && echoOfAnother(c)) {
    tcp.counters.TcpExtPAWSActive++;
    resetUnknown(tcp, seg);
    return;
  }
  // Second, RST: believed only with an acceptable ACK
  if ((seg.flags & RST) !== 0) {
    if (!hasAck) return;
    tcp.counters.TcpAttemptFails++;
    destroy(c, ECONNREFUSED);
    return;
  }
  // Fourth, SYN
  if ((seg.flags & SYN) === 0) return;
  takeSyn(c, seg);
  if (hasAck) completeOpen(c, seg);
  else simultaneousOpen(c, seg);
}

/** RFC 7323 §5.8: the echo is of no SYN of ours. */
function echoOfAnother(c: Connection): boolean {
  if (!c.sawTs || c.rcvTsecr === 0) return false;
  return ((c.rcvTsecr - c.retransStamp) | 0) < 0 || ((c.tcp.time.ms - c.rcvTsecr) | 0) < 0;
}

/** What the peer's SYN says of itself. */
function takeSyn(c: Connection, seg: Segment): void {
  const { settings, time } = c.tcp;
  const window = (c.rcvAdv - c.rcvNxt) | 0;
  c.irs = seg.seq;
  c.rcvNxt = (seg.seq + 1) | 0;
  c.rcvAdv = (c.rcvNxt + window) | 0;
  c.rcvAcked = c.rcvNxt;
  c.sndWl1 = seg.seq;
  // RFC 9293 §3.7.1; where it says nothing, what was taken for it (TCP_MAXSEG, fast open) stands
  if (seg.mss > 0) c.peerMss = c.userMss > 0 && c.userMss < seg.mss ? c.userMss : seg.mss;
  c.tsOk = c.tsOffered && seg.ts;
  c.sackOk = settings.sack !== 0 && seg.sackOk;
  if (c.tsOk) agreeTimestamps(c, seg.tsval, time.s);
  // RFC 7323 §1.3: scaling needs both sides
  const scaled = seg.wscale >= 0 && c.scaleOffer >= 0;
  c.sndWscale = scaled ? seg.wscale : 0;
  c.rcvWscale = scaled ? c.scaleOffer : 0;
  if (!scaled) {
    c.windowClamp = Math.min(c.windowClamp, WINDOW_MAX);
    // The SYN-ACK of a simultaneous open offers once more what the SYN did
    if ((seg.flags & ACK) !== 0) c.scaleOffer = -1;
  }
  c.sndWnd = seg.window;
  c.maxWnd = c.sndWnd;
  // Linux reckons the rate of the first flight by this: the timestamps that our SYN offered still count
  updateMss(c);
  if (c.tsOffered && !c.tsOk) c.mss -= TS_SPACE;
}

/** Our SYN is acknowledged: ESTABLISHED, and the rest of the segment counts. */
function completeOpen(c: Connection, seg: Segment): void {
  takeSynAck(c, seg);
  spuriousSyn(c);
  if (processAck(c, seg, false) !== ACK_TAKEN) return;
  c.sndWnd = seg.window;
  c.sndSml = seg.ack;
  updateMss(c);
  initTransfer(c);
  established(c, seg);
  // As Linux: one opened from both sides is kept alive from when the application asks for it
  startKeepalive(c);
  const again = fastOpenAnswered(c, seg);
  wake(c, EVENT_CONNECTED | EVENT_WRITABLE);
  // The handshake's ACK goes by itself, unless data that the server did not take goes again and bears it
  if (again) {
    resendSynData(c);
    return;
  }
  // As Linux: what else comes with a SYN-ACK counts for fast open only (RFC 7413 §4.2.1), else the peer sends it again
  if (offersFastOpen(c)) takeRest(c, seg);
  if (c.index < 0) return;
  // As Linux: who says that the data to come can bear it (TCP_DEFER_ACCEPT, TCP_QUICKACK 0) saves a segment
  if (c.deferAccept > 0 || inPingpong(c)) {
    postponeAck(c);
    touch(c);
    return;
  }
  // RFC 9768 §3.2.2.1
  sendAck(c, (c.ecn & ECN_ACC) !== 0 ? reflection((c.accecn as AccEcn).synField) : 0);
  touch(c);
}

/** The ACK of the handshake waits for data to go with, for 200 ms. */
function postponeAck(c: Connection): void {
  c.ackDue = true;
  c.ackHeld = true;
  c.pingpong = 0;
  c.ato = ATO_MIN;
  moreQuickAcks(c, QUICK_ACKS);
  setTimer(c, TIMER_DELACK, (c.tcp.time.ms + DELACK_MAX) | 0);
}

/** Data and FIN behind the SYN: what else was in the segment. */
function takeRest(c: Connection, seg: Segment): void {
  afterSyn(seg);
  if (seg.length > 0) processText(c, seg);
  if ((seg.flags & FIN) !== 0) noteFin(c, seg);
  processFin(c);
}

/** RFC 7413 §4.2.1: the server did not take what came with the SYN. */
function resendSynData(c: Connection): void {
  for (let at = c.rtxHead; at !== 0; at = c.tcp.sent.data[at + NEXT] as number) markLost(c, at);
  lossWithoutCongestion(c);
}

/** RFC 4015's idea for a SYN: the answer echoes the first, so sending it again was for nothing. */
function spuriousSyn(c: Connection): void {
  if (c.undoable && c.sawTs && c.rcvTsecr !== 0 && c.rcvTsecr === c.retransStamp) c.undoable = false;
}

/** A SYN alone: both sides opened at once (RFC 9293 §3.5, figure 8). */
function simultaneousOpen(c: Connection, seg: Segment): void {
  const { sent, time, counters } = c.tcp;
  // Our own SYN waits for data to go with: nothing has crossed it
  if (c.rtxHead === 0) return;
  setState(c, SYN_RECEIVED);
  takeCrossedSyn(c, seg);
  beginSearch(c);
  updateMss(c);
  initialRcvMss(c);
  // As Linux: the round trip is measured from the SYN-ACK, which counts as the SYN sent
  sent.data[c.rtxHead + XMIT_US] = time.us;
  const first = c.totalRetransmits === 0;
  if (sendSynAgain(c, SYN | ACK) === 0 && first) counters.TcpOutSegs--;
}

/** The peer's SYN-ACK in a simultaneous open, known to acknowledge our SYN. */
export function simultaneousAck(c: Connection, seg: Segment): void {
  if (processAck(c, seg, false) !== ACK_TAKEN) return;
  synReceivedAck(c, seg);
  // The SYN has come twice (RFC 2883)
  dsackSet(c, seg.seq, c.rcvNxt);
  c.ackNow = true;
}

/** Our SYN, or SYN-ACK, is acknowledged: ESTABLISHED, or FIN-WAIT-1 if CLOSE came in between. */
export function synReceivedAck(c: Connection, seg: Segment): void {
  // The SYN-ACK, which is not among what ACKs are found to deliver
  c.delivered++;
  if (opensFast(c)) fastOpenComplete(c, seg);
  else {
    if (c.srtt === 0) measureHandshake(c, -1, seg);
    initTransfer(c);
  }
  established(c, seg);
  if ((c.ecn & ECN_ACC) !== 0) thirdAck(c, seg);
  if (c.finQueued) setState(c, FIN_WAIT_1);
  c.sndSml = seg.ack;
  wake(c, EVENT_CONNECTED | EVENT_WRITABLE);
  touch(c);
}

/** Moves the segment past its SYN. */
function afterSyn(seg: Segment): void {
  seg.flags &= ~SYN;
  seg.seq = (seg.seq + 1) | 0;
}
