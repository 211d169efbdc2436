import { seqLt } from "../../wire/seqnum.js";
import type { Connection } from "../connection.js";
import { ECN_OK } from "../constants.js";

/*
 * Reordering, and what stands for SACKs without SACK: sackedOut then counts duplicate ACKs.
 */

/** One past the highest sequence number SACKed; SND.UNA when nothing is, or when the peer has no SACK. */
export function highestSacked(c: Connection): number {
  return c.sackedOut === 0 || !c.sackOk ? c.sndUna : c.sackedTop;
}

/** Something below what had been SACKed came late, not lost. @param byTimestamps how it was found */
export function noteSackReordering(c: Connection, low: number, byTimestamps: boolean): void {
  const top = highestSacked(c);
  if (!seqLt(low, top)) return;
  const { counters, settings } = c.tcp;
  const metric = (top - low) | 0;
  if (metric > c.reordering * c.mss) c.reordering = Math.min(Math.ceil(metric / c.mss), settings.maxReordering);
  c.reordSeen++;
  if (byTimestamps) counters.TcpExtTCPTSReorder++;
  else counters.TcpExtTCPSACKReorder++;
}

/** More duplicates than there can be holes for: they were reordered. */
function limitRenoSacked(c: Connection): boolean {
  const holes = Math.min(Math.max(c.lostOut, 1), c.packetsOut);
  if (c.sackedOut + holes <= c.packetsOut) return false;
  c.sackedOut = c.packetsOut - holes;
  return true;
}

function checkRenoReordering(c: Connection, addend: number): void {
  if (!limitRenoSacked(c)) return;
  const { counters, settings } = c.tcp;
  c.reordering = Math.min(c.packetsOut + addend, settings.maxReordering);
  c.reordSeen++;
  counters.TcpExtTCPRenoReorder++;
}

/** Segments were delivered, one way or another. */
export function countDelivered(c: Connection, segs: number, ece: boolean): void {
  c.delivered += segs;
  // RFC 9768 §3.2.2: AccECN's peer counts itself
  if (ece && (c.ecn & ECN_OK) !== 0) c.deliveredCe += segs;
}

/** RFC 6582: a duplicate ACK says that a segment has left the network. */
export function addRenoSack(c: Connection, dupAcks: number, ece: boolean): void {
  if (dupAcks === 0) return;
  const prior = c.sackedOut;
  c.sackedOut += dupAcks;
  checkRenoReordering(c, 0);
  const delivered = c.sackedOut - prior;
  if (delivered > 0) countDelivered(c, delivered, ece);
}

/** New data was acknowledged: one segment filled the hole, the others had made their duplicates. */
export function removeRenoSacks(c: Connection, acked: number, ece: boolean): void {
  if (acked > 0) {
    countDelivered(c, Math.max(acked - c.sackedOut, 1), ece);
    c.sackedOut = acked - 1 >= c.sackedOut ? 0 : c.sackedOut - (acked - 1);
  }
  checkRenoReordering(c, acked);
}
