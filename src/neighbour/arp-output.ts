import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import type { Addr } from "../wire/address.js";
import { ARP_LENGTH, writeArp } from "../wire/arp.js";
import { ETH_HEADER, ETHERTYPE_ARP, writeEthernet } from "../wire/ethernet.js";

/** Sends one ARP packet from the interface's own MAC address. */
export function sendArp(
  env: Environment,
  netif: Netif,
  operation: number,
  toHigh: number,
  toLow: number,
  source: Addr,
  targetHigh: number,
  targetLow: number,
  target: Addr,
): void {
  const length = ETH_HEADER + ARP_LENGTH;
  const at = netif.tx.begin(length);
  if (at < 0) {
    netif.counters.TapstackOutQueueFull++;
    return;
  }
  const { dv } = env.memory;
  writeEthernet(dv, at, toHigh, toLow, netif.macHigh, netif.macLow, ETHERTYPE_ARP);
  writeArp(dv, at + ETH_HEADER, operation, netif.macHigh, netif.macLow, source, targetHigh, targetLow, target);
  netif.commit(at, length, length, 0, 0, length);
}
