import { XMIT_US } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import { CA_CWR, CA_OPEN, RTO_INITIAL, TIMER_LOSS_PROBE, TIMER_REORDER, TIMER_RETRANSMIT } from "../constants.js";
import { opensFast } from "../opening/fast-open.js";
import { paceDelay } from "../sending/pacing.js";
import { setSenderTimer, stopTimer } from "../timer-set.js";
import { TIMEOUT_MIN_US } from "./rack.js";

/** us until the retransmission timer would run out, counted from when the first record was last sent. */
export function untilRto(c: Connection): number {
  if (c.rtxHead === 0) return c.rto * 1000;
  const since = (c.tcp.time.us - (c.tcp.sent.data[c.rtxHead + XMIT_US] as number)) | 0;
  return (c.rto * 1000 - since) | 0;
}

/** RFC 6298 §5 (5.1) to (5.3): the timer runs while anything is in flight, from now on. */
export function rearmRetransmit(c: Connection): void {
  // Until its SYN-ACK is answered the timer is that's
  if (opensFast(c)) return;
  if (c.packetsOut === 0) {
    stopTimer(c, TIMER_RETRANSMIT | TIMER_LOSS_PROBE | TIMER_REORDER);
    return;
  }
  let ms = c.rto;
  // After a probe or a reordering timer: as if it had been running all the time
  if ((c.timers & (TIMER_REORDER | TIMER_LOSS_PROBE)) !== 0) ms = Math.ceil(Math.max(untilRto(c), 1) / 1000);
  setSenderTimer(c, TIMER_RETRANSMIT, ms + paceDelay(c));
}

/** Values of net.ipv4.tcp_early_retrans that mean probes. */
const PROBES = 3;

/**
 * RFC 8985 §7.2: the probe timer stands in the place of the retransmission timer.
 * @param advancing the RTO would be counted from now @returns whether it was set
 */
export function scheduleLossProbe(c: Connection, advancing: boolean): boolean {
  const { settings } = c.tcp;
  if (settings.earlyRetrans < PROBES || c.packetsOut === 0 || !c.sackOk || opensFast(c)) return false;
  if (c.caState !== CA_OPEN && c.caState !== CA_CWR) return false;
  let ms = RTO_INITIAL;
  // Two round trips; a lone segment's ACK may be delayed
  if (c.srtt > 0) ms = Math.ceil(((c.srtt >> 2) + (c.packetsOut === 1 ? c.rtoMinUs : TIMEOUT_MIN_US)) / 1000);
  const rto = advancing ? c.rto * 1000 : untilRto(c);
  if (rto > 0) ms = Math.min(ms, Math.ceil(rto / 1000));
  setSenderTimer(c, TIMER_LOSS_PROBE, ms + paceDelay(c));
  return true;
}

/** After progress: a probe if one may be needed, else the retransmission timer. */
export function setTimerAfterAck(c: Connection): void {
  if (!scheduleLossProbe(c, true)) rearmRetransmit(c);
}
