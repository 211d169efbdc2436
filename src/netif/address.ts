import { type Addr, LIMITED_BROADCAST, maskOf, type Prefix } from "../wire/address.js";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly addr: Addr;
  /** 0 to 32 */
  readonly prefix: number;
  readonly mask: number;
  /** The subnet's broadcast address; 0 where a subnet is too small to have one (RFC 3021). */
  readonly broadcast: Addr;
}

/** The interface address that a prefix stands for. */
export function interfaceAddress(prefix: Prefix): InterfaceAddress {
  const mask = maskOf(prefix.length);
  // RFC 3021: a /31 has two hosts and no broadcast address; neither has a /32.
  const broadcast = prefix.length >= 31 ? 0 : prefix.addr | ~mask;
  return {
    addr: prefix.addr,
    prefix: prefix.length,
    mask,
    broadcast: prefix.length === 0 ? LIMITED_BROADCAST : broadcast,
  };
}
