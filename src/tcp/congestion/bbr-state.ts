import { CA_OPEN, MIN_RTT_NONE } from "../constants.js";
import type { CongestionState } from "./congestion.js";
import { WindowedMax } from "./windowed-max.js";

export const MODE_STARTUP = 0;
export const MODE_DRAIN = 1;
export const MODE_PROBE_BW = 2;
export const MODE_PROBE_RTT = 3;

/** Bandwidths are in segments per us, times 2^24. */
export const BW_UNIT = 1 << 24;
/** Gains are in 1/256. */
export const GAIN_UNIT = 256;
/** draft-cardwell-iccrg-bbr-congestion-control-00 §4.3.2.2: 2/ln(2) doubles the rate each round trip. */
export const HIGH_GAIN = 739;
/** Its inverse drains in one round trip what that queued. */
export const DRAIN_GAIN = 88;
export const CWND_GAIN = 512;
/** Segments that PROBE_RTT leaves in flight, and the least a window is. */
export const MIN_WINDOW = 4;

/** What BBR remembers of a connection. Times end in Stamp (us) or At (ms), both wrapping. */
export class BbrState implements CongestionState {
  readonly algorithm = "bbr";
  mode = MODE_STARTUP;
  pacingGain = HIGH_GAIN;
  cwndGain = HIGH_GAIN;

  /** The shortest RTT of the last 10 s (us), and when it was seen. */
  minRtt = MIN_RTT_NONE;
  minRttAt = 0;
  /** PROBE_RTT has its window down to four segments: until when, and whether a round trip has passed so. */
  probeRttTimed = false;
  probeRttDoneAt = 0;
  probeRttRoundDone = false;

  /** The largest delivery rate of ten round trips. */
  readonly bw = new WindowedMax();
  /** Round trips so far, c.delivered that ends this one, and whether the ACK in hand began one. */
  rounds = 0;
  nextRoundDelivered = 0;
  roundStart = false;

  /** Phase of PROBE_BW's cycle of gains, and its start. */
  cycleIndex = 0;
  cycleStamp = 0;

  /** The pipe is full: the rate (fullBw) has not grown by a quarter in fullBwCount rounds. */
  fullBwReached = false;
  fullBwCount = 0;
  fullBw = 0;

  /** c.caState at the last ACK. */
  prevCaState = CA_OPEN;
  /** First round of recovery: a segment for a segment. */
  packetConservation = false;
  /** The window before recovery or PROBE_RTT. */
  priorCwnd = 0;
  idleRestart = false;
  hasSeenRtt = false;

  // A policer on the path: long-term bandwidth between losses
  ltSampling = false;
  ltUseBw = false;
  ltBw = 0;
  ltRounds = 0;
  ltLastDelivered = 0;
  ltLastLost = 0;
  ltLastAt = 0;

  // Aggregation of ACKs: segments in this epoch, and the most beyond what the bandwidth explains, by windows of 5 rounds
  ackEpochStamp = 0;
  ackEpochAcked = 0;
  extraAcked = 0;
  extraAckedBefore = 0;
  extraAckedRounds = 0;
}
