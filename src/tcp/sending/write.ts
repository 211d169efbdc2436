import { EAGAIN, EINPROGRESS, EPIPE } from "../../base/errors.js";
import { checkAppLimited } from "../acknowledged/rate.js";
import { sendBuffer } from "../buffers.js";
import { CHRONO_BUSY, chronoStart, chronoStop } from "../chrono.js";
import { restartAfterIdle } from "../congestion/window.js";
import type { Connection } from "../connection.js";
import { CLOSE_WAIT, ESTABLISHED, RTO_MIN, SYN_RECEIVED, SYN_SENT, TIMER_PERSIST } from "../constants.js";
import { startOpen } from "../opening/connect.js";
import { awaitsWrite, opensFast } from "../opening/fast-open.js";
import { queueSynData } from "../opening/fast-open-client.js";
import { roomToQueue } from "../receiving/pressure.js";
import { setTimer } from "../timer-set.js";
import { armPersist, PUSH_FIRST, PUSH_NOW, push, unsentBytes } from "./output.js";
import { lastPiece, pieceSize } from "./pieces.js";
import { roomForPiece } from "./send-buffer.js";
import { currentMss } from "./send-rules.js";

/*
 * SEND (RFC 9293 §3.10.2): what of a write is taken, as Linux's tcp_sendmsg takes it: piece by piece, each of which is
 * pushed before the next.
 */

/**
 * Takes what fits.
 * @param pushes whether pieces are rows, and go when they are full, before the rest is taken
 * @returns bytes taken, or a negative errno
 */
export function queueWrite(c: Connection, source: Uint8Array, start: number, length: number, pushes: boolean): number {
  if (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT && !opensFast(c)) return earlyWrite(c, source, start, length);
  if (c.finQueued) return -EPIPE;
  checkAppLimited(c);
  const mss = currentMss(c);
  const size = pushes ? pieceSize(c, mss) : mss;
  let done = 0;
  while (done < length) {
    let room = unsentBytes(c) > 0 ? size - lastPiece(c) : 0;
    if (room <= 0) {
      if (!roomForPiece(c)) return full(c, done);
      beginPiece(c);
      room = size;
    }
    const wanted = length - done < room ? length - done : room;
    const n = append(c, source, start + done, wanted);
    done += n;
    if (n < wanted) return outOfMemory(c, done);
    if (pushes && n === room && done < length) pushPiece(c);
  }
  return done;
}

function beginPiece(c: Connection): void {
  c.pieceSeq = c.writeSeq;
  // RFC 5681 §4.1
  restartAfterIdle(c);
  chronoStart(c, CHRONO_BUSY);
}

/** @returns how many bytes there was memory for */
function append(c: Connection, source: Uint8Array, start: number, length: number): number {
  const snd = sendBuffer(c);
  const n = snd.ensure(c.sndQueued, roomToQueue(c, length));
  if (n === 0) return 0;
  snd.write(c.sndQueued, source, start, n);
  c.sndQueued += n;
  c.writeSeq = (c.writeSeq + n) | 0;
  return n;
}

/** The buffer is full: whoever asked hears when it is not. */
function full(c: Connection, done: number): number {
  c.noSpace = true;
  return done > 0 ? done : -EAGAIN;
}

/** Memory is scarce. What comes back will wake us, if any of it is ours; a look again in a while if not. */
function outOfMemory(c: Connection, done: number): number {
  if (c.sndQueued === 0) {
    chronoStop(c, CHRONO_BUSY);
    setTimer(c, TIMER_PERSIST, (c.tcp.time.ms + RTO_MIN) | 0);
  }
  return full(c, done);
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

/** A piece is full and more follows. RFC 9293 §3.9.1.2: PSH at the latest when half the window was written without. */
function pushPiece(c: Connection): void {
  if (((c.writeSeq - c.pushedSeq) | 0) > c.maxWnd >> 1) {
    c.pushedSeq = c.writeSeq;
    if (push(c, PUSH_NOW)) armPersist(c);
  } else if (((c.pieceSeq - c.sndNxt) | 0) <= 0) push(c, PUSH_FIRST);
}
