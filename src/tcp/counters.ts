/** What TCP counted, under nstat's names; RFC 4022 says what the first group means. */
export class TcpCounters {
  TcpActiveOpens = 0;
  TcpPassiveOpens = 0;
  TcpAttemptFails = 0;
  TcpEstabResets = 0;
  TcpInSegs = 0;
  TcpOutSegs = 0;
  TcpRetransSegs = 0;
  /** Terminal: header too short, bad data offset, not to one host. */
  TcpInErrs = 0;
  /** Terminal, and counted in TcpInErrs by Linux as well; here each frame counts once. */
  TcpInCsumErrors = 0;
  TcpOutRsts = 0;
  /** A gauge: connections in ESTABLISHED and CLOSE-WAIT. */
  TcpCurrEstab = 0;
  TcpExtListenOverflows = 0;
  TcpExtListenDrops = 0;
  TcpExtTW = 0;
  TcpExtTWRecycled = 0;
  TcpExtDelayedACKs = 0;
  TcpExtTCPTimeouts = 0;
  TcpExtTCPFastRetrans = 0;
  TcpExtTCPRenoRecovery = 0;
  TcpExtTCPSlowStartRetrans = 0;
  TcpExtTCPChallengeACK = 0;
  TcpExtTCPSYNChallenge = 0;
  TcpExtTCPOFOQueue = 0;
  TcpExtTCPOFODrop = 0;
  TcpExtTCPOFOMerge = 0;
  TcpExtOfoPruned = 0;
  TcpExtTCPRcvQDrop = 0;
  TcpExtTCPKeepAlive = 0;
  TcpExtTCPWinProbe = 0;
  TcpExtTCPAbortOnData = 0;
  TcpExtTCPAbortOnClose = 0;
  TcpExtTCPAbortOnTimeout = 0;
  TcpExtTCPHPHits = 0;
  TcpExtTCPPureAcks = 0;
  TcpExtTCPFromZeroWindowAdv = 0;
  TcpExtTCPToZeroWindowAdv = 0;
  TcpExtTCPWantZeroWindowAdv = 0;
  TcpExtTCPSynRetrans = 0;
  TcpExtOutOfWindowIcmps = 0;
  /** Old data came again: our ACK was lost, or too late. */
  TcpExtDelayedACKLost = 0;
  TcpExtTCPDSACKOldSent = 0;
  TcpExtTCPDSACKOfoSent = 0;
  TcpExtTCPAckCompressed = 0;
  TcpExtTCPZeroWindowDrop = 0;
  TcpExtBeyondWindow = 0;
  /** Segments that met no socket; answered with a reset, unless they were resets. */
  TapstackTcpNoPorts = 0;
  /** Frames taken. One that stands for several segments counts once here and several times in TcpInSegs. */
  TapstackTcpInFrames = 0;
}

/** Counters of which each TCP packet received increments exactly one: over all packets their sum is IP's delivers. */
export const TCP_TERMINALS = [
  "TapstackTcpInFrames",
  "TcpInErrs",
  "TcpInCsumErrors",
] as const satisfies readonly (keyof TcpCounters)[];
