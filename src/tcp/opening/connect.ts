import { ENETUNREACH } from "../../base/errors.js";
import type { Route } from "../../ip/route.js";
import { MSS_DEFAULT, TS_SPACE } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import { KIND_CONNECTION, KIND_TIME_WAIT, SYN_SENT } from "../constants.js";
import { setState } from "../ending/close.js";
import { endTimeWait } from "../ending/time-wait.js";
import { clampOf, selectInitialWindow } from "../receiving/window.js";
import { beginSearch } from "../sending/mtu-probe.js";
import { advertisedMss, updateMss } from "../sending/path.js";
import { deferConnect } from "./fast-open-client.js";
import { sendSyn } from "./handshake-out.js";

/** Linux's TCP_MIN_MSS. */
const RCV_MSS_LEAST = 88;

/**
 * OPEN, active. The four addresses, `binding`, `owner` and options stand in the connection already; the port is chosen.
 * @returns 0, or a negative errno (-ENETUNREACH); the connection is then still closed
 */
export function openConnection(c: Connection): number {
  const { tcp } = c;
  const route = tcp.ip.routeTo(c.remoteAddr, c.localAddr);
  if (route === null) return tcp.ip.routeError < 0 ? tcp.ip.routeError : -ENETUNREACH;
  c.route = route;
  c.error = 0;
  chooseSequence(c);
  offerOptions(c, route);
  c.congestion.init(c);
  c.index = tcp.connections.add(c);
  tcp.tuples.insert(c.localAddr, c.localPort, c.remoteAddr, c.remotePort, (c.index << 2) | KIND_CONNECTION);
  tcp.ports.connected(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  setState(c, SYN_SENT);
  if (!deferConnect(c)) startOpen(c);
  return 0;
}

/** The SYN goes: at connect, or with the first data when that was to wait for it. */
export function startOpen(c: Connection): void {
  const { tcp } = c;
  tcp.counters.TcpActiveOpens++;
  // A link that takes nothing now gets the SYN when the timer comes round.
  sendSyn(c);
}

/** The initial sequence number; in the place of a TIME-WAIT one above it, and its TS.Recent is ours (RFC 6191 §3). */
function chooseSequence(c: Connection): void {
  const { tcp } = c;
  const value = tcp.tuples.find(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  const before = value >= 0 && (value & 3) === KIND_TIME_WAIT ? tcp.timeWaits.get(value >>> 2) : null;
  if (before === null) c.iss = tcp.isn.next(c.localAddr, c.localPort, c.remoteAddr, c.remotePort);
  else {
    c.iss = before.nextIss;
    c.tsRecent = before.tsRecent;
    c.tsRecentAt = before.tsRecentAt;
    tcp.counters.TcpExtTWRecycled++;
    endTimeWait(before);
  }
  c.sndUna = c.iss;
  c.sndNxt = c.iss;
  c.writeSeq = (c.iss + 1) | 0;
  c.sndSml = c.iss;
  c.sndUp = c.iss;
  c.pushedSeq = c.writeSeq;
  c.pieceSeq = c.writeSeq;
}

/** What our SYN offers (Linux's tcp_connect_init); RCV.WND stands in rcvNxt and rcvAdv until the peer's SYN comes. */
function offerOptions(c: Connection, route: Route): void {
  const { tcp } = c;
  const { settings } = tcp;
  const most = advertisedMss(route);
  c.advMss = c.userMss > 0 ? Math.min(c.userMss, most) : most;
  c.peerMss = c.userMss > 0 ? c.userMss : MSS_DEFAULT;
  beginSearch(c);
  updateMss(c);
  c.tsOffered = settings.timestamps !== 0;
  // Until the peer has spoken: as if it agreed to all, and had sent nothing
  if (c.tsOffered) {
    c.mss -= TS_SPACE;
    c.probeLow += TS_SPACE;
  }
  c.rcvMss = RCV_MSS_LEAST;
  c.tsOffset = tcp.isn.tsOffset(settings.timestamps, c.localAddr, c.remoteAddr);
  c.sackOk = settings.sack !== 0;
  const scaling = settings.windowScaling !== 0;
  const stamps = c.tsRecent !== 0 && c.tsOffered ? TS_SPACE : 0;
  const initial = selectInitialWindow(tcp, c.rcvLimit, c.advMss - stamps, scaling, clampOf(c));
  c.scaleOffer = scaling ? initial.scale : -1;
  c.windowClamp = initial.clamp;
  c.rcvSsthresh = initial.window;
  c.rcvNxt = 0;
  c.rcvAcked = 0;
  c.rcvAdv = initial.window;
}
