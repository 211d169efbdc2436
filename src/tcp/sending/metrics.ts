import type { Addr } from "../../wire/address.js";
import { noHandshakeSample } from "../acknowledged/rtt.js";
import type { Connection } from "../connection.js";
import { CA_OPEN, SSTHRESH_INFINITE } from "../constants.js";

/*
 * What is remembered of a path from one connection to the next (RFC 9040; Linux's tcp_metrics): how long a round trip
 * takes, and how far it reorders. An estimate of a new connection is its own: only its first RTO is made of this, and
 * the window begins as always.
 */

/** Paths remembered; the one that was first remembered is forgotten first. */
const MOST = 4096;
/** Seconds for which it holds. */
const LIFETIME = 3600;

/** One path. Round trips as the connection keeps them: rtt eightfold us, rttvar fourfold; windows in segments. */
export class PathMetrics {
  /** Another path to the same peer, from another address of ours. */
  next: PathMetrics | null = null;
  readonly local: Addr;
  rtt = 0;
  rttvar = 0;
  ssthresh = 0;
  cwnd = 0;
  reordering = 0;
  /** Second at which it was last saved. */
  at = 0;

  constructor(local: Addr) {
    this.local = local;
  }

  forget(): void {
    this.rtt = 0;
    this.rttvar = 0;
    this.ssthresh = 0;
    this.cwnd = 0;
    this.reordering = 0;
  }
}

/** The paths of a stack. */
export class Metrics {
  private readonly peers = new Map<Addr, PathMetrics>();
  private count = 0;

  /** @param second now @returns null: nothing is known */
  find(local: Addr, remote: Addr, second: number): PathMetrics | null {
    let path = this.peers.get(remote) ?? null;
    while (path !== null && path.local !== local) path = path.next;
    if (path !== null && second - path.at > LIFETIME) path.forget();
    return path;
  }

  /** Finds it, or makes one. */
  make(local: Addr, remote: Addr, second: number): PathMetrics {
    const known = this.find(local, remote, second);
    if (known !== null) return known;
    if (this.count >= MOST) this.forgetOldest();
    const path = new PathMetrics(local);
    path.next = this.peers.get(remote) ?? null;
    this.peers.set(remote, path);
    this.count++;
    return path;
  }

  private forgetOldest(): void {
    for (const [oldest, first] of this.peers) {
      this.peers.delete(oldest);
      for (let path: PathMetrics | null = first; path !== null; path = path.next) this.count--;
      return;
    }
  }

  /** A peer that has answered before is no address that somebody made up. */
  proven(local: Addr, remote: Addr, second: number): boolean {
    const path = this.find(local, remote, second);
    return path !== null && path.rtt !== 0;
  }
}

/** A connection has come to its end as it should: TIME-WAIT, FIN-WAIT-2 without an owner, the end of LAST-ACK. */
export function saveMetrics(c: Connection): void {
  const { metrics, settings, time } = c.tcp;
  if (settings.noMetricsSave !== 0 || c.route === null) return;
  // Nothing came back in time: what was known is no longer so
  if (c.backoff > 0 || c.srtt === 0) {
    const path = metrics.find(c.localAddr, c.remoteAddr, time.s);
    if (path !== null) path.rtt = 0;
    return;
  }
  const path = metrics.make(c.localAddr, c.remoteAddr, time.s);
  saveRtt(c, path);
  saveWindow(c, path, settings.noSsthreshMetricsSave === 0);
  path.at = time.s;
}

/** Up at once, down slowly: to take a round trip for too long does little harm. */
function saveRtt(c: Connection, path: PathMetrics): void {
  const off = path.rtt - c.srtt;
  path.rtt = off <= 0 ? c.srtt : path.rtt - (off >> 3);
  const deviation = Math.max(Math.abs(off) >> 1, c.mdev);
  path.rttvar = deviation >= path.rttvar ? deviation : path.rttvar - ((path.rttvar - deviation) >> 2);
}

function saveWindow(c: Connection, path: PathMetrics, threshold: boolean): void {
  if (c.ssthresh === SSTHRESH_INFINITE) {
    // The first slow start went on to the end
    if (threshold && path.ssthresh > 0 && c.cwnd >> 1 > path.ssthresh) path.ssthresh = c.cwnd >> 1;
    if (c.cwnd > path.cwnd) path.cwnd = c.cwnd;
  } else if (c.cwnd >= c.ssthresh && c.caState === CA_OPEN) {
    if (threshold) path.ssthresh = Math.max(c.cwnd >> 1, c.ssthresh);
    path.cwnd = (path.cwnd + c.cwnd) >>> 1;
  } else {
    path.cwnd = (path.cwnd + c.ssthresh) >>> 1;
    if (threshold && path.ssthresh > 0 && c.ssthresh > path.ssthresh) path.ssthresh = c.ssthresh;
    // Only here, as in Linux
    if (path.reordering < c.reordering && c.reordering !== c.tcp.settings.reordering) path.reordering = c.reordering;
  }
}

/**
 * A connection begins to transfer data: its threshold, how much reordering it allows for, and its first RTO (Linux's
 * tcp_init_metrics).
 */
export function recallMetrics(c: Connection): void {
  const { metrics, settings, time } = c.tcp;
  c.ssthresh = SSTHRESH_INFINITE;
  c.reordering = settings.reordering;
  const path = c.route === null ? null : metrics.find(c.localAddr, c.remoteAddr, time.s);
  const rtt = path === null ? 0 : path.rtt;
  if (path !== null) {
    if (path.ssthresh > 0 && settings.noSsthreshMetricsSave === 0) c.ssthresh = path.ssthresh;
    if (path.reordering > 0) c.reordering = path.reordering;
  }
  if (rtt > c.srtt) {
    const ms = Math.floor(rtt / 8000);
    c.rto = ms + Math.max(2 * ms, Math.ceil(c.rtoMinUs / 1000));
    return;
  }
  // RFC 6298 §5 (5.7)
  if (c.srtt === 0) noHandshakeSample(c);
}
