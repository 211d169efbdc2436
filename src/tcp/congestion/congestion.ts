import type { RateSample } from "../acknowledged/rate.js";
import type { Connection } from "../connection.js";

/** What an algorithm remembers of one connection; each has a class of its own. */
export interface CongestionState {
  /** The algorithm's name, so that one never reads another's. */
  readonly algorithm: string;
}

/** Transmission begins after everything sent before was acknowledged. */
export const CA_EVENT_TX_START = 0;
/** cwnd goes back to the initial window after idle. */
export const CA_EVENT_CWND_RESTART = 1;
/** The reduction of an episode of recovery or CWR is complete. */
export const CA_EVENT_COMPLETE_CWR = 2;
/** A retransmission timeout, its state not yet changed. */
export const CA_EVENT_LOSS = 3;

/**
 * A congestion control algorithm, shaped as Linux's tcp_congestion_ops: recovery decides when the window is reduced
 * and how fast (PRR), the algorithm to what, and how it grows. Windows are in segments (cwnd, ssthresh of the
 * connection), times in microseconds. An algorithm is stateless; what it remembers stands in `c.ca`.
 */
export interface CongestionControl {
  readonly name: string;
  /** A connection begins with this algorithm, or changes to it: makes `c.ca`. Called again when data first flows. */
  init(c: Connection): void;
  /** The slow start threshold after a loss, in segments (at least 2). */
  ssthresh(c: Connection): number;
  /** `acked` segments were newly acknowledged or SACKed up to `ack`: cwnd grows. Not called when congControl exists. */
  congAvoid(c: Connection, ack: number, acked: number): void;
  /** caState is about to become `state`. */
  setState?(c: Connection, state: number): void;
  cwndEvent?(c: Connection, event: number): void;
  /** Segments left the network: how many, the RTT of the last of them (us, or -1), in flight before. */
  pktsAcked?(c: Connection, acked: number, rtt: number, inFlight: number): void;
  /** cwnd once a reduction has turned out to be without cause. */
  undoCwnd(c: Connection): number;
  /** Sets cwnd and pacing itself, on every ACK, in place of congAvoid and PRR. @param acked segments, new by ACK or SACK */
  congControl?(c: Connection, acked: number, rs: RateSample): void;
  /** Segments that a burst holds at least, when not 2. */
  minTsoSegs?(c: Connection): number;
  /** Windows that the send buffer has room for, when not 2. */
  readonly sndbufExpand?: number;
  /** Fields of its own for info(); units in their names as Linux's. */
  info?(c: Connection): Readonly<Record<string, number>>;
}
