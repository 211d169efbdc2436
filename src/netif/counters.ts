/** What interfaces count; one object for all of a stack. */
export class NetifCounters {
  /** Frames that links handed in. */
  TapstackInFrames = 0;
  TapstackInOctets = 0;
  TapstackOutFrames = 0;
  /** Dropped: shorter than its link header. */
  TapstackInRunts = 0;
  /** Dropped: sent to another station's MAC address. */
  TapstackInOtherHost = 0;
  /** Dropped: neither IPv4 nor ARP. */
  TapstackInUnknownEthertype = 0;
  /** Dropped: the interface was not up. */
  TapstackInDown = 0;
  /** Frames to send that found no room in the transmit queue. */
  TapstackOutQueueFull = 0;
}

/** Counters of which each received frame that goes no further increments exactly one. */
export const NETIF_TERMINALS = [
  "TapstackInRunts",
  "TapstackInOtherHost",
  "TapstackInUnknownEthertype",
  "TapstackInDown",
] as const satisfies readonly (keyof NetifCounters)[];
