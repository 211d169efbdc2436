import type { InterfaceAddress } from "../netif/address.js";
import type { Netif } from "../netif/netif.js";
import type { Addr } from "../wire/address.js";

/** What an address is to this host. */
export const NOT_OURS = 0;
export const OUR_HOST = 1;
export const OUR_BROADCAST = 2;

const MULTIPLIER = 0x9e3779b1 | 0;
/** Empty. 0.0.0.0 is never an address of ours. */
const NONE = 0;
/** So many slots at least that another's address seldom falls on one of ours: a branch that is predicted well. */
const LEAST_BITS = 8;

/**
 * Our own unicast and subnet broadcast addresses, answered about in one or two probes: every packet asks twice, for
 * its source and its destination. An open-addressing table, rebuilt when an address comes or goes.
 */
export class LocalAddresses {
  private keys = new Int32Array(1 << LEAST_BITS);
  private kinds = new Uint8Array(1 << LEAST_BITS);
  private shift = 32 - LEAST_BITS;

  /** NOT_OURS, OUR_HOST or OUR_BROADCAST. */
  kindOf(addr: Addr): number {
    const { keys } = this;
    let slot = Math.imul(addr, MULTIPLIER) >>> this.shift;
    for (;;) {
      const key = keys[slot] as number;
      if (key === NONE) return NOT_OURS;
      if (key === addr) return this.kinds[slot] as number;
      slot = (slot + 1) & (keys.length - 1);
    }
  }

  /** Takes all addresses of all interfaces afresh. */
  rebuild(netifs: readonly Netif[]): void {
    const all: InterfaceAddress[] = netifs.flatMap((netif) => [...netif.addresses]);
    let bits = LEAST_BITS;
    while (1 << bits < all.length * 32) bits++;
    this.keys = new Int32Array(1 << bits);
    this.kinds = new Uint8Array(1 << bits);
    this.shift = 32 - bits;
    for (const { addr } of all) this.put(addr, OUR_HOST);
    for (const { broadcast } of all) if (broadcast !== NONE) this.put(broadcast, OUR_BROADCAST);
  }

  /** The first who says what an address is wins: our own address is never also a broadcast address. */
  private put(addr: Addr, kind: number): void {
    const mask = this.keys.length - 1;
    let slot = Math.imul(addr, MULTIPLIER) >>> this.shift;
    while (this.keys[slot] !== NONE) {
      if (this.keys[slot] === addr) return;
      slot = (slot + 1) & mask;
    }
    this.keys[slot] = addr;
    this.kinds[slot] = kind;
  }
}
