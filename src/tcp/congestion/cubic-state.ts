import type { CongestionState } from "./congestion.js";

/** No RTT of the round is known yet. */
export const RTT_NONE = 0x7fffffff;

/** What CUBIC remembers of a connection. Windows in segments. */
export class CubicState implements CongestionState {
  readonly algorithm = "cubic";
  /** cwnd grows by one for so many segments acknowledged. */
  cnt = 0;
  /** Wmax: the window at the last reduction, less if that was below the one before it; 0 after a timeout. */
  lastMaxCwnd = 0;
  /** The window, and the ms, at which `cnt` was last made. */
  lastCwnd = 0;
  lastTime = 0;
  /** Where the curve is flat: Wmax, or the window at the start of the epoch, and how long after the start (1/1024 s). */
  origin = 0;
  k = 0;
  /** Shortest RTT seen, us; 0: none. */
  delayMin = 0;
  /** Congestion avoidance has begun, at epochStart (ms). */
  epoch = false;
  epochStart = 0;
  /** Segments acknowledged that the window of a Reno flow, tcpCwnd, has not grown by yet. */
  ackCnt = 0;
  tcpCwnd = 0;

  // HyStart
  /** Slow start's end was found. */
  found = false;
  /** us at which the round began, and at which the last ACK of its train came. */
  roundStart = 0;
  lastAck = 0;
  /** SND.NXT when the round began: acknowledged, it is over. */
  endSeq = 0;
  /** RTT samples in the round, and the shortest of them (us). */
  sampleCnt = 0;
  currRtt = RTT_NONE;

  // HyStart++ (RFC 9406), with the round's fields above
  lastRoundMinRtt = RTT_NONE;
  /** The RTT at which conservative slow start was entered, RTT_NONE outside of it; its rounds, and growth saved up. */
  cssBaseline = RTT_NONE;
  cssRounds = 0;
  cssCredit = 0;

  /** Forgets the window's history: at the start and after a timeout. What follows in rounds stays. */
  reset(): void {
    this.cnt = 0;
    this.lastMaxCwnd = 0;
    this.lastCwnd = 0;
    this.lastTime = 0;
    this.origin = 0;
    this.k = 0;
    this.delayMin = 0;
    this.epoch = false;
    this.epochStart = 0;
    this.ackCnt = 0;
    this.tcpCwnd = 0;
    this.found = false;
  }
}
