import { readFileSync } from "node:fs";
import { EINVAL, SystemError } from "../../base/errors.js";
import {
  type Addr,
  formatMac,
  isLoopback,
  isMulticast,
  maskOf,
  type Prefix,
  parseMac,
  parsePrefix,
} from "../../wire/address.js";
import type { TapDriverName } from "./driver.js";

/** What openTap() takes. */
export interface TapOptions {
  /**
   * The interface, `tap0` by default, at most 15 characters; made when it does not exist. `tap%d` takes the first
   * free number. The tuntap2 driver names its device itself and refuses a name.
   */
  name?: string;
  /** IPv4 address and prefix length that the host's side gets, `10.77.0.1/24`; left out: it is left as it is. */
  address?: string;
  /** Largest IP packet, 68 to 65521; left out: what the device has (1500 when it is new). */
  mtu?: number;
  /** Suggested MAC address of the stack's side; left out: made from the host side's, so that it stays the same. */
  mac?: string | Uint8Array;
  /** MAC address of the host's side; left out: what the device has. */
  hostMac?: string | Uint8Array;
  /** True: the device outlives the process. False: it no longer does. Left out: as it is. */
  persist?: boolean;
  /** Who else may open the device: a user's name or number. Takes root. */
  owner?: string | number;
  /** `native` by default. */
  driver?: TapDriverName;
  /** Microseconds that the native driver goes on reading before it waits, 0 to 500; 20 by default. */
  spin?: number;
  /** False: plain frames only, no vnet header. True by default. */
  offload?: boolean;
  /** Where an optional driver's package is installed: the folder that has `node_modules`. */
  modulePath?: string;
  /** `/dev/net/tun` by default. */
  device?: string;
}

/** TapOptions, checked. */
export interface TapSettings {
  readonly name: string;
  readonly named: boolean;
  readonly address: Prefix | null;
  readonly mtu: number | null;
  readonly mac: Uint8Array | null;
  readonly hostMac: Uint8Array | null;
  readonly persist: boolean | null;
  /** uid */
  readonly owner: number | null;
  readonly driver: TapDriverName;
  readonly spin: number;
  readonly offload: boolean;
  readonly modulePath: string | null;
  readonly device: string;
}

const DRIVERS: readonly string[] = ["native", "ffi-napi", "tuntap2"];
const NAME_MAX = 15;
const MTU_MIN = 68;
/** 65535 less an Ethernet header: what Linux takes for a TAP. */
const MTU_MAX = 65521;
const SPIN_MAX = 500;
const SPIN_DEFAULT = 20;

function refuse(sentence: string): never {
  throw new SystemError(EINVAL, "openTap", { sentence });
}

function checkName(name: string): string {
  if (name.length === 0 || Buffer.byteLength(name) > NAME_MAX)
    refuse(`"${name}" is no interface name: 1 to ${NAME_MAX} characters, please`);
  // dev_valid_name() of the kernel; a % is a pattern.
  if (name === "." || name === ".." || /[/:\s\0]/.test(name) || (name.includes("%") && !/^[^%]*%d[^%]*$/.test(name)))
    refuse(`"${name}" is no interface name: no spaces, slashes or colons, and no % but in "tap%d"`);
  return name;
}

function checkInteger(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    refuse(`${what} is ${value}; give an integer from ${least} to ${most}`);
  return value;
}

function checkAddress(text: string): Prefix {
  const prefix = text.includes("/") ? parsePrefix(text) : null;
  if (prefix === null) return refuse(`"${text}" is no address with a prefix length, such as 10.77.0.1/24`);
  const { addr, length } = prefix;
  const host: Addr = addr & ~maskOf(length);
  if (length === 0 || addr === 0 || isLoopback(addr) || isMulticast(addr) || addr >>> 28 === 15)
    refuse(`${text} is not an address that an interface can have`);
  if (length < 31 && (host === 0 || host === ~maskOf(length)))
    refuse(`${text} is the network's or the broadcast address; the host needs one between them`);
  return prefix;
}

function checkMac(what: string, value: string | Uint8Array): Uint8Array {
  const mac = typeof value === "string" ? parseMac(value) : value.length === 6 ? Uint8Array.from(value) : null;
  if (mac === null) return refuse(`${what} is "${value}"; give six bytes, such as 02:77:00:00:00:02`);
  if (((mac[0] as number) & 1) !== 0)
    refuse(`${what} ${formatMac(mac)} is a group address; its first byte must be even`);
  if (mac.every((byte) => byte === 0)) refuse(`${what} is all zeros`);
  return mac;
}

/** The uid of a user; `passwd` is the file's text. */
export function userId(owner: string | number, passwd: () => string): number {
  if (typeof owner === "number" || /^\d+$/.test(owner)) return checkInteger("owner", Number(owner), 0, 0x7fffffff);
  for (const line of passwd().split("\n")) {
    const [user, , uid] = line.split(":");
    if (user === owner && uid !== undefined) return Number(uid);
  }
  return refuse(`there is no user "${owner}" in /etc/passwd`);
}

/** Checks options. Throws EINVAL with a sentence. */
export function checkOptions(options: TapOptions): TapSettings {
  const { driver = "native", name, address, mtu, mac, hostMac, owner, persist, modulePath } = options;
  if (!DRIVERS.includes(driver)) refuse(`there is no driver "${driver}"; there are ${DRIVERS.join(", ")}`);
  const own = mac === undefined ? null : checkMac("mac", mac);
  const host = hostMac === undefined ? null : checkMac("hostMac", hostMac);
  if (own !== null && host !== null && formatMac(own) === formatMac(host))
    refuse(`mac and hostMac are both ${formatMac(own)}; the two ends need different ones`);
  return {
    name: checkName(name ?? "tap0"),
    named: name !== undefined,
    address: address === undefined ? null : checkAddress(address),
    mtu: mtu === undefined ? null : checkInteger("mtu", mtu, MTU_MIN, MTU_MAX),
    mac: own,
    hostMac: host,
    persist: persist ?? null,
    owner: owner === undefined ? null : userId(owner, () => readFileSync("/etc/passwd", "utf8")),
    driver,
    spin: checkInteger("spin", options.spin ?? SPIN_DEFAULT, 0, SPIN_MAX),
    offload: options.offload ?? true,
    modulePath: modulePath ?? process.env.TAPSTACK_DRIVER_PATH ?? null,
    device: options.device ?? "/dev/net/tun",
  };
}

/**
 * A MAC address for the stack's end of a TAP whose host end has `hostMac`: it differs in the first byte, is locally
 * administered, and stays the same as long as the device does, so that the host's ARP cache stays true.
 */
export function stackMac(hostMac: Uint8Array): Uint8Array {
  const mac = Uint8Array.from(hostMac);
  mac[0] = (((mac[0] as number) | 2) ^ 4) & 0xfe;
  return mac;
}
