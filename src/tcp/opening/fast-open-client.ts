import { EAGAIN } from "../../base/errors.js";
import { OPTIONS_MAX, TCP_HEADER, TS_SPACE } from "../../wire/tcp.js";
import { offeredMss } from "../arriving/options.js";
import type { Segment } from "../arriving/segment.js";
import { sendBuffer } from "../buffers.js";
import type { Connection } from "../connection.js";
import { roomToQueue } from "../receiving/pressure.js";
import { updateMss } from "../sending/path.js";
import {
  blame,
  FAIL_NO_COOKIE,
  FAIL_NOT_ACKED,
  FAIL_RETRANSMITTED,
  FASTOPEN_CLIENT,
  FASTOPEN_CLIENT_NO_COOKIE,
  FastOpenState,
} from "./fast-open.js";
import type { CachedServer } from "./fast-open-cache.js";

const IPV4_HEADER = 20;

/**
 * RFC 7413 §4.2.1, an active open with TCP_FASTOPEN_CONNECT: with a cookie for that server (or where none is needed) the
 * SYN waits for data to take along; without one it goes now, and asks for one.
 * @returns whether the SYN waits
 */
export function deferConnect(c: Connection): boolean {
  const { settings, fastOpen } = c.tcp;
  if (!c.fastOpenConnect || (settings.fastOpen & FASTOPEN_CLIENT) === 0) return false;
  const state = new FastOpenState();
  c.fastOpen = state;
  if (fastOpen.disabled) return false;
  state.proves = fastOpen.suspected;
  const known = fastOpen.cache.get(c.remoteAddr);
  if ((settings.fastOpen & FASTOPEN_CLIENT_NO_COOKIE) !== 0 || c.fastOpenNoCookie) state.deferred = true;
  else if (known !== null && known.cookie !== null) {
    state.cookie = known.cookie;
    state.cookieLength = known.cookie.length;
    state.exp = known.exp;
    state.deferred = true;
  } else askForCookie(state, known);
  // The size of the SYN's segment goes by the MSS that the server once offered
  c.peerMss = known !== null ? known.mss : c.advMss;
  if (!state.deferred) return false;
  updateMss(c);
  if (c.tsOffered) c.mss -= TS_SPACE;
  return true;
}

/** As Linux: in the experimental option after RFC 7413's was not answered, and only that once. */
function askForCookie(state: FastOpenState, known: CachedServer | null): void {
  state.cookieLength = 0;
  state.exp = known !== null && known.tried === 1;
  state.fail = FAIL_NO_COOKIE;
}

/**
 * The first write after a deferred connect: as much as fits into the SYN. The caller sends it.
 * @returns bytes taken, or -EAGAIN: there is no memory
 */
export function queueSynData(c: Connection, source: Uint8Array, start: number, length: number): number {
  const state = c.fastOpen as FastOpenState;
  const room = synRoom(c);
  let n = length < room ? length : room;
  if (n > 0) {
    const snd = sendBuffer(c);
    n = snd.ensure(0, roomToQueue(c, n));
    if (n === 0) return -EAGAIN;
    snd.write(0, source, start, n);
  }
  state.deferred = false;
  state.synBytes = n;
  c.sndQueued = n;
  c.writeSeq = (c.iss + 1 + n) | 0;
  return n;
}

/** Room is left for all options there could be, for the sake of middleboxes (Linux's tcp_send_syn_data). */
function synRoom(c: Connection): number {
  const mtu = c.route === null ? c.peerMss : c.route.mtu - IPV4_HEADER - TCP_HEADER;
  const user = c.userMss > 0 ? c.userMss : mtu;
  return Math.max(0, Math.min(mtu, c.peerMss, user) - OPTIONS_MAX);
}

/**
 * For the SYN about to be sent: its fast open option into tcp.synOptions, for the first SYN of an attempt only.
 * @returns how many bytes from the head of the send buffer it takes along
 */
export function synCookieFor(c: Connection): number {
  const o = c.tcp.synOptions;
  const state = c.fastOpen;
  o.cookie = null;
  o.cookieLength = -1;
  if (state === null || state.sent || state.request !== null) return 0;
  state.sent = true;
  o.cookie = state.cookie;
  o.cookieLength = state.cookieLength;
  o.cookieExp = state.exp;
  if (state.cookieLength >= 0) state.asked = true;
  if (state.asked || state.synBytes > 0) state.offered = true;
  return state.synBytes;
}

/**
 * RFC 7413 §4.1.3, §4.2.1: the SYN-ACK; its acknowledgment has been taken, its options have been read.
 * @returns whether the data of the SYN did not arrive and is now to be sent again
 */
export function fastOpenAnswered(c: Connection, seg: Segment): boolean {
  const state = c.fastOpen;
  if (state === null || !state.offered) return false;
  const { fastOpen, counters, memory } = c.tcp;
  // One that was not asked for is not taken
  const cookie =
    state.asked && seg.cookieLength > 0 ? memory.u8.slice(seg.cookie, seg.cookie + seg.cookieLength) : null;
  const sent = state.synBytes;
  const unanswered = state.asked && cookie === null && sent === 0 && c.totalRetransmits === 0;
  fastOpen.cache.set(c.remoteAddr, offeredMss(seg), cookie, seg.cookieExp, unanswered ? (state.exp ? 2 : 1) : 0);
  state.synBytes = 0;
  if (sent === 0) return false;
  if (((c.sndUna - c.iss - 1) | 0) < sent) {
    state.fail = c.totalRetransmits > 0 ? FAIL_RETRANSMITTED : FAIL_NOT_ACKED;
    counters.TcpExtTCPFastOpenActiveFail++;
    return true;
  }
  c.synDataAcked = true;
  // The SYN and its data came in one segment
  if (c.delivered > 1) c.delivered--;
  counters.TcpExtTCPFastOpenActive++;
  return false;
}

/**
 * A retransmission timeout, c.retransmits of them before this one: with fast open in use three in a row are blamed on a
 * middlebox (RFC 7413 §7.1, Linux's tcp_fastopen_active_detect_blackhole).
 */
export function blameSilence(c: Connection, expired: boolean): void {
  const state = c.fastOpen;
  if (state === null || !(state.offered || c.synDataAcked)) return;
  if (c.retransmits !== 2 && !(c.retransmits < 2 && expired)) return;
  blame(c);
  c.tcp.counters.TcpExtTCPFastOpenActiveFail++;
}
