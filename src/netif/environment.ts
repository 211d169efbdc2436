import type { ChunkPool } from "../base/chunks.js";
import type { Config } from "../base/config.js";
import type { Memory } from "../base/memory.js";
import type { Random } from "../platform/random.js";
import type { StackTime } from "../platform/time.js";
import type { TimerWheel } from "../platform/timer-wheel.js";

/** What every layer of one stack stands on; made once by stack.ts. */
export interface Environment {
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly time: StackTime;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly config: Config;
}
