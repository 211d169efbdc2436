import type { Connection } from "../connection.js";
import { CLOSED, EVENT_READABLE } from "../constants.js";
import { wake } from "../notify.js";
import { memoryScarce } from "./pressure.js";
import { copiedSeq } from "./receive-buffer.js";
import { setWindowClamp } from "./window.js";

/*
 * From how many bytes on the application is told that there is something to read (SO_RCVLOWAT). It is also told when no
 * more can come: the buffer is nearly full, or the window nearly shut.
 */

/** Linux's tcp_epollin_ready. @param target bytes, a FIN that has been reached being one of them */
export function enoughToRead(c: Connection, target: number): boolean {
  const ready = (c.rcvNxt - copiedSeq(c)) | 0;
  if (ready <= 0) return false;
  if (ready >= target || c.rcvWnd <= c.rcvMss) return true;
  const size = 2 * c.rcvLimit;
  return c.rcvCharge > size - (size >> 3) || memoryScarce(c.tcp.pool);
}

/** Data has come. */
export function wakeReader(c: Connection): void {
  if (!c.lowat || enoughToRead(c, c.rcvLowat)) wake(c, EVENT_READABLE);
}

/** SO_RCVLOWAT (Linux's tcp_set_rcvlowat): what is waited for must have room in the buffer. */
export function setReceiveLowat(c: Connection, value: number): void {
  const most = c.rcvLocked ? c.rcvLimit : c.tcp.settings.rmemMax >> 1;
  const lowat = value < 0 || value > most ? most : value;
  c.rcvLowat = lowat === 0 ? 1 : lowat;
  c.lowat = lowat > 1;
  wakeReader(c);
  if (c.rcvLocked) return;
  const size = Math.floor((lowat * 256) / c.rcvRatio);
  if (size <= 2 * c.rcvLimit) return;
  c.rcvLimit = size >> 1;
  if (c.state === CLOSED) {
    if (c.userClamp > 0 && c.userClamp < lowat) c.userClamp = lowat;
  } else if (c.windowClamp < lowat) setWindowClamp(c, lowat);
}
