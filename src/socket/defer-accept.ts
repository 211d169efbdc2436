/** Seconds before a SYN-ACK is sent again, at first and at most (RFC 6298 §2.1; Linux's TCP_RTO_MAX). */
const FIRST = 1;
const MOST = 120;
/** Linux counts the retransmissions in a byte. */
const MOST_RETRANSMISSIONS = 255;

/**
 * What TCP_DEFER_ACCEPT makes of a number of seconds: the time until the first retransmission of the SYN-ACK that is no
 * sooner. 0, and what is less, turns it off.
 */
export function fromDeferAccept(seconds: number): number {
  if (seconds <= 0) return 0;
  let wait = FIRST;
  let period = FIRST;
  for (let n = 1; seconds > period && n < MOST_RETRANSMISSIONS; n++) {
    wait = Math.min(wait * 2, MOST);
    period += wait;
  }
  return period;
}
