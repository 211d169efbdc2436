import type { Connection } from "./connection.js";

/*
 * What has kept a sender, and for how long: Linux's chronographs, tcp_info's busy_time, rwnd_limited and
 * sndbuf_limited. Time is counted in whole milliseconds, as Linux counts jiffies.
 */

/** What a sender is doing; where several hold, the higher number counts. */
export const CHRONO_IDLE = 0;
/** Data is queued or in flight. */
export const CHRONO_BUSY = 1;
/** ... and the peer's window is in the way. */
export const CHRONO_RWND = 2;
/** ... and there is nothing more to send because the send buffer is full of what is in flight. */
export const CHRONO_SNDBUF = 3;

/** `type` begins to hold. */
export function chronoStart(c: Connection, type: number): void {
  if (type > c.chrono) chronoSet(c, type);
}

/** `type` holds no longer: busy is what remains, unless nothing is queued or in flight. */
export function chronoStop(c: Connection, type: number): void {
  const sentAll = c.finSent || (c.writeSeq === c.sndNxt && !c.finQueued);
  if (sentAll && c.packetsOut === 0) chronoSet(c, CHRONO_IDLE);
  else if (type === c.chrono) chronoSet(c, CHRONO_BUSY);
}

/** Microseconds for which `type` was what counted, to this moment. */
export function chronoTime(c: Connection, type: number): number {
  const running = c.chrono === type ? elapsed(c) : 0;
  if (type === CHRONO_BUSY) return c.chronoBusy + running;
  return type === CHRONO_RWND ? c.chronoRwnd + running : c.chronoSndbuf + running;
}

function chronoSet(c: Connection, type: number): void {
  if (c.chrono === CHRONO_BUSY) c.chronoBusy += elapsed(c);
  else if (c.chrono === CHRONO_RWND) c.chronoRwnd += elapsed(c);
  else if (c.chrono === CHRONO_SNDBUF) c.chronoSndbuf += elapsed(c);
  c.chrono = type;
  c.chronoStart = c.tcp.time.ms;
}

function elapsed(c: Connection): number {
  return ((c.tcp.time.ms - c.chronoStart) | 0) * 1000;
}
