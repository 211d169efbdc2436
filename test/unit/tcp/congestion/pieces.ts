import { SeededRandom } from "../../../../src/platform/random.js";
import type { CongestionControl } from "../../../../src/tcp/congestion/congestion.js";
import { Connection } from "../../../../src/tcp/connection.js";
import type { TcpContext } from "../../../../src/tcp/context.js";

/** What the algorithms use of the stack, with a clock set by hand. */
export class World {
  readonly time = { ms: 0, us: 0 };
  readonly settings = { hystart: 1 };
  readonly random = new SeededRandom(7);
  readonly counters = {
    TcpExtTCPHystartTrainDetect: 0,
    TcpExtTCPHystartTrainCwnd: 0,
    TcpExtTCPHystartDelayDetect: 0,
    TcpExtTCPHystartDelayCwnd: 0,
  };

  /** Sets the clock, in us; it may have wrapped. */
  at(us: number): void {
    this.time.us = us | 0;
    this.time.ms = Math.floor(us / 1000) | 0;
  }
}

/** A connection that has just begun, with an algorithm, whose window is always in the way. */
export function begun(algorithm: CongestionControl, world = new World()): Connection {
  const c = new Connection(world as unknown as TcpContext);
  c.mss = 1448;
  c.cwndLimited = true;
  c.congestion = algorithm;
  algorithm.init(c);
  return c;
}
