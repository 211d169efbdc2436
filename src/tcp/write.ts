import { EAGAIN, EINPROGRESS, EPIPE } from "../base/errors.js";
import { sendBuffer } from "./buffers.js";
import { CHRONO_BUSY, chronoStart } from "./chrono.js";
import { restartAfterIdle } from "./congestion/window.js";
import { startOpen } from "./connect.js";
import type { Connection } from "./connection.js";
import { CLOSE_WAIT, ESTABLISHED, RTO_MIN, SYN_RECEIVED, SYN_SENT, TIMER_PERSIST } from "./constants.js";
import { awaitsWrite, opensFast } from "./fast-open.js";
import { queueSynData } from "./fast-open-client.js";
import { armPersist, PUSH_FIRST, PUSH_NOW, push, unsentBytes } from "./output.js";
import { roomToQueue } from "./pressure.js";
import { checkAppLimited } from "./rate.js";
import { lowWater } from "./send-buffer.js";
import { pieceSize } from "./send-rules.js";
import { setTimer } from "./timer-set.js";

/*
 * SEND (RFC 9293 §3.10.2): what of a write is taken. One that is larger than half the peer's window, or under
 * TCP_NOTSENT_LOWAT, is taken piece by piece, each of which is pushed before the next, as Linux's tcp_sendmsg does.
 * Where windows are large it makes no difference that can be seen.
 */

/** Pieces of at least this are not worth the cutting. */
const LARGE = 32_768;
const NO_LOW_WATER = 0xffff_ffff;

/** Takes what fits. @returns bytes taken, or a negative errno */
export function queueData(c: Connection, source: Uint8Array, start: number, length: number): number {
  if (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT && !opensFast(c)) return earlyWrite(c, source, start, length);
  if (c.finQueued) return -EPIPE;
  checkAppLimited(c);
  const room = c.sndLimit - c.sndQueued;
  let n = length < room ? length : room;
  if (n <= 0) {
    if (length === 0) return 0;
    c.noSpace = true;
    return -EAGAIN;
  }
  const snd = sendBuffer(c);
  n = snd.ensure(c.sndQueued, roomToQueue(c, n));
  if (n === 0) {
    // Memory is scarce. What comes back will wake us, if any of it is ours; a look again in a while if not.
    c.noSpace = true;
    if (c.sndQueued === 0) setTimer(c, TIMER_PERSIST, (c.tcp.time.ms + RTO_MIN) | 0);
    return -EAGAIN;
  }
  // Linux asks when it begins a new buffer
  if (c.writeSeq === c.sndNxt) restartAfterIdle(c);
  snd.write(c.sndQueued, source, start, n);
  c.sndQueued += n;
  c.writeSeq = (c.writeSeq + n) | 0;
  chronoStart(c, CHRONO_BUSY);
  if (n < length) c.noSpace = true;
  return n;
}

/** A write in none of the states that take data. */
function earlyWrite(c: Connection, source: Uint8Array, start: number, length: number): number {
  if (c.state === SYN_SENT && awaitsWrite(c)) {
    const n = queueSynData(c, source, start, length);
    if (n >= 0) startOpen(c);
    return n === 0 ? -EINPROGRESS : n;
  }
  // Linux waits for ESTABLISHED; RFC 9293 §3.10.2 would queue
  if (c.state === SYN_SENT || c.state === SYN_RECEIVED) return c.finQueued ? -EPIPE : -EAGAIN;
  return -EPIPE;
}

/** Whether a write of `length` is to be taken in pieces. */
export function inPieces(c: Connection, length: number): boolean {
  if (c.notsentLowat !== 0 || c.tcp.settings.notsentLowat < NO_LOW_WATER) return true;
  if (length <= c.mss) return false;
  const size = pieceSize(c);
  return size < LARGE && length > size;
}

/** As queueData. */
export function writePieces(c: Connection, source: Uint8Array, start: number, length: number): number {
  const size = pieceSize(c);
  const most = lowWater(c);
  let done = 0;
  while (done < length) {
    let room = size - lastPiece(c);
    if (room <= 0 || unsentBytes(c) <= 0) {
      if (unsentBytes(c) >= most) {
        c.noSpace = true;
        return done > 0 ? done : -EAGAIN;
      }
      c.pieceSeq = c.writeSeq;
      room = size;
    }
    const n = queueData(c, source, start + done, length - done < room ? length - done : room);
    if (n <= 0) return done > 0 ? done : n;
    done += n;
    if (n < room || done === length) continue;
    pushPiece(c, size);
  }
  return done;
}

/** Bytes unsent of the last piece. */
function lastPiece(c: Connection): number {
  const unsent = unsentBytes(c);
  const bytes = (c.writeSeq - c.pieceSeq) | 0;
  return bytes < unsent ? bytes : unsent;
}

/** A piece is full and more follows. RFC 9293 §3.9.1.2: PSH at the latest when half the window was written without. */
function pushPiece(c: Connection, size: number): void {
  if (((c.writeSeq - c.pushedSeq) | 0) > c.maxWnd >> 1) {
    c.pushedSeq = c.writeSeq;
    if (push(c, PUSH_NOW)) armPersist(c);
  } else if (unsentBytes(c) <= size) push(c, PUSH_FIRST);
}
