import { EINVAL, SystemError } from "../base/errors.js";
import { DF_ALWAYS } from "../ip/output.js";
import { CHRONO_SNDBUF, chronoStop } from "../tcp/chrono.js";
import type { Connection } from "../tcp/connection.js";
import { EVENT_WRITABLE, PMTU_DO, PMTU_OMIT, PMTU_WANT } from "../tcp/constants.js";
import { wake } from "../tcp/notify.js";
import { setReceiveLowat } from "../tcp/receiving/readable.js";
import { setWindowClamp } from "../tcp/receiving/window.js";
import { roomToWrite } from "../tcp/sending/send-buffer.js";
import { between, flag, INT_MAX, INT_MIN, idle, type TcpOption, tooLate, UINT_MAX } from "./tcp-option.js";
import type { OptionName } from "./types.js";

/** Linux's SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF. */
const LEAST_SNDBUF = 4608;
const LEAST_RCVBUF = 2304;
/** Linux's TCP_MIN_MSS and MAX_TCP_WINDOW, between which TCP_MAXSEG lies. */
const LEAST_MSS = 88;
const MOST_MSS = 32767;

/** Linux's ip_tos2prio: best effort, bulk, interactive, interactive bulk. */
const PRIORITY_OF_TOS = [0, 2, 6, 4];

/** How much is queued and offered, and what IP makes of it. */
export const BUFFER_OPTIONS: readonly (readonly [OptionName, TcpOption])[] = [
  ["TCP_MAXSEG", between(0, MOST_MSS, (c) => (idle(c) && c.userMss > 0 ? c.userMss : c.mss), setMaxSeg)],
  ["TCP_WINDOW_CLAMP", between(INT_MIN, INT_MAX, (c) => (idle(c) ? c.userClamp : c.windowClamp), setClamp)],
  [
    "TCP_NOTSENT_LOWAT",
    between(
      INT_MIN,
      UINT_MAX,
      (c) => c.notsentLowat,
      (c, v) => {
        c.notsentLowat = v >>> 0;
        tellOfRoom(c);
      },
    ),
  ],
  [
    "SO_OOBINLINE",
    flag(
      (c) => c.oobInline,
      (c, on) => {
        c.oobInline = on;
      },
    ),
  ],
  ["SO_RCVLOWAT", between(INT_MIN, INT_MAX, (c) => c.rcvLowat, setReceiveLowat)],
  [
    "IP_TTL",
    between(
      -1,
      255,
      (c) => c.ttl,
      (c, v) => {
        if (v === 0)
          throw new SystemError(EINVAL, "setsockopt", { sentence: "IP_TTL is 1 to 255, or -1: the default" });
        c.ttl = v < 0 ? c.tcp.ip.defaultTtl : v;
      },
    ),
  ],
  [
    "IP_TOS",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.tos,
      (c, v) => {
        // RFC 3168 §5: the two low bits are ECN's, not the application's
        const tos = v & 0xfc;
        if (tos !== c.tos) c.priority = PRIORITY_OF_TOS[(tos >> 3) & 3] as number;
        c.tos = tos;
      },
    ),
  ],
  [
    "IP_MTU_DISCOVER",
    between(
      0,
      PMTU_OMIT,
      (c) => c.pmtuDiscover,
      (c, v) => {
        c.pmtuDiscover = v;
        // As Linux: a prober of datagrams sets DF, its TCP does not
        c.dontFragment = v === PMTU_DO ? DF_ALWAYS : v === PMTU_WANT ? 1 : 0;
      },
    ),
  ],
  [
    "IP_RECVERR",
    flag(
      (c) => c.recvErr,
      (c, on) => {
        c.recvErr = on;
      },
    ),
  ],
  // socket(7): what is asked for is limited, then doubled; negative numbers are large ones, as in the kernel
  [
    "SO_SNDBUF",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.sndLimit,
      (c, v) => {
        c.sndLocked = true;
        c.sndLimit = Math.max(Math.min(v >>> 0, c.tcp.settings.wmemCap) * 2, LEAST_SNDBUF);
        tellOfRoom(c);
      },
    ),
  ],
  [
    "SO_RCVBUF",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.rcvLimit * 2,
      (c, v) => {
        c.rcvLocked = true;
        c.rcvLimit = Math.max(Math.min(v >>> 0, c.tcp.settings.rmemCap), LEAST_RCVBUF / 2);
      },
    ),
  ],
];

/** RFC 9293 §3.7.1: it is an offer in the SYN; on a connection it changes nothing, as in Linux. */
function setMaxSeg(c: Connection, value: number): void {
  if (value !== 0 && value < LEAST_MSS)
    throw new SystemError(EINVAL, "setsockopt", {
      sentence: `TCP_MAXSEG is ${LEAST_MSS} to ${MOST_MSS}, or 0: no limit`,
    });
  if (idle(c)) c.userMss = value;
}

/** Linux's tcp_set_window_clamp(). */
function setClamp(c: Connection, value: number, listening: boolean): void {
  if (value === 0 && (listening || !idle(c))) throw tooLate("TCP_WINDOW_CLAMP", "0 is for sockets that are closed");
  c.userClamp = value === 0 ? 0 : Math.max(value, LEAST_RCVBUF / 2);
  if (!idle(c)) setWindowClamp(c, value);
}

/** The limits of what may be queued have changed: whoever waits for room hears of it. */
function tellOfRoom(c: Connection): void {
  if (!c.noSpace || !roomToWrite(c)) return;
  c.noSpace = false;
  chronoStop(c, CHRONO_SNDBUF);
  wake(c, EVENT_WRITABLE);
}
