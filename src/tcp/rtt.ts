import { seqGe } from "../wire/seqnum.js";
import type { Connection } from "./connection.js";
import { RTO_MAX, RTO_MIN } from "./constants.js";

const RTTVAR_MIN_US = RTO_MIN * 1000;

/** Takes a measurement when the timed segment is acknowledged. Karn: retransmitting stops the timing. */
export function measureRtt(c: Connection, ack: number): void {
  if (!c.rttTiming || !seqGe(ack, c.rttSeq)) return;
  c.rttTiming = false;
  sample(c, (c.tcp.time.us - c.rttStart) | 0);
}

/** RFC 6298 §2.2 and §2.3 in fixed point: srtt is kept 8-fold, rttvar 4-fold. @param us microseconds */
export function sample(c: Connection, us: number): void {
  const r = us > 0 ? us : 1;
  if (r < c.minRtt) c.minRtt = r;
  if (c.srtt === 0) {
    c.srtt = r << 3;
    c.rttvar = r << 1;
  } else {
    const error = r - (c.srtt >> 3);
    c.srtt += error;
    c.rttvar += (error < 0 ? -error : error) - (c.rttvar >> 2);
  }
  c.backoff = 0;
  updateRto(c);
}

/** RFC 6298 §2.3 with Linux's floor of 200 ms under the variance term, in ticks. */
export function updateRto(c: Connection): void {
  const micros = (c.srtt >> 3) + Math.max(c.rttvar, RTTVAR_MIN_US);
  c.rto = Math.min(Math.ceil(micros / 1000), RTO_MAX);
}

/**
 * RFC 6298 §5 (5.5): each timeout doubles the timer. Karn: only a measurement undoes it, since an ACK of what was sent
 * twice does not say that the timer was too long.
 */
export function backOff(c: Connection): void {
  c.backoff++;
  c.rto = Math.min(c.rto * 2, RTO_MAX);
}
