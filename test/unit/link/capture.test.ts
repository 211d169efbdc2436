import { describe, expect, it } from "vitest";
import { type CaptureOptions, capture } from "../../../src/link/capture.js";
import { LINK_CSUM, LINK_TSO4, LINK_USO4 } from "../../../src/link/link.js";
import { type MemoryLinkOptions, memoryLinkPair } from "../../../src/link/memory.js";
import { GSO_TCP4 } from "../../../src/link/tx-queue.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { headersOf, numbered, TestHost } from "./harness.js";
import { readPcapng } from "./pcapng-reader.js";

const EPOCH = 1_753_000_000_123;

function rig(options: CaptureOptions = {}, link: MemoryLinkOptions = {}, offload = false, peerOffload = offload) {
  const clock = new VirtualClock(EPOCH);
  const [left, right] = memoryLinkPair(link);
  const written: Uint8Array[] = [];
  let ended = 0;
  const captured = capture(left, { write: (bytes) => written.push(bytes), end: () => void ended++ }, options);
  const a = new TestHost(clock, offload).open(captured);
  const b = new TestHost(clock, peerOffload).open(right);
  return { clock, captured, a, b, written, ended: () => ended, file: () => readPcapng(Buffer.concat(written)) };
}

describe("capture", () => {
  it("passes everything on and records it, with time and direction", () => {
    const { clock, a, b, file, captured, written } = rig({}, { names: ["tap7", "far"] });
    a.send(numbered(60, 1), numbered(61, 2));
    clock.advance(1500);
    b.send(numbered(62, 3));
    clock.advance(0);
    expect([b.received.length, a.received.length]).toEqual([2, 1]);
    const { linkType, name, resolution, packets } = file();
    expect([linkType, name, resolution]).toEqual([1, "tap7", 6]);
    const stamp = EPOCH * 1000;
    expect(packets).toEqual([
      { micros: stamp, direction: 2, original: 60, bytes: numbered(60, 1) },
      { micros: stamp, direction: 2, original: 61, bytes: numbered(61, 2) },
      { micros: stamp + 1500, direction: 1, original: 62, bytes: numbered(62, 3) },
    ]);
    expect(captured.counters()).toMatchObject({ TapstackCaptureFrames: 3, TapstackLinkUnplugged: 0 });
    // The header and one write a batch.
    expect(written.length).toBe(3);
  });

  it("looks like the link it wraps, without its offloads", () => {
    const { captured, a } = rig({}, { offload: true, mtu: 9000 }, true);
    expect([captured.layer, captured.mtu, captured.name, captured.features]).toEqual(["ethernet", 9000, "mem0", 0]);
    expect(captured.mac).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 1));
    expect(a.offload).toBe(true);
  });

  it("records packets of an ip link as such", () => {
    const { a, file, clock } = rig({}, { layer: "ip" });
    a.send(numbered(40));
    clock.advance(0);
    expect(file().linkType).toBe(101);
  });

  it("cuts at the snap length and says how long the frame was", () => {
    const { a, b, file, clock } = rig({ snaplen: 65 });
    a.enqueue(numbered(60, 1), [numbered(3, 2), numbered(100, 3)]);
    a.flush();
    b.send(numbered(64), numbered(66));
    clock.advance(0);
    const expected = Uint8Array.from([...numbered(60, 1), ...numbered(3, 2), ...numbered(100, 3).subarray(0, 2)]);
    const { snapLength, packets } = file();
    expect(snapLength).toBe(65);
    expect(packets.map((p) => [p.bytes.length, p.original])).toEqual([
      [65, 163],
      [64, 64],
      [65, 66],
    ]);
    expect(packets[0]?.bytes).toEqual(expected);
  });

  it("records only what the link took, once", () => {
    const { a, clock, file } = rig({}, { queue: 10 });
    a.send(...Array.from({ length: 25 }, (_, i) => numbered(60, i)));
    expect(file().packets.length).toBe(10);
    clock.advance(0);
    expect(file().packets.map((p) => p.bytes)).toEqual(Array.from({ length: 25 }, (_, i) => numbered(60, i)));
  });

  it.each([
    ["a peer that takes them", true],
    ["a peer that does not, for which the link cuts them", false],
  ])("raw: records large frames as they are, towards %s", (_name, peerOffload) => {
    const { a, b, clock, captured, file } = rig({ raw: true }, { offload: true, queue: 20 }, true, peerOffload);
    expect(captured.features).toBe(LINK_CSUM | LINK_TSO4 | LINK_USO4);
    const payloads = [1, 2, 3].map((seed) => numbered(8000, seed));
    const wholes = payloads.map((payload) => {
      const { head, csum } = headersOf({}, payload.length);
      a.enqueue(head, [payload], (GSO_TCP4 << 16) | 700, csum, head.length);
      return Uint8Array.from([...head, ...payload]);
    });
    a.flush();
    clock.advance(0);
    const { packets } = file();
    expect(packets[0]?.bytes).toEqual(wholes[0]);
    // A row that had to wait in the middle is recorded from where it went on.
    expect(packets.length).toBe(3);
    expect(b.received.length).toBe(peerOffload ? 3 : 36);
  });

  it("ends the sink when it closes, and records nothing after", () => {
    const { a, captured, written, ended, clock } = rig();
    captured.close();
    captured.close();
    a.send(numbered(60));
    clock.advance(0);
    expect([written.length, ended()]).toEqual([1, 1]);
    expect(a.memory.available).toBe(new TestHost().memory.available);
  });

  it("closes a link that it never opened, and ends the sink", () => {
    const [left] = memoryLinkPair();
    let closes = 0;
    let ends = 0;
    left.close = () => void closes++;
    const captured = capture(left, { write: () => undefined, end: () => void ends++ });
    captured.close();
    expect([closes, ends]).toEqual([1, 1]);
  });

  it("waits for a link that closes in its own time", async () => {
    const [left] = memoryLinkPair();
    const order: string[] = [];
    const slow = Object.assign(Object.create(left) as typeof left, {
      close: () => Promise.resolve().then(() => order.push("link")),
    });
    const captured = capture(slow, { write: () => undefined, end: () => void order.push("sink") });
    new TestHost().open(captured);
    await captured.close();
    expect(order).toEqual(["link", "sink"]);
  });
});
