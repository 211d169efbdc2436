import type { Connection } from "../connection.js";

/**
 * A congestion control algorithm: how the window answers to what recovery reports. Stateless; what it remembers
 * stands in the connection. Sizes are bytes.
 */
export interface CongestionControl {
  readonly name: string;
  /** `acked` bytes of new data were acknowledged outside of recovery. */
  acknowledged(c: Connection, acked: number): void;
  /** A loss was found: the slow start threshold from here on. */
  thresholdAfterLoss(c: Connection): number;
}
