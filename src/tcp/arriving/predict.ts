import { PROTO_TCP } from "../../ip/transport.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../../link/link.js";
import type { Addr } from "../../wire/address.js";
import { verifies } from "../../wire/checksum.js";
import { TCP_HEADER, TS_SPACE } from "../../wire/tcp.js";
import { receiveBuffer } from "../buffers.js";
import type { Connection } from "../connection.js";
import { DSACK_DUE, RCV_FIN, READ_SHUT, SLOW_PATH, TS_OK } from "../connection-bits.js";
import { ESTABLISHED as ESTAB, KIND_CONNECTION, URGENT_NONE as URGENT_NO } from "../constants.js";
import type { TcpContext } from "../context.js";
import { ACE_FLAGS, type AccEcn, CE as CE_FIELD, NOT_ECT as NO_ECT } from "../ecn/accecn.js";
import { countBytes } from "../ecn/accecn-feedback.js";
import { touch } from "../notify.js";
import { mayKeep } from "../receiving/pressure.js";
import { wakeReader } from "../receiving/readable.js";
import { dataArrived, measureRttByEcho } from "../receiving/receive-buffer.js";
import { chargeOf, chargeReceived, hasRoom } from "../receiving/receive-queue.js";
import { TS_WORD } from "./options.js";

// Constants of this module are folded into the code; imported ones are loaded and checked at every use.
const HEADER = TCP_HEADER;
const TCP = PROTO_TCP;
const VOUCHED = RX_CSUM_VALID | RX_CSUM_PARTIAL;
const KIND = KIND_CONNECTION;
const ESTABLISHED = ESTAB;
const URGENT_NONE = URGENT_NO;
/** Of the fourth word of a header: its length, and the flags URG, ACK, RST, SYN, FIN ... */
const MASK = 0xf0370000 | 0;
/** ... and AE, CWR and ECE, which are as the connection expects them. */
const ACE = ACE_FLAGS;
/** ... as they are in a plain segment: no options, and ACK alone (or with PSH). */
const PLAIN = 0x50100000;
/** ... or timestamps, as they stand in nearly every segment that has them. */
const STAMPED = 0x80100000 | 0;
const STAMPS = TS_SPACE;
const STAMPS_WORD = TS_WORD;
/** Of a connection's bits. */
const UNUSUAL = READ_SHUT | RCV_FIN | DSACK_DUE | SLOW_PATH;
const STAMPS_OK = TS_OK;
/** From TCP's header back to the second octet of an IPv4 header without options; its last two bits are ECN's. */
const TOS_BACK = 19;
const NOT_ECT = NO_ECT;
const CE = CE_FIELD;
/** Of a page's size. */
const PAGE_REST = 4095;

/**
 * Van Jacobson's header prediction, before any record is made of the segment: if it is the next data in order of an
 * established connection, and nothing else is going on, it is stored here and now. Does exactly what `input` and what
 * it calls would have done; most segments of a receiver end here.
 * @param flags RX_* of the frame
 * @returns false: it was something else, or its checksum is wrong, and nothing has been done
 */
export function takeNext(tcp: TcpContext, l4: number, l4Length: number, src: Addr, dst: Addr, flags: number): boolean {
  const { dv } = tcp.memory;
  if (l4Length <= HEADER) return false;
  const word = dv.getInt32(l4 + 12);
  let options = 0;
  if ((word & MASK) !== PLAIN) {
    if ((word & MASK) !== STAMPED || l4Length <= HEADER + STAMPS || dv.getInt32(l4 + HEADER) !== STAMPS_WORD)
      return false;
    options = STAMPS;
  }
  const ports = dv.getInt32(l4);
  const value = tcp.tuples.find(dst, ports & 0xffff, src, ports >>> 16);
  if (value < 0 || (value & 3) !== KIND) return false;
  const c = tcp.connections.get(value >>> 2);
  const seq = dv.getInt32(l4 + 4);
  if (c.state !== ESTABLISHED || seq !== c.rcvNxt || dv.getInt32(l4 + 8) !== c.sndUna) return false;
  if (!isPlain(c, l4, seq, l4Length - HEADER - options, options, word)) return false;
  if ((flags & VOUCHED) === 0 && !verifies(tcp.memory, l4, l4Length, tcp.ip.pseudoSum(src, dst, TCP, l4Length)))
    return false;
  return store(c, seq, l4, l4Length - HEADER - options, options, word);
}

/** Whether nothing but data is new. A function of its own: V8 takes in none that is longer than {@link takeNext} is. */
function isPlain(c: Connection, l4: number, seq: number, length: number, options: number, word: number): boolean {
  if ((word & 0xffff) << c.sndWscale !== c.sndWnd || length > ((c.rcvAdv - seq) | 0)) return false;
  const { bits } = c;
  if (c.oooCount > 0 || (bits & UNUSUAL) !== 0 || c.urgent !== URGENT_NONE) return false;
  if (!mayKeep(c, false) || !(hasRoom(c) || fitsPage(c, length + options))) return false;
  if (((word >>> 16) & ACE) !== c.aceExpected || !notMarked(c, c.tcp.memory.dv.getUint8(l4 - TOS_BACK) & 3))
    return false;
  if ((bits & STAMPS_OK) === 0) return options === 0;
  // RFC 7323 §5.3, R1: what is older than the last is looked at more closely
  return options !== 0 && ((c.tcp.memory.dv.getInt32(l4 + 24) - c.tsRecent) | 0) >= 0;
}

/**
 * Linux asks for room only where it has to take another page: what its header prediction finds to fit into the last one
 * is queued, whatever there is already.
 */
function fitsPage(c: Connection, n: number): boolean {
  return chargeOf(n) <= (-c.rcvCharge & PAGE_REST);
}

/** RFC 3168 §6.1.3, RFC 9768 §3.2.2.5.1: whether the segment's ECN field says nothing new. */
function notMarked(c: Connection, field: number): boolean {
  if ((c.ecn | field) === 0) return true;
  return c.accecn !== null && field === c.accecn.prevField && field !== CE && field !== NOT_ECT;
}

function store(c: Connection, seq: number, l4: number, length: number, options: number, word: number): boolean {
  const { counters, memory } = c.tcp;
  const { rcvQueued } = c;
  if (receiveBuffer(c).put(rcvQueued, l4 + HEADER + options, length) < length) return false;
  counters.TcpInSegs++;
  counters.TapstackTcpInFrames++;
  counters.TcpExtTCPHPHits++;
  c.segsIn++;
  c.dataSegsIn++;
  c.sndWl1 = seq;
  c.keepProbes = 0;
  if (options > 0) takeStamps(c, l4, length);
  c.bytesReceived += length;
  if (c.ecn !== 0) {
    const a = c.accecn as AccEcn;
    countBytes(a, memory.dv.getUint8(l4 - TOS_BACK) & 3, length);
    // What changed with an ACK that was not answered
    if (a.edge) c.ackNow = true;
  }
  c.rcvNxt = (seq + length) | 0;
  c.rcvQueued = rcvQueued + length;
  chargeReceived(c, length, options);
  dataArrived(c, length, length, options, (word >>> 16) & 0xff);
  touch(c);
  wakeReader(c);
  return true;
}

/** RFC 7323 §4.3: TS.Recent is taken from a segment that covers Last.ACK.sent; here it begins at RCV.NXT. */
function takeStamps(c: Connection, l4: number, length: number): void {
  const { memory, time } = c.tcp;
  const echo = memory.dv.getInt32(l4 + 28);
  c.sawTs = true;
  c.rcvTsval = memory.dv.getInt32(l4 + 24);
  c.rcvTsecr = echo === 0 ? 0 : (echo - c.tsOffset) | 0;
  if (c.rcvNxt === c.rcvAcked) {
    c.tsRecent = c.rcvTsval;
    c.tsRecentAt = time.s;
  }
  measureRttByEcho(c, length);
}
