import { describe, expect, it } from "vitest";
import type { Connection } from "../../../src/tcp/connection.js";
import { TIMER_PACE } from "../../../src/tcp/constants.js";
import { paceSent, stampSent } from "../../../src/tcp/sending/pacing.js";
import { bareConnection } from "./pieces.js";

/** Two rows of 20,000 bytes at 10^7 a second, the second `late` us after its time. @returns when the third may go, us after the first */
function third(late: number, before: (c: Connection) => void): number {
  const { c } = bareConnection();
  const time = c.tcp.time as { us: number; ms: number };
  const start = time.us;
  c.pacingRate = 1e7;
  c.dataSegsOut = 100;
  c.lastSentUs = start;
  paceSent(c, 20_000, stampSent(c));
  time.us = start + 2_000 + late;
  before(c);
  paceSent(c, 20_000, stampSent(c));
  return c.lastSentUs - start;
}

describe("what is late", () => {
  it("because of the timer is made up for as a whole, up to 12 ms", () => {
    const waited = (c: Connection): void => {
      c.timers |= TIMER_PACE;
    };
    expect(third(900, waited)).toBe(4_000);
    expect(third(8_000, waited)).toBe(4_000);
    expect(third(20_000, waited)).toBe(4_000 + 8_000);
  });

  it("because of the application counts for half of the time at most", () => {
    expect(third(900, () => {})).toBe(4_000);
    expect(third(8_000, () => {})).toBe(4_000 + 7_000);
  });
});
