import type { StreamBuffer } from "../base/stream-buffer.js";
import type { Route } from "../ip/route.js";
import { TimerNode } from "../platform/timer-wheel.js";
import type { Binding } from "../ports/binding.js";
import { MSS_DEFAULT } from "../wire/tcp.js";
import type { CongestionControl } from "./congestion/congestion.js";
import { RENO } from "./congestion/reno.js";
import { CA_OPEN, CLOSED, RTO_INITIAL } from "./constants.js";
import type { TcpContext } from "./context.js";

/** Who holds a connection from above: a socket. */
export interface ConnectionOwner {
  /** It is on the list of those who will be told: {@link connectionEvent} need not be called again. */
  readonly readyQueued: boolean;
  /** Something changed (EVENT_*); called during input, so only note it. */
  connectionEvent(events: number): void;
}

/**
 * The transmission control block (RFC 9293 §3.3.1): data only. The chapters of this folder act on it; every field is
 * an integer where it can be, and an idle connection owns no buffer.
 */
export class Connection extends TimerNode {
  // What a segment in order, its reading and its acknowledging look at comes first, in this order: with very many
  // connections each further cache line that a segment touches costs as much as all of its processing.
  state = CLOSED;
  readonly tcp: TcpContext;
  rcvNxt = 0;
  /** Right edge of the window last offered; never moves back (RFC 9293 §3.8.6.2.2). */
  rcvAdv = 0;
  sndUna = 0;
  sndWnd = 0;
  sndWscale = 0;
  /** Ranges that wait behind a hole: see {@link ooo}. */
  oooCount = 0;
  /** The application reads no more: what comes is a reason to reset. */
  readShut = false;
  /** The peer's FIN was seen, at rcvFinSeq, perhaps ahead of missing data. */
  rcvFin = false;
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
  /** The application has read since the last ACK: the window may be worth telling. */
  windowMoved = false;
  /** Data; lastAck: any acceptable acknowledgment. */
  lastReceive = 0;
  rto = RTO_INITIAL;
  keepProbes = 0;
  sndWl1 = 0;
  segsIn = 0;
  dataSegsIn = 0;
  bytesReceived = 0;
  /** Positive errno that ended it; the owner collects it. */
  error = 0;
  /** Position among the stack's connections, or -1 when in no table. */
  index = -1;
  /** The application has closed its sending side; a FIN follows what is queued. */
  finQueued = false;
  /** A FIN has been sent at least once; it occupies sequence number iss + 1 + all bytes. */
  finSent = false;
  sndNxt = 0;
  /** One past the highest sequence number ever sent; SND.NXT falls back to SND.UNA after a timeout. */
  sndMax = 0;
  /** Bytes from the head of `snd` that the application has written. */
  sndQueued = 0;
  sndLimit = 0;
  /** Whether cwnd was in the way, in the window of data up to cwndUsageSeq. */
  cwndLimited = false;
  /** RCV.NXT as of the last ACK sent. */
  rcvAcked = 0;
  /** ACKs still to be sent at once, at the start and after idle (Linux's quick-ack mode). */
  quickAcks = 0;
  /** The application answers what it receives: an ACK does better to wait for that (Linux's pingpong mode). */
  pingpong = false;
  /** Deadlines in ticks, running where the TIMER_ bit stands. */
  timers = 0;
  delackAt = 0;
  ato = 40;
  rcvLimit = 0;
  rcvWscale = 0;
  route: Route | null = null;
  localAddr = 0;
  localPort = 0;
  remotePort = 0;
  // Segment sizes: `mss` is Eff.snd.MSS (RFC 9293 §3.7.1), `advMss` what we offer, `peerMss` what the peer did
  mss = MSS_DEFAULT;
  advMss = MSS_DEFAULT;
  segsOut = 0;
  ttl = 0;
  tos = 0;
  dontFragment = 1;
  remoteAddr = 0;

  peerMss = MSS_DEFAULT;
  /** TCP_MAXSEG, or 0. */
  userMss = 0;
  /** It waits in a listener's accept queue, so it is not an orphan though nobody owns it. */
  embryonic = false;
  /** Its hold on the local port, given back when the last of it (TIME-WAIT included) is gone. */
  binding: Binding | null = null;

  // Send sequence space (RFC 9293 §3.3.1, figure 3), with sndUna, sndNxt and sndWnd above
  iss = 0;
  sndWl2 = 0;
  /** Largest window the peer ever offered: sender's SWS avoidance, RFC 9293 §3.8.6.2.1. */
  maxWnd = 0;
  /** End of the last segment that was smaller than the MSS (Minshall's variant of Nagle). */
  sndSml = 0;
  snd: StreamBuffer | null = null;

  // Receive sequence space
  irs = 0;
  /** The shift that our SYN offers, or -1; rcvWscale is 0 until the peer has agreed. */
  scaleOffer = -1;
  /** Out-of-order ranges as sequence pairs [start, end), sorted; `oooCount` of them. */
  ooo: Int32Array | null = null;

  // Closing
  /** Where the peer's FIN was seen. */
  rcvFinSeq = 0;
  /** What an ICMP message hinted at, should it time out (RFC 1122 §4.2.3.9). */
  softError = 0;

  // Congestion (RFC 5681), in bytes
  congestion: CongestionControl = RENO;
  cwnd = 0;
  ssthresh = 0x7fffffff;
  /** Bytes acknowledged since cwnd last grew, in congestion avoidance. */
  cwndCredit = 0;
  /** The most that was in flight in the window of data up to cwndUsageSeq. */
  maxFlight = 0;
  cwndUsageSeq = 0;
  caState = CA_OPEN;
  dupAcks = 0;
  /** RFC 6582: SND.NXT when recovery began. */
  recover = 0;
  /** Partial acknowledgments of the recovery that is going on; 0 outside. */
  partialAcks = 0;
  /** SND.MAX at the last timeout or recovery: dup ACKs for what was sent before it start no new one. */
  recoverArmed = false;

  // Round trip time: RFC 6298 in microseconds; srtt is 8 x, rttvar 4 x
  srtt = 0;
  rttvar = 0;
  rttTiming = false;
  rttSeq = 0;
  rttStart = 0;
  minRtt = 0x7fffffff;

  // Timers
  retransmitAt = 0;
  persistAt = 0;
  keepaliveAt = 0;
  finWait2At = 0;
  corkAt = 0;
  /** Doublings in `rto`. */
  backoff = 0;
  /** Doublings of the interval of zero-window probes, answered or not. */
  persistBackoff = 0;
  /** Consecutive timeouts, probes, keepalive probes without an answer. */
  retransmits = 0;
  probes = 0;
  /** Tick of the first of those retransmissions. */
  retransmitStart = 0;
  lastSend = 0;
  lastAck = 0;
  /** Ticks from which the next challenge ACK, and the next answer to an empty segment out of window, may go. */
  challengeAt = 0;
  outOfWindowAt = 0;
  /** The application found the send buffer full: tell it when there is room. */
  noSpace = false;
  /** Waits for the link to be writable. */
  blocked = false;

  // Options
  noDelay = false;
  cork = false;
  keepalive = false;
  keepIdle = 0;
  keepInterval = 0;
  keepCount = 0;
  userTimeout = 0;
  synRetries = 0;
  linger2 = 0;

  // Counts for info()
  totalRetransmits = 0;
  dataSegsOut = 0;
  bytesAcked = 0;
  bytesSent = 0;
  bytesRetransmitted = 0;

  constructor(tcp: TcpContext) {
    super();
    this.tcp = tcp;
    this.challengeAt = tcp.time.ms;
    this.outOfWindowAt = tcp.time.ms;
  }

  override onTimer(): void {
    this.tcp.upcalls.connectionTimer(this);
  }

  /** Bytes sent and not acknowledged; SYN and FIN count as one each. */
  get flight(): number {
    return (this.sndNxt - this.sndUna) | 0;
  }

  /** RCV.WND: what the peer may still send. */
  get rcvWnd(): number {
    return (this.rcvAdv - this.rcvNxt) | 0;
  }

  /** Nobody holds it any more; it only finishes. */
  get orphan(): boolean {
    return this.owner === null && !this.embryonic;
  }
}

/** The send buffer, made on first use. */
export function sendBuffer(c: Connection): StreamBuffer {
  c.snd ??= c.tcp.buffers.take();
  return c.snd;
}

/** The receive buffer, made on first use. */
export function receiveBuffer(c: Connection): StreamBuffer {
  c.rcv ??= c.tcp.buffers.take();
  return c.rcv;
}

/** Nothing is left to send: an idle connection owns no buffer. */
export function dropSendBuffer(c: Connection): void {
  if (c.snd === null) return;
  c.tcp.buffers.give(c.snd);
  c.snd = null;
}

/** Nothing is left to read, nor kept ahead of a hole. */
export function dropReceiveBuffer(c: Connection): void {
  if (c.rcv === null) return;
  c.tcp.buffers.give(c.rcv);
  c.rcv = null;
}

/** Notes that the connection is to be looked at when the batch ends. */
export function touch(c: Connection): void {
  if (c.touched) return;
  c.touched = true;
  const tcp = c.tcp;
  tcp.touched[tcp.touchedCount++] = c;
  if (tcp.touchedCount === 1) tcp.upcalls.settleSoon();
}

/** Tells the owner. */
export function wake(c: Connection, events: number): void {
  const { owner } = c;
  if (owner !== null && !owner.readyQueued) owner.connectionEvent(events);
}
