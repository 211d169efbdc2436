import { describe, expect, it } from "vitest";
import { EHOSTUNREACH } from "../../../src/base/errors.js";
import { stateName } from "../../../src/neighbour/neighbour.js";
import {
  addr,
  arp,
  bytes,
  ethernet,
  ip,
  Lab,
  describe as line,
  OTHER_MAC,
  OUR_MAC,
  PEER,
  PEER_MAC,
  Recorder,
  US,
} from "../../unit/ip/lab.js";

const PROTOCOL = 253;
const WHO_HAS = "ff:ff:ff:ff:ff:ff arp who-has 10.77.0.1 tell 10.77.0.2";
const PROBE = `${PEER_MAC} arp who-has 10.77.0.1 tell 10.77.0.2`;
const DATA = `${PEER_MAC} 10.77.0.2 > 10.77.0.1 proto 253 length 28`;

/** Sends `length` bytes of an unknown protocol; the result is finish()'s. */
function send(lab: Lab, to = PEER, length = 8): number {
  const route = lab.ipv4.routeTo(addr(to));
  if (route === null) return lab.ipv4.routeError;
  const at = lab.ipv4.begin(route, length);
  if (at < 0) return at;
  lab.env.memory.u8.set(bytes(length), at);
  return lab.ipv4.finish(route, at, length, 0, PROTOCOL, route.src, -1, 0, 8, 64, 0, 0);
}

const state = (lab: Lab, ip = PEER): string => stateName(lab.ipv4.neighbours.find(lab.netif, addr(ip))?.state ?? 0);

describe("address resolution (RFC 826)", () => {
  it.each([
    ["a request for us", arp(), [`${PEER_MAC} arp 10.77.0.2 is-at ${OUR_MAC} to 10.77.0.1`]],
    ["a request for another", arp({ target: "10.77.0.3" }), []],
    ["a unicast request for us", arp({ to: OUR_MAC }), [`${PEER_MAC} arp 10.77.0.2 is-at ${OUR_MAC} to 10.77.0.1`]],
    ["a probe for our address", arp({ sender: "0.0.0.0" }), [`${PEER_MAC} arp 10.77.0.2 is-at ${OUR_MAC} to 0.0.0.0`]],
    ["a request for 127.0.0.1", arp({ target: "127.0.0.1" }), []],
    ["a request from a group MAC", arp({ senderMac: "01:00:5e:00:00:05" }), []],
    ["a reply that nobody asked for", arp({ op: 2 }), []],
    ["an operation of RARP", arp({ op: 3, to: OUR_MAC }), []],
    ["half a packet", arp().slice(0, 30), []],
  ])("%s", (_, frame, expected) => {
    const lab = new Lab();
    lab.inject(frame);
    expect(lab.lines()).toEqual(expected);
    expect(lab.unaccounted()).toBe(0);
  });

  it("learns from a request for us, and from nothing else", () => {
    const lab = new Lab();
    lab.inject(arp({ target: "10.77.0.3" }));
    lab.inject(arp({ op: 2 }));
    lab.inject(arp({ sender: PEER, target: PEER }));
    expect(lab.ipv4.neighbours.size).toBe(0);
    lab.inject(arp());
    expect(state(lab)).toBe("STALE");
  });

  it("keeps what is to be sent until the answer comes, in order", () => {
    const lab = new Lab();
    for (const length of [8, 16, 24]) expect(send(lab, PEER, length)).toBe(0);
    expect(lab.lines()).toEqual([WHO_HAS]);
    expect(state(lab)).toBe("INCOMPLETE");
    lab.inject(arp({ op: 2 }));
    const sent = lab.take();
    expect(sent.map((s) => line(s.bytes))).toEqual([28, 36, 44].map((n) => DATA.replace("28", `${n}`)));
    expect([...(sent[2] as { bytes: Uint8Array }).bytes.slice(34)]).toEqual([...bytes(24)]);
    expect(state(lab)).toBe("REACHABLE");
    expect(lab.env.pool.inUse).toBe(0);
  });

  it("asks the gateway for what is beyond it", () => {
    const lab = new Lab();
    lab.ipv4.addRoute({ addr: 0, length: 0 }, addr(PEER), lab.netif);
    send(lab, "192.0.2.1");
    expect(lab.lines()).toEqual([WHO_HAS]);
    lab.inject(arp({ op: 2 }));
    expect(lab.lines()).toEqual([`${PEER_MAC} 10.77.0.2 > 192.0.2.1 proto 253 length 28`]);
  });

  it("asks three times, a second apart, then says host unreachable to who sent", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, PROTOCOL);
    send(lab);
    lab.wait(5000);
    const sent = lab.take();
    expect(sent.map((s) => [s.at, line(s.bytes)])).toEqual([0, 1000, 2000].map((at) => [at, WHO_HAS]));
    expect(recorder.reports).toMatchObject([
      { type: 3, code: 1, errno: EHOSTUNREACH, hard: false, src: addr(US), dst: addr(PEER), l4Length: 8 },
    ]);
    expect(state(lab)).toBe("FAILED");
    expect(lab.env.pool.inUse).toBe(0);
    expect(lab.clock.pendingTimers()).toBe(0);
    // The next packet tries again.
    send(lab);
    expect(lab.lines()).toEqual([WHO_HAS]);
  });

  it("bounds what waits, dropping the oldest", () => {
    const lab = new Lab({ settings: { "net.ipv4.neigh.default.unres_qlen_bytes": 4000 } });
    for (let i = 0; i < 10; i++) send(lab, PEER, 1000 + i * 4);
    lab.take();
    lab.inject(arp({ op: 2 }));
    expect(lab.lines()).toEqual([1048, 1052, 1056].map((n) => DATA.replace("28", `${n}`)));
    expect(lab.ipv4.neighbours.counters.TapstackArpQueueDrops).toBe(7);
  });

  it("keeps offload marks of what waited", () => {
    const lab = new Lab();
    lab.netif.features = 3;
    const route = lab.ipv4.routeTo(addr(PEER));
    if (route === null) throw new Error("no route");
    const at = lab.ipv4.begin(route, 5000);
    lab.env.memory.u8.fill(0, at, at + 5000);
    lab.env.memory.u8[at + 12] = 0x50;
    expect(lab.ipv4.finish(route, at, 4000, 0, 6, route.src, 16, (1 << 16) | 1000, 20, 64, 0, 1)).toBe(0);
    lab.take();
    lab.inject(arp({ op: 2 }));
    const [sent] = lab.take();
    expect(sent).toMatchObject({ gso: (1 << 16) | 1000, csum: (34 << 16) | 16 });
    expect(sent?.bytes.length).toBe(4034);
  });
});

describe("what is known of a neighbour, over time (RFC 1122 §2.3.2.1, Linux's NUD)", () => {
  /** A lab whose peer has just answered. */
  function reachable(): Lab {
    const lab = new Lab({ settings: { "net.ipv4.neigh.default.base_reachable_time_ms": 30_000 } });
    send(lab);
    lab.inject(arp({ op: 2 }));
    lab.take();
    return lab;
  }

  it("goes stale unused, and owns no timer then", () => {
    const lab = reachable();
    lab.wait(14_000);
    expect(state(lab)).toBe("REACHABLE");
    lab.wait(32_000);
    expect(state(lab)).toBe("STALE");
    expect(lab.clock.pendingTimers()).toBe(0);
    expect(lab.lines()).toEqual([]);
  });

  it("is used while stale, and asked about 5 s later, by unicast", () => {
    const lab = reachable();
    lab.wait(60_000);
    send(lab);
    expect(lab.lines()).toEqual([DATA]);
    expect(state(lab)).toBe("DELAY");
    lab.wait(4999);
    expect(lab.lines()).toEqual([]);
    lab.wait(2);
    expect(lab.lines()).toEqual([PROBE]);
    expect(state(lab)).toBe("PROBE");
    lab.inject(arp({ op: 2 }));
    expect(state(lab)).toBe("REACHABLE");
  });

  it("is not asked about when somebody above confirms it", () => {
    const lab = reachable();
    lab.wait(60_000);
    send(lab);
    lab.wait(3000);
    lab.ipv4.routeTo(addr(PEER))?.neighbour?.confirm();
    lab.wait(4000);
    expect(state(lab)).toBe("REACHABLE");
    expect(lab.lines()).toEqual([DATA]);
  });

  it("stays reachable as long as it is confirmed", () => {
    const lab = reachable();
    for (let i = 0; i < 20; i++) {
      lab.wait(10_000);
      lab.ipv4.routeTo(addr(PEER))?.neighbour?.confirm();
    }
    expect(state(lab)).toBe("REACHABLE");
    expect(lab.lines()).toEqual([]);
  });

  it("is given up after three unanswered unicast requests", () => {
    const lab = reachable();
    lab.wait(60_000);
    send(lab);
    lab.take();
    lab.wait(9000);
    expect(lab.lines()).toEqual([PROBE, PROBE, PROBE]);
    expect(state(lab)).toBe("FAILED");
  });

  it("moves to another MAC address by a gratuitous announcement, not by a late second answer", () => {
    const lab = reachable();
    lab.inject(arp({ op: 2, senderMac: OTHER_MAC }));
    send(lab);
    expect(lab.lines()).toEqual([DATA]);
    lab.inject(arp({ senderMac: OTHER_MAC, target: PEER }));
    send(lab);
    expect(lab.lines()).toEqual([DATA.replace(PEER_MAC, OTHER_MAC)]);
  });

  it("never changes what was set by hand", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.inject(arp({ op: 2, senderMac: OTHER_MAC }));
    lab.inject(arp({ senderMac: OTHER_MAC }));
    lab.take();
    send(lab);
    expect(lab.lines()).toEqual([DATA]);
    expect(state(lab)).toBe("PERMANENT");
  });
});

describe("the table is bounded", () => {
  it("has no more than gc_thresh3 entries, and says ENOBUFS", () => {
    const lab = new Lab({
      settings: { "net.ipv4.neigh.default.gc_thresh3": 4, "net.ipv4.neigh.default.gc_thresh2": 4 },
    });
    for (let i = 10; i < 14; i++) expect(send(lab, `10.77.0.${i}`)).toBe(0);
    expect(send(lab, "10.77.0.14")).toBe(-105);
    expect(lab.ipv4.neighbours.size).toBe(4);
    expect(lab.ipv4.neighbours.counters.TapstackArpTableOverflows).toBe(1);
    // Those that did not answer make room.
    lab.wait(4000);
    expect(send(lab, "10.77.0.14")).toBe(0);
  });

  it("is not filled by others' requests", () => {
    const lab = new Lab({ settings: { "net.ipv4.neigh.default.gc_thresh2": 8 } });
    for (let i = 10; i < 60; i++) lab.inject(arp({ sender: `10.77.0.${i}` }));
    expect(lab.ipv4.neighbours.size).toBe(8);
    expect(lab.lines().length).toBe(50);
  });

  it("forgets what nobody uses, and a route finds its neighbour again", () => {
    const lab = new Lab({ settings: { "net.ipv4.neigh.default.gc_thresh1": 0 } });
    send(lab);
    lab.inject(arp({ op: 2 }));
    lab.take();
    lab.wait(200_000);
    expect(lab.ipv4.neighbours.size).toBe(0);
    send(lab);
    expect(lab.lines()).toEqual([WHO_HAS]);
    lab.inject(arp({ op: 2 }));
    expect(lab.lines()).toEqual([DATA]);
  });
});

it("a frame for another station is counted, and not read", () => {
  const lab = new Lab();
  lab.inject(ethernet(ip(bytes(8)), { dst: OTHER_MAC }));
  expect(lab.netifCounters.TapstackInOtherHost).toBe(1);
  expect(lab.unaccounted()).toBe(0);
});
