import { describe, expect, it } from "vitest";
import {
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "../../../src/base/errors.js";
import {
  addr,
  BROADCAST_MAC,
  bytes,
  checksum,
  ethernet,
  icmp,
  ip,
  Lab,
  OUR_MAC,
  PEER,
  PEER_MAC,
  Recorder,
  US,
} from "../../unit/ip/lab.js";

const PROTOCOL = 253;
/** No protocol here: answered with protocol unreachable. */
const UNKNOWN = 200;
const data = bytes(16);

/** An error from a router about a packet of ours. */
function error(
  type: number,
  code: number,
  quote: Uint8Array = ip(bytes(8), { src: US, dst: PEER, protocol: PROTOCOL }),
  rest = 0,
): Uint8Array {
  return ethernet(ip(icmp(quote, { type, code, rest }), { protocol: 1, src: "10.77.0.250" }));
}

describe("errors in (RFC 792, RFC 1122 §3.2.2.1, Linux's icmp_err_convert)", () => {
  it.each([
    [3, 0, ENETUNREACH, false],
    [3, 1, EHOSTUNREACH, false],
    [3, 2, ENOPROTOOPT, true],
    [3, 3, ECONNREFUSED, true],
    [3, 4, EMSGSIZE, false],
    [3, 5, EOPNOTSUPP, false],
    [3, 6, ENETUNREACH, true],
    [3, 7, EHOSTDOWN, true],
    [3, 8, ENONET, true],
    [3, 9, ENETUNREACH, true],
    [3, 10, EHOSTUNREACH, true],
    [3, 11, ENETUNREACH, false],
    [3, 12, EHOSTUNREACH, false],
    [3, 13, EHOSTUNREACH, true],
    [3, 14, EHOSTUNREACH, true],
    [3, 15, EHOSTUNREACH, true],
    [11, 0, EHOSTUNREACH, false],
    [12, 0, EPROTO, true],
  ])("type %i code %i reaches the protocol as errno %i, hard: %s", (type, code, errno, hard) => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(error(type, code));
    expect(recorder.reports).toMatchObject([
      { type, code, errno, hard, reporter: addr("10.77.0.250"), src: addr(US), dst: addr(PEER), l4Length: 8 },
    ]);
  });

  it("says nothing of a fragment that was missing at the other end, as Linux", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(error(11, 1));
    expect(recorder.reports).toEqual([]);
  });

  it("points at the quoted transport header, behind options", () => {
    const lab = new Lab();
    const seen: number[] = [];
    lab.ipv4.register(PROTOCOL, {
      input: () => {},
      report: (r) => seen.push(lab.env.memory.u8[r.l4] as number, r.l4Length),
    });
    lab.inject(error(3, 3, ip(bytes(12, 99), { src: US, dst: PEER, protocol: PROTOCOL, options: [1, 1, 1, 1] })));
    expect(seen).toEqual([99, 12]);
  });

  it.each([
    ["an unknown code", error(3, 16)],
    ["a quote cut short", error(3, 3, ip(bytes(7), { src: US, protocol: PROTOCOL }))],
    ["a quote of no bytes", error(3, 3, new Uint8Array(0))],
    ["a quote of version 6", error(3, 3, ip(bytes(8), { src: US, protocol: PROTOCOL, version: 6 }))],
    ["a quote with a header of 4 words", error(3, 3, ip(bytes(8), { src: US, protocol: PROTOCOL, ihl: 4 }))],
    ["a quote whose header does not fit", error(3, 3, ip(bytes(8), { src: US, protocol: PROTOCOL, ihl: 15 }))],
    ["a packet that was not ours", error(3, 3, ip(bytes(8), { src: "10.77.0.9", dst: PEER, protocol: PROTOCOL }))],
    ["a later fragment", error(3, 3, ip(bytes(8), { src: US, dst: PEER, protocol: PROTOCOL, offset: 8 }))],
    ["an error of 7 bytes", ethernet(ip(Uint8Array.of(3, 3, 0xfc, 0xfc, 0, 0, 0), { protocol: 1 }))],
    ["an unknown type", error(77, 0)],
  ])("drops %s", (_, frame) => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(frame);
    expect(recorder.reports).toEqual([]);
    expect(lab.icmp.counters.IcmpInErrors).toBe(1);
    expect(lab.unaccounted()).toBe(0);
  });

  it.each([
    ["source quench (RFC 6633)", 4, "IcmpInSrcQuenchs"],
    ["redirect", 5, "IcmpInRedirects"],
    ["timestamp", 13, "IcmpInTimestamps"],
    ["timestamp reply", 14, "IcmpInTimestampReps"],
    ["address mask", 17, "IcmpInAddrMasks"],
    ["address mask reply", 18, "IcmpInAddrMaskReps"],
  ] as const)("counts a %s and does nothing", (_, type, counter) => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    lab.inject(error(type, 0));
    expect(lab.icmp.counters[counter]).toBe(1);
    expect(recorder.reports).toEqual([]);
    expect(lab.lines()).toEqual([]);
  });
});

describe("errors out (RFC 1122 §3.2.2, RFC 1812 §4.3.2)", () => {
  function lab(settings = {}): Lab {
    const made = new Lab({ settings });
    made.meetPeer();
    return made;
  }

  it("quote the packet, and come from the address that it was sent to", () => {
    const l = lab();
    const offender = ip(data, { protocol: UNKNOWN, tos: 0x0a });
    l.inject(ethernet(offender));
    const [sent] = l.take();
    const packet = sent?.bytes.slice(14) as Uint8Array;
    expect(checksum(packet.slice(20))).toBe(0);
    expect([...packet.slice(20, 22), ...packet.slice(24)]).toEqual([3, 2, 0, 0, 0, 0, ...offender]);
    // RFC 1812 §4.3.2.5: precedence 6.
    expect(packet[1]).toBe(0xca);
    expect(l.icmp.counters).toMatchObject({ IcmpOutMsgs: 1, IcmpOutDestUnreachs: 1, IcmpOutErrors: 0 });
  });

  it("are no longer than 576 bytes", () => {
    const l = lab();
    l.inject(ethernet(ip(bytes(1400), { protocol: UNKNOWN })));
    expect(l.take()[0]?.bytes.length).toBe(14 + 576);
  });

  it("do not quote padding", () => {
    const l = lab();
    l.inject(ethernet(Buffer.concat([ip(bytes(4), { protocol: UNKNOWN }), Buffer.alloc(22)])));
    expect(l.take()[0]?.bytes.length).toBe(14 + 20 + 8 + 24);
  });

  it.each([
    [
      "a packet to a broadcast address",
      ethernet(ip(data, { protocol: UNKNOWN, dst: "10.77.0.255" }), { dst: BROADCAST_MAC }),
    ],
    [
      "a packet to 255.255.255.255",
      ethernet(ip(data, { protocol: UNKNOWN, dst: "255.255.255.255" }), { dst: OUR_MAC }),
    ],
    ["a packet to a group", ethernet(ip(data, { protocol: UNKNOWN, dst: "224.0.0.1" }), { dst: "01:00:5e:00:00:01" })],
    [
      "a packet from 0.0.0.0",
      ethernet(ip(data, { protocol: UNKNOWN, src: "0.0.0.0", dst: "224.0.0.1" }), { dst: OUR_MAC }),
    ],
    ["a packet from class E", ethernet(ip(data, { protocol: UNKNOWN, src: "240.0.0.1" }))],
    ["a later fragment with a bad option", ethernet(ip(data, { protocol: UNKNOWN, offset: 8, options: [7, 0, 0, 0] }))],
    ["an ICMP error with a bad option", ethernet(ip(icmp(data, { type: 3 }), { protocol: 1, options: [7, 0, 0, 0] }))],
    [
      "an ICMP message of unknown type with a bad option",
      ethernet(ip(icmp(data, { type: 99 }), { protocol: 1, options: [7, 0, 0, 0] })),
    ],
    [
      "an empty ICMP message with a bad option",
      ethernet(ip(new Uint8Array(0), { protocol: 1, options: [7, 0, 0, 0] })),
    ],
    ["an IGMP message", ethernet(ip(data, { protocol: 2 }))],
  ])("are never sent about %s", (_, frame) => {
    const l = lab();
    l.ipv4.addRoute({ addr: 0, length: 0 }, addr(PEER), l.netif);
    l.inject(frame);
    expect(l.lines()).toEqual([]);
    // Not even tried.
    expect(l.icmp.counters.IcmpOutErrors).toBe(0);
    expect(l.unaccounted()).toBe(0);
  });

  it("but are about an echo request with a bad option", () => {
    const l = lab();
    l.inject(ethernet(ip(icmp(data), { protocol: 1, options: [7, 0, 0, 0] })));
    expect(l.lines()).toEqual([`${PEER_MAC} 10.77.0.2 > 10.77.0.1 icmp 12/0 length ${28 + 24 + 24}`]);
  });

  it("6 at once to one destination, then one a second", () => {
    const l = lab();
    const offend = (n: number): number => {
      for (let i = 0; i < n; i++) l.inject(ethernet(ip(data, { protocol: UNKNOWN })));
      return l.take().length;
    };
    expect(offend(20)).toBe(6);
    l.wait(999);
    expect(offend(3)).toBe(0);
    l.wait(1);
    expect(offend(3)).toBe(1);
    l.wait(60_000);
    expect(offend(20)).toBe(6);
    expect(l.icmp.counters.IcmpOutRateLimitHost).toBe(14 + 3 + 2 + 14);
  });

  it("50 at once to all, then 1000 a second", () => {
    const l = lab();
    l.ipv4.addRoute({ addr: 0, length: 0 }, addr(PEER), l.netif);
    const offend = (from: number, to: number): number => {
      for (let i = from; i < to; i++)
        l.inject(ethernet(ip(data, { protocol: UNKNOWN, src: `8.8.${i >> 8}.${i & 255}` })));
      return l.take().length;
    };
    expect(offend(0, 200)).toBe(50);
    expect(l.icmp.counters.IcmpOutRateLimitGlobal).toBe(150);
    l.wait(10);
    expect(offend(200, 300)).toBe(10);
  });

  it("echo replies are not limited, unless icmp_ratemask says so", () => {
    const ping = ethernet(ip(icmp(data), { protocol: 1 }));
    const l = lab();
    for (let i = 0; i < 100; i++) l.inject(ping);
    expect(l.take().length).toBe(100);
  });

  it("obey settings on a running stack", () => {
    const l = lab({ "net.ipv4.icmp_ratelimit": 0 });
    for (let i = 0; i < 20; i++) l.inject(ethernet(ip(data, { protocol: UNKNOWN })));
    expect(l.take().length).toBe(20);
    l.env.config.set("net.ipv4.icmp_ratemask", 0);
    for (let i = 0; i < 100; i++) l.inject(ethernet(ip(data, { protocol: UNKNOWN })));
    expect(l.take().length).toBe(100);
  });
});
