import { SeededRandom, unit } from "../../../../src/platform/random.js";
import { RateSample } from "../../../../src/tcp/acknowledged/rate.js";
import type { CongestionControl } from "../../../../src/tcp/congestion/congestion.js";
import type { Connection } from "../../../../src/tcp/connection.js";
import { CA_OPEN, CA_RECOVERY } from "../../../../src/tcp/constants.js";
import { begun, World } from "./pieces.js";

interface Packet {
  readonly sentAt: number;
  readonly delivered: number;
  readonly deliveredAt: number;
  readonly firstSentAt: number;
  readonly appLimited: boolean;
  readonly inFlight: number;
  readonly dropped: boolean;
  /** When its ACK comes. */
  readonly ackAt: number;
}

/** One flow over one bottleneck: packets of one segment, an ACK for each, a queue with room for some, losses. */
export class Simulation {
  readonly world = new World();
  readonly c: Connection;
  readonly rs = new RateSample();
  /** Segments per second, the two-way delay (us), segments of queue, chance of a loss. */
  rate = 2000;
  rtt = 40_000;
  buffer = 1000;
  loss = 0;
  /** A token bucket: segments per second and its depth; 0: none. */
  policed = 0;
  bucket = 0;
  /** ACKs come at multiples of this (us); 0: each when it is due. */
  lumps = 0;
  /** Segments per second that the application makes; 0: it always has more. */
  offered = 0;
  now: number;
  lostPackets = 0;
  /** Called after each ACK. */
  watch: () => void = () => {};

  private readonly start: number;
  private readonly random = new SeededRandom(3);
  private flight: Packet[] = [];
  private free = 0;
  private tokens = 0;
  private tokensAt = 0;
  private nextWrite = 0;
  private recoverAt = 0;
  private paceUntil = 0;

  /** @param start us at which it begins */
  constructor(algorithm: CongestionControl, start = 0) {
    this.start = start;
    this.now = start;
    this.world.at(start);
    this.c = begun(algorithm, this.world);
    this.c.deliveredStamp = start | 0;
    this.c.firstTxStamp = start | 0;
  }

  /** Segments in the queue. */
  get queued(): number {
    return Math.max(0, ((this.free - this.now) * this.rate) / 1e6);
  }

  /** Runs until so many seconds after the start. @returns segments delivered in that time */
  until(seconds: number): number {
    const end = this.start + seconds * 1e6;
    const before = this.c.delivered;
    for (;;) {
      const ack = this.nextAck();
      const send = this.nextSend();
      const next = Math.min(ack, send, end);
      this.now = Math.max(this.now, next);
      this.world.at(this.now);
      if (next === end) return (this.c.delivered - before) | 0;
      if (ack <= send) this.acknowledge();
      else this.send();
    }
  }

  private nextAck(): number {
    const first = this.flight.find((p) => !p.dropped);
    if (first !== undefined) return first.ackAt;
    // Nothing that is left will be acknowledged: the timeout, which here only says so
    const last = this.flight.at(-1);
    return last === undefined ? Number.POSITIVE_INFINITY : last.sentAt + 1e6;
  }

  private nextSend(): number {
    const { c } = this;
    if (c.inFlight >= c.cwnd) return Number.POSITIVE_INFINITY;
    let at = Math.max(this.now, this.paceUntil);
    if (this.offered > 0) at = Math.max(at, this.nextWrite);
    return at;
  }

  private send(): void {
    const { c, now } = this;
    if (this.offered > 0) {
      this.nextWrite = Math.max(this.nextWrite + 1e6 / this.offered, now);
      c.appLimited = (c.delivered + c.inFlight) | 0 || 1;
    }
    if (c.packetsOut === 0) {
      c.firstTxStamp = now | 0;
      c.deliveredStamp = now | 0;
    }
    this.paceUntil = Math.max(now, this.paceUntil) + (c.mss * 1e6) / c.pacingRate;
    c.lastSentUs = Math.floor(this.paceUntil) | 0;
    const dropped = this.isDropped();
    if (!dropped) this.free = Math.max(now, this.free) + 1e6 / this.rate;
    let ackAt = this.free + this.rtt;
    if (this.lumps > 0) ackAt = Math.ceil(ackAt / this.lumps) * this.lumps;
    this.flight.push({
      sentAt: now,
      delivered: c.delivered,
      deliveredAt: c.deliveredStamp,
      firstSentAt: c.firstTxStamp,
      appLimited: c.appLimited !== 0,
      inFlight: c.inFlight,
      dropped,
      ackAt,
    });
    c.packetsOut++;
  }

  private isDropped(): boolean {
    if (this.policed > 0) {
      this.tokens = Math.min(this.bucket, this.tokens + ((this.now - this.tokensAt) * this.policed) / 1e6);
      this.tokensAt = this.now;
      if (this.tokens < 1) return true;
      this.tokens--;
    }
    return this.queued >= this.buffer || unit(this.random) < this.loss;
  }

  /** The first that arrived is acknowledged, and what was sent before it is lost; all that come with it as one. */
  private acknowledge(): void {
    const { c, rs } = this;
    rs.reset();
    rs.priorInFlight = c.inFlight;
    let acked = 0;
    let losses = 0;
    let last: Packet | null = null;
    while (this.flight.length > 0) {
      const p = this.flight[0] as Packet;
      if (!p.dropped && p.ackAt > this.now) break;
      // A loss shows by what was sent after it
      if (p.dropped && !this.flight.some((q) => !q.dropped && q.ackAt <= this.now) && p.sentAt + 1e6 > this.now) break;
      this.flight.shift();
      c.packetsOut--;
      if (p.dropped) losses++;
      else {
        acked++;
        last = p;
      }
    }
    this.note(acked, losses, last);
    c.congestion.congControl?.(c, acked, rs);
    this.watch();
  }

  private note(acked: number, losses: number, last: Packet | null): void {
    const { c, rs } = this;
    c.lost += losses;
    this.lostPackets += losses;
    c.delivered = (c.delivered + acked) | 0;
    if (c.appLimited !== 0 && ((c.delivered - c.appLimited) | 0) > 0) c.appLimited = 0;
    rs.ackedSacked = acked;
    rs.losses = losses;
    if (losses > 0 && c.caState === CA_OPEN) {
      c.ssthresh = c.congestion.ssthresh(c);
      c.caState = CA_RECOVERY;
      this.recoverAt = (c.delivered + c.inFlight) | 0;
    } else if (c.caState === CA_RECOVERY && losses === 0 && ((c.delivered - this.recoverAt) | 0) >= 0)
      c.caState = CA_OPEN;
    if (last === null) return;
    c.deliveredStamp = this.world.time.us;
    rs.valid = true;
    rs.rtt = Math.round(this.now - last.sentAt);
    rs.priorDelivered = last.delivered;
    rs.appLimited = last.appLimited;
    rs.delivered = (c.delivered - last.delivered) | 0;
    const sendPhase = ((last.sentAt | 0) - last.firstSentAt) | 0;
    const ackPhase = (c.deliveredStamp - last.deliveredAt) | 0;
    rs.interval = Math.max(sendPhase, ackPhase);
    c.firstTxStamp = last.sentAt | 0;
    if (c.srtt === 0) c.srtt = rs.rtt << 3;
    if (rs.rtt < c.minRtt) c.minRtt = rs.rtt;
  }
}
