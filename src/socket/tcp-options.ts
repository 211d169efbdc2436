import { EINVAL, ENOENT, ENOTCONN, EOPNOTSUPP, EPERM, SystemError } from "../base/errors.js";
import { optionsChanged, pushWaiting } from "../tcp/calls.js";
import { CONGESTION_NAMES, congestionNamed } from "../tcp/congestion/registry.js";
import type { Connection } from "../tcp/connection.js";
import { TIMER_KEEPALIVE } from "../tcp/constants.js";
import { formatKeys, parseKeys } from "../tcp/opening/fast-open.js";
import { inPingpong, setQuickAck } from "../tcp/receiving/ack-policy.js";
import { setTimer, startKeepalive, stopTimer } from "../tcp/timer-set.js";
import { wholeNumber } from "./base.js";
import { fromDeferAccept } from "./defer-accept.js";
import { BUFFER_OPTIONS } from "./tcp-buffer-options.js";
import { between, flag, INT_MAX, INT_MIN, idle, type TcpOption, tooLate, UINT_MAX, zeroOrOne } from "./tcp-option.js";
import { RATE_OPTIONS } from "./tcp-rate-options.js";
import type { OptionName } from "./types.js";

/** Seconds: Linux's MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL; its TCP_FIN_TIMEOUT_MAX. */
const MOST_KEEP = 32767;
const MOST_LINGER2 = 120;
/** Of net.ipv4.tcp_fastopen: clients may. */
const FAST_OPEN_CLIENT = 1;

const OPTIONS = new Map<OptionName, TcpOption>([
  ...BUFFER_OPTIONS,
  [
    "TCP_NODELAY",
    flag(
      (c) => c.noDelay,
      (c, on) => {
        c.noDelay = on;
        if (on) pushWaiting(c);
      },
    ),
  ],
  [
    "TCP_CORK",
    flag(
      (c) => c.cork,
      (c, on) => {
        c.cork = on;
        if (!on) optionsChanged(c);
      },
    ),
  ],
  ["TCP_QUICKACK", between(INT_MIN, INT_MAX, (c) => (inPingpong(c) ? 0 : 1), setQuickAck)],
  ["SO_KEEPALIVE", flag((c) => c.keepalive, setKeepalive)],
  ["TCP_KEEPIDLE", between(1, MOST_KEEP, (c) => (c.keepIdle || c.tcp.settings.keepIdle) / 1000, setKeepIdle)],
  [
    "TCP_KEEPINTVL",
    between(
      1,
      MOST_KEEP,
      (c) => (c.keepInterval || c.tcp.settings.keepInterval) / 1000,
      (c, v) => {
        c.keepInterval = v * 1000;
      },
    ),
  ],
  [
    "TCP_KEEPCNT",
    between(
      1,
      127,
      (c) => c.keepCount || c.tcp.settings.keepProbes,
      (c, v) => {
        c.keepCount = v;
      },
    ),
  ],
  [
    "TCP_USER_TIMEOUT",
    between(
      0,
      INT_MAX,
      (c) => c.userTimeout,
      (c, v) => {
        c.userTimeout = v;
      },
    ),
  ],
  ...RATE_OPTIONS,
  [
    "TCP_SYNCNT",
    between(
      1,
      127,
      (c) => c.synRetries || c.tcp.settings.synRetries,
      (c, v) => {
        c.synRetries = v;
      },
    ),
  ],
  [
    "TCP_LINGER2",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.linger2 || c.tcp.settings.finTimeout / 1000,
      (c, v) => {
        c.linger2 = v < 0 ? -1 : Math.min(v, MOST_LINGER2);
      },
    ),
  ],
  [
    "TCP_DEFER_ACCEPT",
    between(
      INT_MIN,
      INT_MAX,
      (c) => c.deferAccept,
      (c, v) => {
        c.deferAccept = fromDeferAccept(v);
      },
    ),
  ],
  [
    "TCP_THIN_LINEAR_TIMEOUTS",
    zeroOrOne(
      (c) => c.thinLinear,
      (c, v) => {
        c.thinLinear = v !== 0;
      },
    ),
  ],
  ["TCP_FASTOPEN", between(0, INT_MAX, (c) => c.fastOpenQueue, setFastOpen)],
  ["TCP_FASTOPEN_CONNECT", zeroOrOne((c) => c.fastOpenConnect, setFastOpenConnect)],
  [
    "TCP_FASTOPEN_NO_COOKIE",
    zeroOrOne(
      (c) => c.fastOpenNoCookie,
      (c, v) => {
        if (!idle(c)) throw tooLate("TCP_FASTOPEN_NO_COOKIE", "the socket is connected");
        c.fastOpenNoCookie = v !== 0;
      },
    ),
  ],
  [
    "TCP_TIMESTAMP",
    between(
      INT_MIN,
      UINT_MAX,
      (c) => (c.tcp.time.ms + c.tsOffset) >>> 0,
      () => {
        const sentence = "TCP_TIMESTAMP can be read only; Linux has it set where a connection is repaired";
        throw new SystemError(EPERM, "setsockopt", { sentence });
      },
    ),
  ],
]);

function setKeepalive(c: Connection, on: boolean): void {
  const before = c.keepalive;
  c.keepalive = on;
  if (!on) stopTimer(c, TIMER_KEEPALIVE);
  else if (!before && c.index >= 0) startKeepalive(c);
}

/** The timer runs on from the last sign of life. */
function setKeepIdle(c: Connection, value: number): void {
  c.keepIdle = value * 1000;
  if (!c.keepalive || c.index < 0) return;
  const { ms } = c.tcp.time;
  const silent = Math.min((ms - c.lastReceive) | 0, (ms - c.lastAck) | 0);
  setTimer(c, TIMER_KEEPALIVE, (ms + Math.max(c.keepIdle - silent, 0)) | 0);
}

function setFastOpen(c: Connection, value: number): void {
  if (!idle(c)) throw tooLate("TCP_FASTOPEN", "it is for sockets that listen");
  c.fastOpenQueue = Math.min(value, c.tcp.settings.somaxconn);
}

function setFastOpenConnect(c: Connection, value: number, listening: boolean): void {
  if ((c.tcp.settings.fastOpen & FAST_OPEN_CLIENT) === 0)
    throw new SystemError(EOPNOTSUPP, "setsockopt", {
      sentence: "TCP_FASTOPEN_CONNECT: net.ipv4.tcp_fastopen does not allow it to clients (bit 1)",
    });
  if (listening || !idle(c)) throw tooLate("TCP_FASTOPEN_CONNECT", "it is for sockets yet to connect");
  c.fastOpenConnect = value !== 0;
}

/** A listener's own keys, as net.ipv4.tcp_fastopen_key has them: the cookies of a second are still accepted. */
function setFastOpenKeys(c: Connection, text: string): void {
  const keys = parseKeys(text);
  if (keys === null)
    throw new SystemError(EINVAL, "setsockopt", {
      sentence: "TCP_FASTOPEN_KEY: one key of 32 hex digits in groups of 8, or two with a comma between",
    });
  c.fastOpenKeys = keys;
}

/** TCP_CONGESTION: at once, on a connection too. */
function setCongestion(c: Connection, name: string): void {
  const next = congestionNamed(name);
  if (next === null) {
    const sentence = `there is no congestion control named ${name}; there is ${CONGESTION_NAMES}`;
    throw new SystemError(name === "" ? EINVAL : ENOENT, "setsockopt", { sentence });
  }
  if (next === c.congestion) return;
  c.ca = null;
  c.congestion = next;
  if (c.index >= 0) next.init(c);
}

/**
 * Sets an option of a connection. False: it is none of these.
 * @param listening the connection is a listener's template
 * @throws SystemError EINVAL, ENOENT (TCP_CONGESTION), EOPNOTSUPP, EPERM
 */
export function setTcpOption(c: Connection, name: OptionName, value: number | string, listening: boolean): boolean {
  if (name === "TCP_CONGESTION") {
    setCongestion(c, String(value));
    return true;
  }
  if (name === "TCP_FASTOPEN_KEY") {
    setFastOpenKeys(c, String(value));
    return true;
  }
  const option = OPTIONS.get(name);
  if (option === undefined) return false;
  option.set(c, wholeNumber(name, value, option.min, option.max), listening);
  return true;
}

/** The value of an option of a connection, or null: it is none of these. @throws SystemError ENOTCONN (IP_MTU) */
export function getTcpOption(c: Connection, name: OptionName): number | string | null {
  if (name === "TCP_CONGESTION") return c.congestion.name;
  if (name === "TCP_FASTOPEN_KEY") return c.fastOpenKeys === null ? "" : formatKeys(c.fastOpenKeys);
  if (name !== "IP_MTU") return OPTIONS.get(name)?.get(c) ?? null;
  if (c.route === null) throw new SystemError(ENOTCONN, "getsockopt");
  return c.route.mtu;
}
