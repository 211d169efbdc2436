/*
 * What one acknowledgment was found to mean, as bits (Linux's FLAG_ names in our words).
 */

/** The segment carries data. */
export const ACK_DATA = 0x01;
/** It may have changed the window: no duplicate ACK. */
export const ACK_WINDOW = 0x02;
/** It acknowledges data, or our SYN. */
export const ACK_NEW_DATA = 0x04;
export const ACK_NEW_SYN = 0x08;
/** Some of that had been sent again. */
export const ACK_RETRANSMITTED = 0x10;
/** It SACKs something new. */
export const ACK_NEW_SACK = 0x20;
export const ACK_ECE = 0x40;
/** A retransmission was found lost. */
export const ACK_LOST_RETRANS = 0x80;
/** Data never sent again and below highSeq was acknowledged or SACKed: the timeout was for nothing (F-RTO). */
export const ACK_ORIGINAL = 0x100;
/** SND.UNA has moved. */
export const ACK_ADVANCED = 0x200;
/** It reports a duplicate (RFC 2883), perhaps that of a tail loss probe. */
export const ACK_DSACK = 0x400;
export const ACK_DSACK_PROBE = 0x800;
/** The timer for retransmission or probe is to be set anew. */
export const ACK_SET_TIMER = 0x1000;
/** What is at the head now was SACKed: the peer has taken that back. */
export const ACK_RENEGED = 0x2000;
/** Perhaps a delayed ACK of a lone segment: its RTT is no minimum. */
export const ACK_MAYBE_DELAYED = 0x4000;
/** Its timestamp is newer than the last: it was not overtaken. */
export const ACK_TS_PROGRESS = 0x8000;
/** Header prediction does not know the segment. Set where AccECN is agreed only. */
export const ACK_SLOW = 0x10000;

export const ACK_ACKED = ACK_NEW_DATA | ACK_NEW_SYN;
export const ACK_NOT_DUP = ACK_DATA | ACK_WINDOW | ACK_ACKED;
export const ACK_ALERT = ACK_NEW_SACK | ACK_ECE | ACK_DSACK;
export const ACK_PROGRESS = ACK_ACKED | ACK_NEW_SACK;

/** What is to be sent once cwnd has been updated. */
export const REXMIT_NONE = 0;
export const REXMIT_LOST = 1;
export const REXMIT_NEW = 2;

/** The acknowledgment in hand; one record per stack. */
export class AckState {
  /** ACK_* */
  flags = 0;
  priorUna = 0;
  /** Segments in flight (packetsOut) before. */
  priorPackets = 0;
  /** The highest sequence number SACKed before, or SND.UNA. */
  priorTop = 0;
  /** Lowest sequence number that was delivered behind something later: reordering. */
  reorderedFrom = 0;
  /** When the first and the last of the segments newly SACKed, and never sent again, were sent. */
  sackTimed = false;
  firstSacked = 0;
  lastSacked = 0;
  /** Segments delivered that SND.UNA does not cover. */
  sackDelivered = 0;
  /** Bytes newly SACKed, less those that had been and are now acknowledged; segments that AccECN says were marked. */
  sackBytes = 0;
  ceDelivered = 0;
  /** 1: a duplicate ACK. */
  dupAcks = 0;
  rexmit = REXMIT_NONE;

  begin(una: number, packets: number): void {
    this.flags = 0;
    this.priorUna = una;
    this.priorPackets = packets;
    this.priorTop = una;
    this.reorderedFrom = 0;
    this.sackTimed = false;
    this.firstSacked = 0;
    this.lastSacked = 0;
    this.sackDelivered = 0;
    this.sackBytes = 0;
    this.ceDelivered = 0;
    this.dupAcks = 0;
    this.rexmit = REXMIT_NONE;
  }
}
