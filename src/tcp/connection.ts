import type { StreamBuffer } from "../base/stream-buffer.js";
import type { Binding } from "../ports/binding.js";
import { MSS_DEFAULT } from "../wire/tcp.js";
import type { CongestionControl, CongestionState } from "./congestion/congestion.js";
import { RENO } from "./congestion/reno.js";
import { ConnectionFront } from "./connection-front.js";
import {
  CA_OPEN,
  DUPTHRESH,
  INITIAL_WINDOW_SEGMENTS,
  MIN_RTT_NONE,
  PMTU_WANT,
  RATE_UNLIMITED,
  RTO_INITIAL,
  RTO_MAX,
  SSTHRESH_INFINITE,
} from "./constants.js";
import type { TcpContext } from "./context.js";
import type { FastOpenKeys, FastOpenState } from "./opening/fast-open.js";

/**
 * The transmission control block (RFC 9293 §3.3.1): data only. The chapters of this folder act on it; every field is
 * an integer where it can be, and an idle connection owns no buffer. What most segments look at is in connection-front.ts.
 */
export class Connection extends ConnectionFront {
  rto = RTO_INITIAL;
  sndLimit = 0;
  // Segment sizes: `mss` is Eff.snd.MSS less the timestamps' room (RFC 9293 §3.7.1, RFC 6691), `advMss` what we offer,
  // `peerMss` what the peer did
  mss = MSS_DEFAULT;
  advMss = MSS_DEFAULT;
  peerMss = MSS_DEFAULT;
  /** TCP_MAXSEG, or 0. */
  userMss = 0;
  /** It waits in a listener's accept queue, so it is not an orphan though nobody owns it. */
  embryonic = false;
  /** Its hold on the local port, given back when the last of it (TIME-WAIT included) is gone. */
  binding: Binding | null = null;

  // Send sequence space (RFC 9293 §3.3.1, figure 3), with sndUna, sndNxt and sndWnd above
  iss = 0;
  /** Largest window the peer ever offered: sender's SWS avoidance, RFC 9293 §3.8.6.2.1. */
  maxWnd = 0;
  /** End of the last segment that was smaller than the MSS (Minshall's variant of Nagle). */
  sndSml = 0;
  /** Up to where the application asked for PSH, or half a window was written without it. */
  pushedSeq = 0;
  /** Where the last of the pieces begins (the tail of Linux's write queue): see pieces.ts. */
  pieceSeq = 0;
  snd: StreamBuffer | null = null;

  // What is in flight: records of SentRuns (offsets, 0 for none), in order of sequence and of time
  rtxHead = 0;
  rtxTail = 0;
  timeHead = 0;
  timeTail = 0;
  /** How many records. */
  rtxCount = 0;
  /** Segments in flight, and of them those SACKed, held lost, and sent again (Linux's packets_out and so on). */
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** Record from which on there may be something lost and not sent again; 0: ask from the head. */
  retransHint = 0;
  /** One past the highest sequence number SACKed; means something while sackedOut is not 0 and SACK is in use. */
  sackedTop = 0;
  /** The peer took SACKs back: until this loss is repaired its rate says nothing. */
  reneged = false;

  // Receive sequence space
  irs = 0;
  /** The shift that our SYN offers, or -1; rcvWscale is 0 until the peer has agreed. */
  scaleOffer = -1;
  /** Segments out of order, `oooCount` of them, sorted: records of out-of-order.ts. */
  ooo: Int32Array | null = null;
  /** What they cost. */
  oooCharge = 0;
  /** Blocks to report, the most recent first (RFC 2018 §4): sequence pairs, sackBlocks of them. */
  sackOut: Int32Array | null = null;
  dsackStart = 0;
  dsackEnd = 0;

  // Closing
  /** Where the peer's FIN was seen. */
  rcvFinSeq = 0;
  /** What an ICMP message hinted at, should it time out (RFC 1122 §4.2.3.9). */
  softError = 0;
  /** IP_RECVERR: ... and is told at once. */
  recvErr = false;

  // Congestion (RFC 5681), in segments as Linux counts
  congestion: CongestionControl = RENO;
  /** What the algorithm remembers; its own class, made by its init. */
  ca: CongestionState | null = null;
  cwnd = INITIAL_WINDOW_SEGMENTS;
  ssthresh = SSTHRESH_INFINITE;
  /** Segments acknowledged since cwnd last grew, in congestion avoidance. */
  cwndCnt = 0;
  /** Whether cwnd was in the way, in the window of data up to cwndUsageSeq, and the most that was in flight in it. */
  cwndLimited = false;
  maxPacketsOut = 0;
  cwndUsageSeq = 0;
  cwndUsed = 0;
  cwndStamp = 0;
  caState = CA_OPEN;
  /** cwnd and ssthresh before the reduction, for its undoing, and what is to be known for that. */
  priorCwnd = 0;
  priorSsthresh = 0;
  undoable = false;
  undoMarker = 0;
  undoRetrans = 0;
  /** SND.NXT when the present episode of recovery began. */
  highSeq = 0;
  /** ms at which the first retransmission of it went, for Eifel detection by timestamps (RFC 3522); 0: none. */
  retransStamp = 0;
  /** Proportional rate reduction (RFC 6937). */
  prrDelivered = 0;
  prrOut = 0;
  /** Reordering seen, in segments (RFC 6675's DupThresh adapted). */
  reordering = DUPTHRESH;
  reordSeen = 0;
  /** Timeout recovery by F-RTO (RFC 5682): not yet known whether the timeout was spurious. */
  frto = false;
  /** Tail loss probe (RFC 8985 §7): SND.NXT when it went, 0 for none; whether it was a retransmission. */
  tlpHighSeq = 0;
  tlpRetrans = false;
  // RACK (RFC 8985 §5.2): the segment delivered that was sent last
  rackXmit = 0;
  rackEndSeq = 0;
  rackRtt = 0;
  rackAdvanced = false;
  rackDsackSeen = false;
  rackReoWndSteps = 1;
  rackReoWndPersist = 0;
  rackLastDelivered = 0;

  // Delivery rate (draft-cheng-iccrg-delivery-rate-estimation)
  delivered = 0;
  deliveredCe = 0;
  deliveredStamp = 0;
  firstTxStamp = 0;
  /** As Linux begins: nothing is known of what the path can bear. */
  appLimited = -1;
  lost = 0;
  rateDelivered = 0;
  rateInterval = 0;
  rateAppLimited = true;
  /** Bytes per second; 0: not paced. */
  pacingRate = 0;
  pacing = false;
  /** SO_MAX_PACING_RATE */
  maxPacingRate = RATE_UNLIMITED;

  // Round trip time: RFC 6298 in microseconds as Linux keeps it: srtt is 8 x, mdev and rttvar 4 x
  srtt = 0;
  mdev = RTO_INITIAL * 1000;
  mdevMax = 0;
  rttvar = 0;
  /** Where the round trip ends in which mdevMax is the largest. */
  rttSeq = 0;
  /** Windowed minimum over tcp_min_rtt_wlen: the best three, and the ms at which each was seen. */
  minRtt = MIN_RTT_NONE;
  minRttAt = 0;
  minRtt2 = MIN_RTT_NONE;
  minRtt2At = 0;
  minRtt3 = MIN_RTT_NONE;
  minRtt3At = 0;

  // Timers
  retransmitAt = 0;
  persistAt = 0;
  keepaliveAt = 0;
  finWait2At = 0;
  lossProbeAt = 0;
  reorderAt = 0;
  paceAt = 0;
  sackDelayAt = 0;
  /** Doublings in `rto`, or of the interval of zero-window probes. */
  backoff = 0;
  /** Consecutive timeouts, probes, keepalive probes without an answer. */
  retransmits = 0;
  probes = 0;
  /** Tick at which probing of a shut window began, for TCP_USER_TIMEOUT. */
  probesSince = 0;
  lastSend = 0;
  lastAck = 0;
  /** Tick from which the next answer to an invalid segment (a challenge ACK, say) may go: RFC 5961 §7. */
  outOfWindowAt = 0;
  /** Waits for the link to be writable. */
  blocked = false;
  rcvSpace = 0;
  rcvSpaceSeq = 0;
  /** The receive buffer was set by SO_RCVBUF (send: SO_SNDBUF): it is not tuned. */
  rcvLocked = false;
  sndLocked = false;

  // What both sides agreed on in the handshake
  tsOffered = false;
  sackOk = false;
  // Fast open (RFC 7413)
  fastOpen: FastOpenState | null = null;
  /** Listener's option: only connections with data wake accept, for so many seconds (TCP_DEFER_ACCEPT). */
  deferAccept = 0;
  /** Listener's option: requests with data in the SYN that may wait (TCP_FASTOPEN); 0: off. */
  fastOpenQueue = 0;
  /** TCP_FASTOPEN_KEY; null: those of the stack. */
  fastOpenKeys: FastOpenKeys | null = null;
  /** TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE */
  fastOpenConnect = false;
  fastOpenNoCookie = false;
  /** The data of the SYN was taken, ours or theirs. */
  synDataAcked = false;

  // Path MTU (RFC 1191, RFC 4821)
  /** IP_MTU_DISCOVER: PMTU_* */
  pmtuDiscover = PMTU_WANT;
  /** Bounds of the search for the MSS that the path takes (RFC 4821); 0: not searching. */
  probeLow = 0;
  probeHigh = 0;
  /** Size of the probe in flight, and its range. */
  probeSize = 0;
  probeStart = 0;
  probeEnd = 0;
  probeAt = 0;
  mtuProbing = false;
  /** The path MTU before a router said that it is less (pathShrank): what is too large goes again when the batch ends. */
  pathBefore = 0;

  // Urgent data (RFC 6093)
  sndUp = 0;
  rcvUp = 0;
  urgentByte = 0;
  oobInline = false;

  // Options
  noDelay = false;
  cork = false;
  keepalive = false;
  keepIdle = 0;
  keepInterval = 0;
  keepCount = 0;
  userTimeout = 0;
  /** TCP_RTO_MAX_MS, or what the setting was when the socket was made. */
  rtoMax = RTO_MAX;
  synRetries = 0;
  linger2 = 0;
  /** TCP_NOTSENT_LOWAT, 0: the stack's. */
  notsentLowat = 0;
  /** SO_RCVLOWAT: the socket is readable from so many bytes on; 1 unless `lowat`. */
  rcvLowat = 1;
  /** TCP_WINDOW_CLAMP as the application set it, or 0. */
  userClamp = 0;
  /** SO_PRIORITY: IP_TOS sets it, too. */
  priority = 0;
  /** TCP_THIN_LINEAR_TIMEOUTS */
  thinLinear = false;

  // Counts for info()
  totalRetransmits = 0;
  dataSegsOut = 0;
  bytesAcked = 0;
  bytesSent = 0;
  bytesRetransmitted = 0;
  dsackDups = 0;
  rcvOooPack = 0;
  totalRto = 0;
  totalRtoRecoveries = 0;
  totalRtoTime = 0;
  rtoStamp = 0;
  /** Timeouts after which it went on: Linux then asks the network for another path. */
  rehash = 0;
  /** What kept the sender (CHRONO_*), since when (us), and for how long altogether (us; doubles). */
  chrono = 0;
  chronoStart = 0;
  chronoBusy = 0;
  chronoRwnd = 0;
  chronoSndbuf = 0;

  constructor(tcp: TcpContext) {
    super(tcp);
    this.outOfWindowAt = tcp.time.ms;
  }

  override onTimer(): void {
    this.tcp.upcalls.connectionTimer(this);
  }

  /** Linux's tcp_packets_in_flight: segments thought to be in the network (RFC 6675's pipe). */
  get inFlight(): number {
    return this.packetsOut - this.sackedOut - this.lostOut + this.retransOut;
  }

  /** RCV.WND: what the peer may still send. */
  get rcvWnd(): number {
    const left = (this.rcvAdv - this.rcvNxt) | 0;
    // A FIN may stand behind the edge
    return left > 0 ? left : 0;
  }

  /** Nobody holds it any more; it only finishes. */
  get orphan(): boolean {
    return this.owner === null && !this.embryonic;
  }
}
