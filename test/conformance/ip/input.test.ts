import { describe, expect, it } from "vitest";
import type { IpCounters } from "../../../src/ip/counters.js";
import { BROADCAST_MAC, bytes, ethernet, ip, Lab, PEER_MAC, prefix, Recorder, TestLink } from "../../unit/ip/lab.js";

const PROTOCOL = 253;
const GROUP_MAC = "01:00:5e:01:02:03";
const data = bytes(16);

/** What arrives, and the one counter that tells of its end. */
const TABLE: [what: string, frame: Uint8Array, counter: keyof IpCounters][] = [
  ["a packet for us", ethernet(ip(data)), "IpInDelivers"],
  ["TTL 0 (a host takes it: RFC 1122 §3.2.1.7)", ethernet(ip(data, { ttl: 0 })), "IpInDelivers"],
  ["nothing behind the header", ethernet(ip(new Uint8Array(0))), "IpInDelivers"],
  ["padding behind the packet", ethernet(Buffer.concat([ip(data), Buffer.alloc(10, 0xff)])), "IpInDelivers"],
  ["19 bytes", ethernet(ip(data).slice(0, 19)), "IpExtInTruncatedPkts"],
  ["no bytes at all", ethernet(new Uint8Array(0)), "IpExtInTruncatedPkts"],
  ["version 6", ethernet(ip(data, { version: 6 })), "IpInHdrErrors"],
  ["a header of 4 words", ethernet(ip(data, { ihl: 4 })), "IpInHdrErrors"],
  ["a total length below the header's", ethernet(ip(data, { length: 19 })), "IpInHdrErrors"],
  ["a total length beyond what came", ethernet(ip(data, { length: 37 })), "IpExtInTruncatedPkts"],
  ["a header longer than the packet", ethernet(ip(data.slice(0, 4), { ihl: 15 })), "IpInHdrErrors"],
  ["a bad checksum", ethernet(ip(data, { checksum: 0xbeef })), "IpInHdrErrors"],
  ["another's address", ethernet(ip(data, { dst: "10.77.0.3" })), "IpInAddrErrors"],
  ["an unknown protocol", ethernet(ip(data, { protocol: 200 })), "IpInUnknownProtos"],
  ["255.255.255.255", ethernet(ip(data, { dst: "255.255.255.255" }), { dst: BROADCAST_MAC }), "IpInDelivers"],
  [
    "the subnet's broadcast address",
    ethernet(ip(data, { dst: "10.77.0.255" }), { dst: BROADCAST_MAC }),
    "IpInDelivers",
  ],
  ["our address in a broadcast frame", ethernet(ip(data), { dst: BROADCAST_MAC }), "TapstackIpUnicastInMulticast"],
  ["all hosts", ethernet(ip(data, { dst: "224.0.0.1" }), { dst: "01:00:5e:00:00:01" }), "IpInDelivers"],
  ["a group that we are not in", ethernet(ip(data, { dst: "239.1.2.3" }), { dst: GROUP_MAC }), "TapstackIpNotJoined"],
  ["from a group", ethernet(ip(data, { src: "224.0.0.5" })), "TapstackIpMartianSources"],
  ["from 255.255.255.255", ethernet(ip(data, { src: "255.255.255.255" })), "TapstackIpMartianSources"],
  ["from the subnet's broadcast address", ethernet(ip(data, { src: "10.77.0.255" })), "TapstackIpMartianSources"],
  ["from our own address", ethernet(ip(data, { src: "10.77.0.2" })), "TapstackIpMartianSources"],
  ["from loopback", ethernet(ip(data, { src: "127.0.0.1" })), "TapstackIpMartianSources"],
  ["from 0.0.0.0", ethernet(ip(data, { src: "0.0.0.0" })), "TapstackIpMartianSources"],
  [
    "from 0.0.0.0 to 255.255.255.255",
    ethernet(ip(data, { src: "0.0.0.0", dst: "255.255.255.255" }), { dst: BROADCAST_MAC }),
    "IpInDelivers",
  ],
  ["from 240.0.0.1", ethernet(ip(data, { src: "240.0.0.1" })), "IpInDelivers"],
  ["to loopback from outside", ethernet(ip(data, { dst: "127.0.0.1" })), "TapstackIpMartianDestinations"],
  [
    "to another loopback address from outside",
    ethernet(ip(data, { dst: "127.9.9.9" })),
    "TapstackIpMartianDestinations",
  ],
  ["to 0.0.0.0", ethernet(ip(data, { dst: "0.0.0.0" })), "TapstackIpMartianDestinations"],
  ["options that are only no-ops", ethernet(ip(data, { options: [1, 1, 1, 0] })), "IpInDelivers"],
  ["a record route option", ethernet(ip(data, { options: [7, 7, 4, 0, 0, 0, 0, 0] })), "IpInDelivers"],
  ["an option of no length", ethernet(ip(data, { options: [7, 0, 0, 0] })), "IpInHdrErrors"],
  ["an option beyond the header", ethernet(ip(data, { options: [1, 7, 9, 4] })), "IpInHdrErrors"],
  ["an option cut before its length", ethernet(ip(data, { options: [1, 1, 1, 7] })), "IpInHdrErrors"],
  ["a loose source route", ethernet(ip(data, { options: [131, 7, 4, 10, 0, 0, 1, 0] })), "IpInDiscards"],
  ["a strict source route", ethernet(ip(data, { options: [137, 7, 4, 10, 0, 0, 1, 0] })), "IpInDiscards"],
];

describe("IPv4 input (RFC 791 §3.1, RFC 1122 §3.2.1)", () => {
  it.each(TABLE)("%s", (_, frame, counter) => {
    const lab = new Lab();
    lab.meetPeer();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(frame);
    expect(lab.ipv4.counters[counter]).toBe(1);
    expect(recorder.packets.length).toBe(counter === "IpInDelivers" ? 1 : 0);
    expect(lab.unaccounted()).toBe(0);
  });

  it("every prefix of a valid frame is accounted for", () => {
    const lab = new Lab();
    new Recorder(lab, PROTOCOL);
    const frame = ethernet(ip(data, { options: [7, 7, 4, 0, 0, 0, 0, 0] }));
    for (let n = 0; n <= frame.length; n++) lab.inject(frame.slice(0, n));
    expect(lab.ipv4.counters.IpInDelivers).toBe(1);
    expect(lab.unaccounted()).toBe(0);
  });

  it("cuts padding off, and skips options", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(ethernet(Buffer.concat([ip(data, { options: [7, 7, 4, 1, 2, 3, 4, 0] }), Buffer.alloc(30, 0xff)])));
    expect([...(recorder.packets[0]?.data ?? [])]).toEqual([...data]);
  });

  it("says where a malformed option stands (RFC 1122 §3.2.1.8)", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.inject(ethernet(ip(data, { options: [1, 1, 7, 0] })));
    const [sent] = lab.take();
    expect([...(sent?.bytes.slice(34, 42) ?? [])].filter((_, i) => i < 2 || i > 3)).toEqual([12, 0, 22, 0, 0, 0]);
  });

  it("takes packets of an ip link as they are", () => {
    const lab = new Lab({ link: new TestLink("ip") });
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(ip(data));
    expect(recorder.packets.length).toBe(1);
    expect(lab.unaccounted()).toBe(0);
  });

  it("accepts any of its addresses on any interface, and forgets those taken away", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.ipv4.addAddress(lab.netif, prefix("192.168.5.1/16"));
    lab.inject(ethernet(ip(data, { dst: "192.168.5.1" })));
    lab.inject(ethernet(ip(data, { dst: "192.168.255.255" }), { dst: BROADCAST_MAC }));
    expect(recorder.packets.map((p) => p.to)).toEqual([0, 1]);
    lab.ipv4.removeAddress(lab.netif, -1062730495);
    lab.inject(ethernet(ip(data, { dst: "192.168.5.1" })));
    expect(recorder.packets.length).toBe(2);
    expect(() => lab.ipv4.removeAddress(lab.netif, -1062730495)).toThrow(/ENOENT/);
  });

  it.each([
    ["an ethertype of IPv6", ethernet(data, { type: 0x86dd }), "TapstackInUnknownEthertype"],
    ["13 bytes", ethernet(data).slice(0, 13), "TapstackInRunts"],
    ["no bytes", new Uint8Array(0), "TapstackInRunts"],
  ] as const)("%s", (_, frame, counter) => {
    const lab = new Lab();
    lab.inject(frame);
    expect(lab.netifCounters[counter]).toBe(1);
    expect(lab.unaccounted()).toBe(0);
  });

  it("counts what comes to an interface that is closed", async () => {
    const lab = new Lab();
    await lab.netif.close();
    lab.inject(ethernet(ip(data)));
    expect(lab.netifCounters.TapstackInDown).toBe(1);
    expect(lab.unaccounted()).toBe(0);
  });

  it("reads the peer's frames whoever's MAC they come from", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(ethernet(ip(data, { src: "8.8.8.8" }), { src: PEER_MAC }));
    expect(recorder.packets[0]).toMatchObject({ src: "8.8.8.8", dst: "10.77.0.2", to: 0 });
  });
});
