/** What IPv4 counts, under nstat's names. */
export class IpCounters {
  IpInReceives = 0;
  /** Dropped: bad version, header length, checksum or options. */
  IpInHdrErrors = 0;
  /** Dropped: to an address that is not ours. */
  IpInAddrErrors = 0;
  /** Dropped: no such protocol here. */
  IpInUnknownProtos = 0;
  /** Dropped: source routed (accept_source_route is off). */
  IpInDiscards = 0;
  /** Handed to a protocol, which counts from there on. */
  IpInDelivers = 0;
  IpOutRequests = 0;
  IpOutDiscards = 0;
  IpOutNoRoutes = 0;
  IpReasmTimeout = 0;
  /** Fragments received; each is used up here, and what they make is counted by IpReasmOKs. */
  IpReasmReqds = 0;
  IpReasmOKs = 0;
  IpReasmFails = 0;
  IpFragOKs = 0;
  IpFragFails = 0;
  IpFragCreates = 0;
  /** Dropped: shorter than its header says. */
  IpExtInTruncatedPkts = 0;
  IpExtInMcastPkts = 0;
  IpExtOutMcastPkts = 0;
  IpExtInBcastPkts = 0;
  IpExtOutBcastPkts = 0;
  IpExtInOctets = 0;
  IpExtOutOctets = 0;
  IpExtInMcastOctets = 0;
  IpExtOutMcastOctets = 0;
  IpExtInBcastOctets = 0;
  IpExtOutBcastOctets = 0;
  IpExtInCsumErrors = 0;
  IpExtReasmOverlaps = 0;
  /** Dropped: a source that cannot be one (RFC 1812 §5.3.7): multicast, broadcast, loopback, our own address. */
  TapstackIpMartianSources = 0;
  /** Dropped: 0.0.0.0/8, or a loopback address from outside. */
  TapstackIpMartianDestinations = 0;
  /** Dropped: to a group that we are not in. */
  TapstackIpNotJoined = 0;
  /** Dropped: a unicast packet in a broadcast or multicast frame (RFC 1122 §3.3.6). */
  TapstackIpUnicastInMulticast = 0;
  /** IGMP messages received that were right; those that were not. */
  TapstackIgmpInMsgs = 0;
  TapstackIgmpInErrors = 0;
  /** Fragments that came twice. */
  TapstackReasmDuplicates = 0;
  /** Datagrams given up before their time because others needed the memory. */
  TapstackReasmEvictions = 0;
}

/**
 * Counters of which each IPv4 packet received increments exactly one; IpReasmOKs datagrams come in addition to the
 * frames received. So over all layers: TapstackInFrames + IpReasmOKs = the sum of NETIF_TERMINALS,
 * NEIGHBOUR_TERMINALS and IP_TERMINALS.
 */
export const IP_TERMINALS = [
  "IpInHdrErrors",
  "IpInAddrErrors",
  "IpInUnknownProtos",
  "IpInDiscards",
  "IpInDelivers",
  "IpReasmReqds",
  "IpExtInTruncatedPkts",
  "TapstackIpMartianSources",
  "TapstackIpMartianDestinations",
  "TapstackIpNotJoined",
  "TapstackIpUnicastInMulticast",
] as const satisfies readonly (keyof IpCounters)[];
