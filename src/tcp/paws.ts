import type { TcpContext } from "./context.js";

/** TS.Recent says nothing any more after so many seconds (RFC 7323 §5.5). */
const PAWS_IDLE = 24 * 24 * 3600;
/** ... and to a RST after one MSL. */
const PAWS_MSL = 60;

/** The second it is, for TS.Recent's age. */
export function secondNow(tcp: TcpContext): number {
  return Math.floor(tcp.time.clock.now() / 1e6) | 0;
}

/**
 * RFC 7323 §5.3 R1, for a segment whose timestamp is older than the last one taken. As Linux, a TS.Recent of 0 is none
 * (some peers' SYNs carry 0), and a RST is held back by it only for one MSL.
 */
export function pawsRejects(tcp: TcpContext, tsRecent: number, recentAt: number, tsval: number, rst: boolean): boolean {
  if (((tsRecent - tsval) | 0) <= 0 || tsRecent === 0) return false;
  const age = (secondNow(tcp) - recentAt) | 0;
  return age < PAWS_IDLE && !(rst && age >= PAWS_MSL);
}
