import type { StreamBuffer } from "../base/stream-buffer.js";
import type { Connection } from "./connection.js";

/** The send buffer, made on first use. */
export function sendBuffer(c: Connection): StreamBuffer {
  c.snd ??= c.tcp.buffers.take();
  return c.snd;
}

/** The receive buffer, made on first use. */
export function receiveBuffer(c: Connection): StreamBuffer {
  c.rcv ??= c.tcp.buffers.take();
  return c.rcv;
}

/** Nothing is left to send: an idle connection owns no buffer. */
export function dropSendBuffer(c: Connection): void {
  if (c.snd === null) return;
  c.tcp.buffers.give(c.snd);
  c.snd = null;
}

/** Nothing is left to read, nor kept ahead of a hole. */
export function dropReceiveBuffer(c: Connection): void {
  if (c.rcv === null) return;
  c.tcp.buffers.give(c.rcv);
  c.rcv = null;
}
