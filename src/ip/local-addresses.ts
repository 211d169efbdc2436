import type { InterfaceAddress, Netif } from "../netif/netif.js";
import type { Addr } from "../wire/address.js";

/** What an address is to this host. */
export const NOT_OURS = 0;
export const OUR_HOST = 1;
export const OUR_BROADCAST = 2;

const MULTIPLIER = 0x9e3779b1 | 0;

/**
 * Our own unicast and subnet broadcast addresses, answered about in one or two probes: every packet asks twice, for
 * its source and its destination. An open-addressing table, rebuilt when an address comes or goes.
 */
export class LocalAddresses {
  private keys = new Int32Array(16);
  private kinds = new Uint8Array(16);
  private shift = 28;

  /** NOT_OURS, OUR_HOST or OUR_BROADCAST. */
  kindOf(addr: Addr): number {
    const { keys, kinds } = this;
    const mask = keys.length - 1;
    let slot = Math.imul(addr, MULTIPLIER) >>> this.shift;
    for (;;) {
      const kind = kinds[slot] as number;
      if (kind === NOT_OURS || keys[slot] === addr) return kind;
      slot = (slot + 1) & mask;
    }
  }

  /** Takes all addresses of all interfaces afresh. */
  rebuild(netifs: readonly Netif[]): void {
    const all: InterfaceAddress[] = netifs.flatMap((netif) => [...netif.addresses]);
    let bits = 4;
    while (1 << bits < all.length * 8) bits++;
    this.keys = new Int32Array(1 << bits);
    this.kinds = new Uint8Array(1 << bits);
    this.shift = 32 - bits;
    for (const { addr } of all) this.put(addr, OUR_HOST);
    for (const { broadcast } of all) if (broadcast !== 0) this.put(broadcast, OUR_BROADCAST);
  }

  /** The first who says what an address is wins: our own address is never also a broadcast address. */
  private put(addr: Addr, kind: number): void {
    const mask = this.keys.length - 1;
    let slot = Math.imul(addr, MULTIPLIER) >>> this.shift;
    while (this.kinds[slot] !== NOT_OURS) {
      if (this.keys[slot] === addr) return;
      slot = (slot + 1) & mask;
    }
    this.keys[slot] = addr;
    this.kinds[slot] = kind;
  }
}
