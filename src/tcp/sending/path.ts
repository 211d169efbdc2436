import type { Route } from "../../ip/route.js";
import { MSS_DEFAULT, TCP_HEADER, TS_SPACE } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";

const IPV4_HEADER = 20;
/** The least IPv4 packet that every host takes, less IP's header. */
const PACKET_LEAST = 68;

/** The route to the peer, asked for again when the tables have changed since. Null: there is none now. */
export function routeOf(c: Connection): Route | null {
  const { ip } = c.tcp;
  const route = c.route;
  if (route !== null && route.generation === ip.generation) return route;
  const again = ip.routeTo(c.remoteAddr, c.localAddr);
  if (again === null) return null;
  c.route = again;
  // RFC 1191 §6.3: what was learnt of the path may have been forgotten, too
  updateMss(c);
  return again;
}

/** What we tell the peer to send at most: the interface's MTU less the fixed headers (RFC 9293 §3.7.1, RFC 6691). */
export function advertisedMss(route: Route): number {
  return route.netif.mtu - IPV4_HEADER - TCP_HEADER;
}

/** Header and the options that every segment has. */
function headerOf(c: Connection): number {
  return TCP_HEADER + (c.tsOk ? TS_SPACE : 0);
}

/** The segment that fills a packet of `mtu` bytes, as large as the peer takes (Linux's tcp_mtu_to_mss). */
export function mssOfMtu(c: Connection, mtu: number): number {
  const most = Math.min(mtu - IPV4_HEADER - TCP_HEADER, c.peerMss);
  return Math.max(most, c.tcp.settings.minSndMss) + TCP_HEADER - headerOf(c);
}

/** The packet that a segment of `mss` bytes makes. */
export function mtuOfMss(c: Connection, mss: number): number {
  return mss + headerOf(c) + IPV4_HEADER;
}

/** The largest packet that the peer takes. */
export function fullMss(c: Connection): number {
  return c.peerMss + TCP_HEADER + IPV4_HEADER;
}

/** A window of less than two segments would be filled by one: half of the largest seen is enough (Linux). */
function boundToHalfWindow(c: Connection, mss: number): number {
  const half = c.maxWnd > MSS_DEFAULT ? c.maxWnd >> 1 : c.maxWnd;
  return half > 0 && mss > half ? Math.max(half, PACKET_LEAST - headerOf(c)) : mss;
}

/**
 * Eff.snd.MSS (RFC 9293 §3.7.1, RFC 1191 §6.4): the peer's offer (or TCP_MAXSEG, if that was less) and the path MTU,
 * whichever is less. Called when either has changed, or the largest window (Linux's tcp_sync_mss).
 */
export function updateMss(c: Connection): void {
  const mtu = c.route === null ? fullMss(c) : c.route.mtu;
  if (c.probeHigh > mtu) c.probeHigh = mtu;
  let mss = boundToHalfWindow(c, mssOfMtu(c, mtu));
  // RFC 4821 §7.2: what the search for the path's MTU has found to pass
  if (c.mtuProbing) mss = Math.min(mss, mssOfMtu(c, c.probeLow));
  c.mss = mss;
}
