import type { ChunkPool } from "../base/chunks.js";
import type { SystemError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { LinkHost } from "./link.js";

/** A link around another: what it wants to know of what the inner one says. */
export interface LinkWrapper {
  receiveInner(rows: Int32Array, count: number): void;
  writableInner(): void;
}

/** The stack as the inner link of a wrapper sees it. */
export class InnerHost implements LinkHost {
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly offload: boolean;
  private readonly host: LinkHost;
  private readonly wrapper: LinkWrapper;

  constructor(host: LinkHost, wrapper: LinkWrapper, offload: boolean) {
    this.host = host;
    this.wrapper = wrapper;
    this.memory = host.memory;
    this.pool = host.pool;
    this.clock = host.clock;
    this.random = host.random;
    this.offload = offload;
  }

  receive(rows: Int32Array, count: number): void {
    this.wrapper.receiveInner(rows, count);
  }

  writable(): void {
    this.wrapper.writableInner();
  }

  down(error: SystemError): void {
    this.host.down(error);
  }
}
