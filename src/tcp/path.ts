import type { Route } from "../ip/route.js";
import { MSS_DEFAULT, TCP_HEADER, TS_SPACE } from "../wire/tcp.js";
import type { Connection } from "./connection.js";

const IPV4_HEADER = 20;
/** The least IPv4 packet that every host takes, less headers. */
const MSS_LEAST = 68 - IPV4_HEADER - TCP_HEADER;

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

/** A window of less than two segments would be filled by one: half of the largest seen is enough (Linux). */
function boundToHalfWindow(c: Connection, mss: number): number {
  const half = c.maxWnd > MSS_DEFAULT ? c.maxWnd >> 1 : c.maxWnd;
  return half > 0 && mss > half ? Math.max(half, MSS_LEAST) : mss;
}

/**
 * Eff.snd.MSS (RFC 9293 §3.7.1, RFC 1191 §6.4): the peer's offer, the path MTU and TCP_MAXSEG, whichever is least.
 * Called when any of them changed.
 */
export function updateMss(c: Connection): void {
  const route = c.route;
  let mss = c.peerMss;
  if (route !== null) mss = Math.min(mss, route.mtu - IPV4_HEADER - TCP_HEADER);
  if (c.userMss > 0) mss = Math.min(mss, c.userMss);
  // RFC 4821: what the search for the path's MTU has found to pass
  if (c.mtuProbing && c.probeLow > 0) mss = Math.min(mss, c.probeLow);
  if (c.tsOk) mss -= TS_SPACE;
  c.mss = Math.max(boundToHalfWindow(c, mss), c.tcp.settings.minSndMss);
}
