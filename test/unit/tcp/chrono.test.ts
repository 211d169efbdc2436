import { describe, expect, it } from "vitest";
import type { VirtualClock } from "../../../src/platform/virtual-clock.js";
import {
  CHRONO_BUSY,
  CHRONO_IDLE,
  CHRONO_RWND,
  CHRONO_SNDBUF,
  chronoStart,
  chronoStop,
  chronoTime,
} from "../../../src/tcp/chrono.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { bareConnection } from "./pieces.js";

/** [busy, rwnd, sndbuf] in ms. */
function times(c: Connection): number[] {
  return [CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF].map((type) => chronoTime(c, type) / 1000);
}

function wait(c: Connection, clock: VirtualClock, ms: number): void {
  clock.advance(ms * 1000);
  c.tcp.time.refresh();
}

function busy(): { c: Connection; clock: VirtualClock } {
  const { c, clock } = bareConnection();
  c.packetsOut = 1;
  chronoStart(c, CHRONO_BUSY);
  return { c, clock };
}

describe("chronographs", () => {
  it("count from the start to this moment, and stop when nothing is left", () => {
    const { c, clock } = busy();
    wait(c, clock, 30);
    expect(times(c)).toEqual([30, 0, 0]);
    c.packetsOut = 0;
    chronoStop(c, CHRONO_BUSY);
    wait(c, clock, 1000);
    expect(times(c)).toEqual([30, 0, 0]);
    expect(c.chrono).toBe(CHRONO_IDLE);
  });

  it("begin again where they stopped", () => {
    const { c, clock } = busy();
    wait(c, clock, 10);
    c.packetsOut = 0;
    chronoStop(c, CHRONO_BUSY);
    wait(c, clock, 10);
    c.packetsOut = 1;
    chronoStart(c, CHRONO_BUSY);
    wait(c, clock, 5);
    expect(times(c)).toEqual([15, 0, 0]);
  });

  it("the more telling of two is counted: the buffer over the window over being busy", () => {
    const { c, clock } = busy();
    wait(c, clock, 10);
    chronoStart(c, CHRONO_RWND);
    wait(c, clock, 20);
    chronoStart(c, CHRONO_BUSY);
    wait(c, clock, 1);
    chronoStart(c, CHRONO_SNDBUF);
    wait(c, clock, 40);
    chronoStart(c, CHRONO_RWND);
    wait(c, clock, 2);
    expect(times(c)).toEqual([10, 21, 42]);
  });

  it("what was not counted cannot be stopped; what was leaves the connection busy", () => {
    const { c, clock } = busy();
    chronoStart(c, CHRONO_SNDBUF);
    wait(c, clock, 10);
    chronoStop(c, CHRONO_RWND);
    wait(c, clock, 10);
    chronoStop(c, CHRONO_SNDBUF);
    wait(c, clock, 5);
    expect(times(c)).toEqual([5, 0, 20]);
  });

  it("a FIN that waits keeps the connection busy, one that was acknowledged does not", () => {
    const { c, clock } = busy();
    c.packetsOut = 0;
    c.finQueued = true;
    chronoStart(c, CHRONO_RWND);
    wait(c, clock, 10);
    chronoStop(c, CHRONO_RWND);
    wait(c, clock, 10);
    expect(times(c)).toEqual([10, 10, 0]);
    c.finSent = true;
    chronoStop(c, CHRONO_BUSY);
    wait(c, clock, 10);
    expect(times(c)).toEqual([10, 10, 0]);
  });

  it("count on for longer than 32 bits of microseconds", () => {
    const { c, clock } = busy();
    wait(c, clock, 5_000_000);
    chronoStart(c, CHRONO_RWND);
    wait(c, clock, 5_000_000);
    expect(times(c)).toEqual([5_000_000, 5_000_000, 0]);
  });
});
