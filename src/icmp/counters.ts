/** What ICMP counts, under nstat's names. */
export class IcmpCounters {
  IcmpInMsgs = 0;
  IcmpInErrors = 0;
  IcmpInCsumErrors = 0;
  IcmpInDestUnreachs = 0;
  IcmpInTimeExcds = 0;
  IcmpInParmProbs = 0;
  IcmpInSrcQuenchs = 0;
  IcmpInRedirects = 0;
  IcmpInEchos = 0;
  IcmpInEchoReps = 0;
  IcmpInTimestamps = 0;
  IcmpInTimestampReps = 0;
  IcmpInAddrMasks = 0;
  IcmpInAddrMaskReps = 0;
  IcmpOutMsgs = 0;
  IcmpOutErrors = 0;
  IcmpOutRateLimitGlobal = 0;
  IcmpOutRateLimitHost = 0;
  IcmpOutDestUnreachs = 0;
  IcmpOutTimeExcds = 0;
  IcmpOutParmProbs = 0;
  IcmpOutEchos = 0;
  IcmpOutEchoReps = 0;
  /** Echo requests to a broadcast or group, and all of them under icmp_echo_ignore_all: not answered. */
  TapstackIcmpEchoIgnored = 0;
  /** Echo replies whose identifier nobody has open. */
  TapstackIcmpNoEndpoint = 0;
  /** Echo replies that found their endpoint's queue full. */
  TapstackIcmpQueueDrops = 0;
}
