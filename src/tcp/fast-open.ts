/** What a connection that uses fast open (RFC 7413) remembers besides. */
export class FastOpenState {
  /** Bytes of the SYN's data, sent and not yet acknowledged. */
  synBytes = 0;
}
