import { EINVAL, SystemError } from "../base/errors.js";
import type { Link } from "../link/link.js";
import type { ConflictDetection } from "../neighbour/conflict.js";
import { type Addr, type Prefix, parseAddr, parseMac, parsePrefix } from "../wire/address.js";

export interface AttachOptions {
  /** Our address on the link, with its prefix: `10.77.0.2/24`; several: the first is preferred. */
  address: string | readonly string[];
  /** The default route's next hop. */
  gateway?: string;
  /** Our MAC address on an "ethernet" link; default: what the link suggests, else a random local one. */
  mac?: string;
  /** Neighbours known beforehand, address to MAC; they are never asked for. */
  neighbours?: Readonly<Record<string, string>>;
  /** How we make sure that the address is free (RFC 5227). Default "fast": one probe, 200 ms. */
  conflictDetection?: ConflictDetection;
}

/** AttachOptions, read. */
export interface AttachPlan {
  readonly addresses: readonly Prefix[];
  readonly gateway: Addr | null;
  readonly mac: Uint8Array | undefined;
  readonly neighbours: readonly (readonly [Addr, Uint8Array])[];
}

function refuse(sentence: string): SystemError {
  return new SystemError(EINVAL, "attach", { sentence });
}

/** Reads the options before anything is made. Throws EINVAL. */
export function planAttach(link: Link, options: AttachOptions): AttachPlan {
  const texts = typeof options.address === "string" ? [options.address] : options.address;
  const addresses = texts.map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === null) throw refuse(`${text} is not an address with a prefix length, such as 10.77.0.2/24`);
    return prefix;
  });
  const gateway = options.gateway === undefined ? null : parseAddr(options.gateway);
  if (options.gateway !== undefined && gateway === null)
    throw refuse(`gateway ${options.gateway} is not an IPv4 address`);
  const mac = options.mac === undefined ? undefined : parseMac(options.mac);
  if (mac === null) throw refuse(`${options.mac} is not a MAC address such as 02:77:00:00:00:02`);
  if (mac !== undefined && ((mac[0] as number) & 1) !== 0)
    throw refuse(`${options.mac} is a group address; a station's has an even first byte`);
  if (link.layer === "ip" && mac !== undefined) throw refuse("an ip link has no MAC address");
  const neighbours = Object.entries(options.neighbours ?? {}).map(([address, text]) => {
    const addr = parseAddr(address);
    const bytes = parseMac(text);
    if (addr === null || bytes === null)
      throw refuse(`neighbour ${address} at ${text}: give an IPv4 and a MAC address`);
    return [addr, bytes] as const;
  });
  return { addresses, gateway, mac, neighbours };
}
