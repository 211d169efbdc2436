import type { Connection } from "../connection.js";
import { CA_LOSS } from "../constants.js";
import { CA_EVENT_TX_START, type CongestionControl } from "./congestion.js";
import { cubeRoot, cubicDelta } from "./cube.js";
import { CubicState } from "./cubic-state.js";
import { hystartReset, hystartUpdate } from "./hystart.js";
import { hystartPlusReset, hystartPlusUpdate, slowStartPlus } from "./hystart-plus.js";
import { congAvoidAi, inSlowStart, isCwndLimited, slowStart, undoToPrior } from "./reno.js";

/** Multiplicative decrease: 717/1024 is RFC 9438's 0.7 as Linux writes it; BETA_SUM / 2048 is (1 + beta) / 2. */
const BETA = 717;
const BETA_SUM = 1024 + BETA;
/** 8 (1 + beta) / 3 / (1 - beta): in eighths of a window, what a Reno flow with this beta takes to grow by one. */
const RENO_SCALE = 15;
/** 2^40 / 410: 1 / C for times in 1/1024 s. */
const K_FACTOR = 2_681_735_677;
/** Beyond this K * 2^40 / 410 would pass 2^53; it is three million segments. */
const K_SEGMENTS = 3_300_000;
/** Settings of net.ipv4.tcp_hystart. */
const HYSTART_LINUX = 1;
const HYSTART_PLUS = 2;
/** ms for which an unchanged window keeps its pace of growth (HZ / 32). */
const UPDATE_MS = 31;
/** ms after the start of an epoch in which no RTT is looked at: the queue may still be full. */
const SETTLE_MS = 1000;

/** CUBIC (RFC 9438) in Linux's arithmetic. */
export const CUBIC: CongestionControl = {
  name: "cubic",

  init(c: Connection): void {
    const ca = new CubicState();
    c.ca = ca;
    restart(c, ca);
    hystartPlusReset(c, ca);
  },

  ssthresh(c: Connection): number {
    const ca = c.ca as CubicState;
    const { cwnd } = c;
    ca.epoch = false;
    // RFC 9406 §4.3: HyStart++ is for the first slow start alone
    if (c.tcp.settings.hystart === HYSTART_PLUS) ca.found = true;
    // RFC 9438 §4.7: fast convergence
    ca.lastMaxCwnd = cwnd < ca.lastMaxCwnd ? Math.floor((cwnd * BETA_SUM) / 2048) : cwnd;
    // RFC 9438 §4.6, of the window rather than of what is in flight
    const reduced = Math.floor((cwnd * BETA) / 1024);
    return reduced > 2 ? reduced : 2;
  },

  congAvoid(c: Connection, _ack: number, acked: number): void {
    if (!isCwndLimited(c)) return;
    const ca = c.ca as CubicState;
    let left = acked;
    if (inSlowStart(c)) {
      const plus = c.tcp.settings.hystart === HYSTART_PLUS && !ca.found;
      left = plus ? slowStartPlus(c, ca, left) : slowStart(c, left);
      if (left === 0) return;
    }
    update(c, ca, left);
    congAvoidAi(c, ca.cnt, left);
  },

  setState(c: Connection, state: number): void {
    if (state !== CA_LOSS) return;
    const ca = c.ca as CubicState;
    restart(c, ca);
    // RFC 9406 §4.3, as above
    if (c.tcp.settings.hystart === HYSTART_PLUS) ca.found = true;
  },

  cwndEvent(c: Connection, event: number): void {
    if (event !== CA_EVENT_TX_START) return;
    const ca = c.ca as CubicState;
    if (!ca.epoch) return;
    // RFC 9438 §5.8: the curve does not run on while nothing is sent
    const now = c.tcp.time.ms;
    const idle = (now - c.lastSend) | 0;
    if (idle <= 0) return;
    ca.epochStart = (ca.epochStart + idle) | 0;
    if (((ca.epochStart - now) | 0) > 0) ca.epochStart = now;
  },

  pktsAcked(c: Connection, _acked: number, rtt: number, _inFlight: number): void {
    // SACKed or sent more than once: no RTT
    if (rtt < 0) return;
    const ca = c.ca as CubicState;
    if (ca.epoch && ((c.tcp.time.ms - ca.epochStart) | 0) < SETTLE_MS) return;
    const delay = rtt > 0 ? rtt : 1;
    if (ca.delayMin === 0 || delay < ca.delayMin) ca.delayMin = delay;
    if (ca.found || !inSlowStart(c)) return;
    const { hystart } = c.tcp.settings;
    if (hystart === HYSTART_LINUX) hystartUpdate(c, ca, delay);
    else if (hystart === HYSTART_PLUS) hystartPlusUpdate(c, ca, delay);
  },

  undoCwnd: undoToPrior,
};

function restart(c: Connection, ca: CubicState): void {
  ca.reset();
  hystartReset(c, ca);
}

/** Makes `ca.cnt` anew: for how many segments acknowledged the window grows by one. */
function update(c: Connection, ca: CubicState, acked: number): void {
  const { cwnd } = c;
  const now = c.tcp.time.ms;
  ca.ackCnt += acked;
  const age = (now - ca.lastTime) | 0;
  if (ca.lastCwnd === cwnd && age <= UPDATE_MS) return;
  // The curve is looked up once a tick at most; Reno's window goes on in between
  if (!ca.epoch || age !== 0) {
    ca.lastCwnd = cwnd;
    ca.lastTime = now;
    if (!ca.epoch) beginEpoch(ca, cwnd, now, acked);
    ca.cnt = cubicCount(ca, cwnd, now);
  }
  renoFriendly(ca, cwnd);
  // RFC 9438 §4.2: the target is one window and a half at most
  if (ca.cnt < 2) ca.cnt = 2;
}

/** RFC 9438 §4.2: K, the time until the curve is back at Wmax. */
function beginEpoch(ca: CubicState, cwnd: number, now: number, acked: number): void {
  ca.epoch = true;
  ca.epochStart = now;
  ca.ackCnt = acked;
  ca.tcpCwnd = cwnd;
  const missing = ca.lastMaxCwnd - cwnd;
  if (missing <= 0) {
    ca.k = 0;
    ca.origin = cwnd;
  } else {
    ca.k = cubeRoot(K_FACTOR * (missing < K_SEGMENTS ? missing : K_SEGMENTS));
    ca.origin = ca.lastMaxCwnd;
  }
}

/** RFC 9438 §4.2, §4.4, §4.5: the pace that reaches W(t + RTT) one RTT from now. */
function cubicCount(ca: CubicState, cwnd: number, now: number): number {
  const ms = ((now - ca.epochStart) | 0) + Math.floor((ca.delayMin + 999) / 1000);
  const t = Math.floor((ms * 1024) / 1000);
  const target = t < ca.k ? ca.origin - cubicDelta(ca.k - t) : ca.origin + cubicDelta(t - ca.k);
  // On the plateau, or above the target: hardly at all
  const cnt = target > cwnd ? (cwnd / (target - cwnd)) | 0 : 100 * cwnd;
  // Never a loss yet (or only a timeout), so that no Wmax is known: faster than the plateau allows
  return ca.lastMaxCwnd === 0 && cnt > 20 ? 20 : cnt;
}

/** RFC 9438 §4.3: never slower than a Reno flow that reduces as CUBIC does. */
function renoFriendly(ca: CubicState, cwnd: number): void {
  const perSegment = (cwnd * RENO_SCALE) >> 3;
  if (ca.ackCnt > perSegment) {
    // As many as leave the rest at or below the price of one
    const grown = Math.ceil(ca.ackCnt / perSegment) - 1;
    ca.ackCnt -= grown * perSegment;
    ca.tcpCwnd += grown;
  }
  if (ca.tcpCwnd <= cwnd) return;
  const most = (cwnd / (ca.tcpCwnd - cwnd)) | 0;
  if (ca.cnt > most) ca.cnt = most;
}
