/** What UDP counts, under nstat's names. Those of Linux count datagrams; Tapstack's own count frames. */
export class UdpCounters {
  /** Datagrams put into a socket's queue. */
  UdpInDatagrams = 0;
  /** Dropped, and terminal: nobody has the port. */
  UdpNoPorts = 0;
  /** As in Linux the sum of all that went wrong with what was received but for UdpNoPorts. */
  UdpInErrors = 0;
  UdpOutDatagrams = 0;
  /** Datagrams dropped because the socket's SO_RCVBUF was full. */
  UdpRcvbufErrors = 0;
  /** Datagrams that found no room in the link's queue. */
  UdpSndbufErrors = 0;
  /** Dropped, and terminal. */
  UdpInCsumErrors = 0;
  /** Dropped, and terminal: to a group or broadcast address, and no socket wanted it. */
  UdpIgnoredMulti = 0;
  /** Datagrams dropped because the stack's memory was used up. */
  UdpMemErrors = 0;
  /** Terminal: frames of which at least one datagram was put into a queue. */
  TapstackUdpInFrames = 0;
  /** Dropped, and terminal: frames of which no datagram was; UdpRcvbufErrors and UdpMemErrors say why. */
  TapstackUdpInDrops = 0;
  /** Dropped, and terminal: shorter than a header, or than the header says. */
  TapstackUdpInHdrErrors = 0;
}

/** Counters of which each UDP packet received increments exactly one: over all packets their sum is IP's delivers. */
export const UDP_TERMINALS = [
  "TapstackUdpInFrames",
  "TapstackUdpInDrops",
  "TapstackUdpInHdrErrors",
  "UdpInCsumErrors",
  "UdpNoPorts",
  "UdpIgnoredMulti",
] as const satisfies readonly (keyof UdpCounters)[];
