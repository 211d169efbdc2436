import { View } from "./inspect.js";

/** One connection, from its first SYN on: what the walk knows of it by itself, from the wire and from the calls. */
export class Life {
  readonly passive: boolean;
  /** Where the two streams begin in the pattern: ours, and the peer's. */
  readonly outSalt: number;
  readonly inSalt: number;
  // What we sent, as seen on the wire
  issSeen = false;
  iss = 0;
  /** One past the highest number on the wire. */
  wireMax = 0;
  finSeen = false;
  finSeq = 0;
  // What we were given to send
  written = 0;
  // What the peer allowed
  /** The window field of the last acceptable segment. */
  window = 0;
  edgeKnown = false;
  rightEdge = 0;
  peerScale = -1;
  ourScale = -1;
  ourTimestamps = false;
  peerTimestamps = false;
  /** The last TSval seen, and the highest that the peer sent. */
  tsRecent = 0;
  tsSent = 0;
  // What the peer sent
  isnKnown = false;
  isn = 0;
  /** What has been read or skipped; what was thrown away because reading was shut. */
  read = 0;
  /** Offsets of data that was sent and may have been taken: pairs [start, end), sorted. */
  readonly ranges: number[] = [];
  /** Where FINs were sent, likewise. */
  readonly fins: number[] = [];
  /** Where the peer stands: its next new byte, and its FIN. */
  peerNxt = 0;
  peerFin = false;
  peerFinSeq = 0;
  // What we acknowledged and offered, as seen on the wire
  ackSeen = false;
  ack = 0;
  edge = 0;
  /** The link was full at some time: what is on the wire is not all that the stack believes it sent. */
  doubted = false;
  /** It began while packets of the connection before it waited in the link: what is on the wire may be either's. */
  mixed = false;
  /** A SYN-ACK sent again has offered less than was offered before. */
  shrunk = false;
  // Instants, in microseconds
  readonly bornAt: number;
  changedAt = 0;
  /** TIME-WAIT began, or began anew; and when it may have begun anew. */
  waitingSince = 0;
  waitingPerhaps = 0;
  /** TCP_LINGER2 while there was a whole connection. */
  linger2 = 0;
  readShut = false;
  /** The segment size when it was last looked at what may be sent: that of the path may have become less. */
  mss = 0;
  /** Both sides opened it, and keep-alive has not begun. */
  unkept = false;

  constructor(passive: boolean, salts: number, now: number) {
    this.passive = passive;
    this.outSalt = salts & 0xffff;
    this.inSalt = salts >>> 16;
    this.bornAt = now;
    this.changedAt = now;
  }

  /** The shift of the windows that the peer sends. */
  get scale(): number {
    return this.peerScale >= 0 && this.ourScale >= 0 ? Math.min(this.peerScale, 14) : 0;
  }

  /** The shift of the windows that we send. */
  get shift(): number {
    return this.peerScale >= 0 && this.ourScale >= 0 ? this.ourScale : 0;
  }

  /** Timestamps are in use, or may be: a full link has kept our SYN or SYN-ACK from being seen. */
  get timestamps(): boolean {
    return (this.ourTimestamps || this.doubted) && this.peerTimestamps;
  }

  /** The peer's initial number, once a SYN of its has been taken. */
  takeIsn(isn: number): void {
    this.isnKnown = true;
    this.isn = isn;
    this.peerNxt = (isn + 1) | 0;
    this.peerFin = false;
    this.ranges.length = 0;
    this.fins.length = 0;
  }

  /** The peer has sent [start, end), offsets in its stream, where it may be taken. */
  received(start: number, end: number): void {
    if (end <= start) return;
    const { ranges } = this;
    let first = 0;
    while (first < ranges.length && (ranges[first + 1] as number) < start) first += 2;
    let last = first;
    let from = start;
    let to = end;
    while (last < ranges.length && (ranges[last] as number) <= to) {
      from = Math.min(from, ranges[last] as number);
      to = Math.max(to, ranges[last + 1] as number);
      last += 2;
    }
    ranges.splice(first, last - first, from, to);
  }

  /** How far the peer's stream is complete, at least from `offset` on. */
  completeFrom(offset: number): number {
    const { ranges } = this;
    for (let i = 0; i < ranges.length; i += 2)
      if ((ranges[i] as number) <= offset && (ranges[i + 1] as number) >= offset) return ranges[i + 1] as number;
    return offset;
  }
}

/** A 4-tuple: the ports that walks use are few, so that connections follow each other on them. */
export class Tuple {
  readonly localPort: number;
  readonly peerPort: number;
  life: Life | null = null;
  /** The life that begins if the SYN just sent is taken. */
  next: Life | null = null;
  /** What the stack held for it after the last step, and what it holds after this one. */
  before = new View();
  after = new View();

  constructor(localPort: number, peerPort: number) {
    this.localPort = localPort;
    this.peerPort = peerPort;
  }
}
