import { ChunkPool } from "../../../src/base/chunks.js";
import type { Config } from "../../../src/base/config.js";
import { Memory } from "../../../src/base/memory.js";
import { StreamBuffers } from "../../../src/base/stream-buffer.js";
import { StackTime } from "../../../src/platform/time.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { AckState } from "../../../src/tcp/acknowledged/ack-state.js";
import { RateSample } from "../../../src/tcp/acknowledged/rate.js";
import { Connection } from "../../../src/tcp/connection.js";
import type { TcpContext } from "../../../src/tcp/context.js";
import { TcpCounters } from "../../../src/tcp/counters.js";
import { SegmentQueues } from "../../../src/tcp/receiving/segment-queue.js";
import { TcpSettings } from "../../../src/tcp/settings.js";

/** A connection with what stands below TCP, and nothing around it. */
export function bareConnection(chunks = 64): { c: Connection; memory: Memory; pool: ChunkPool; clock: VirtualClock } {
  const memory = new Memory((chunks + 16) * 8192);
  const pool = new ChunkPool(memory, chunks);
  const clock = new VirtualClock();
  const buffers = new StreamBuffers(pool);
  // Every setting as it is without a configuration
  const settings = new TcpSettings({ watch: () => {} } as unknown as Config);
  const touched = { touched: [], touchedCount: 0, upcalls: { settleSoon: () => {} } };
  const context = {
    memory,
    pool,
    buffers,
    segmentQueues: new SegmentQueues(),
    settings,
    ip: { generation: 0, routeTo: () => null },
    ack: new AckState(),
    rate: new RateSample(),
    counters: new TcpCounters(),
    time: new StackTime(clock),
    ...touched,
  };
  return { c: new Connection(context as unknown as TcpContext), memory, pool, clock };
}
