import type { Connection } from "../connection.js";
import { CA_OPEN } from "../constants.js";
import { resendTooLarge } from "../loss/recovery-path.js";
import { currentSsthresh } from "../loss/reduction.js";
import { paced } from "./pacing.js";
import { fullMss, mssOfMtu, mtuOfMss, routeOf, updateMss } from "./path.js";
import { currentMss, windowRoom } from "./send-rules.js";

/*
 * Packetization layer path MTU discovery (RFC 4821), as Linux does it: a segment larger than the others is sent in the
 * place of data, and its fate says what the path takes. c.probeLow passes, c.probeHigh is the most that may.
 */

/** cwnd from which one segment more or less does not matter (RFC 4821 §7.3 wants no harm from a lost probe). */
const LEAST_CWND = 11;

/** A connection begins: the search stands at its start, and runs if tcp_mtu_probing is 2. */
export function beginSearch(c: Connection): void {
  const { settings, time } = c.tcp;
  c.mtuProbing = settings.mtuProbing > 1;
  c.probeHigh = fullMss(c);
  c.probeLow = mtuOfMss(c, settings.baseMss);
  c.probeSize = 0;
  c.probeAt = time.ms;
}

/**
 * Whether a probe is to go in the place of ordinary data.
 * @param unsent bytes
 * @returns its size; 0: none; -1: wait until there is room for it
 */
export function probeDue(c: Connection, unsent: number): number {
  if (!c.mtuProbing || c.probeSize !== 0 || c.caState !== CA_OPEN || c.cwnd < LEAST_CWND) return 0;
  // What the options take would be a guess
  if (c.sackBlocks > 0 || c.dsackDue || routeOf(c) === null) return 0;
  const mss = currentMss(c);
  const size = mssOfMtu(c, (c.probeHigh + c.probeLow) >> 1);
  if (size > mssOfMtu(c, c.probeHigh) || c.probeHigh - c.probeLow < c.tcp.settings.probeThreshold) {
    searchAgain(c, mss);
    return 0;
  }
  // RFC 4821 §7.4: enough behind it that its loss is found out by duplicate ACKs
  const needed = size + (c.reordering + 1) * c.mss;
  if (unsent < needed || c.sndWnd < needed) return 0;
  if (windowRoom(c) < needed) return -1;
  const { inFlight } = c;
  if (inFlight + 2 > c.cwnd) return inFlight === 0 ? 0 : -1;
  if (c.pacing && paced(c)) return 0;
  return size;
}

/** RFC 4821 §7.7: nothing more to be found; after tcp_probe_interval the path may have changed. */
function searchAgain(c: Connection, mss: number): void {
  const { settings, time } = c.tcp;
  if (((time.ms - c.probeAt) | 0) < settings.probeInterval * 1000) return;
  c.probeSize = 0;
  c.probeHigh = fullMss(c);
  c.probeLow = mtuOfMss(c, mss);
  c.probeAt = time.ms;
}

/** The probe has gone, from `seq` to SND.NXT. */
export function probeSent(c: Connection, seq: number): void {
  // In effect two segments went
  c.cwnd--;
  c.probeSize = mtuOfMss(c, (c.sndNxt - seq) | 0);
  c.probeStart = seq;
  c.probeEnd = c.sndNxt;
}

/** SND.UNA has moved: perhaps over the probe, and the path takes it (RFC 4821 §7.6.1). */
export function mtuProbeAcked(c: Connection): void {
  if (c.probeSize === 0 || ((c.probeEnd - c.sndUna) | 0) > 0) return;
  // cwnd is in segments, which are larger now
  c.priorSsthresh = currentSsthresh(c);
  c.cwnd = Math.max(1, Math.floor((c.cwnd * mtuOfMss(c, c.mss)) / c.probeSize));
  c.cwndCnt = 0;
  c.cwndStamp = c.tcp.time.ms;
  c.ssthresh = currentSsthresh(c);
  c.probeLow = c.probeSize;
  c.probeSize = 0;
  updateMss(c);
  c.tcp.counters.TcpExtTCPMTUPSuccess++;
}

/**
 * Something was lost: whether it was the probe alone, which has then been dealt with: it says nothing of congestion (RFC
 * 4821 §7.6.2), and its data goes again in segments that pass.
 */
export function mtuProbeLost(c: Connection): boolean {
  if (c.probeSize === 0 || c.sndUna !== c.probeStart) return false;
  c.probeHigh = c.probeSize - 1;
  c.probeSize = 0;
  c.tcp.counters.TcpExtTCPMTUPFail++;
  c.cwnd++;
  resendTooLarge(c);
  return true;
}

/**
 * The retransmission timer has run out so often that the path may swallow large segments (RFC 4821 §7.6.3, RFC 2923
 * §2.1): first to tcp_base_mss, then to half of that again and again.
 */
export function suspectBlackHole(c: Connection): void {
  const { settings, time } = c.tcp;
  if (settings.mtuProbing === 0) return;
  if (!c.mtuProbing) {
    c.mtuProbing = true;
    c.probeAt = time.ms;
  } else {
    const half = Math.min(settings.baseMss, mssOfMtu(c, c.probeLow) >> 1);
    c.probeLow = mtuOfMss(c, Math.max(half, settings.mtuProbeFloor, settings.minSndMss));
  }
  updateMss(c);
}
