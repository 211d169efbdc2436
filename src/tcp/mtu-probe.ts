import type { Connection } from "./connection.js";

/** Sends a probe in the place of ordinary data if one is due. @returns segments sent; -1: wait for more data */
export function probeMtu(_c: Connection): number {
  return 0;
}

/** SND.UNA has moved: perhaps over the probe. */
export function mtuProbeAcked(_c: Connection): void {}

/** Something was lost: whether it was the probe alone, which has then been dealt with. */
export function mtuProbeLost(_c: Connection): boolean {
  return false;
}

/** The retransmission timer has run out so often that the path may swallow large segments. */
export function suspectBlackHole(_c: Connection): void {}
