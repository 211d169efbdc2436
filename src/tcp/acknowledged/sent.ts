import { ENOMEM } from "../../base/errors.js";

/*
 * What a connection has in flight, as records in one Int32Array of the stack: a record stands for a run of segments
 * sent together (what is a socket buffer in Linux's retransmission queue). A record's offset is its name; 0 is none.
 */

/** Ints per record: one cache line. */
export const STRIDE = 16;
// Fields of a record
/** First sequence number, and one past the last. */
export const SEQ = 0;
export const END = 1;
/** Segments in it. */
export const SEGS = 2;
/** SENT_* */
export const FLAGS = 3;
/** us at which it was last sent. */
export const XMIT_US = 4;
/** Neighbours in the order of sequence numbers ... */
export const NEXT = 5;
export const PREV = 6;
/** ... and in the order of their last sending. */
export const LATER = 7;
export const EARLIER = 8;
// For the delivery rate: the connection's counts when it was sent
export const DELIVERED = 9;
export const DELIVERED_US = 10;
export const FIRST_TX_US = 11;
export const DELIVERED_CE = 12;
/** Segment size it was cut with. */
export const MSS = 13;

/** The peer has SACKed it. */
export const SENT_SACKED = 1;
/** Held lost. */
export const SENT_LOST = 2;
/** Sent again, and that one is in flight. */
export const SENT_RETRANS = 4;
/** Sent again at some time: its RTT is ambiguous (Karn). */
export const SENT_EVER = 8;
/** The sender had nothing more to send: the rate is a lower bound. */
export const SENT_APP_LIMITED = 16;
/** It bears SYN or FIN: one of its sequence numbers is no byte. */
export const SENT_SYN = 32;
export const SENT_FIN = 64;
/** It stands in the order of time. */
export const SENT_TIMED = 128;
/** Its last segment has PSH. */
export const SENT_PSH = 256;

const FIRST = 64;
/** 4 M records are 256 MB: more runs in flight than that there cannot be. */
const MOST = 1 << 22;

/** The pool of records of a stack. Grows by doubling; never shrinks. */
export class SentRuns {
  /** Replaced when it grows: take it anew after {@link take}. */
  data = new Int32Array(FIRST * STRIDE);
  inUse = 0;
  private free = 0;
  private fresh = STRIDE;

  /** A zeroed record. 0: there are no more. */
  take(): number {
    let at = this.free;
    if (at !== 0) this.free = this.data[at + NEXT] as number;
    else {
      if (this.fresh === this.data.length && !this.grow()) return 0;
      at = this.fresh;
      this.fresh += STRIDE;
    }
    const d = this.data;
    for (let i = at; i < at + STRIDE; i++) d[i] = 0;
    this.inUse++;
    return at;
  }

  give(at: number): void {
    this.data[at + NEXT] = this.free;
    this.free = at;
    this.inUse--;
  }

  private grow(): boolean {
    const records = this.data.length / STRIDE;
    if (records >= MOST) return false;
    const wider = new Int32Array(this.data.length * 2);
    wider.set(this.data);
    this.data = wider;
    return true;
  }
}

/** What {@link SentRuns.take} means by 0, as the send calls say it. */
export const NO_RECORDS = -ENOMEM;
