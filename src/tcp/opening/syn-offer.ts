import { TS_SPACE } from "../../wire/tcp.js";
import { offeredMss } from "../arriving/options.js";
import type { Segment } from "../arriving/segment.js";
import { agreesTo } from "../ecn/accecn.js";
import { clampOf, selectInitialWindow } from "../receiving/window.js";
import { advertisedMss } from "../sending/path.js";
import type { SynRecord } from "./syn-record.js";

/**
 * Fills a record with what a SYN offers, as far as our settings take it up; not its initial sequence number. The
 * segment's options have been read.
 * @returns false: there is no way back to the peer
 */
export function prepareRecord(record: SynRecord, seg: Segment): boolean {
  const { tcp, template } = record.listener;
  const { settings } = tcp;
  record.localAddr = seg.dst;
  record.localPort = seg.dstPort;
  record.remoteAddr = seg.src;
  record.remotePort = seg.srcPort;
  record.irs = seg.seq;
  record.rcvNxt = (seg.seq + 1) | 0;
  const offered = offeredMss(seg);
  record.peerMss = template.userMss > 0 && template.userMss < offered ? template.userMss : offered;
  record.sackOk = seg.sackOk && settings.sack !== 0;
  record.outOfWindowAt = tcp.time.ms;
  // RFC 7323 §2.2: scaling needs both sides
  if (seg.wscale >= 0 && settings.windowScaling !== 0) {
    record.peerScale = seg.wscale;
    record.ourScale = 0;
  }
  if (seg.ts && settings.timestamps !== 0) {
    record.ts = true;
    record.tsRecent = seg.tsval;
    record.tsOffset = tcp.isn.tsOffset(settings.timestamps, seg.dst, seg.src);
  }
  record.ecn = agreesTo(settings.ecn, seg.flags, seg.ecn);
  record.synField = seg.ecn;
  return takeWindow(record, 0);
}

/**
 * The MSS that we offer and the window to begin with.
 * @param unit the window is a multiple of this; 0: of the segments that we take
 * @returns false: there is no way back to the peer
 */
export function takeWindow(record: SynRecord, unit: number): boolean {
  const { tcp, template } = record.listener;
  const route = tcp.ip.routeTo(record.remoteAddr, record.localAddr);
  if (route === null) return false;
  const most = advertisedMss(route);
  record.advMss = template.userMss > 0 && template.userMss < most ? template.userMss : most;
  const mss = unit > 0 ? unit : record.advMss - (record.ts ? TS_SPACE : 0);
  const initial = selectInitialWindow(tcp, template.rcvLimit, mss, record.ourScale >= 0, clampOf(template));
  record.window = initial.window;
  record.clamp = initial.clamp;
  if (record.ourScale >= 0) record.ourScale = initial.scale;
  return true;
}
