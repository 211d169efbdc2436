import type { Connection } from "../connection.js";
import { MIN_RTT_NONE, SYN_SENT } from "../constants.js";
import type { SentRuns } from "./sent.js";
import {
  DELIVERED,
  DELIVERED_CE,
  DELIVERED_US,
  END,
  FIRST_TX_US,
  FLAGS,
  SENT_APP_LIMITED,
  SENT_EVER,
  SENT_SYN,
  XMIT_US,
} from "./sent.js";

/**
 * What one ACK says of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation). One object per stack, filled
 * anew for every ACK.
 */
export class RateSample {
  /** c.delivered, c.deliveredCe and the time when the most recently sent of the segments delivered was sent. */
  priorDelivered = 0;
  priorDeliveredCe = 0;
  priorStamp = 0;
  /** A segment was delivered at all: the fields above mean something. */
  valid = false;
  /** Segments delivered over `interval`; -1: no sample. */
  delivered = -1;
  deliveredCe = 0;
  /** us; -1: no sample. */
  interval = -1;
  /** RTT of the segment, us; -1: none. */
  rtt = -1;
  /** Segments held lost by this ACK. */
  losses = 0;
  /** Segments newly acknowledged or SACKed by it. */
  ackedSacked = 0;
  /** In flight before it. */
  priorInFlight = 0;
  lastEndSeq = 0;
  appLimited = false;
  retrans = false;
  /** Perhaps a delayed ACK. */
  ackDelayed = false;

  reset(): void {
    this.valid = false;
    this.priorDelivered = 0;
    this.priorDeliveredCe = 0;
    this.priorStamp = 0;
    this.delivered = -1;
    this.deliveredCe = 0;
    this.interval = -1;
    this.rtt = -1;
    this.losses = 0;
    this.ackedSacked = 0;
    this.priorInFlight = 0;
    this.lastEndSeq = 0;
    this.appLimited = false;
    this.retrans = false;
    this.ackDelayed = false;
  }
}

/** A run is being sent: notes what had been delivered until now. */
export function rateSent(c: Connection, runs: SentRuns, at: number): void {
  const { us } = c.tcp.time;
  const d = runs.data;
  // A flight begins: the time of sending it is counted from here
  if (c.packetsOut === 0) {
    c.firstTxStamp = us;
    c.deliveredStamp = us;
  }
  d[at + FIRST_TX_US] = c.firstTxStamp;
  d[at + DELIVERED_US] = c.deliveredStamp;
  d[at + DELIVERED] = c.delivered;
  d[at + DELIVERED_CE] = c.deliveredCe;
  if (c.appLimited !== 0) d[at + FLAGS] = (d[at + FLAGS] as number) | SENT_APP_LIMITED;
  else d[at + FLAGS] = (d[at + FLAGS] as number) & ~SENT_APP_LIMITED;
}

/** The application has let the connection run dry: until what is in flight is delivered, rates are lower bounds. */
export function checkAppLimited(c: Connection): void {
  const { inFlight } = c;
  if (((c.writeSeq - c.sndNxt) | 0) >= c.mss || inFlight >= c.cwnd || c.lostOut > c.retransOut) return;
  const limit = (c.delivered + inFlight) | 0;
  c.appLimited = limit !== 0 ? limit : 1;
}

/** A run was delivered, by ACK or SACK: of all that one ACK delivers the one sent last makes the sample. */
export function rateDelivered(c: Connection, rs: RateSample, runs: SentRuns, at: number): void {
  const d = runs.data;
  // Linux takes no sample of a handshake, nor of what went with the SYN
  if (c.state === SYN_SENT || ((d[at + FLAGS] as number) & SENT_SYN) !== 0) return;
  const xmit = d[at + XMIT_US] as number;
  const end = d[at + END] as number;
  if (rs.valid) {
    const newer = (xmit - c.firstTxStamp) | 0;
    if (newer < 0 || (newer === 0 && ((end - rs.lastEndSeq) | 0) <= 0)) return;
  }
  rs.valid = true;
  rs.priorDelivered = d[at + DELIVERED] as number;
  rs.priorDeliveredCe = d[at + DELIVERED_CE] as number;
  rs.priorStamp = d[at + DELIVERED_US] as number;
  const flags = d[at + FLAGS] as number;
  rs.appLimited = (flags & SENT_APP_LIMITED) !== 0;
  rs.retrans = (flags & SENT_EVER) !== 0;
  rs.lastEndSeq = end;
  // The send phase of this window: from when the segment's own flight began to its sending
  rs.interval = (xmit - (d[at + FIRST_TX_US] as number)) | 0;
  c.firstTxStamp = xmit;
}

/** Completes the sample of an ACK. @param lost segments newly held lost @param reneg SACKs were taken back */
export function rateGenerate(c: Connection, rs: RateSample, delivered: number, lost: number, reneg: boolean): void {
  if (c.appLimited !== 0 && ((c.delivered - c.appLimited) | 0) > 0) c.appLimited = 0;
  if (delivered > 0) c.deliveredStamp = c.tcp.time.us;
  rs.ackedSacked = delivered;
  rs.losses = lost;
  if (!rs.valid || reneg) {
    rs.delivered = -1;
    rs.interval = -1;
    return;
  }
  rs.delivered = (c.delivered - rs.priorDelivered) | 0;
  rs.deliveredCe = (c.deliveredCe - rs.priorDeliveredCe) | 0;
  // The longer of the send and the ACK phase: neither compressed sending nor compressed ACKs may raise the rate
  const sendPhase = rs.interval;
  const ackPhase = (c.tcp.time.us - rs.priorStamp) | 0;
  rs.interval = sendPhase > ackPhase ? sendPhase : ackPhase;
  // Shorter than any round trip: a spurious retransmission; it says nothing
  if (rs.interval < (c.minRtt === MIN_RTT_NONE ? 0 : c.minRtt)) {
    rs.interval = -1;
    return;
  }
  if (!rs.appLimited || rs.delivered * c.rateInterval >= c.rateDelivered * rs.interval) {
    c.rateDelivered = rs.delivered;
    c.rateInterval = rs.interval;
    c.rateAppLimited = rs.appLimited;
  }
}

/** Bytes per second as tcp_info gives them; 0: not known. */
export function deliveryRate(c: Connection): number {
  if (c.rateDelivered === 0 || c.rateInterval === 0) return 0;
  return Math.floor((c.rateDelivered * c.mss * 1e6) / c.rateInterval);
}
