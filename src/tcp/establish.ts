import { setState } from "./close.js";
import type { Connection } from "./connection.js";
import { ESTABLISHED, INITIAL_WINDOW_SEGMENTS, SSTHRESH_INFINITE } from "./constants.js";
import { updateMss } from "./path.js";
import { initReceiveBuffer } from "./receive-buffer.js";
import { sample } from "./rtt.js";
import type { Segment } from "./segment.js";
import { startKeepalive } from "./timer-set.js";

/** RFC 6298 §5 (5.7): the RTO of a connection whose handshake gave no measurement. */
const RTO_FALLBACK = 3000;

/**
 * The round trip of a handshake. Karn: what was sent again is ambiguous; the echo of a timestamp never is (RFC 7323 §4).
 * @param us from the clock, -1 where it is ambiguous or unknown
 */
export function measureHandshake(c: Connection, us: number, seg: Segment): void {
  if (us >= 0) {
    sample(c, us);
    return;
  }
  if (!c.tsOk || !seg.ts || seg.tsecr === 0) return;
  const ms = (c.tcp.time.ms - ((seg.tsecr - c.tsOffset) | 0)) | 0;
  if (ms < 0 || ms > 0x7fffffff / 1000) return;
  sample(c, Math.max(ms, 1) * 1000);
}

/**
 * What the transfer of data begins with (Linux's tcp_init_transfer); the round trip has been measured, if it could be.
 * c.totalRetransmits counts how often the SYN was sent again, c.undoMarker is 0 unless that was for a timeout.
 */
export function initTransfer(c: Connection): void {
  const { time } = c.tcp;
  c.ssthresh = SSTHRESH_INFINITE;
  if (c.srtt === 0) {
    c.rttvar = RTO_FALLBACK * 1000;
    c.mdev = c.rttvar;
    c.mdevMax = c.rttvar;
    c.rto = RTO_FALLBACK;
  }
  // RFC 5681 §3.1: one segment if the SYN was lost; RFC 6298's shorter RTO makes one such loss no sign of congestion
  c.cwnd = c.totalRetransmits > 1 && c.undoMarker !== 0 ? 1 : INITIAL_WINDOW_SEGMENTS;
  c.undoMarker = 0;
  c.retransStamp = 0;
  c.cwndStamp = time.ms;
  c.congestion.init(c);
  initReceiveBuffer(c);
}

/**
 * ESTABLISHED, of a passive open: the state, and SND.WND from the segment that completed the handshake (its window is
 * scaled already: it is no SYN).
 */
export function established(c: Connection, seg: Segment): void {
  const { time } = c.tcp;
  setState(c, ESTABLISHED);
  c.sndWnd = seg.window << c.sndWscale;
  if (c.sndWnd > c.maxWnd) c.maxWnd = c.sndWnd;
  c.sndWl1 = seg.seq;
  c.sndWl2 = seg.ack;
  c.retransmits = 0;
  c.backoff = 0;
  c.lastReceive = time.ms;
  c.lastSend = time.ms;
  c.lastAck = time.ms;
  startKeepalive(c);
}

/** Both have offered timestamps (RFC 7323 §3.2): from here on every segment carries them, and has less room. */
export function agreeTimestamps(c: Connection, tsRecent: number, second: number): void {
  c.tsOk = true;
  c.tsRecent = tsRecent;
  c.tsRecentAt = second;
  updateMss(c);
}
