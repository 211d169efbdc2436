import { ChunkPool } from "../../../src/base/chunks.js";
import { Memory } from "../../../src/base/memory.js";
import { StreamBuffers } from "../../../src/base/stream-buffer.js";
import { StackTime } from "../../../src/platform/time.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { Connection } from "../../../src/tcp/connection.js";
import type { TcpContext } from "../../../src/tcp/context.js";
import { TcpCounters } from "../../../src/tcp/counters.js";

/** A connection with what stands below TCP, and nothing around it. */
export function bareConnection(chunks = 64): { c: Connection; memory: Memory; pool: ChunkPool; clock: VirtualClock } {
  const memory = new Memory((chunks + 16) * 8192);
  const pool = new ChunkPool(memory, chunks);
  const clock = new VirtualClock();
  const buffers = new StreamBuffers(pool);
  const context = { memory, pool, buffers, counters: new TcpCounters(), time: new StackTime(clock) };
  return { c: new Connection(context as unknown as TcpContext), memory, pool, clock };
}
