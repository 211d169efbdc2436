/**
 * What TCP counted, under nstat's names and in its order; RFC 4022 says what the first group means, Linux's
 * net/ipv4/proc.c the second. What cannot happen here (MD5, AO, the backlog of a socket that is locked, SACK records
 * that are merged) has no counter, but for two that tools ask for.
 */
export class TcpCounters {
  TcpActiveOpens = 0;
  TcpPassiveOpens = 0;
  TcpAttemptFails = 0;
  TcpEstabResets = 0;
  /** A gauge: connections in ESTABLISHED and CLOSE-WAIT. */
  TcpCurrEstab = 0;
  TcpInSegs = 0;
  TcpOutSegs = 0;
  TcpRetransSegs = 0;
  /** Terminal: header too short, bad data offset, not to one host. */
  TcpInErrs = 0;
  TcpOutRsts = 0;
  /** Terminal, and counted in TcpInErrs by Linux as well; here each frame counts once. */
  TcpInCsumErrors = 0;
  TcpExtSyncookiesSent = 0;
  TcpExtSyncookiesRecv = 0;
  TcpExtSyncookiesFailed = 0;
  TcpExtEmbryonicRsts = 0;
  TcpExtPruneCalled = 0;
  TcpExtRcvPruned = 0;
  TcpExtOfoPruned = 0;
  TcpExtOutOfWindowIcmps = 0;
  /** Always 0, like DelayedACKLocked: Linux counts here what meets a socket that a call has locked; ours are never. */
  TcpExtLockDroppedIcmps = 0;
  TcpExtTW = 0;
  TcpExtTWRecycled = 0;
  TcpExtTWKilled = 0;
  TcpExtPAWSActive = 0;
  TcpExtPAWSEstab = 0;
  TcpExtBeyondWindow = 0;
  TcpExtTSEcrRejected = 0;
  TcpExtPAWSOldAck = 0;
  TcpExtPAWSTimewait = 0;
  TcpExtDelayedACKs = 0;
  TcpExtDelayedACKLocked = 0;
  TcpExtDelayedACKLost = 0;
  TcpExtListenOverflows = 0;
  TcpExtListenDrops = 0;
  TcpExtTCPHPHits = 0;
  TcpExtTCPPureAcks = 0;
  TcpExtTCPHPAcks = 0;
  TcpExtTCPRenoRecovery = 0;
  TcpExtTCPSackRecovery = 0;
  TcpExtTCPSACKReneging = 0;
  TcpExtTCPSACKReorder = 0;
  TcpExtTCPRenoReorder = 0;
  TcpExtTCPTSReorder = 0;
  TcpExtTCPFullUndo = 0;
  TcpExtTCPPartialUndo = 0;
  TcpExtTCPDSACKUndo = 0;
  TcpExtTCPLossUndo = 0;
  TcpExtTCPLostRetransmit = 0;
  TcpExtTCPRenoFailures = 0;
  TcpExtTCPSackFailures = 0;
  TcpExtTCPLossFailures = 0;
  TcpExtTCPFastRetrans = 0;
  TcpExtTCPSlowStartRetrans = 0;
  TcpExtTCPTimeouts = 0;
  TcpExtTCPLossProbes = 0;
  TcpExtTCPLossProbeRecovery = 0;
  TcpExtTCPRenoRecoveryFail = 0;
  TcpExtTCPSackRecoveryFail = 0;
  TcpExtTCPRcvCollapsed = 0;
  TcpExtTCPDSACKOldSent = 0;
  TcpExtTCPDSACKOfoSent = 0;
  TcpExtTCPDSACKRecv = 0;
  TcpExtTCPDSACKOfoRecv = 0;
  TcpExtTCPAbortOnData = 0;
  TcpExtTCPAbortOnClose = 0;
  TcpExtTCPAbortOnMemory = 0;
  TcpExtTCPAbortOnTimeout = 0;
  TcpExtTCPAbortOnLinger = 0;
  TcpExtTCPAbortFailed = 0;
  TcpExtTCPMemoryPressures = 0;
  TcpExtTCPSACKDiscard = 0;
  TcpExtTCPDSACKIgnoredOld = 0;
  TcpExtTCPDSACKIgnoredNoUndo = 0;
  TcpExtTCPSpuriousRTOs = 0;
  TcpExtTCPSackShiftFallback = 0;
  TcpExtTCPDeferAcceptDrop = 0;
  TcpExtTCPTimeWaitOverflow = 0;
  TcpExtTCPReqQFullDoCookies = 0;
  TcpExtTCPReqQFullDrop = 0;
  TcpExtTCPRetransFail = 0;
  TcpExtTCPRcvCoalesce = 0;
  TcpExtTCPOFOQueue = 0;
  TcpExtTCPOFODrop = 0;
  TcpExtTCPOFOMerge = 0;
  TcpExtTCPChallengeACK = 0;
  TcpExtTCPSYNChallenge = 0;
  TcpExtTCPFastOpenActive = 0;
  TcpExtTCPFastOpenActiveFail = 0;
  TcpExtTCPFastOpenPassive = 0;
  TcpExtTCPFastOpenPassiveFail = 0;
  TcpExtTCPFastOpenListenOverflow = 0;
  TcpExtTCPFastOpenCookieReqd = 0;
  TcpExtTCPFastOpenBlackhole = 0;
  TcpExtTCPAutoCorking = 0;
  TcpExtTCPFromZeroWindowAdv = 0;
  TcpExtTCPToZeroWindowAdv = 0;
  TcpExtTCPWantZeroWindowAdv = 0;
  TcpExtTCPSynRetrans = 0;
  TcpExtTCPOrigDataSent = 0;
  TcpExtTCPHystartTrainDetect = 0;
  TcpExtTCPHystartTrainCwnd = 0;
  TcpExtTCPHystartDelayDetect = 0;
  TcpExtTCPHystartDelayCwnd = 0;
  TcpExtTCPACKSkippedSynRecv = 0;
  TcpExtTCPACKSkippedPAWS = 0;
  TcpExtTCPACKSkippedSeq = 0;
  TcpExtTCPACKSkippedFinWait2 = 0;
  TcpExtTCPACKSkippedTimeWait = 0;
  TcpExtTCPACKSkippedChallenge = 0;
  TcpExtTCPWinProbe = 0;
  TcpExtTCPKeepAlive = 0;
  TcpExtTCPMTUPFail = 0;
  TcpExtTCPMTUPSuccess = 0;
  TcpExtTCPDelivered = 0;
  TcpExtTCPDeliveredCE = 0;
  TcpExtTCPAckCompressed = 0;
  TcpExtTCPZeroWindowDrop = 0;
  TcpExtTCPRcvQDrop = 0;
  TcpExtTCPFastOpenPassiveAltKey = 0;
  TcpExtTCPDSACKRecvSegs = 0;
  TcpExtTCPDSACKIgnoredDubious = 0;
  /** Timeouts after which Linux would have another path tried; the network sees nothing of it over IPv4. */
  TcpExtTcpTimeoutRehash = 0;
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
