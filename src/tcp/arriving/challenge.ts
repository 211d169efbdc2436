import { below } from "../../platform/random.js";
import type { Connection } from "../connection.js";
import type { TcpContext } from "../context.js";
import { sendAck } from "../sending/transmit.js";

/** tcp_challenge_ack_limit that is none. */
const NO_LIMIT = 0x7fffffff;

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

/**
 * RFC 5961 §7's limit for the whole stack, if one is set: about so many a second, and not exactly, since from an exact
 * number an off-path attacker can tell whether a connection exists (CVE-2016-5696).
 */
function withinStackLimit(tcp: TcpContext): boolean {
  const limit = tcp.settings.challengeAckLimit;
  if (limit === NO_LIMIT) return true;
  if (tcp.challengeSecond !== tcp.time.s) {
    tcp.challengeSecond = tcp.time.s;
    tcp.challengesLeft = ((limit + 1) >> 1) + (limit > 0 ? below(tcp.random, limit) : 0);
  }
  return tcp.challengesLeft-- > 0;
}

/** An ACK that lets an honest peer prove itself (RFC 5961 §3.2, §4.2, §5.2). @param ace AccECN's flags if not the usual */
export function challenge(c: Connection, ace = 0): false {
  const { counters } = c.tcp;
  if (!mayAnswerInvalid(c)) {
    counters.TcpExtTCPACKSkippedChallenge++;
    return false;
  }
  if (!withinStackLimit(c.tcp)) return false;
  counters.TcpExtTCPChallengeACK++;
  sendAck(c, ace);
  return false;
}
