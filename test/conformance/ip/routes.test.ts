import { describe, expect, it } from "vitest";
import { EADDRNOTAVAIL, EINVAL, ENETUNREACH } from "../../../src/base/errors.js";
import { formatAddr } from "../../../src/wire/address.js";
import { addr, Lab, PEER, prefix, TestLink } from "../../unit/ip/lab.js";

describe("routes and source addresses (RFC 1122 §3.3.1, §3.3.4.3)", () => {
  /** Two interfaces, two addresses on the first, and a few routes. */
  function multihomed(): Lab {
    const lab = new Lab();
    const second = lab.attach(new TestLink("ip", "tun1"));
    lab.ipv4.addAddress(lab.netif, prefix("192.168.1.5/24"));
    lab.ipv4.addAddress(second, prefix("172.16.0.5/30"));
    lab.ipv4.addRoute(prefix("0.0.0.0/0"), addr("10.77.0.1"), lab.netif);
    lab.ipv4.addRoute(prefix("10.0.0.0/8"), addr("172.16.0.6"), second);
    lab.ipv4.addRoute(prefix("10.9.0.0/16"), addr("192.168.1.1"), lab.netif);
    return lab;
  }

  it.each([
    ["on the link", "10.77.0.9", "", "test0 10.77.0.9 from 10.77.0.2"],
    ["on the second address's network", "192.168.1.9", "", "test0 192.168.1.9 from 192.168.1.5"],
    ["by the default route", "8.8.8.8", "", "test0 10.77.0.1 from 10.77.0.2"],
    ["by the longer prefix", "10.1.2.3", "", "tun1 172.16.0.6 from 172.16.0.5"],
    [
      "by the longest prefix, with the source that its gateway expects",
      "10.9.2.3",
      "",
      "test0 192.168.1.1 from 192.168.1.5",
    ],
    ["from where it is asked to", "8.8.8.8", "172.16.0.5", "test0 10.77.0.1 from 172.16.0.5"],
    ["to a broadcast by its subnet", "192.168.1.255", "", "test0 192.168.1.255 from 192.168.1.5"],
    ["to 255.255.255.255 by its source", "255.255.255.255", "172.16.0.5", "tun1 255.255.255.255 from 172.16.0.5"],
    ["to a group by the default route", "239.1.1.1", "", "test0 239.1.1.1 from 10.77.0.2"],
    ["to ourselves through loopback", "172.16.0.5", "", "lo 172.16.0.5 from 172.16.0.5"],
    ["to 127.0.0.1", "127.0.0.1", "", "lo 127.0.0.1 from 127.0.0.1"],
    ["to any of 127.0.0.0/8", "127.8.8.8", "", "lo 127.8.8.8 from 127.0.0.1"],
    ["to ourselves from another address of ours", "10.77.0.2", "172.16.0.5", "lo 10.77.0.2 from 172.16.0.5"],
    ["to 0.0.0.0, which is ourselves", "0.0.0.0", "", "lo 127.0.0.1 from 127.0.0.1"],
  ])("%s", (_, to, from, expected) => {
    const route = multihomed().ipv4.routeTo(addr(to), from === "" ? 0 : addr(from));
    expect(route && `${route.netif.name} ${formatAddr(route.nextHop)} from ${formatAddr(route.src)}`).toBe(expected);
  });

  it.each([
    ["no route", "8.8.8.8", "", -ENETUNREACH],
    ["a source that is not ours", PEER, "10.77.0.77", -EINVAL],
    ["loopback as a source to outside", PEER, "127.0.0.1", -EINVAL],
  ])("%s", (_, to, from, errno) => {
    const lab = new Lab();
    expect(lab.ipv4.routeTo(addr(to), from === "" ? 0 : addr(from))).toBeNull();
    expect(lab.ipv4.routeError).toBe(errno);
  });

  it("no address at all", () => {
    const lab = new Lab({ address: null });
    lab.ipv4.addRoute(prefix("0.0.0.0/0"), 0, lab.netif);
    expect(lab.ipv4.routeTo(addr(PEER))).toBeNull();
    expect(lab.ipv4.routeError).toBe(-EADDRNOTAVAIL);
  });

  it("gives the same route again until something changes", () => {
    const lab = multihomed();
    const first = lab.ipv4.routeTo(addr("8.8.8.8"));
    expect(lab.ipv4.routeTo(addr("8.8.8.8"))).toBe(first);
    lab.ipv4.addRoute(prefix("8.0.0.0/8"), addr("10.77.0.3"), lab.netif);
    expect(first?.generation).not.toBe(lab.ipv4.generation);
    expect(lab.ipv4.routeTo(addr("8.8.8.8"))?.nextHop).toBe(addr("10.77.0.3"));
    expect(lab.ipv4.removeRoute(prefix("8.0.0.0/8"))).toBe(1);
    expect(lab.ipv4.routeTo(addr("8.8.8.8"))?.nextHop).toBe(addr(PEER));
    lab.ipv4.detach(lab.netif);
    expect(lab.ipv4.routeTo(addr("8.8.8.8"))).toBeNull();
  });

  it.each([
    ["127.0.0.1/8", "EADDRINUSE"],
    ["10.77.0.2/24", "EADDRINUSE"],
    ["0.0.0.0/8", "EINVAL"],
    ["224.0.0.5/32", "EINVAL"],
    ["255.255.255.255/32", "EINVAL"],
  ])("refuses %s as an address", (text, code) => {
    const lab = new Lab();
    expect(() => lab.ipv4.addAddress(lab.netif, prefix(text))).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ["10.0.0.0/31", "10.0.0.1", false],
    ["10.0.0.1/32", "10.0.0.1", false],
    ["10.0.0.1/30", "10.0.0.3", true],
    ["10.0.0.1/8", "10.255.255.255", true],
  ])("of %s, %s is a broadcast address: %s (RFC 3021)", (text, address, expected) => {
    const lab = new Lab({ address: text });
    expect(lab.ipv4.isBroadcast(addr(address))).toBe(expected);
  });
});
