import { SYN } from "../../wire/tcp.js";
import { sample, updateMinRtt } from "../acknowledged/rtt.js";
import type { Segment } from "../arriving/segment.js";
import type { Connection } from "../connection.js";
import { ESTABLISHED, INITIAL_WINDOW_SEGMENTS } from "../constants.js";
import { setState } from "../ending/close.js";
import { initReceiveBuffer } from "../receiving/receive-buffer.js";
import { recallMetrics } from "../sending/metrics.js";
import { beginSearch } from "../sending/mtu-probe.js";
import { updateMss } from "../sending/path.js";
import { expandSendBuffer } from "../sending/send-buffer.js";

/**
 * The round trip of a handshake. Karn: what was sent again is ambiguous; the echo of a timestamp never is (RFC 7323 §4).
 * @param us from the clock, -1 where it is ambiguous or unknown
 */
export function measureHandshake(c: Connection, us: number, seg: Segment): void {
  if (us >= 0) {
    updateMinRtt(c, us, false);
    sample(c, us);
    return;
  }
  if (!c.tsOk || !seg.ts || seg.tsecr === 0) return;
  const ms = (c.tcp.time.ms - ((seg.tsecr - c.tsOffset) | 0)) | 0;
  if (ms < 0 || ms > 0x7fffffff / 1000) return;
  updateMinRtt(c, Math.max(ms, 1) * 1000, false);
  sample(c, Math.max(ms, 1) * 1000);
}

/**
 * What the transfer of data begins with (Linux's tcp_init_transfer); the round trip has been measured, if it could be.
 * c.totalRetransmits counts how often the SYN was sent again, c.undoable is false unless that was for a timeout.
 */
export function initTransfer(c: Connection): void {
  const { time } = c.tcp;
  recallMetrics(c);
  // RFC 5681 §3.1: one segment if the SYN was lost; RFC 6298's shorter RTO makes one such loss no sign of congestion
  c.cwnd = c.totalRetransmits > 1 && c.undoable ? 1 : INITIAL_WINDOW_SEGMENTS;
  c.undoable = false;
  c.retransStamp = 0;
  c.cwndStamp = time.ms;
  beginSearch(c);
  c.congestion.init(c);
  initReceiveBuffer(c);
  expandSendBuffer(c);
}

/** ESTABLISHED: the state, and SND.WND from the segment that completed the handshake; a SYN's is not scaled (RFC 7323 §2.2). */
export function established(c: Connection, seg: Segment): void {
  const { time } = c.tcp;
  setState(c, ESTABLISHED);
  c.sndWnd = seg.window << ((seg.flags & SYN) !== 0 ? 0 : c.sndWscale);
  if (c.sndWnd > c.maxWnd) c.maxWnd = c.sndWnd;
  c.sndWl1 = seg.seq;
  c.retransmits = 0;
  c.lastReceive = time.ms;
  c.lastSend = time.ms;
  c.lastAck = time.ms;
}

/** Both have offered timestamps (RFC 7323 §3.2): from here on every segment carries them, and has less room. */
export function agreeTimestamps(c: Connection, tsRecent: number, second: number): void {
  c.tsOk = true;
  c.tsRecent = tsRecent;
  c.tsRecentAt = second;
  updateMss(c);
}
