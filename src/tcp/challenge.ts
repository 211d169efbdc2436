import type { Connection } from "./connection.js";
import { sendAck } from "./transmit.js";

/**
 * An answer to a segment that is none of the connection's: limited to one in tcp_invalid_ratelimit, so that two
 * confused ends do not keep each other busy (RFC 5961 §7; no limit shared by connections: CVE-2016-5696).
 */
export function mayAnswerInvalid(c: Connection): boolean {
  const { settings, time } = c.tcp;
  if (((time.ms - c.outOfWindowAt) | 0) < 0) return false;
  c.outOfWindowAt = (time.ms + settings.invalidRatelimit) | 0;
  return true;
}

/** An ACK that lets an honest peer prove itself (RFC 5961 §3.2, §4.2, §5.2). */
export function challenge(c: Connection): false {
  const { counters } = c.tcp;
  if (!mayAnswerInvalid(c)) {
    counters.TcpExtTCPACKSkippedChallenge++;
    return false;
  }
  counters.TcpExtTCPChallengeACK++;
  sendAck(c);
  return false;
}
