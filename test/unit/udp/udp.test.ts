import { describe, expect, it } from "vitest";
import { EACCES, EAGAIN, ECONNREFUSED, EINVAL, EMSGSIZE } from "../../../src/base/errors.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../../../src/link/link.js";
import { GSO_UDP4 } from "../../../src/link/tx-queue.js";
import { DATAGRAM_OVERHEAD } from "../../../src/udp/datagram-queue.js";
import { PMTUDISC_DO, PMTUDISC_DONT, UDP_ERROR, UDP_READABLE, UDP_WRITABLE } from "../../../src/udp/endpoint.js";
import { joinGroup, leaveGroup } from "../../../src/udp/membership.js";
import { LOOPBACK } from "../../../src/wire/address.js";
import { addr, BROADCAST, GROUP, Harness, OTHER, PEER, US, US2 } from "./harness.js";

describe("what is received (RFC 768, RFC 1122 §4.1.3)", () => {
  it("reaches the socket with the sender's address, and wakes it", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.inject({ dstPort: 7, srcPort: 1234, data: "hello" });
    expect(e.events).toBe(UDP_READABLE);
    expect([e.queue.src, e.queue.srcPort, e.queue.dst, e.queue.length]).toEqual([PEER, 1234, US, 5]);
    expect(h.texts(e)).toEqual(["hello"]);
    expect(h.udp.counters.UdpInDatagrams).toBe(1);
  });

  it.each([
    ["a checksum of zero: none was made", { checksum: 0 }, 1],
    ["a wrong checksum", { checksum: 0x1234 }, 0],
    ["a wrong checksum that the link vouches for", { checksum: 0x1234, flags: RX_CSUM_VALID }, 1],
    ["a partial checksum of a neighbour in this machine", { checksum: 0x1234, flags: RX_CSUM_PARTIAL }, 1],
    ["bytes behind the datagram", { padding: 5 }, 1],
    ["a length shorter than a header", { length: 7 }, 0],
    ["a length of zero", { length: 0 }, 0],
    ["a length longer than the packet", { length: 14 }, 0],
  ])("handles %s", (_, what, delivered) => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.inject({ dstPort: 7, data: "hello", ...what });
    expect(h.texts(e)).toEqual(delivered === 1 ? ["hello"] : []);
    expect(h.udp.counters.UdpInErrors).toBe(1 - delivered);
    expect(h.accounted()).toEqual({ delivered: 1, counted: 1 });
  });

  it("keeps empty datagrams", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.inject({ dstPort: 7 });
    h.inject({ dstPort: 7, data: "x" });
    expect(h.texts(e)).toEqual(["", "x"]);
    expect(h.pool.inUse).toBe(0);
  });

  it("answers a closed port with ICMP port unreachable, but not what was broadcast", () => {
    const h = new Harness();
    h.inject({ dstPort: 9, data: "x" });
    expect(h.icmpSent()).toEqual([[3, 3]]);
    expect(h.udp.counters.UdpNoPorts).toBe(1);
    h.inject({ dstPort: 9, dst: BROADCAST, data: "x" });
    expect(h.icmpSent()).toEqual([]);
    expect(h.udp.counters.UdpIgnoredMulti).toBe(1);
    expect(h.accounted()).toEqual({ delivered: 2, counted: 2 });
  });

  it("takes a frame that stands for several apart", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.inject({ dstPort: 7, data: "aaaabbbbcc", gso: (GSO_UDP4 << 16) | 4, flags: RX_CSUM_PARTIAL });
    expect(h.texts(e)).toEqual(["aaaa", "bbbb", "cc"]);
    expect(h.udp.counters.UdpInDatagrams).toBe(3);
    expect(h.accounted()).toEqual({ delivered: 1, counted: 1 });
  });
});

describe("who receives", () => {
  it("is the connected before the unconnected, the exact address before any, the newest before the older", () => {
    const h = new Harness();
    const shared = { reuseAddr: true };
    const any = h.endpoint(53, 0, shared);
    const older = h.endpoint(53, US, shared);
    const exact = h.endpoint(53, US, shared);
    const connected = h.endpoint(53, US, shared);
    h.udp.connect(connected, PEER, 5000);
    h.inject({ dstPort: 53, data: "from the peer" });
    h.inject({ dstPort: 53, srcPort: 5001, data: "from its other port" });
    h.inject({ dstPort: 53, src: OTHER, data: "from another" });
    h.inject({ dstPort: 53, dst: US2, data: "to our other address" });
    expect(h.texts(connected)).toEqual(["from the peer"]);
    expect(h.texts(exact)).toEqual(["from its other port", "from another"]);
    expect(h.texts(older)).toEqual([]);
    expect(h.texts(any)).toEqual(["to our other address"]);
  });

  it("is nobody when the only socket is connected to somebody else", () => {
    const h = new Harness();
    const e = h.endpoint(53);
    h.udp.connect(e, PEER, 5000);
    h.inject({ dstPort: 53, src: OTHER });
    expect(h.udp.counters.UdpNoPorts).toBe(1);
    h.udp.disconnect(e);
    h.inject({ dstPort: 53, src: OTHER, data: "again" });
    expect(h.texts(e)).toEqual(["again"]);
  });

  it("is the newest of several with one and the same peer, and the older when that closes", () => {
    const h = new Harness();
    const [a, b, c] = [1, 2, 3].map(() => {
      const e = h.endpoint(53, US, { reuseAddr: true });
      h.udp.connect(e, PEER, 5000);
      return e;
    }) as [ReturnType<Harness["endpoint"]>, ReturnType<Harness["endpoint"]>, ReturnType<Harness["endpoint"]>];
    h.inject({ dstPort: 53, data: "1" });
    h.udp.close(b);
    h.inject({ dstPort: 53, data: "2" });
    expect(h.texts(c)).toEqual(["1", "2"]);
    h.udp.close(c);
    h.inject({ dstPort: 53, data: "3" });
    expect(h.texts(a)).toEqual(["3"]);
    h.udp.close(a);
    expect(h.ports.size).toBe(0);
  });

  it("is each socket of a SO_REUSEPORT group for its own flows", () => {
    const h = new Harness();
    const group = [1, 2, 3, 4].map(() => h.endpoint(53, 0, { reusePort: true }));
    for (let round = 0; round < 2; round++)
      for (let port = 1000; port < 1100; port++) h.inject({ dstPort: 53, srcPort: port, data: `${port}` });
    const texts = group.map((e) => h.texts(e));
    for (const own of texts) {
      expect(own.length).toBeGreaterThan(20);
      expect(new Set(own).size).toBe(own.length / 2);
    }
    expect(texts.flat().length).toBe(200);
  });

  it("is everybody at the port for a broadcast, and for a group that this host is in", () => {
    const h = new Harness();
    const shared = { reuseAddr: true };
    const any = h.endpoint(53, 0, shared);
    const any2 = h.endpoint(53, 0, shared);
    const exact = h.endpoint(53, US, shared);
    const atGroup = h.endpoint(53, GROUP, shared);
    h.inject({ dstPort: 53, dst: BROADCAST, data: "all" });
    h.inject({ dstPort: 53, dst: GROUP, data: "not in it" });
    joinGroup(h.ip, any, GROUP, 0);
    h.inject({ dstPort: 53, dst: GROUP, data: "in it" });
    expect([any, any2, exact, atGroup].map((e) => h.texts(e))).toEqual([
      ["all", "in it"],
      ["all", "in it"],
      [],
      ["in it"],
    ]);
    leaveGroup(h.ip, any, GROUP, 0);
    h.inject({ dstPort: 53, dst: GROUP, data: "left" });
    expect(h.texts(any)).toEqual([]);
    expect(h.accounted()).toEqual({ delivered: 2, counted: 2 });
  });
});

describe("the receive queue", () => {
  it("is bounded by SO_RCVBUF, and what does not fit is counted", () => {
    const h = new Harness();
    const e = h.endpoint(7, 0, { rcvLimit: 3 * (100 + DATAGRAM_OVERHEAD) });
    for (let i = 0; i < 5; i++) h.inject({ dstPort: 7, data: new Uint8Array(100).fill(48 + i) });
    expect(h.udp.counters.UdpRcvbufErrors).toBe(2);
    expect(h.udp.counters.TapstackUdpInDrops).toBe(2);
    expect(h.texts(e).map((text) => text[0])).toEqual(["0", "1", "2"]);
    h.inject({ dstPort: 7, data: "again" });
    expect(h.texts(e)).toEqual(["again"]);
    expect(h.accounted()).toEqual({ delivered: 6, counted: 6 });
  });

  it("takes one datagram whatever its size", () => {
    const h = new Harness();
    const e = h.endpoint(7, 0, { rcvLimit: 2304 });
    h.inject({ dstPort: 7, data: new Uint8Array(60_000) });
    expect(e.queue.length).toBe(60_000);
  });

  it("bounds empty datagrams too", () => {
    const h = new Harness();
    h.endpoint(7, 0, { rcvLimit: 2304 });
    for (let i = 0; i < 100; i++) h.inject({ dstPort: 7 });
    expect(h.udp.counters.UdpInDatagrams).toBe(Math.floor(2304 / DATAGRAM_OVERHEAD));
  });

  it("drops and counts when the stack's memory is used up, and goes on when there is some again", () => {
    const h = new Harness({}, 2);
    const e = h.endpoint(7);
    for (let i = 0; i < 20; i++) h.inject({ dstPort: 7, data: new Uint8Array(1000).fill(65 + i) });
    expect(h.udp.counters.UdpInDatagrams).toBe(16);
    expect(h.udp.counters.UdpMemErrors).toBe(4);
    expect(h.texts(e).every((text, i) => text === String.fromCharCode(65 + i).repeat(1000))).toBe(true);
    expect(h.pool.inUse).toBe(0);
    h.inject({ dstPort: 7, data: "again" });
    expect(h.texts(e)).toEqual(["again"]);
  });

  it("keeps order and content through many sizes while it is read behind", () => {
    const h = new Harness();
    const e = h.endpoint(7, 0, { rcvLimit: 1 << 20 });
    const target = new Uint8Array(2000);
    let read = 0;
    for (let i = 0; i < 500; i++) {
      h.inject({ dstPort: 7, srcPort: i + 1, data: new Uint8Array((i * 37) % 1400).fill(i) });
      while (e.queue.count > (i < 400 ? 20 + (i % 30) : 0)) {
        const n = e.queue.read(target, 0, 2000);
        expect([e.queue.srcPort, n]).toEqual([read + 1, (read * 37) % 1400]);
        expect(target.subarray(0, n).every((b) => b === (read & 255))).toBe(true);
        e.queue.shift();
        read++;
      }
    }
    expect(read).toBe(500);
    expect(h.pool.inUse).toBe(0);
  });
});

describe("what is sent", () => {
  it("has ports, length and a right checksum", () => {
    const h = new Harness();
    const e = h.endpoint(7, 0, { tos: 0x10 });
    expect(h.send(e, "hello")).toBe(5);
    const [d] = h.sent();
    expect(d).toMatchObject({ src: US, dst: PEER, srcPort: 7, dstPort: 5000, ttl: 64, tos: 0x10, df: true });
    expect(new TextDecoder().decode(d?.data)).toBe("hello");
    h.inject({ src: PEER, dst: US, srcPort: 5000, dstPort: 7, data: d?.data as Uint8Array });
    expect(h.udp.counters.UdpInCsumErrors).toBe(0);
    expect(h.udp.counters.UdpOutDatagrams).toBe(1);
  });

  it("carries ffff where the sum is zero, and zero only without a checksum (RFC 768)", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    // One 16-bit word makes up for all the rest.
    h.send(e, Uint8Array.of(0, 0));
    const { checksum } = h.sent()[0] as { checksum: number };
    h.send(e, Uint8Array.of(checksum >> 8, checksum & 255));
    expect(h.sent()[0]?.checksum).toBe(0xffff);
    e.noChecksum = true;
    h.send(e, "hello");
    expect(h.sent()[0]?.checksum).toBe(0);
  });

  it("leaves from the bound address, and from the interface's when bound to a group", () => {
    const h = new Harness();
    h.send(h.endpoint(7, US2), "a");
    h.send(h.endpoint(8, GROUP), "b");
    expect(h.sent().map((d) => d.src)).toEqual([US2, US]);
  });

  it("takes a port of the range by itself", () => {
    const h = new Harness();
    const e = h.endpoint();
    expect(h.send(e, "a")).toBe(1);
    expect(e.localPort).toBeGreaterThanOrEqual(32768);
    expect(h.sent()[0]?.srcPort).toBe(e.localPort);
  });

  it.each([
    ["over 65,507 bytes", 65_508, {}, -EMSGSIZE],
    ["65,507 bytes", 65_507, {}, 65_507],
    ["more than the path takes, not to be cut", 1473, { mtuDiscover: PMTUDISC_DO }, -EMSGSIZE],
    ["what the path just takes, not to be cut", 1472, { mtuDiscover: PMTUDISC_DO }, 1472],
  ])("is refused or not: %s", (_, length, set, result) => {
    const h = new Harness();
    const e = h.endpoint(7, 0, set);
    expect(h.send(e, new Uint8Array(length))).toBe(result);
  });

  it("is cut into fragments that say so, without DF", () => {
    const h = new Harness();
    h.send(h.endpoint(7, 0, { mtuDiscover: PMTUDISC_DONT }), new Uint8Array(4000));
    const frames = h.link.sent.splice(0);
    expect(frames.map((f) => f.length - 20)).toEqual([1480, 1480, 1048]);
    expect(frames.map((f) => (f[6] as number) >> 5)).toEqual([1, 1, 0]);
  });

  it("goes to a broadcast address only with SO_BROADCAST, and to port 0 never", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    expect(h.send(e, "a", BROADCAST)).toBe(-EACCES);
    expect(h.send(e, "a", -1)).toBe(-EACCES);
    expect(() => h.udp.connect(e, BROADCAST, 7)).toThrow(/EACCES.*SO_BROADCAST/);
    expect(h.send(e, "a", PEER, 0)).toBe(-EINVAL);
    e.broadcast = true;
    expect(h.send(e, "a", BROADCAST, 7)).toBe(1);
    expect(h.sent()[0]?.dst).toBe(BROADCAST);
    expect(h.texts(e)).toEqual(["a"]);
  });

  it("comes back from a group that we are in, unless IP_MULTICAST_LOOP is off, and leaves with its own TTL", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    joinGroup(h.ip, e, GROUP, US);
    h.link.sent.length = 0;
    expect(h.send(e, "a", GROUP, 7)).toBe(1);
    expect(h.sent().map((d) => d.ttl)).toEqual([1]);
    expect(h.texts(e)).toEqual(["a"]);
    e.multicastLoop = false;
    h.send(e, "b", GROUP, 7);
    expect(h.texts(e)).toEqual([]);
  });

  it("reaches our own sockets through the loopback", () => {
    const h = new Harness();
    const server = h.endpoint(7);
    const client = h.endpoint();
    h.send(client, "to loopback", LOOPBACK, 7);
    h.send(client, "to ourselves", US, 7);
    h.send(client, "to nowhere in particular", 0, 7);
    expect(h.texts(server)).toEqual(["to loopback", "to ourselves", "to nowhere in particular"]);
    expect(h.link.sent).toEqual([]);
  });

  it("waits with EAGAIN while the link is full, and says when it is not", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.link.full = true;
    let sent = 0;
    while (h.send(e, new Uint8Array(1400)) > 0) sent++;
    expect(sent).toBeGreaterThan(100);
    expect(h.send(e, new Uint8Array(1400))).toBe(-EAGAIN);
    expect(h.udp.counters.UdpSndbufErrors).toBe(2);
    h.link.full = false;
    h.netif.flush();
    h.udp.resume();
    expect(e.events & UDP_WRITABLE).toBe(UDP_WRITABLE);
    expect(h.send(e, "x")).toBe(1);
  });
});

describe("errors about what was sent", () => {
  /** Port unreachable, quoting a datagram from `srcPort` of ours to the peer's `dstPort`. */
  function unreachable(h: Harness, srcPort: number, dstPort: number, code = 3): void {
    const quoted = Uint8Array.of(
      ...[0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0],
      ...[US, PEER].flatMap((a) => [a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255]),
      ...[srcPort >> 8, srcPort & 255, dstPort >> 8, dstPort & 255, 0, 12, 0, 0],
    );
    const at = h.memory.reserve(256);
    const { dv, u8 } = h.memory;
    const total = 28 + quoted.length;
    dv.setInt32(at, 0x45000000 | total);
    dv.setInt32(at + 4, 0);
    dv.setInt32(at + 8, (64 << 24) | (1 << 16));
    dv.setInt32(at + 12, PEER);
    dv.setInt32(at + 16, US);
    dv.setUint16(at + 10, ~h.memory.sum(at, 20) & 0xffff);
    dv.setInt32(at + 20, (3 << 24) | (code << 16));
    dv.setInt32(at + 24, 0);
    u8.set(quoted, at + 28);
    dv.setUint16(at + 22, ~h.memory.sum(at + 20, total - 20) & 0xffff);
    h.netif.input(at, total, 0, 0);
  }

  it("reach the connected socket that sent it, as ECONNREFUSED", () => {
    const h = new Harness();
    const connected = h.endpoint(7);
    const unconnected = h.endpoint(8);
    h.udp.connect(connected, PEER, 5000);
    unreachable(h, 7, 5001);
    unreachable(h, 8, 5000);
    expect([connected.error, unconnected.error, connected.events]).toEqual([0, 0, 0]);
    unreachable(h, 7, 5000);
    expect(connected.error).toBe(ECONNREFUSED);
    expect(connected.events).toBe(UDP_ERROR);
  });

  it("do not when they may pass: host unreachable", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.udp.connect(e, PEER, 5000);
    unreachable(h, 7, 5000, 1);
    expect(e.error).toBe(0);
  });
});

describe("connecting", () => {
  it("fixes the local address, and gives it back with the port it took", () => {
    const h = new Harness();
    const e = h.endpoint();
    h.udp.connect(e, PEER, 5000);
    expect([e.localAddr, e.remoteAddr, e.remotePort]).toEqual([US, PEER, 5000]);
    h.udp.connect(e, OTHER, 6000);
    expect([e.localAddr, e.remoteAddr, e.remotePort]).toEqual([US, OTHER, 6000]);
    h.udp.disconnect(e);
    expect([e.localPort, e.remotePort]).toEqual([0, 0]);
    expect(h.ports.size).toBe(0);
  });

  it("keeps a port that bind gave", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    h.udp.connect(e, PEER, 5000);
    h.udp.disconnect(e);
    expect([e.localAddr, e.localPort]).toEqual([0, 7]);
  });

  it("fails without a route, and leaves the socket as it was", () => {
    const h = new Harness();
    h.ip.removeRoute({ addr: 0, length: 0 });
    const e = h.endpoint(7);
    expect(() => h.udp.connect(e, addr("192.0.2.1"), 7)).toThrow(/ENETUNREACH/);
    h.inject({ dstPort: 7, data: "still here" });
    expect(h.texts(e)).toEqual(["still here"]);
  });
});

describe("closing", () => {
  it("leaves nothing: no port, no memory, no group", () => {
    const h = new Harness();
    const e = h.endpoint(7);
    joinGroup(h.ip, e, GROUP, 0);
    h.inject({ dstPort: 7, data: "unread" });
    h.udp.close(e);
    h.udp.close(e);
    expect([h.pool.inUse, h.ports.size, h.ip.groups.isMember(h.netif, GROUP)]).toEqual([0, 0, false]);
    h.inject({ dstPort: 7 });
    expect(h.udp.counters.UdpNoPorts).toBe(1);
  });
});
