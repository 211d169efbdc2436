import { seqGt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { MIN_RTT_NONE } from "../constants.js";
import { ACK_ACKED, ACK_MAYBE_DELAYED } from "./ack-state.js";

/** RFC 6298 §5.7 and Linux's TCP_TIMEOUT_FALLBACK: the timer when the handshake gave no measurement. */
const RTO_FALLBACK = 3000;

/**
 * RFC 6298 §2.2 and §2.3 in fixed point as Linux refines it: srtt is kept 8-fold, mdev and rttvar 4-fold. rttvar follows
 * the largest deviation of a round trip at once and falls slowly, never below the least RTO. @param us microseconds
 */
export function estimate(c: Connection, us: number): void {
  const { rtoMinUs } = c;
  if (c.srtt === 0) {
    c.srtt = us << 3;
    c.mdev = us << 1;
    c.rttvar = Math.max(c.mdev, rtoMinUs);
    c.mdevMax = c.rttvar;
    c.rttSeq = c.sndNxt;
    if (c.srtt < 1) c.srtt = 1;
    return;
  }
  let m = us - (c.srtt >> 3);
  c.srtt += m;
  if (m < 0) {
    m = -m - (c.mdev >> 2);
    // A round trip that has become faster does not mean that it varies
    if (m > 0) m >>= 3;
  } else m -= c.mdev >> 2;
  c.mdev += m;
  if (c.mdev > c.mdevMax) {
    c.mdevMax = c.mdev;
    if (c.mdevMax > c.rttvar) c.rttvar = c.mdevMax;
  }
  if (seqGt(c.sndUna, c.rttSeq)) {
    if (c.mdevMax < c.rttvar) c.rttvar -= (c.rttvar - c.mdevMax) >> 2;
    c.rttSeq = c.sndNxt;
    c.mdevMax = rtoMinUs;
  }
  if (c.srtt < 1) c.srtt = 1;
}

/** The RTO that the estimate gives, in ms. */
export function estimatedRto(c: Connection): number {
  return Math.min(Math.ceil(((c.srtt >> 3) + c.rttvar) / 1000), c.rtoMax);
}

/** A measurement was taken: RTO follows, and back-off ends (RFC 6298 §5.7, Karn). */
export function sample(c: Connection, us: number): void {
  estimate(c, us);
  c.rto = estimatedRto(c);
  c.backoff = 0;
}

/** The handshake is over and gave no measurement. */
export function noHandshakeSample(c: Connection): void {
  c.rttvar = RTO_FALLBACK * 1000;
  c.mdev = c.rttvar;
  c.mdevMax = c.rttvar;
  c.rto = RTO_FALLBACK;
}

/** What the echo of our timestamp measures (RFC 7323 §4.1), us; at least a millisecond; -1: it makes no sense. */
export function echoedRtt(c: Connection): number {
  const ms = (c.tcp.time.ms - c.rcvTsecr) | 0;
  if (ms < 0 || ms >= 0x7fffffff / 1000) return -1;
  return (ms === 0 ? 1 : ms) * 1000;
}

/**
 * Takes the round trips that an ACK measures (Linux's tcp_ack_update_rtt): by what was acknowledged, by what was
 * SACKed, else by the timestamp echoed; never by what was sent twice.
 * @param rtt of the first segment acknowledged, us; -1: none @param sackRtt likewise @param last of the last of them
 * @returns whether there was any
 */
export function updateRtt(c: Connection, rtt: number, sackRtt: number, last: number): boolean {
  const { ack, rate } = c.tcp;
  let us = rtt < 0 ? sackRtt : rtt;
  let latest = last;
  // RFC 7323 §4.1: only where it advances the left edge of the window
  if (us < 0 && c.sawTs && c.rcvTsecr !== 0 && (ack.flags & ACK_ACKED) !== 0) {
    us = echoedRtt(c);
    latest = us;
  }
  rate.rtt = latest;
  if (us < 0) return false;
  updateMinRtt(c, latest, (ack.flags & ACK_MAYBE_DELAYED) !== 0);
  sample(c, us);
  return true;
}

/** The least RTT of the last tcp_min_rtt_wlen seconds. */
export function updateMinRtt(c: Connection, us: number, maybeDelayed: boolean): void {
  if (maybeDelayed && us > c.minRtt) return;
  const now = c.tcp.time.ms;
  const rtt = us > 0 ? us : 1000;
  const window = c.tcp.settings.minRttWindow * 1000;
  if (c.minRtt === MIN_RTT_NONE || rtt <= c.minRtt || ((now - c.minRtt3At) | 0) > window) {
    c.minRtt = rtt;
    c.minRttAt = now;
    secondBest(c, rtt, now);
    return;
  }
  if (rtt <= c.minRtt2) secondBest(c, rtt, now);
  else if (rtt <= c.minRtt3) {
    c.minRtt3 = rtt;
    c.minRtt3At = now;
  }
  expireBest(c, rtt, now, window);
}

function secondBest(c: Connection, rtt: number, now: number): void {
  c.minRtt2 = rtt;
  c.minRtt2At = now;
  c.minRtt3 = rtt;
  c.minRtt3At = now;
}

/** Three estimates, so that there is a good one left when the best has grown old (Kathleen Nichols' algorithm). */
function expireBest(c: Connection, rtt: number, now: number, window: number): void {
  const age = (now - c.minRttAt) | 0;
  if (age > window) {
    moveUp(c);
    c.minRtt3 = rtt;
    c.minRtt3At = now;
    if (((now - c.minRttAt) | 0) > window) moveUp(c);
    return;
  }
  if (c.minRtt2At === c.minRttAt && age > window / 4) secondBest(c, rtt, now);
  else if (c.minRtt3At === c.minRtt2At && age > window / 2) {
    c.minRtt3 = rtt;
    c.minRtt3At = now;
  }
}

function moveUp(c: Connection): void {
  c.minRtt = c.minRtt2;
  c.minRttAt = c.minRtt2At;
  c.minRtt2 = c.minRtt3;
  c.minRtt2At = c.minRtt3At;
}
