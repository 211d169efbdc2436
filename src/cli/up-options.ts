import { type Command, Option } from "commander";
import { controlPath } from "../observe/paths.js";
import { type Chosen, DEFAULT_SERVICES, parseServices, SERVICES } from "../services/index.js";
import { formatAddr, maskOf, type Prefix, parseAddr, parseMac, parsePrefix } from "../wire/address.js";
import { collect, integer } from "./arguments.js";
import { usage } from "./errors.js";

/** As commander reads them. */
interface RawOptions {
  readonly tap: string;
  readonly address: string;
  readonly hostAddress: string;
  readonly gateway?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly services: string;
  readonly driver: "native" | "ffi-napi" | "tuntap2";
  readonly offload: boolean;
  readonly conflictDetection: "fast" | "rfc5227" | "off";
  readonly capture?: string;
  readonly control?: string;
  readonly sysctl?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What `up` is to do, checked. */
export interface UpOptions {
  readonly tap: string;
  /** `10.77.0.2/24` */
  readonly address: string;
  /** `10.77.0.1/24`; null: somebody else configures the host's side. */
  readonly hostAddress: string | null;
  readonly gateway: string | null;
  readonly mac: string | null;
  readonly mtu: number | null;
  readonly services: readonly Chosen[];
  readonly driver: "native" | "ffi-napi" | "tuntap2";
  readonly offload: boolean;
  readonly conflictDetection: "fast" | "rfc5227" | "off";
  readonly capture: string | null;
  readonly control: string;
  readonly sysctl: readonly (readonly [name: string, value: string])[];
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Adds `up`'s flags. */
export function upFlags(command: Command): Command {
  const choices = (flags: string, doc: string, values: string[], fallback: string): Option =>
    new Option(flags, doc).choices(values).default(fallback);
  return command
    .option("--tap <name>", "the TAP device; made when it does not exist", "tap0")
    .option("--address <prefix>", "the stack's address", "10.77.0.2/24")
    .option("--host-address <prefix>", "what the host's side gets, or none: it is left as it is", "10.77.0.1/24")
    .option("--gateway <address>", "default route, or none (default: the host's side)")
    .option("--mac <address>", "the stack's MAC address (default: made from the TAP's)")
    .option("--mtu <bytes>", "largest IP packet (default: the TAP's, 1500 when it is new)", integer(68, 65521))
    .option("--services <list>", "NAME[=PORT],... or none", DEFAULT_SERVICES)
    .addOption(choices("--driver <name>", "how frames reach the TAP", ["native", "ffi-napi", "tuntap2"], "native"))
    .option("--no-offload", "plain frames: no segmentation or checksum offload")
    .addOption(
      choices("--conflict-detection <how>", "look whether the address is taken", ["fast", "rfc5227", "off"], "fast"),
    )
    .option("--capture <file>", "write all frames to a pcapng file")
    .option("--control <path>", "control socket (default: TAP.sock in /run/tapstack, or the user's runtime directory)")
    .option("--sysctl <name=value>", "a setting of the stack; may be repeated", collect)
    .option("--json", "say that it is ready in one line of JSON")
    .option("--quiet", "say nothing but errors")
    .addHelpText("after", () => `\nServices:\n${serviceHelp()}`);
}

function serviceHelp(): string {
  const lines = [...SERVICES.values()].map(
    ({ name, port, protocols, doc }) => `  ${name.padEnd(10)}${`${port}/${protocols.join("+")}`.padEnd(12)}${doc}`,
  );
  return lines.join("\n");
}

/** Checks what commander read. Throws a usage error. */
export function checkUpOptions(raw: RawOptions): UpOptions {
  const address = hostPrefix("--address", raw.address);
  const host = raw.hostAddress === "none" ? null : hostPrefix("--host-address", raw.hostAddress);
  if (host !== null) checkPair(raw.address, address, raw.hostAddress, host);
  if (raw.mac !== undefined) checkMac(raw.mac);
  if (!/^[^\s/]{1,15}$/.test(raw.tap))
    throw usage(`--tap: "${raw.tap}" is no name of a device; give 1 to 15 characters`);
  return {
    tap: raw.tap,
    address: raw.address,
    hostAddress: host === null ? null : raw.hostAddress,
    gateway: gatewayOf(raw.gateway, host),
    mac: raw.mac ?? null,
    mtu: raw.mtu ?? null,
    services: services(raw.services),
    driver: raw.driver,
    offload: raw.offload,
    conflictDetection: raw.conflictDetection,
    capture: raw.capture ?? null,
    control: raw.control ?? controlPath(raw.tap),
    sysctl: (raw.sysctl ?? []).map(assignment),
    json: raw.json === true,
    quiet: raw.quiet === true,
  };
}

function hostPrefix(flag: string, text: string): Prefix {
  const prefix = text.includes("/") ? parsePrefix(text) : null;
  if (prefix === null || prefix.length === 0)
    throw usage(`${flag}: "${text}" is no address with a prefix length; give one such as 10.77.0.2/24`);
  return prefix;
}

function checkMac(text: string): void {
  const mac = parseMac(text);
  if (mac === null) throw usage(`--mac: "${text}" is no MAC address; give one such as 02:77:00:00:00:02`);
  if (((mac[0] as number) & 1) !== 0)
    throw usage(`--mac: ${text} is a group address; a station's has an even first byte, such as 02:77:00:00:00:02`);
}

function checkPair(ours: string, address: Prefix, theirs: string, host: Prefix): void {
  if (address.addr === host.addr)
    throw usage(`--address and --host-address are both ${formatAddr(host.addr)}; the two ends need different ones`);
  const mask = maskOf(Math.max(address.length, host.length));
  if ((address.addr & mask) !== (host.addr & mask))
    throw usage(`${ours} and ${theirs} are not in one network, so the two ends could not talk`);
}

function gatewayOf(text: string | undefined, host: Prefix | null): string | null {
  if (text === undefined) return host === null ? null : formatAddr(host.addr);
  if (text === "none") return null;
  if (parseAddr(text) === null) throw usage(`--gateway: "${text}" is no address; give one such as 10.77.0.1, or none`);
  return text;
}

function services(list: string): Chosen[] {
  try {
    return parseServices(list);
  } catch (error) {
    throw usage(`--services: ${(error as Error).message}`);
  }
}

function assignment(text: string): readonly [string, string] {
  const match = /^\s*([^=\s]+)\s*=\s*(.*)$/s.exec(text);
  if (match === null) throw usage(`--sysctl: "${text}" sets nothing; give NAME=VALUE`);
  return [match[1] as string, match[2] as string];
}
