import type { StreamBuffer } from "../base/stream-buffer.js";
import type { Route } from "../ip/route.js";
import { MSS_DEFAULT } from "../wire/tcp.js";
import { ConnectionBits } from "./connection-bits.js";
import { CLOSED, RTO_MIN } from "./constants.js";
import type { AccEcn } from "./ecn/accecn.js";
import type { ConnectionOwner } from "./notify.js";
import type { SegmentQueue } from "./receiving/segment-queue.js";

/**
 * The front of the transmission control block: what a segment in order, its reading and its acknowledging look at, in
 * this order. With very many connections each further cache line that a segment touches costs as much as all of its
 * processing. `bits` and `tcp` stand in front of it; a flag that is hardly ever up belongs among those bits.
 */
export abstract class ConnectionFront extends ConnectionBits {
  state = CLOSED;
  rcvNxt = 0;
  /** Right edge of the window last offered; never moves back (RFC 9293 §3.8.6.2.2). */
  rcvAdv = 0;
  sndUna = 0;
  sndWnd = 0;
  sndWscale = 0;
  /** Segments that wait behind a hole: see {@link ooo}. */
  oooCount = 0;
  // rcv: head is the first unread byte. snd: head is SND.UNA's byte
  rcv: StreamBuffer | null = null;
  /** Bytes in order and unread. */
  rcvQueued = 0;
  /** Estimate of the size of the peer's segments, for the decision of every second segment. */
  rcvMss = MSS_DEFAULT;
  owner: ConnectionOwner | null = null;
  /** Stands on the touched list. */
  touched = false;
  /** Something in order was received since the last ACK. */
  ackDue = false;
  ackNow = false;
  /** RCV.NXT as of the last ACK sent. */
  rcvAcked = 0;
  /** ACK_PUSHED, ACK_PUSHED2: small segments came since the last ACK. */
  ackPushed = 0;
  /** Size of the last segment that was smaller than rcvMss (Linux's last_seg_size). */
  lastSegSize = 0;
  /** Where, and since when (us; 0: not yet), the receiver measures a round trip by a window's worth (rcv_rtt_est). */
  rcvRttSeq = 0;
  rcvRttStamp = 0;
  /** ECN (RFC 3168): agreed; an ECE to answer, a CWR to send, seen CE. Bits ECN_*. */
  ecn = 0;
  /** RFC 9768: the ACE field of a segment that says nothing new, as flags; and ECN's counts, once there are any. */
  aceExpected = 0;
  accecn: AccEcn | null = null;
  /** URGENT_*: 0 none, or where the octet stands. */
  urgent = 0;
  /** Tick at which data last came; lastAck: any acceptable acknowledgment. */
  lastReceive = 0;
  ato = 0;
  keepProbes = 0;
  sndWl1 = 0;
  segsIn = 0;
  dataSegsIn = 0;
  bytesReceived = 0;
  /** What the queued segments cost, and how many 256ths of it are payload (Linux's sk_rmem_alloc, scaling_ratio). */
  rcvCharge = 0;
  rcvLimit = 0;
  /** Payload that the last of them has room for: what fits in there costs nothing. */
  rcvTailRoom = 0;
  windowClamp = 0;
  /** The most that is offered at present: opened by slow steps (Linux's rcv_ssthresh, window_clamp). */
  rcvSsthresh = 0;
  /** Position among the stack's connections, or -1 when in no table. */
  index = -1;
  /** Positive errno that ended it; the owner collects it. */
  error = 0;
  /** What is unread of the first of them, and what it costs: 0, nothing waits to be read. The others: {@link rcvMore}. */
  rcvFront = 0;
  rcvFrontCharge = 0;
  rcvMore: SegmentQueue | null = null;
  /** us at which something came to be read where nothing was. */
  rcvFrontAt = 0;
  // Receiving: Linux's names are rcv_rtt_est (us, kept eightfold), rcvq_space, compressed_ack, dup_ack_counter
  rcvRtt = 0;
  rcvSpaceStamp = 0;
  /** Bytes in `snd`, the last of them at writeSeq: sent and unacknowledged, then unsent. */
  sndQueued = 0;
  /** One past the highest sequence number ever sent: retransmission does not move it. */
  sndNxt = 0;
  /** One past the last byte that the application has written; the FIN stands there. */
  writeSeq = 0;
  /** Deadlines in ticks, running where the TIMER_ bit stands. */
  timers = 0;
  delackAt = 0;
  /** TCP_RTO_MIN_US, or what the setting was when the socket was made; a delayed ACK is sooner than that. */
  rtoMinUs = RTO_MIN * 1000;
  /** ACKs still to be sent at once, at the start and after idle (Linux's quick-ack mode). */
  quickAcks = 0;
  /** From 3 on the application answers what it receives: an ACK does better to wait for that (Linux's pingpong). */
  pingpong = 0;
  compressedAcks = 0;
  dupAckCounter = 0;
  sackBlocks = 0;
  rcvRatio = 128;
  rcvWscale = 0;
  route: Route | null = null;
  segsOut = 0;
  /** us at which any segment last went, or before which the next may not (Linux's tcp_wstamp_ns): see pacing.ts. */
  lastSentUs = 0;
  localAddr = 0;
  localPort = 0;
  remotePort = 0;
  ttl = 0;
  tos = 0;
  dontFragment = 1;
  /** TS.Recent, and the second (of the stack's clock) in which it was set; RFC 7323 §4.3. */
  tsRecent = 0;
  /** TSval and TSecr of the segment in hand, TSecr with our offset taken off; meaningful where it carried them. */
  rcvTsval = 0;
  rcvTsecr = 0;
  tsRecentAt = 0;
  sawTs = false;
  rcvRttLastEcr = 0;
  /** Added to the millisecond clock to make our TSval (RFC 7323 §5.4: not the same for two connections). */
  tsOffset = 0;
  remoteAddr = 0;
}
