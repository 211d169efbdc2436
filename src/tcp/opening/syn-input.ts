import { ACK, RST, SYN } from "../../wire/tcp.js";
import { parseOptions } from "../arriving/options.js";
import { pawsRejects, secondNow } from "../arriving/paws.js";
import type { Segment } from "../arriving/segment.js";
import { endOf, inWindow, mayAnswer, resetUnknown } from "../arriving/stateless.js";
import type { Connection } from "../connection.js";
import { bringsData, promote } from "./child.js";
import {
  deferPeriods,
  dropSynRecord,
  resendSynAck,
  type SynRecord,
  sendRecordAck,
  synAckInterval,
  synAckWindow,
} from "./syn-record.js";

/**
 * RFC 9293 §3.10.7.4 for SYN-RECEIVED after a passive open (Linux's tcp_check_req).
 * @returns the connection that the segment completes, for the rest of the segment to be processed on; or null
 */
export function synRecordInput(record: SynRecord, seg: Segment): Connection | null {
  const { tcp } = record.listener;
  parseOptions(tcp, seg);
  const old = seg.ts && pawsRejects(tcp, record.tsRecent, secondNow(tcp), seg.tsval, (seg.flags & RST) !== 0);
  if (repeatsSyn(record, seg, old)) return null;
  // An ACK of something else is for the listener, who resets it
  if ((seg.flags & ACK) !== 0 && seg.ack !== ((record.iss + 1) | 0)) {
    // ... after a look whether it is a cookie, which is for an attempt that has no record
    if ((seg.flags & SYN) === 0 && record.listener.recentOverflow) tcp.counters.TcpExtSyncookiesFailed++;
    resetUnknown(tcp, seg);
    return null;
  }
  if (!acceptable(record, seg, old, (record.iss + 1) | 0)) return null;
  // Second and fourth: the peer gave up, or began anew. Linux resets a new SYN, which §3.10.7.4 leaves open
  const syn = (seg.flags & SYN) !== 0 && seg.seq !== record.irs;
  if (syn || (seg.flags & RST) !== 0) {
    tcp.counters.TcpAttemptFails++;
    resetUnknown(tcp, seg);
    tcp.counters.TcpExtEmbryonicRsts++;
    dropSynRecord(record);
    return null;
  }
  // Fifth, ACK
  if ((seg.flags & ACK) === 0) return null;
  if (defers(record, seg)) return null;
  return complete(record, seg);
}

/** A SYN sent again: our SYN-ACK was lost, and goes out at once; the clock starts anew. */
export function repeatsSyn(record: SynRecord, seg: Segment, old: boolean): boolean {
  if ((seg.flags & (SYN | ACK | RST)) !== SYN || seg.seq !== record.irs || old) return false;
  const { tcp } = record.listener;
  if (!mayAnswer(tcp, seg, record)) {
    tcp.counters.TcpExtTCPACKSkippedSynRecv++;
    return true;
  }
  resendSynAck(record);
  if (record.index >= 0) tcp.wheel.arm(record, (tcp.time.ms + synAckInterval(record)) | 0);
  return true;
}

/**
 * First, the sequence number, and the timestamps (RFC 7323 §5.3); what is amiss is answered by an ACK. TS.Recent is left to
 * the connection that the segment may complete, as Linux has it.
 */
export function acceptable(record: SynRecord, seg: Segment, old: boolean, sndNxt: number): boolean {
  const { tcp } = record.listener;
  const ahead = (seg.tsecr - record.lastTsval) | 0;
  // RFC 7323 §3.2: an echo of what we never sent
  const foreign =
    record.ts &&
    record.index >= 0 &&
    seg.ts &&
    seg.tsecr !== 0 &&
    (ahead > 0 || ((seg.tsecr - record.firstTsval) | 0) < 0);
  const window = (record.rcvNxt + synAckWindow(record)) | 0;
  if (!old && !foreign && inWindow(seg.seq, endOf(seg), record.rcvNxt, window)) {
    // RFC 5961 §3.2: only the exact number resets, another in the window is challenged
    if ((seg.flags & RST) !== 0 && seg.seq !== record.rcvNxt) return challengeReset(record, seg, sndNxt);
    return true;
  }
  if ((seg.flags & RST) === 0) {
    const tos = seg.packet === null ? 0 : seg.packet.tos & 0xfc;
    if (mayAnswer(tcp, seg, record)) sendRecordAck(record, sndNxt, tos);
    else tcp.counters.TcpExtTCPACKSkippedSynRecv++;
  }
  if (old) tcp.counters.TcpExtPAWSEstab++;
  else if (foreign) tcp.counters.TcpExtTSEcrRejected++;
  return false;
}

function challengeReset(record: SynRecord, seg: Segment, sndNxt: number): false {
  const { tcp } = record.listener;
  const tos = seg.packet === null ? 0 : seg.packet.tos & 0xfc;
  if (mayAnswer(tcp, seg, record)) {
    tcp.counters.TcpExtTCPChallengeACK++;
    sendRecordAck(record, sndNxt, tos);
  } else tcp.counters.TcpExtTCPACKSkippedChallenge++;
  return false;
}

/** TCP_DEFER_ACCEPT: an ACK without data completes nothing until the period is over. */
function defers(record: SynRecord, seg: Segment): boolean {
  const { tcp, template } = record.listener;
  if (bringsData(seg) || record.retries >= deferPeriods(template.deferAccept)) return false;
  record.acked = true;
  tcp.counters.TcpExtTCPDeferAcceptDrop++;
  return true;
}

function complete(record: SynRecord, seg: Segment): Connection | null {
  const { listener } = record;
  const { tcp } = listener;
  if (!listener.full) return promote(record, seg);
  tcp.counters.TcpExtListenOverflows++;
  tcp.counters.TcpExtListenDrops++;
  if (tcp.settings.abortOnOverflow === 0) {
    // The SYN-ACK goes on being sent again; some later ACK finds room
    record.acked = true;
    return null;
  }
  resetUnknown(tcp, seg);
  tcp.counters.TcpExtEmbryonicRsts++;
  dropSynRecord(record);
  return null;
}
