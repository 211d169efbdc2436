import { describe, expect, it } from "vitest";
import { bytes, ethernet, icmp, ip, Lab, PEER_MAC, Recorder } from "../../unit/ip/lab.js";

const PROTOCOL = 253;
const whole = bytes(64);

/** A piece of `whole`: from, to, and fields. */
const piece = (from: number, to: number, fields = {}, source = whole): Uint8Array =>
  ethernet(ip(source.slice(from, to), { offset: from, more: to < source.length, ...fields }));

function lab(settings = {}): { lab: Lab; recorder: Recorder } {
  const made = new Lab({ settings });
  made.meetPeer();
  return { lab: made, recorder: new Recorder(made, PROTOCOL) };
}

/** Nothing is left of what was received: memory, timers, and every frame is accounted for. */
function clean(l: Lab): void {
  expect(l.ipv4.reassembly).toMatchObject({ memory: 0, count: 0 });
  expect(l.env.pool.inUse).toBe(0);
  expect(l.env.wheel.size).toBe(0);
  expect(l.unaccounted()).toBe(0);
}

describe("reassembly (RFC 791 §3.2)", () => {
  const A = piece(0, 24);
  const B = piece(24, 48);
  const C = piece(48, 64);

  it.each([
    ["in order", [A, B, C]],
    ["backwards", [C, B, A]],
    ["the middle last", [A, C, B]],
    ["with doubles", [A, A, C, B]],
    ["the last one doubled", [C, C, A, B]],
    ["uneven pieces", [piece(0, 8), piece(40, 64), piece(8, 40)]],
  ])("%s", (_, frames) => {
    const { lab: l, recorder } = lab();
    for (const frame of frames) l.inject(frame);
    expect(recorder.packets.map((p) => [...p.data])).toEqual([[...whole]]);
    expect(recorder.packets[0]?.reassembled).toBe(true);
    clean(l);
  });

  it("tells datagrams apart by source, destination, protocol and identification", () => {
    const { lab: l, recorder } = lab();
    const other = new Recorder(l, 254);
    const kinds = [{}, { id: 2 }, { src: "10.77.0.3" }, { protocol: 254 }];
    for (const kind of kinds) l.inject(piece(0, 32, kind));
    expect(l.ipv4.reassembly.count).toBe(4);
    for (const kind of kinds) l.inject(piece(32, 64, kind));
    expect(recorder.packets.length).toBe(3);
    expect(other.packets.length).toBe(1);
    clean(l);
  });

  it("makes a packet of 65,535 bytes, and none of more", () => {
    const { lab: l, recorder } = lab();
    const largest = bytes(65_515);
    for (let at = 0; at < largest.length; at += 8192)
      l.inject(piece(at, Math.min(at + 8192, largest.length), {}, largest));
    expect(Buffer.compare(recorder.packets[0]?.data as Uint8Array, largest)).toBe(0);
    const tooLarge = bytes(65_516);
    for (let at = 0; at < tooLarge.length; at += 8192)
      l.inject(piece(at, Math.min(at + 8192, tooLarge.length), { id: 7 }, tooLarge));
    expect(recorder.packets.length).toBe(1);
    l.wait(31_000);
    clean(l);
  });

  it.each([
    [
      "a piece in the middle that is no multiple of 8",
      [piece(0, 24), ethernet(ip(bytes(9), { offset: 24, more: true }))],
    ],
    ["an empty piece", [ethernet(ip(new Uint8Array(0), { more: true }))]],
    ["an end beyond 65,535", [ethernet(ip(bytes(1000), { offset: 65_528 }))]],
  ])("refuses %s", (_, frames) => {
    const { lab: l, recorder } = lab();
    for (const frame of frames) l.inject(frame);
    expect(l.ipv4.counters.IpReasmFails).toBe(1);
    expect(recorder.packets).toEqual([]);
    l.wait(31_000);
    clean(l);
  });
});

describe("overlaps (RFC 5722)", () => {
  it.each([
    ["the second begins inside the first", [piece(0, 32), piece(24, 64), piece(32, 64)]],
    ["the second holds the first", [piece(8, 16), piece(0, 32), piece(0, 8), piece(16, 64)]],
    ["the second lies within the first", [piece(0, 32), piece(8, 16), piece(32, 64)]],
    ["a second end", [piece(0, 32), piece(48, 64), ethernet(ip(bytes(8), { offset: 56 })), piece(32, 48)]],
    ["data behind the end", [piece(56, 64), ethernet(ip(bytes(8), { offset: 64, more: true })), piece(0, 56)]],
    ["an end before data", [piece(32, 48), ethernet(ip(bytes(8), { offset: 24 })), piece(0, 24)]],
  ])("%s: the whole datagram goes, in silence", (_, frames) => {
    const { lab: l, recorder } = lab();
    for (const frame of frames) l.inject(frame);
    l.wait(31_000);
    expect(recorder.packets).toEqual([]);
    expect(l.lines()).toEqual([]);
    expect(l.ipv4.counters.IpExtReasmOverlaps).toBe(1);
    clean(l);
  });
});

describe("limits of time, memory and number", () => {
  it("gives up after ipfrag_time, and says so when the first fragment had come", () => {
    const { lab: l } = lab();
    l.inject(piece(0, 24));
    l.wait(29_900);
    expect(l.lines()).toEqual([]);
    l.wait(200);
    const [sent] = l.take();
    // RFC 792: the header, and what came of the data, in an error of type 11 code 1.
    expect([...(sent?.bytes.slice(34, 36) ?? [])]).toEqual([11, 1]);
    expect([...(sent?.bytes.slice(62) ?? [])]).toEqual([...whole.slice(0, 24)]);
    expect(l.ipv4.counters).toMatchObject({ IpReasmTimeout: 1, IpReasmFails: 1 });
    clean(l);
  });

  it("says nothing when the first fragment is missing", () => {
    const { lab: l } = lab();
    l.inject(piece(24, 64));
    l.wait(31_000);
    expect(l.lines()).toEqual([]);
    expect(l.ipv4.counters.IpReasmTimeout).toBe(1);
    clean(l);
  });

  it("the time runs from the first that came, not from the last", () => {
    const { lab: l, recorder } = lab({ "net.ipv4.ipfrag_time": 2 });
    l.inject(piece(0, 24));
    l.wait(1500);
    l.inject(piece(24, 48));
    l.wait(1000);
    l.inject(piece(48, 64));
    expect(recorder.packets).toEqual([]);
  });

  it("a flood of incomplete datagrams stays within ipfrag_high_thresh", () => {
    const { lab: l, recorder } = lab({ "net.ipv4.ipfrag_high_thresh": 100_000 });
    for (let id = 0; id < 500; id++) {
      l.inject(piece(0, 24, { id }));
      expect(l.ipv4.reassembly.memory).toBeLessThanOrEqual(100_000);
    }
    // The latest are kept.
    l.inject(piece(24, 64, { id: 499 }));
    expect(recorder.packets.length).toBe(1);
    expect(l.ipv4.counters.TapstackReasmEvictions).toBeGreaterThan(400);
    l.take();
    l.wait(31_000);
    clean(l);
  });

  it("a datagram in more fragments than ipfrag_max_fragments goes", () => {
    const { lab: l, recorder } = lab({ "net.ipv4.ipfrag_max_fragments": 4 });
    for (let at = 0; at < 64; at += 8) l.inject(piece(at, at + 8));
    l.wait(31_000);
    expect(recorder.packets).toEqual([]);
    clean(l);
  });

  it("an interface that goes takes its fragments along", () => {
    const { lab: l } = lab();
    l.inject(piece(0, 24));
    l.ipv4.detach(l.netif);
    expect(l.ipv4.reassembly).toMatchObject({ memory: 0, count: 0 });
  });
});

describe("explicit congestion notification of fragments (RFC 3168 §5.3)", () => {
  it.each([
    [[2, 2], 2],
    [[2, 3], 3],
    [[1, 3], 3],
    [[0, 0], 0],
    [[0, 3], null],
    [[2, 0], null],
  ])("fields %j make %j", ([a, b], expected) => {
    const { lab: l, recorder } = lab();
    l.inject(piece(0, 24, { tos: a }));
    l.inject(piece(24, 64, { tos: b }));
    expect(recorder.packets[0]?.tos ?? null).toBe(expected);
    clean(l);
  });
});

it("a reassembled packet is quoted whole in an error about it", () => {
  const { lab: l } = lab();
  l.inject(piece(0, 24, { protocol: 200 }));
  l.inject(piece(24, 64, { protocol: 200 }));
  expect(l.lines()).toEqual([`${PEER_MAC} 10.77.0.2 > 10.77.0.1 icmp 3/2 length ${20 + 8 + 20 + 64}`]);
});

it("a fragment's own checksum mark is not taken for the whole's", () => {
  const { lab: l } = lab();
  const request = icmp(bytes(40), { checksum: 1 });
  l.inject(piece(0, 24, { protocol: 1 }, request), 1);
  l.inject(piece(24, 48, { protocol: 1 }, request), 1);
  expect(l.icmp.counters.IcmpInCsumErrors).toBe(1);
});
