import { expect, it } from "vitest";
import { CUBIC } from "../../../../src/tcp/congestion/cubic.js";
import { LINUX_CUBIC } from "./linux-record.js";
import { begun, World } from "./pieces.js";

const TICK_US = 4000;

it("CUBIC's window is the one that Linux had, ACK by ACK", () => {
  const world = new World();
  const c = begun(CUBIC, world);
  CUBIC.pktsAcked?.(c, 1, 16 * TICK_US, 1);
  let acks = 0;
  let apart = 0;
  for (const epoch of LINUX_CUBIC) {
    c.cwnd = epoch.wmax;
    c.ssthresh = CUBIC.ssthresh(c);
    expect(c.ssthresh).toBe(epoch.ssthresh);
    c.cwnd = c.ssthresh;
    c.cwndCnt = 0;
    let tick = 1000 + epoch.at;
    let linux = c.cwnd;
    const ack = (): void => {
      world.at(tick * TICK_US);
      CUBIC.congAvoid(c, 0, 1);
    };
    // The ACK that ended recovery, of the segment sent again
    ack();
    for (const [, ticks, grew] of epoch.acks.replace(/\s/g, "").matchAll(/([0-9a-z])(\+*)/g)) {
      tick += Number.parseInt(ticks as string, 36);
      linux += (grew as string).length;
      ack();
      acks++;
      if (c.cwnd !== linux) apart++;
      expect(Math.abs(c.cwnd - linux), `segments apart after ${acks} ACKs`).toBeLessThanOrEqual(1);
    }
  }
  expect(acks).toBeGreaterThan(4000);
  // The kernel's cube root is a thousandth off, so that some steps come an ACK or a few earlier or later
  expect(apart / acks).toBeLessThan(0.03);
});
