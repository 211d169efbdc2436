import { seqGt, seqLt } from "../../wire/seqnum.js";
import { ACK, FIN, RST, SYN } from "../../wire/tcp.js";
import { parseOptions, tsClock } from "../arriving/options.js";
import { pawsRejects, secondNow } from "../arriving/paws.js";
import type { Segment } from "../arriving/segment.js";
import { endOf, inWindow, mayAnswer, NO_OPTIONS, resetUnknown, STAMPED, sendBare } from "../arriving/stateless.js";
import { FIN_WAIT_2, TIME_WAIT } from "../constants.js";
import { endTimeWait, restartTimeWait, type TimeWait } from "./time-wait.js";

/**
 * RFC 9293 §3.10.7.4 for TIME-WAIT, and for FIN-WAIT-2 without owner, as Linux has it (tcp_timewait_state_process).
 * @param listens somebody listens for what the segment is to
 * @returns whether the segment is a new SYN before which the record gives way; the caller ends it
 */
export function timeWaitInput(record: TimeWait, seg: Segment, listens: boolean): boolean {
  const { tcp } = record;
  parseOptions(tcp, seg);
  const rst = (seg.flags & RST) !== 0;
  const stamped = record.tsOk && seg.ts;
  const old = stamped && pawsRejects(tcp, record.tsRecent, record.tsRecentAt, seg.tsval, rst);
  if (record.state === FIN_WAIT_2) {
    finWait2Input(record, seg, old);
    return false;
  }
  const empty = seg.length === 0 && (seg.flags & (SYN | FIN)) === 0;
  if (!old && seg.seq === record.rcvNxt && (empty || rst)) {
    inOrder(record, seg, rst);
    return false;
  }
  if (!old && mayOpen(record, seg)) {
    if (listens) return true;
  } else if (old) tcp.counters.TcpExtPAWSTimewait++;
  if (rst) return false;
  // An ACKless SYN may be an old duplicate, or a new one with a lower number: that does not prolong the wait
  if (old || (seg.flags & ACK) !== 0) restartTimeWait(record);
  answer(record, seg);
  return false;
}

/** The next number, and nothing that takes one: a RST, or a bare ACK. */
function inOrder(record: TimeWait, seg: Segment, rst: boolean): void {
  if (rst) {
    // RFC 1337 §3: TIME-WAIT assassination
    if (record.tcp.settings.rfc1337 === 0) {
      endTimeWait(record);
      return;
    }
  } else restartTimeWait(record);
  takeStamp(record, seg);
}

/**
 * RFC 9293 §3.6.1, RFC 1122 §4.2.2.13: a SYN whose number is above the old ones may open anew; RFC 6191 §2: so may one
 * whose timestamp is newer.
 */
function mayOpen(record: TimeWait, seg: Segment): boolean {
  if ((seg.flags & (SYN | RST | ACK)) !== SYN) return false;
  return seqGt(seg.seq, record.rcvNxt) || (record.tsOk && seg.ts && seqLt(record.tsRecent, seg.tsval));
}

function takeStamp(record: TimeWait, seg: Segment): void {
  if (!record.tsOk || !seg.ts) return;
  record.tsRecent = seg.tsval;
  record.tsRecentAt = secondNow(record.tcp);
}

/** The peer has yet to close, and nobody is here to read what else it says (RFC 1122 §4.2.2.13). */
function finWait2Input(record: TimeWait, seg: Segment, old: boolean): void {
  const { tcp, rcvNxt } = record;
  const end = endOf(seg);
  if (old || !inWindow(seg.seq, end, rcvNxt, (rcvNxt + record.window) | 0)) {
    answer(record, seg);
    return;
  }
  if ((seg.flags & RST) !== 0) {
    endTimeWait(record);
    return;
  }
  const fin = (seg.flags & FIN) !== 0;
  const newSyn = (seg.flags & SYN) !== 0 && !seqLt(seg.seq, rcvNxt);
  if (!newSyn) {
    if ((seg.flags & ACK) === 0 || !seqGt(end, rcvNxt) || end === seg.seq) return;
    if (fin && end === ((rcvNxt + 1) | 0)) {
      record.state = TIME_WAIT;
      record.rcvNxt = end;
      takeStamp(record, seg);
      restartTimeWait(record);
      sendTimeWaitAck(record);
      return;
    }
  }
  resetUnknown(tcp, seg);
  endTimeWait(record);
}

function answer(record: TimeWait, seg: Segment): void {
  const { counters } = record.tcp;
  if (mayAnswer(record.tcp, seg, record)) sendTimeWaitAck(record);
  else if (record.state === FIN_WAIT_2) counters.TcpExtTCPACKSkippedFinWait2++;
  else counters.TcpExtTCPACKSkippedTimeWait++;
}

function sendTimeWaitAck(record: TimeWait): void {
  const { tcp } = record;
  tcp.synOptions.tsval = tsClock(tcp, record.tsOffset);
  tcp.synOptions.tsecr = record.tsRecent;
  sendBare(
    tcp,
    record.localAddr,
    record.localPort,
    record.remoteAddr,
    record.remotePort,
    record.sndNxt,
    record.rcvNxt,
    ACK,
    Math.min(record.window >> record.scale, 65535),
    0,
    record.tos,
    record.tsOk && record.tsRecent !== 0 ? STAMPED : NO_OPTIONS,
  );
}
