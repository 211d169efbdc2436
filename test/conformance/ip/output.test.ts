import { describe, expect, it } from "vitest";
import { EMSGSIZE, ENETDOWN, ENOBUFS } from "../../../src/base/errors.js";
import {
  addr,
  bytes,
  checksum,
  ethernet,
  icmp,
  ip,
  Lab,
  describe as line,
  OTHER_MAC,
  PEER,
  PEER_MAC,
  Recorder,
  TestLink,
  US,
} from "../../unit/ip/lab.js";

const PROTOCOL = 253;

interface Options {
  protocol?: number;
  /** Of the length, how much is chunk memory. */
  pieces?: number[];
  csumOffset?: number;
  gso?: number;
  l4HeaderLength?: number;
  ttl?: number;
  tos?: number;
  df?: number;
  src?: string;
}

/** Sends `inline` bytes in place and `pieces` behind them, all made of bytes(); the result is finish()'s. */
function send(lab: Lab, to: string, inline: number, options: Options = {}): number {
  const { ipv4, env } = lab;
  const route = ipv4.routeTo(addr(to), options.src === undefined ? 0 : addr(options.src));
  if (route === null) return ipv4.routeError;
  const pieces = options.pieces ?? [];
  const payload = pieces.reduce((a, b) => a + b, 0);
  const all = bytes(inline + payload);
  const at = ipv4.begin(route, inline);
  if (at < 0) return at;
  expect(at % 4).toBe(0);
  env.memory.u8.set(all.slice(0, inline), at);
  let done = inline;
  for (const length of pieces) {
    const chunk = env.pool.take();
    env.memory.u8.set(all.slice(done, done + length), chunk);
    expect(ipv4.piece(route, chunk, length)).toBe(true);
    done += length;
  }
  const { protocol = PROTOCOL, csumOffset = -1, gso = 0, l4HeaderLength = 8, ttl = 64, tos = 0, df = 0 } = options;
  return ipv4.finish(route, at, inline, payload, protocol, route.src, csumOffset, gso, l4HeaderLength, ttl, tos, df);
}

/** The pseudo-header's bytes and the segment: sums to zero when the checksum in it is right. */
function withPseudo(packet: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12);
  head.set(packet.slice(12, 20), 0);
  head[9] = packet[9] as number;
  head.writeUInt16BE(packet.length - 20, 10);
  return Buffer.concat([head, packet.slice(20)]);
}

function met(link?: TestLink): Lab {
  const lab = new Lab(link === undefined ? {} : { link });
  if (lab.netif.ethernet) lab.meetPeer();
  return lab;
}

describe("IPv4 output (RFC 791 §3.1)", () => {
  it("writes a whole header", () => {
    const lab = met();
    expect(send(lab, PEER, 16, { ttl: 7, tos: 0xb8, df: 1 })).toBe(0);
    const packet = lab.take()[0]?.bytes.slice(14) as Uint8Array;
    // RFC 6864 §4.1: an atomic datagram's identification may be anything; it is 0.
    const expected = ip(bytes(16), { src: US, dst: PEER, ttl: 7, tos: 0xb8, id: 0, df: true });
    expect([...packet]).toEqual([...expected]);
  });

  it.each([[1], [1, 1], [3, 5, 7, 2], [0, 9], [100, 1, 1000]])(
    "completes a checksum over odd pieces %j",
    (...pieces) => {
      const lab = met();
      expect(send(lab, PEER, 20, { protocol: 17, csumOffset: 6, pieces })).toBe(0);
      const packet = lab.take()[0]?.bytes.slice(14) as Uint8Array;
      expect(packet.length).toBe(40 + pieces.reduce((a, b) => a + b));
      expect(checksum(withPseudo(packet))).toBe(0);
    },
  );

  it("leaves the checksum to a link that offers that, with the pseudo-header's sum in place", () => {
    const lab = met();
    lab.netif.features = 1;
    send(lab, PEER, 24, { protocol: 6, csumOffset: 16 });
    const [sent] = lab.take();
    expect(sent?.csum).toBe((34 << 16) | 16);
    const packet = sent?.bytes.slice(14) as Uint8Array;
    const pseudo = withPseudo(packet).slice(0, 12);
    expect(Buffer.from(packet).readUInt16BE(36)).toBe(0xffff - checksum(pseudo));
    // But never ICMP's.
    send(lab, PEER, 24, { protocol: 1, csumOffset: 2 });
    const [other] = lab.take();
    expect(other?.csum).toBe(0);
    expect(checksum(other?.bytes.slice(34) as Uint8Array)).toBe(0);
  });

  it("counts offload positions from the first byte on an ip link", () => {
    const lab = met(new TestLink("ip"));
    lab.netif.features = 3;
    send(lab, PEER, 4000, { protocol: 6, csumOffset: 16, gso: (1 << 16) | 1400, l4HeaderLength: 20, df: 1 });
    expect(lab.take()[0]).toMatchObject({ csum: (20 << 16) | 16, gso: (1 << 16) | 1400 });
  });

  it("cuts a large row itself for a link that cannot", () => {
    const lab = met();
    send(lab, PEER, 20, {
      protocol: 6,
      csumOffset: 16,
      pieces: [4000],
      gso: (1 << 16) | 1400,
      l4HeaderLength: 20,
      df: 1,
    });
    const sent = lab.take();
    expect(sent.map((s) => s.bytes.length - 54)).toEqual([1400, 1400, 1200]);
    for (const s of sent) expect(checksum(withPseudo(s.bytes.slice(14)))).toBe(0);
  });

  it.each([
    ["a group", "239.1.2.3", "01:00:5e:01:02:03"],
    ["a group whose upper bits do not show", "239.129.2.3", "01:00:5e:01:02:03"],
    ["a subnet's broadcast address", "10.77.0.255", "ff:ff:ff:ff:ff:ff"],
    ["255.255.255.255", "255.255.255.255", "ff:ff:ff:ff:ff:ff"],
  ])("sends to %s without asking", (_, to, mac) => {
    const lab = new Lab();
    send(lab, to, 8);
    expect(lab.lines()).toEqual([`${mac} 10.77.0.2 > ${to} proto 253 length 28`]);
  });

  it("says when the queue is full, and flushes first", () => {
    const lab = met();
    lab.link.takes = 0;
    let result = 0;
    let n = 0;
    for (; n < 5000 && result === 0; n++) result = send(lab, PEER, 8);
    expect(result).toBe(-ENOBUFS);
    lab.link.takes = Number.POSITIVE_INFINITY;
    expect(send(lab, PEER, 8)).toBe(0);
    expect(lab.take().length).toBe(n);
    expect(lab.env.pool.inUse).toBe(0);
  });

  it("says when the interface is down", () => {
    const lab = met();
    const route = lab.ipv4.routeTo(addr(PEER));
    if (route === null) throw new Error("no route");
    lab.netif.down();
    expect(lab.ipv4.begin(route, 8)).toBe(-ENETDOWN);
    expect(send(lab, PEER, 8)).toBe(-ENETDOWN);
  });
});

describe("fragmentation (RFC 791 §3.2)", () => {
  it.each([
    [1480, []],
    [1481, [0, 1480]],
    [4000, [0, 1480, 2960]],
    [65_515, Array.from({ length: 45 }, (_, i) => i * 1480)],
  ])("%i bytes", (length, offsets) => {
    const lab = met();
    expect(send(lab, PEER, 8, { pieces: split(length - 8) })).toBe(0);
    const sent = lab.take().map((s) => Buffer.from(s.bytes.slice(14)));
    expect(sent.length).toBe(Math.max(1, offsets.length));
    for (const [i, b] of sent.entries()) {
      expect(checksum(b.subarray(0, 20))).toBe(0);
      expect(b.readUInt16BE(2)).toBe(b.length);
      expect(b.length).toBeLessThanOrEqual(1500);
      expect(b.readUInt16BE(4)).toBe(sent[0]?.readUInt16BE(4));
      const more = i < sent.length - 1 ? 0x2000 : 0;
      expect(b.readUInt16BE(6)).toBe((offsets[i] ?? 0) / 8 + more);
    }
    expect(Buffer.compare(Buffer.concat(sent.map((b) => b.subarray(20))), bytes(length))).toBe(0);
  });

  it("sums the whole before it cuts, whatever the link offers", () => {
    const lab = met();
    lab.netif.features = 7;
    send(lab, PEER, 8, { protocol: 17, csumOffset: 6, pieces: split(3001) });
    const sent = lab.take();
    expect(sent.every((s) => s.csum === 0)).toBe(true);
    const data = Buffer.concat(sent.map((s) => s.bytes.slice(34)));
    expect(checksum(withPseudo(ip(data, { src: US, dst: PEER, protocol: 17 })))).toBe(0);
  });

  it("refuses what may not be cut, and what no packet holds", () => {
    const lab = met();
    expect(send(lab, PEER, 1481, { df: 1 })).toBe(-EMSGSIZE);
    expect(send(lab, PEER, 8, { pieces: split(65_508) })).toBe(-EMSGSIZE);
    expect(send(lab, PEER, 3000, { protocol: 6, gso: (1 << 16) | 1461, l4HeaderLength: 20, df: 1 })).toBe(-EMSGSIZE);
    expect(lab.lines()).toEqual([]);
    expect(lab.ipv4.counters.IpFragFails).toBe(3);
  });

  it("fragments to a neighbour that is not known yet wait and go together", () => {
    const lab = new Lab();
    send(lab, PEER, 4000);
    expect(lab.lines()).toEqual(["ff:ff:ff:ff:ff:ff arp who-has 10.77.0.1 tell 10.77.0.2"]);
    lab.meetPeer();
    lab.take();
    send(lab, PEER, 4000);
    expect(lab.take().length).toBe(3);
  });

  it("numbers datagrams one after another for one peer, and apart for another (RFC 6864 §4.2)", () => {
    const lab = met(new TestLink("ip"));
    const ids = (to: string): number[] =>
      [0, 1, 2].map(() => {
        send(lab, to, 8);
        return Buffer.from(lab.take()[0]?.bytes as Uint8Array).readUInt16BE(4);
      });
    const [a, b, c] = ids(PEER) as [number, number, number];
    expect([(b - a) & 0xffff, (c - b) & 0xffff]).toEqual([1, 1]);
    expect((ids("10.77.0.9")[0] as number) - c).not.toBe(1);
  });
});

describe("path MTU (RFC 1191)", () => {
  const tooBig = (mtu: number, to = PEER, length = 1500): Uint8Array => {
    const quote = ip(bytes(8), { src: US, dst: to, protocol: PROTOCOL, df: true, length });
    return ethernet(ip(icmp(quote, { type: 3, code: 4, rest: mtu }), { protocol: 1, src: "10.77.0.250" }));
  };

  function lab(): { lab: Lab; recorder: Recorder } {
    const made = met();
    return { lab: made, recorder: new Recorder(made, PROTOCOL) };
  }

  it("is learnt, told of, and forgotten after ten minutes", () => {
    const { lab: l, recorder } = lab();
    const before = l.ipv4.routeTo(addr(PEER));
    const generation = l.ipv4.generation;
    l.inject(tooBig(1280));
    expect(recorder.reports).toMatchObject([{ type: 3, code: 4, mtu: 1280, errno: EMSGSIZE, hard: false }]);
    expect(l.ipv4.generation).not.toBe(generation);
    expect(l.ipv4.routeTo(addr(PEER))).toMatchObject({ mtu: 1280, mtuLocked: false });
    expect(before?.generation).not.toBe(l.ipv4.generation);
    expect(send(l, PEER, 1261, { df: 1 })).toBe(-EMSGSIZE);
    expect(send(l, PEER, 1260, { df: 1 })).toBe(0);
    l.wait(599_000);
    expect(l.ipv4.routeTo(addr(PEER))?.mtu).toBe(1280);
    l.wait(2000);
    expect(l.ipv4.routeTo(addr(PEER))?.mtu).toBe(1500);
    expect(l.env.wheel.size).toBe(0);
  });

  it("is known for one destination only", () => {
    const { lab: l } = lab();
    l.inject(tooBig(1280));
    expect(l.ipv4.routeTo(addr("10.77.0.9"))?.mtu).toBe(1500);
  });

  it("is the least (min_pmtu) when the router does not say, as on Linux", () => {
    const { lab: l, recorder } = lab();
    l.inject(tooBig(0));
    expect(recorder.reports[0]?.mtu).toBe(0);
    expect(l.ipv4.routeTo(addr(PEER))?.mtu).toBe(552);
  });

  it("never grows by message", () => {
    const { lab: l } = lab();
    for (const mtu of [1280, 1400]) l.inject(tooBig(mtu));
    expect(l.ipv4.routeTo(addr(PEER))?.mtu).toBe(1280);
  });

  it("is not believed when larger, or when the transport does not know the packet", () => {
    const { lab: l, recorder } = lab();
    l.inject(tooBig(9000));
    recorder.credible = false;
    l.inject(tooBig(1000));
    expect(l.ipv4.routeTo(addr(PEER))?.mtu).toBe(1500);
  });

  it("below min_pmtu is not believed: packets go without DF then", () => {
    const { lab: l } = lab();
    l.inject(tooBig(68));
    expect(l.ipv4.routeTo(addr(PEER))).toMatchObject({ mtu: 552, mtuLocked: true });
    expect(send(l, PEER, 1000, { df: 1 })).toBe(0);
    expect(l.lines().length).toBe(2);
  });
});

describe("to ourselves", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.1.2.3", "127.0.0.1"],
    [US, US],
  ])("%s comes back through loopback from %s, and nothing is on the wire", (to, src) => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    send(lab, to, 12);
    expect(lab.lines()).toEqual([]);
    expect(recorder.packets).toMatchObject([{ src, dst: to, to: 0 }]);
    expect(lab.unaccounted()).toBe(0);
  });
});

it("the ethernet header is ours and theirs", () => {
  const lab = new Lab();
  lab.meetPeer("10.77.0.9", OTHER_MAC);
  send(lab, "10.77.0.9", 8);
  const [sent] = lab.take();
  expect(line(sent?.bytes as Uint8Array)).toContain(OTHER_MAC);
  expect([...(sent?.bytes.slice(6, 14) ?? [])]).toEqual([2, 0, 0, 0, 0, 2, 8, 0]);
  expect(PEER_MAC).not.toBe(OTHER_MAC);
});

/** Lengths that fit chunks. */
function split(length: number): number[] {
  const lengths = [];
  for (let left = length; left > 0; left -= 8000) lengths.push(Math.min(left, 8000));
  return lengths;
}
