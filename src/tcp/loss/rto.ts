import { EAGAIN, ETIMEDOUT } from "../../base/errors.js";
import { estimatedRto } from "../acknowledged/rtt.js";
import { XMIT_US } from "../acknowledged/sent.js";
import type { Connection } from "../connection.js";
import {
  CA_DISORDER,
  CA_LOSS,
  CA_RECOVERY,
  ESTABLISHED,
  SSTHRESH_INFINITE,
  SYN_RECEIVED,
  SYN_SENT,
  TIMER_RETRANSMIT,
} from "../constants.js";
import { destroy, outOfResources } from "../ending/close.js";
import { opensFast } from "../opening/fast-open.js";
import { blameSilence } from "../opening/fast-open-client.js";
import { fastOpenTimeout } from "../opening/fast-open-server.js";
import { suspectBlackHole } from "../sending/mtu-probe.js";
import { output } from "../sending/output.js";
import { routeOf } from "../sending/path.js";
import { RESOURCE_PROBE_MS } from "../sending/zero-window.js";
import { setSenderTimer } from "../timer-set.js";
import { countTimeout, orphanRetries, timedOut, userTimedOut } from "./patience.js";
import { rackTimeout } from "./rack.js";
import { enterLoss, enterRecovery } from "./recovery.js";
import { reduceWindow } from "./reduction.js";
import { retransmit, retransmitLost } from "./retransmit.js";
import { rearmRetransmit } from "./retransmit-timer.js";

/** Timeouts of a thin stream that do not back off. */
const THIN_RETRIES = 6;
const THIN_PACKETS = 4;

function opening(c: Connection): boolean {
  return c.state === SYN_SENT || c.state === SYN_RECEIVED;
}

/** RFC 6298 §5 (5.4) to (5.7). */
export function retransmitTimeout(c: Connection): void {
  const { counters, settings } = c.tcp;
  if (opensFast(c)) {
    fastOpenTimeout(c);
    return;
  }
  if (c.packetsOut === 0 || c.rtxHead === 0) return;
  if (c.sndWnd === 0 && !c.orphan && !opening(c)) {
    shutWindowTimeout(c);
    return;
  }
  counters.TcpExtTCPTimeouts++;
  if (gaveUp(c)) return;
  if (c.retransmits === 0) countFailure(c);
  enterLoss(c);
  countTimeout(c);
  const result = retransmit(c, c.rtxHead, 1);
  if (result < 0 && result !== -EAGAIN) {
    // The link took nothing: that is no news of the path
    setSenderTimer(c, TIMER_RETRANSMIT, RESOURCE_PROBE_MS);
    return;
  }
  nextTimeout(c);
  // Since Linux's tcp_retries1: the route is asked for anew
  if (timedOut(c, settings.retries1 + 1)) {
    c.route = null;
    routeOf(c);
  }
}

/**
 * The peer has taken its window back. What is in flight serves as a probe, and as long as it answers the connection
 * lives (RFC 9293 §3.8.6.1).
 */
function shutWindowTimeout(c: Connection): void {
  if (probedInVain(c)) {
    fail(c);
    return;
  }
  enterLoss(c);
  retransmit(c, c.rtxHead, 1);
  nextTimeout(c);
}

/** Linux's tcp_rtx_probe0_timed_out: an answer counts for twice the largest RTO, a user timeout whatever is answered. */
function probedInVain(c: Connection): boolean {
  const { time, sent } = c.tcp;
  const sinceSent = Math.floor(((time.us - (sent.data[c.rtxHead + XMIT_US] as number)) | 0) / 1000);
  const since = c.retransStamp !== 0 ? (time.ms - c.retransStamp) | 0 : sinceSent;
  let most = c.rtoMax * 2;
  if (c.userTimeout > 0) {
    if (since > c.userTimeout) return true;
    most = Math.min(most, c.userTimeout);
  }
  return ((time.ms - c.lastAck) | 0) > most && since > most;
}

/** Backs off, and sets the timer again. */
function nextTimeout(c: Connection): void {
  const { settings } = c.tcp;
  const thin = c.packetsOut < THIN_PACKETS && c.ssthresh < SSTHRESH_INFINITE;
  if (c.state === ESTABLISHED && (c.thinLinear || settings.thinLinear !== 0) && thin && c.retransmits <= THIN_RETRIES) {
    c.backoff = 0;
    c.rto = estimatedRto(c);
  } else if (c.state !== SYN_SENT || c.totalRto > settings.synLinearTimeouts) {
    c.backoff++;
    c.rto = Math.min(c.rto * 2, c.rtoMax);
  }
  setSenderTimer(c, TIMER_RETRANSMIT, untilNext(c));
}

/** The RTO, or what is left of the user timeout if that is less (Linux's tcp_clamp_rto_to_user_timeout). */
function untilNext(c: Connection): number {
  if (c.userTimeout === 0) return c.rto;
  const left = (c.retransStamp + c.userTimeout - c.tcp.time.ms) | 0;
  return left <= 0 ? 1 : Math.min(c.rto, left);
}

/** Which kind of recovery the timeout put an end to. */
function countFailure(c: Connection): void {
  const { counters } = c.tcp;
  if (c.caState === CA_RECOVERY) {
    if (c.sackOk) counters.TcpExtTCPSackRecoveryFail++;
    else counters.TcpExtTCPRenoRecoveryFail++;
  } else if (c.caState === CA_LOSS) counters.TcpExtTCPLossFailures++;
  else if (c.caState === CA_DISORDER || c.sackedOut > 0) {
    if (c.sackOk) counters.TcpExtTCPSackFailures++;
    else counters.TcpExtTCPRenoFailures++;
  }
}

/** RFC 9293 §3.8.3 (R1 and R2), in Linux's measure. */
function gaveUp(c: Connection): boolean {
  const { settings } = c.tcp;
  let over: boolean;
  if (opening(c)) {
    const linear = c.state === SYN_SENT ? settings.synLinearTimeouts : 0;
    const retries = c.synRetries > 0 ? c.synRetries : settings.synRetries;
    over = c.retransmits >= retries + linear || (c.userTimeout === 0 && timedOut(c, retries));
  } else {
    if (timedOut(c, settings.retries1)) suspectBlackHole(c);
    let retries = settings.retries2;
    if (c.orphan) {
      const alive = c.rto < c.rtoMax;
      retries = orphanRetries(c, alive);
      if (outOfResources(c, alive || !timedOut(c, retries))) return true;
    }
    over = c.userTimeout > 0 ? false : timedOut(c, retries);
  }
  if (userTimedOut(c)) over = true;
  blameSilence(c, over);
  if (!over) {
    c.rehash++;
    c.tcp.counters.TcpExtTcpTimeoutRehash++;
    return false;
  }
  fail(c);
  return true;
}

function fail(c: Connection): void {
  const { counters } = c.tcp;
  if (opening(c)) counters.TcpAttemptFails++;
  counters.TcpExtTCPAbortOnTimeout++;
  destroy(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
}

/** RFC 8985 §6.3: the reordering window has passed; what has not come is lost. */
export function reorderTimeout(c: Connection): void {
  const before = c.inFlight;
  const lost = c.lost;
  rackTimeout(c);
  if (before !== c.inFlight) {
    if (c.caState !== CA_RECOVERY) {
      enterRecovery(c, false);
      if (c.congestion.congControl === undefined) reduceWindow(c, 1, (c.lost - lost) | 0, false);
    }
    retransmitLost(c);
    output(c);
  }
  if ((c.timers & TIMER_RETRANSMIT) === 0) rearmRetransmit(c);
}
