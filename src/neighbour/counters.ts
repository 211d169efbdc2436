/** What ARP counts. */
export class NeighbourCounters {
  /** Received: a request for an address of ours, answered. */
  TapstackArpInRequests = 0;
  /** Received: told us something about an entry of the table. */
  TapstackArpInUpdates = 0;
  /** Received: somebody else uses an address that we use or want (RFC 5227). */
  TapstackArpInConflicts = 0;
  /** Dropped: about others, or an answer to a question that we never asked. */
  TapstackArpInIgnored = 0;
  /** Dropped: malformed, or not IPv4 over Ethernet. */
  TapstackArpInErrors = 0;
  TapstackArpOutRequests = 0;
  TapstackArpOutReplies = 0;
  /** Probes and announcements of RFC 5227. */
  TapstackArpOutProbes = 0;
  TapstackArpOutAnnouncements = 0;
  /** Neighbours that did not answer. */
  TapstackArpFailures = 0;
  /** Packets of ours dropped because their neighbour did not answer. */
  TapstackArpUnreachableDrops = 0;
  /** Packets of ours dropped because too many waited for an answer already. */
  TapstackArpQueueDrops = 0;
  /** Packets of ours dropped because the table was full (gc_thresh3). */
  TapstackArpTableOverflows = 0;
}

/** Counters of which each received ARP frame increments exactly one. */
export const NEIGHBOUR_TERMINALS = [
  "TapstackArpInRequests",
  "TapstackArpInUpdates",
  "TapstackArpInConflicts",
  "TapstackArpInIgnored",
  "TapstackArpInErrors",
] as const satisfies readonly (keyof NeighbourCounters)[];
