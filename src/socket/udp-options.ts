import { EINVAL, SystemError } from "../base/errors.js";
import type { UdpEndpoint } from "../udp/endpoint.js";
import { joinGroup, leaveGroup } from "../udp/membership.js";
import type { Udp } from "../udp/udp.js";
import { type Addr, ANY, parseAddr } from "../wire/address.js";
import { type SocketHost, wholeNumber } from "./base.js";
import type { OptionName } from "./types.js";

interface UdpOption {
  readonly min: number;
  readonly max: number;
  get(e: UdpEndpoint, host: SocketHost): number;
  set(e: UdpEndpoint, value: number, udp: Udp): void;
}

const INT_MAX = 0x7fffffff;

/** Options that only touch the endpoint, under the kernel's names. */
const OPTIONS: ReadonlyMap<OptionName, UdpOption> = new Map<OptionName, UdpOption>([
  [
    "SO_REUSEADDR",
    { min: 0, max: INT_MAX, get: (e) => +e.reuseAddr, set: (e, v, udp) => udp.setReuse(e, v !== 0, e.reusePort) },
  ],
  [
    "SO_REUSEPORT",
    { min: 0, max: INT_MAX, get: (e) => +e.reusePort, set: (e, v, udp) => udp.setReuse(e, e.reuseAddr, v !== 0) },
  ],
  [
    "SO_BROADCAST",
    {
      min: 0,
      max: INT_MAX,
      get: (e) => +e.broadcast,
      set: (e, v) => {
        e.broadcast = v !== 0;
      },
    },
  ],
  [
    "UDP_NO_CHECK",
    {
      min: 0,
      max: INT_MAX,
      get: (e) => +e.noChecksum,
      set: (e, v) => {
        e.noChecksum = v !== 0;
      },
    },
  ],
  [
    "SO_RCVBUF",
    {
      min: 0,
      max: INT_MAX,
      get: (e) => e.rcvLimit,
      set: (e, v, udp) => {
        e.rcvLimit = udp.buffers.receive(v);
      },
    },
  ],
  [
    "SO_SNDBUF",
    {
      min: 0,
      max: INT_MAX,
      get: (e) => e.sndLimit,
      set: (e, v, udp) => {
        e.sndLimit = udp.buffers.send(v);
      },
    },
  ],
  [
    "IP_TTL",
    // ip(7): -1 is the stack's default
    {
      min: -1,
      max: 255,
      get: (e, host) => e.ttl || host.ip.defaultTtl,
      set: (e, v) => {
        if (v === 0)
          throw new SystemError(EINVAL, "setsockopt", { sentence: "IP_TTL is 1 to 255, or -1: the default" });
        e.ttl = v < 0 ? 0 : v;
      },
    },
  ],
  [
    "IP_TOS",
    {
      min: 0,
      max: 255,
      get: (e) => e.tos,
      set: (e, v) => {
        e.tos = v;
      },
    },
  ],
  [
    "IP_MTU_DISCOVER",
    {
      min: 0,
      max: 5,
      get: (e) => e.mtuDiscover,
      set: (e, v) => {
        e.mtuDiscover = v;
      },
    },
  ],
  [
    "IP_MULTICAST_TTL",
    {
      min: -1,
      max: 255,
      get: (e) => e.multicastTtl,
      set: (e, v) => {
        e.multicastTtl = v < 0 ? 1 : v;
      },
    },
  ],
  [
    "IP_MULTICAST_LOOP",
    {
      min: 0,
      max: INT_MAX,
      get: (e) => +e.multicastLoop,
      set: (e, v) => {
        e.multicastLoop = v !== 0;
      },
    },
  ],
]);

/** `239.1.2.3`, or `239.1.2.3 10.77.0.2` with the address of the interface to use. */
function readMembership(name: OptionName, value: number | string): readonly [group: Addr, local: Addr] {
  const [group, local, ...rest] = String(value)
    .trim()
    .split(/[\s,@]+/)
    .map(parseAddr);
  if (group !== undefined && group !== null && local !== null && rest.length === 0) return [group, local ?? ANY];
  const sentence = `${name} takes a group, or a group and the address of an interface: 239.1.2.3 10.77.0.2`;
  throw new SystemError(EINVAL, "setsockopt", { sentence });
}

/** Sets an option of an endpoint. False: there is none of that name. @throws SystemError EINVAL and joinGroup's */
export function setUdpOption(
  host: SocketHost,
  udp: Udp,
  endpoint: UdpEndpoint,
  name: OptionName,
  value: number | string,
): boolean {
  if (name === "IP_ADD_MEMBERSHIP" || name === "IP_DROP_MEMBERSHIP") {
    const [group, local] = readMembership(name, value);
    if (name === "IP_ADD_MEMBERSHIP") joinGroup(host.ip, endpoint, group, local);
    else leaveGroup(host.ip, endpoint, group, local);
    return true;
  }
  const option = OPTIONS.get(name);
  if (option === undefined) return false;
  option.set(endpoint, wholeNumber(name, value, option.min, option.max), udp);
  return true;
}

/** The value of an option, or null: there is none of that name. */
export function getUdpOption(host: SocketHost, endpoint: UdpEndpoint, name: OptionName): number | null {
  return OPTIONS.get(name)?.get(endpoint, host) ?? null;
}
