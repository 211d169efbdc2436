import { EINVAL, SystemError } from "../base/errors.js";
import { optionsChanged } from "../tcp/calls.js";
import { RENO } from "../tcp/congestion/reno.js";
import { type Connection, touch } from "../tcp/connection.js";
import { QUICK_ACKS, TIMER_CORK, TIMER_KEEPALIVE } from "../tcp/constants.js";
import { startKeepalive, stopTimer } from "../tcp/timer-set.js";
import { wholeNumber } from "./base.js";
import type { OptionName } from "./types.js";

interface TcpOption {
  readonly min: number;
  readonly max: number;
  get(c: Connection): number;
  set(c: Connection, value: number): void;
}

const INT_MAX = 0x7fffffff;
const flag = (get: (c: Connection) => boolean, set: (c: Connection, on: boolean) => void): TcpOption => ({
  min: 0,
  max: INT_MAX,
  get: (c) => (get(c) ? 1 : 0),
  set: (c, value) => set(c, value !== 0),
});
/** A time that Linux takes in seconds and the connection keeps in ms; 0 there means the stack's setting. */
const seconds = (max: number, get: (c: Connection) => number, set: (c: Connection, ms: number) => void): TcpOption => ({
  min: 1,
  max,
  get: (c) => Math.round(get(c) / 1000),
  set: (c, value) => set(c, value * 1000),
});

/** IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IP_PMTUDISC_PROBE */
const PMTU_DONT = 0;
const PMTU_DO = 2;

/** Options that only touch the connection, under the kernel's names. */
const OPTIONS = new Map<OptionName, TcpOption>([
  [
    "TCP_NODELAY",
    flag(
      (c) => c.noDelay,
      (c, on) => {
        c.noDelay = on;
        if (on) optionsChanged(c);
      },
    ),
  ],
  [
    "TCP_CORK",
    flag(
      (c) => c.cork,
      (c, on) => {
        c.cork = on;
        if (on) return;
        stopTimer(c, TIMER_CORK);
        optionsChanged(c);
      },
    ),
  ],
  [
    "TCP_QUICKACK",
    flag(
      (c) => !c.pingpong,
      (c, on) => {
        c.quickAcks = on ? QUICK_ACKS : 0;
        c.pingpong = !on;
        if (!on || !c.ackDue) return;
        c.ackNow = true;
        touch(c);
      },
    ),
  ],
  [
    "SO_KEEPALIVE",
    flag(
      (c) => c.keepalive,
      (c, on) => {
        c.keepalive = on;
        if (!on) stopTimer(c, TIMER_KEEPALIVE);
        else if (c.index >= 0) startKeepalive(c);
      },
    ),
  ],
  [
    "TCP_KEEPIDLE",
    keepTime(
      (c) => c.keepIdle || c.tcp.settings.keepIdle,
      (c, ms) => {
        c.keepIdle = ms;
      },
    ),
  ],
  [
    "TCP_KEEPINTVL",
    keepTime(
      (c) => c.keepInterval || c.tcp.settings.keepInterval,
      (c, ms) => {
        c.keepInterval = ms;
      },
    ),
  ],
  [
    "TCP_KEEPCNT",
    {
      min: 1,
      max: 127,
      get: (c) => c.keepCount || c.tcp.settings.keepProbes,
      set: (c, v) => {
        c.keepCount = v;
      },
    },
  ],
  [
    "TCP_USER_TIMEOUT",
    {
      min: 0,
      max: INT_MAX,
      get: (c) => c.userTimeout,
      set: (c, v) => {
        c.userTimeout = v;
      },
    },
  ],
  [
    "TCP_SYNCNT",
    {
      min: 1,
      max: 127,
      get: (c) => c.synRetries || c.tcp.settings.synRetries,
      set: (c, v) => {
        c.synRetries = v;
      },
    },
  ],
  [
    "TCP_LINGER2",
    {
      min: -INT_MAX,
      max: INT_MAX,
      get: (c) => c.linger2,
      set: (c, v) => {
        c.linger2 = v;
      },
    },
  ],
  [
    "TCP_MAXSEG",
    {
      min: 88,
      max: 32767,
      get: (c) => (c.index >= 0 ? c.mss : c.userMss || c.mss),
      set: (c, v) => {
        c.userMss = v;
        optionsChanged(c);
      },
    },
  ],
  [
    "IP_TTL",
    {
      min: 1,
      max: 255,
      get: (c) => c.ttl,
      set: (c, v) => {
        c.ttl = v;
      },
    },
  ],
  [
    "IP_TOS",
    {
      min: 0,
      max: 255,
      get: (c) => c.tos,
      set: (c, v) => {
        c.tos = v & ~3;
      },
    },
  ],
  [
    "IP_MTU_DISCOVER",
    {
      min: 0,
      max: 3,
      get: (c) => (c.dontFragment === 1 ? PMTU_DO : PMTU_DONT),
      set: (c, v) => {
        c.dontFragment = v === PMTU_DONT ? 0 : 1;
      },
    },
  ],
  [
    "SO_SNDBUF",
    {
      min: 1,
      max: INT_MAX,
      // As Linux: what is asked for is doubled, for an overhead that is not payload; half of it is
      get: (c) => c.sndLimit * 2,
      set: (c, v) => {
        c.sndLimit = Math.max(4608 / 2, Math.min(v, c.tcp.settings.wmemMax));
      },
    },
  ],
  [
    "SO_RCVBUF",
    {
      min: 1,
      max: INT_MAX,
      get: (c) => c.rcvLimit * 2,
      set: (c, v) => {
        c.rcvLimit = Math.max(2304 / 2, Math.min(v, c.tcp.settings.rmemMax));
      },
    },
  ],
]);

function keepTime(get: (c: Connection) => number, set: (c: Connection, ms: number) => void): TcpOption {
  return seconds(32767, get, (c, ms) => {
    set(c, ms);
    if (c.index >= 0) startKeepalive(c);
  });
}

/** Sets an option of a connection. False: it is none of these. @throws SystemError EINVAL */
export function setTcpOption(c: Connection, name: OptionName, value: number | string): boolean {
  if (name === "TCP_CONGESTION") {
    if (value !== RENO.name)
      throw new SystemError(EINVAL, "setsockopt", {
        sentence: `there is no congestion control named ${value}; there is ${RENO.name}`,
      });
    c.congestion = RENO;
    return true;
  }
  const option = OPTIONS.get(name);
  if (option === undefined) return false;
  option.set(c, wholeNumber(name, value, option.min, option.max));
  return true;
}

/** The value of an option of a connection, or null: it is none of these. */
export function getTcpOption(c: Connection, name: OptionName): number | string | null {
  if (name === "TCP_CONGESTION") return c.congestion.name;
  if (name === "IP_MTU") return c.route === null ? 0 : c.route.mtu;
  return OPTIONS.get(name)?.get(c) ?? null;
}
