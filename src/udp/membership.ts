import { EADDRINUSE, EADDRNOTAVAIL, SystemError } from "../base/errors.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { Netif } from "../netif/netif.js";
import { type Addr, ANY, formatAddr } from "../wire/address.js";
import type { UdpEndpoint } from "./endpoint.js";

/**
 * Joins a group (RFC 1112 §7.1). As with Linux's IP_MULTICAST_ALL, what comes for a group that the host is in goes to
 * every socket of the port, whichever joined.
 *
 * @param local an address of the interface to use; ANY: the one that the route to the group takes
 * @throws SystemError EINVAL (no group), EADDRINUSE (already in it), EADDRNOTAVAIL (no such interface), ENOBUFS
 */
export function joinGroup(ip: Ipv4, endpoint: UdpEndpoint, group: Addr, local: Addr): void {
  const netif = groupNetif(ip, group, local);
  if (endpoint.memberships.some((m) => m.group === group && m.netif === netif))
    throw new SystemError(EADDRINUSE, "setsockopt", { address: formatAddr(group), sentence: "already in that group" });
  ip.groups.join(netif, group);
  endpoint.memberships.push({ netif, group });
}

/** Leaves a group. @throws SystemError EADDRNOTAVAIL: not in it */
export function leaveGroup(ip: Ipv4, endpoint: UdpEndpoint, group: Addr, local: Addr): void {
  const { memberships } = endpoint;
  const at = memberships.findIndex((m) => m.group === group && (local === ANY || m.netif.hasAddress(local)));
  const membership = memberships[at];
  if (membership === undefined)
    throw new SystemError(EADDRNOTAVAIL, "setsockopt", { address: formatAddr(group), sentence: "not in that group" });
  memberships.splice(at, 1);
  letGo(ip, membership.netif, group);
}

/** Leaves every group that the endpoint is in. */
export function leaveAll(ip: Ipv4, endpoint: UdpEndpoint): void {
  for (const { netif, group } of endpoint.memberships) letGo(ip, netif, group);
  endpoint.memberships = [];
}

function groupNetif(ip: Ipv4, group: Addr, local: Addr): Netif {
  const netif =
    local === ANY
      ? (ip.routeTo(group)?.netif ?? ip.netifs.find((n) => !n.loopback))
      : ip.netifs.find((n) => n.hasAddress(local));
  if (netif !== undefined) return netif;
  const address = formatAddr(local === ANY ? group : local);
  const sentence = "there is no interface for that group; attach a link first, or name one of its addresses";
  throw new SystemError(EADDRNOTAVAIL, "setsockopt", { address, sentence });
}

/** The interface may have gone, and its memberships with it. */
function letGo(ip: Ipv4, netif: Netif, group: Addr): void {
  if (ip.netifs.includes(netif) && ip.groups.isMember(netif, group)) ip.groups.leave(netif, group);
}
