/**
 * Violations that the walks would stop at again and again, each a mistake in src that is known and waits to be mended.
 * An entry that is mended is set to false, and the walks hold the stack to it.
 */
export const KNOWN = {
  /** read(0), peek(0), skip(0) with data waiting give, and take, the pending error. */
  readOfNothingTakesTheError: true,
  /** A SYN that was received before is trimmed off, and the rest of its segment is processed (RFC 5961 §4.2: a challenge). */
  oldSynIsTrimmed: true,
  /** A RST with text whose front is old counts as exact once that is trimmed off (RFC 5961 §3.2). */
  oldRstIsTrimmed: true,
  /** What was sent before TCP_CORK was set waits for the cork's timer when it times out. */
  corkHoldsRetransmission: true,
  /** A FIN before the end of what was received out of order is passed over, and the end of the stream never comes. */
  finIsPassedOver: true,
  /** A SYN-ACK sent again in a simultaneous open moves RCV.NXT + RCV.WND back: to what 16 bits can say, or to a new SO_RCVBUF. */
  synAckTakesWindowBack: true,
  /** An ACK that moves SND.UNA but is older than SND.WL1 leaves SND.WND as it is, so that the right edge moves (Linux takes its window). */
  windowSlidesWithOldAck: true,
  /**
   * When the MSS changes: what waits is not looked at again, and a congestion window (in bytes) below the new MSS sends
   * nothing until the persist timer.
   */
  newMssStalls: true,
} as const;
