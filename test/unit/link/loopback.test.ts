import { describe, expect, it } from "vitest";
import { LINK_CSUM, LINK_TSO4, RX_CSUM_PARTIAL } from "../../../src/link/link.js";
import { loopbackLink } from "../../../src/link/loopback.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { headersOf, numbered, TestHost } from "./harness.js";

describe("loopbackLink", () => {
  it("brings back what is sent, after transmit, with its IP header aligned", () => {
    const clock = new VirtualClock();
    const link = loopbackLink();
    const host = new TestHost(clock, true).open(link);
    expect([link.layer, link.mtu, link.name, link.features]).toEqual(["ip", 65535, "lo", LINK_CSUM | LINK_TSO4]);
    const payload = numbered(65000);
    const { head, csum } = headersOf({ layer: "ip" }, payload.length);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < payload.length; at += 8000) pieces.push(payload.slice(at, at + 8000));
    host.enqueue(head, pieces, 0, csum, head.length);
    host.send(numbered(40));
    expect(host.received.length).toBe(0);
    clock.advance(0);
    expect(host.batches).toEqual([2]);
    expect(host.received[0]).toMatchObject({ flags: RX_CSUM_PARTIAL, gso: 0, alignment: 0 });
    expect(host.received[0]?.bytes).toEqual(Uint8Array.from([...head, ...payload]));
    expect(host.received[1]?.bytes).toEqual(numbered(40));
  });

  it("offers nothing to a stack that wants plain frames", () => {
    const link = loopbackLink({ name: "lo7" });
    expect(link.features).toBe(0);
    new TestHost(new VirtualClock(), false).open(link);
    expect([link.features, link.name]).toEqual([0, "lo7"]);
  });

  it("goes on after a batch that made the stack throw, and lets the sender go on", () => {
    const clock = new VirtualClock();
    const host = new TestHost(clock).open(loopbackLink({ queue: 10, bytes: 70000 }));
    host.onReceive = () => {
      host.onReceive = null;
      throw new Error("the stack's");
    };
    host.send(...Array.from({ length: 95 }, (_, i) => numbered(100 + i, i)));
    expect(() => clock.advance(0)).toThrow("the stack's");
    clock.advance(0);
    expect([host.received.length, host.queue.pending]).toEqual([95, 0]);
  });

  it("holds the sender back when its queue is full, and loses nothing", () => {
    const clock = new VirtualClock();
    const host = new TestHost(clock).open(loopbackLink({ queue: 10, bytes: 70000 }));
    const frames = Array.from({ length: 95 }, (_, i) => numbered(100 + i, i));
    host.send(...frames);
    expect(host.queue.pending).toBe(85);
    clock.advance(0);
    expect(host.received.map((f) => f.bytes)).toEqual(frames);
    expect(host.queue.pending).toBe(0);
  });

  it("delivers a long burst in several calls", () => {
    const clock = new VirtualClock();
    const host = new TestHost(clock).open(loopbackLink());
    host.send(...Array.from({ length: 150 }, (_, i) => numbered(60, i)));
    clock.advance(0);
    expect([host.batches, host.writables]).toEqual([[64, 64, 22], 0]);
  });

  it("drops what is longer than its MTU, and everything once closed", () => {
    const clock = new VirtualClock();
    const link = loopbackLink({ mtu: 1000 });
    const host = new TestHost(clock).open(link);
    const free = host.memory.available;
    host.send(numbered(1001), numbered(1000));
    clock.advance(0);
    expect(host.received.length).toBe(1);
    expect(link.counters()).toEqual({ TapstackLinkTooLong: 1 });
    host.send(numbered(50));
    link.close();
    link.close();
    host.send(numbered(50));
    clock.advance(0);
    expect([host.received.length, host.queue.pending, host.writables]).toEqual([1, 0, 0]);
    expect(host.memory.available).toBeGreaterThan(free);
  });
});
