import { halfSipHash } from "../../base/siphash.js";
import type { Random } from "../../platform/random.js";
import type { StackTime } from "../../platform/time.js";
import type { Segment } from "../arriving/segment.js";
import type { TcpContext } from "../context.js";
import { ECN_NONE, ecnOfCookie } from "../ecn/accecn.js";
import type { Listener } from "./listener.js";
import { prepareRecord, takeWindow } from "./syn-offer.js";
import { SynRecord, sendSynAck } from "./syn-record.js";

/*
 * SYN cookies (RFC 4987 §3.6, Bernstein's idea): when the SYN queue is full the SYN-ACK's sequence number holds all that
 * has to be known of the SYN, and nothing is kept. What does not fit is told apart by the timestamp, or is lost.
 */

/** MSS values that a cookie can tell apart. */
const MSS_TABLE = [536, 1300, 1440, 1460] as const;
/** A cookie's clock, and for how many of its periods one is good (Linux's MAX_SYNCOOKIE_AGE). */
const PERIOD_US = 60e6;
const MAX_AGE = 2;
const DATA_BITS = 24;
const DATA_MASK = (1 << DATA_BITS) - 1;
/** In the low bits of the SYN-ACK's TSval: the peer's window scale (all ones: none), SACK, ECN. */
const TS_BITS = 6;
const TS_WSCALE = 0xf;
const TS_SACK = 0x10;
const TS_ECN = 0x20;

/** The keys of a stack's cookies, and their clock. */
export class SynCookies {
  private readonly keys = new Int32Array(8);
  private readonly time: StackTime;
  private spare: SynRecord | null = null;

  constructor(random: Random, time: StackTime) {
    for (let i = 0; i < 8; i++) this.keys[i] = random.int32();
    this.time = time;
  }

  /** A record for the length of one segment: a flood of SYNs, or of ACKs, costs no memory. */
  borrow(listener: Listener): SynRecord {
    this.spare ??= new SynRecord(listener);
    this.spare.begin(listener);
    return this.spare;
  }

  /** The sequence number that stands for a SYN with an MSS of MSS_TABLE[index]. */
  make(record: SynRecord, index: number): number {
    const count = this.count();
    const masked = (this.hash(4, record, count) + index) & DATA_MASK;
    return (this.hash(0, record, 0) + record.irs + (count << DATA_BITS) + masked) | 0;
  }

  /** The index that went into `cookie`, or -1: it is none of ours, or too old. */
  check(record: SynRecord, cookie: number): number {
    const rest = (cookie - this.hash(0, record, 0) - record.irs) | 0;
    const age = (this.count() - (rest >>> DATA_BITS)) & 0xff;
    if (age >= MAX_AGE) return -1;
    const index = (rest - this.hash(4, record, this.count() - age)) & DATA_MASK;
    return index < MSS_TABLE.length ? index : -1;
  }

  private count(): number {
    return Math.floor(this.time.clock.now() / PERIOD_US) | 0;
  }

  private hash(key: number, r: SynRecord, count: number): number {
    const k = this.keys;
    const ports = (r.localPort << 16) | r.remotePort;
    const inner = halfSipHash(k[key] as number, k[key + 1] as number, r.localAddr, r.remoteAddr, ports);
    return halfSipHash(k[key + 2] as number, k[key + 3] as number, inner, count, 0);
  }
}

/** Answers a SYN and forgets it. */
export function sendCookie(listener: Listener, seg: Segment): void {
  const { tcp } = listener;
  const record = tcp.cookies.borrow(listener);
  // Without timestamps there is no place for the options
  if (!seg.ts || tcp.settings.timestamps === 0) {
    seg.ts = false;
    seg.wscale = -1;
    seg.sackOk = false;
  }
  if (!prepareRecord(record, seg)) {
    tcp.counters.TcpExtListenDrops++;
    return;
  }
  if (!record.ts) record.ecn = ECN_NONE;
  let index = MSS_TABLE.length - 1;
  while (index > 0 && record.peerMss < (MSS_TABLE[index] as number)) index--;
  listener.noteOverflow();
  tcp.counters.TcpExtSyncookiesSent++;
  record.iss = tcp.cookies.make(record, index);
  sendSynAck(record, cookieStamp(record), null);
}

/** Our TSval, set back by less than 2^6 ms so that its low bits can say what the options of the SYN were. */
function cookieStamp(record: SynRecord): number {
  const { ms } = record.listener.tcp.time;
  let said = record.peerScale >= 0 ? record.peerScale : TS_WSCALE;
  if (record.sackOk) said |= TS_SACK;
  if (record.ecn !== ECN_NONE) said |= TS_ECN;
  let stamp = (ms & -(1 << TS_BITS)) | said;
  if (((stamp - ms) | 0) > 0) stamp -= 1 << TS_BITS;
  return (stamp + record.tsOffset) | 0;
}

/**
 * An ACK for a listener that has no such attempt: does it bring back a cookie? (Linux's cookie_v4_check)
 * @returns a record of the attempt, in no table and good until the next segment; or null
 */
export function cookieRecord(listener: Listener, seg: Segment): SynRecord | null {
  const { tcp } = listener;
  if (tcp.settings.synCookies === 0 || !listener.recentOverflow) return null;
  const record = tcp.cookies.borrow(listener);
  record.localAddr = seg.dst;
  record.localPort = seg.dstPort;
  record.remoteAddr = seg.src;
  record.remotePort = seg.srcPort;
  record.irs = (seg.seq - 1) | 0;
  record.iss = (seg.ack - 1) | 0;
  const index = tcp.cookies.check(record, record.iss);
  if (index < 0) {
    tcp.counters.TcpExtSyncookiesFailed++;
    return null;
  }
  tcp.counters.TcpExtSyncookiesRecv++;
  record.rcvNxt = seg.seq;
  record.peerMss = MSS_TABLE[index] as number;
  if (!readStamp(tcp, record, seg)) return null;
  // As Linux: the window is in whole segments of what the cookie says that the peer takes
  return takeWindow(record, record.peerMss) ? record : null;
}

/** What the echo of our timestamp says of the SYN. False: something that is no longer allowed. */
function readStamp(tcp: TcpContext, record: SynRecord, seg: Segment): boolean {
  const { settings } = tcp;
  if (!seg.ts) return true;
  if (settings.timestamps === 0) return false;
  record.ts = true;
  record.tsRecent = seg.tsval;
  record.tsOffset = tcp.isn.tsOffset(settings.timestamps, record.localAddr, record.remoteAddr);
  const said = seg.tsecr === 0 ? 0 : (seg.tsecr - record.tsOffset) | 0;
  record.sackOk = (said & TS_SACK) !== 0;
  if (record.sackOk && settings.sack === 0) return false;
  if ((said & TS_ECN) !== 0) record.ecn = ecnOfCookie(settings.ecn, seg.flags);
  if ((said & TS_WSCALE) === TS_WSCALE) return true;
  record.peerScale = said & TS_WSCALE;
  record.ourScale = 0;
  return settings.windowScaling !== 0;
}
