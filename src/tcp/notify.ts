import type { Connection } from "./connection.js";

/*
 * Something happened to a connection: said here, and acted on when the batch ends, by settle() and by its owner.
 */

/** Who holds a connection from above: a socket. */
export interface ConnectionOwner {
  /** It is on the list of those who will be told: {@link connectionEvent} need not be called again. */
  readonly readyQueued: boolean;
  /** Something changed (EVENT_*); called during input, so only note it. */
  connectionEvent(events: number): void;
}

/** Notes that the connection is to be looked at when the batch ends. */
export function touch(c: Connection): void {
  if (c.touched) return;
  c.touched = true;
  const tcp = c.tcp;
  tcp.touched[tcp.touchedCount++] = c;
  if (tcp.touchedCount === 1) tcp.upcalls.settleSoon();
}

/** Tells the owner. */
export function wake(c: Connection, events: number): void {
  const { owner } = c;
  if (owner !== null && !owner.readyQueued) owner.connectionEvent(events);
}
