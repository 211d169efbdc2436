import type { Config } from "../base/config.js";
import type { Clock } from "../platform/clock.js";
import type { Socket, SocketType } from "../socket/types.js";
import type { SocketRow } from "./listing.js";

/**
 * What the services and the control socket need of a stack. The real stack has this shape; so has the double in the
 * tests.
 */
export interface StackApi {
  readonly clock: Clock;
  readonly config: Config;
  /** Throws ENOMEM. */
  socket(type: SocketType): Socket;
  /** Every socket, listener and TIME-WAIT record, in no order. @param details with what `ss -i` shows of TCP */
  sockets(details?: boolean): readonly SocketRow[];
  /** nstat's names to values; every counter, also those at 0. */
  counters(): Readonly<Record<string, number>>;
  /** Bytes that stand in the stack's own memory: reads and writes through them are copies without garbage. */
  alloc(bytes: number): Uint8Array;
}
