import { below } from "../../platform/random.js";
import type { RateSample } from "../acknowledged/rate.js";
import type { Connection } from "../connection.js";
import { CA_RECOVERY } from "../constants.js";
import { inflightFor, inNetwork } from "./bbr-path.js";
import {
  type BbrState,
  CWND_GAIN,
  DRAIN_GAIN,
  GAIN_UNIT,
  HIGH_GAIN,
  MIN_WINDOW,
  MODE_DRAIN,
  MODE_PROBE_BW,
  MODE_PROBE_RTT,
  MODE_STARTUP,
} from "./bbr-state.js";

/** A cycle: probe for more, drain what that queued, cruise. */
const CYCLE = 8;
const GAIN_PROBE = 320;
const GAIN_YIELD = 192;
/** Where a cycle begins: in any phase but the draining one. */
const CYCLE_STARTS = 7;
/** A pipe whose rate grows by less than a quarter in three rounds is full. */
const FULL_BW_GAIN = 320;
const FULL_BW_ROUNDS = 3;
const MIN_RTT_WINDOW_MS = 10_000;
const PROBE_RTT_MS = 200;

function gainOf(phase: number): number {
  if (phase === 0) return GAIN_PROBE;
  return phase === 1 ? GAIN_YIELD : GAIN_UNIT;
}

/** Begins the cycle of PROBE_BW, in a phase of chance, so that flows do not probe together. */
export function startProbeBw(c: Connection, ca: BbrState): void {
  ca.mode = MODE_PROBE_BW;
  ca.cycleIndex = CYCLE - 1 - below(c.tcp.random, CYCLE_STARTS);
  nextPhase(c, ca);
}

function nextPhase(c: Connection, ca: BbrState): void {
  ca.cycleIndex = (ca.cycleIndex + 1) & (CYCLE - 1);
  ca.cycleStamp = c.deliveredStamp;
}

/** Moves PROBE_BW on when its phase is over. */
export function updateCycle(c: Connection, ca: BbrState, rs: RateSample): void {
  if (ca.mode === MODE_PROBE_BW && phaseIsOver(c, ca, rs)) nextPhase(c, ca);
}

function phaseIsOver(c: Connection, ca: BbrState, rs: RateSample): boolean {
  const full = ((c.deliveredStamp - ca.cycleStamp) | 0) > ca.minRtt;
  if (ca.pacingGain === GAIN_UNIT) return full;
  const inFlight = inNetwork(c, ca, rs.priorInFlight);
  // Probing lasts until the flight has grown by the gain, or losses say that it cannot
  if (ca.pacingGain > GAIN_UNIT)
    return full && (rs.losses > 0 || inFlight >= inflightFor(c, ca, ca.bw.best, ca.pacingGain));
  // Draining ends early once the queue is gone
  return full || inFlight <= inflightFor(c, ca, ca.bw.best, GAIN_UNIT);
}

/** Whether STARTUP has filled the pipe. */
export function checkFullPipe(ca: BbrState, rs: RateSample): void {
  if (ca.fullBwReached || !ca.roundStart || rs.appLimited) return;
  if (ca.bw.best >= Math.floor((ca.fullBw * FULL_BW_GAIN) / GAIN_UNIT)) {
    ca.fullBw = ca.bw.best;
    ca.fullBwCount = 0;
    return;
  }
  ca.fullBwCount++;
  ca.fullBwReached = ca.fullBwCount >= FULL_BW_ROUNDS;
}

/** STARTUP to DRAIN with a full pipe, DRAIN to PROBE_BW with an empty queue. */
export function checkDrain(c: Connection, ca: BbrState): void {
  if (ca.mode === MODE_STARTUP && ca.fullBwReached) {
    ca.mode = MODE_DRAIN;
    c.ssthresh = inflightFor(c, ca, ca.bw.best, GAIN_UNIT);
  }
  if (ca.mode === MODE_DRAIN && inNetwork(c, ca, c.inFlight) <= inflightFor(c, ca, ca.bw.best, GAIN_UNIT))
    startProbeBw(c, ca);
}

/** The window to return to after recovery or PROBE_RTT. */
export function saveCwnd(c: Connection, ca: BbrState): void {
  // In either of them the present window is a reduced one
  const reduced = ca.prevCaState >= CA_RECOVERY || ca.mode === MODE_PROBE_RTT;
  if (!reduced || c.cwnd > ca.priorCwnd) ca.priorCwnd = c.cwnd;
}

/** The shortest RTT of 10 s; when none has come for so long, PROBE_RTT looks for it with an empty queue. */
export function updateMinRtt(c: Connection, ca: BbrState, rs: RateSample): void {
  const now = c.tcp.time.ms;
  const expired = ((now - ca.minRttAt - MIN_RTT_WINDOW_MS) | 0) > 0;
  if (rs.rtt >= 0 && (rs.rtt <= ca.minRtt || (expired && !rs.ackDelayed))) {
    ca.minRtt = rs.rtt;
    ca.minRttAt = now;
  }
  if (expired && !ca.idleRestart && ca.mode !== MODE_PROBE_RTT) {
    ca.mode = MODE_PROBE_RTT;
    saveCwnd(c, ca);
    ca.probeRttTimed = false;
  }
  if (ca.mode === MODE_PROBE_RTT) probeRtt(c, ca, now);
  if (rs.delivered > 0) ca.idleRestart = false;
}

function probeRtt(c: Connection, ca: BbrState, now: number): void {
  // Its low rates say nothing of the path
  const limited = (c.delivered + c.inFlight) | 0;
  c.appLimited = limited !== 0 ? limited : 1;
  if (!ca.probeRttTimed) {
    if (c.inFlight > MIN_WINDOW) return;
    ca.probeRttTimed = true;
    ca.probeRttDoneAt = (now + PROBE_RTT_MS) | 0;
    ca.probeRttRoundDone = false;
    ca.nextRoundDelivered = c.delivered;
    return;
  }
  if (ca.roundStart) ca.probeRttRoundDone = true;
  if (ca.probeRttRoundDone) checkProbeRttDone(c, ca);
}

/** Leaves PROBE_RTT after its 200 ms, to where the pipe's fullness says. */
export function checkProbeRttDone(c: Connection, ca: BbrState): void {
  const now = c.tcp.time.ms;
  if (!ca.probeRttTimed || ((now - ca.probeRttDoneAt) | 0) <= 0) return;
  ca.minRttAt = now;
  if (ca.priorCwnd > c.cwnd) c.cwnd = ca.priorCwnd;
  if (ca.fullBwReached) startProbeBw(c, ca);
  else ca.mode = MODE_STARTUP;
}

export function updateGains(ca: BbrState): void {
  const { mode } = ca;
  if (mode === MODE_STARTUP) {
    ca.pacingGain = HIGH_GAIN;
    ca.cwndGain = HIGH_GAIN;
  } else if (mode === MODE_DRAIN) {
    ca.pacingGain = DRAIN_GAIN;
    ca.cwndGain = HIGH_GAIN;
  } else if (mode === MODE_PROBE_BW) {
    ca.pacingGain = ca.ltUseBw ? GAIN_UNIT : gainOf(ca.cycleIndex);
    ca.cwndGain = CWND_GAIN;
  } else {
    ca.pacingGain = GAIN_UNIT;
    ca.cwndGain = GAIN_UNIT;
  }
}
