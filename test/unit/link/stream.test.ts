import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { type FrameStream, streamLink } from "../../../src/link/stream.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { numbered, TestHost } from "./harness.js";

/** A device with tuntap2's shape: a Duplex whose chunks are frames. */
class Device extends Duplex {
  readonly written: Buffer[] = [];
  private release: (() => void) | null = null;
  private readonly slow: boolean;

  constructor(slow = false) {
    super({ writableHighWaterMark: 400 });
    this.slow = slow;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    if (this.slow) this.release = done;
    else done();
  }

  /** Lets one slow write finish. */
  finishOne(): boolean {
    const { release } = this;
    this.release = null;
    release?.();
    return release !== null;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function rig(slow = false, options = {}) {
  const clock = new VirtualClock();
  const device = new Device(slow);
  const link = streamLink(device, options);
  const host = new TestHost(clock).open(link);
  return { clock, device, link, host };
}

describe("streamLink", () => {
  it("describes itself", () => {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const link = streamLink(new Device(), { layer: "ip", mtu: 9000, mac, name: "vm0" });
    expect([link.layer, link.mtu, link.mac, link.name, link.features]).toEqual(["ip", 9000, mac, "vm0", 0]);
    expect(streamLink(new Device())).toMatchObject({ layer: "ethernet", mtu: 1500, name: "stream" });
  });

  it("writes one chunk a frame, with pieces joined, and keeps no part of the stack's memory", async () => {
    const { device, host } = rig();
    host.enqueue(numbered(60, 1), [numbered(300, 2), numbered(7, 3)]);
    host.enqueue(numbered(64, 4));
    host.flush();
    host.memory.u8.fill(0);
    await turn();
    const joined = [...numbered(60, 1), ...numbered(300, 2), ...numbered(7, 3)];
    expect(device.written.map((b) => [...b])).toEqual([joined, [...numbered(64, 4)]]);
  });

  it("makes one frame of each chunk, and one batch of a burst", async () => {
    const { device, host } = rig();
    for (const n of [60, 61, 1514]) device.push(numbered(n, n));
    await turn();
    expect(host.received.map((f) => f.bytes)).toEqual([60, 61, 1514].map((n) => numbered(n, n)));
    expect(host.received.every((f) => f.alignment === 2)).toBe(true);
  });

  it("never receives inside transmit, even from a stream that answers within write", () => {
    const clock = new VirtualClock();
    const stream = new EventEmitter() as EventEmitter & FrameStream;
    stream.write = (frame) => stream.emit("data", frame);
    const host = new TestHost(clock).open(streamLink(stream));
    host.send(numbered(60));
    expect(host.received.length).toBe(0);
    clock.advance(0);
    expect(host.received.length).toBe(1);
  });

  it("stops at a full stream and goes on when it drains, losing nothing", async () => {
    const { device, host } = rig(true);
    const frames = Array.from({ length: 40 }, (_, i) => numbered(100, i));
    host.send(...frames);
    expect(host.queue.pending).toBe(36);
    for (let i = 0; i < 100 && device.written.length < 40; i++) {
      device.finishOne();
      await turn();
    }
    expect(host.writables).toBeGreaterThan(3);
    expect(host.queue.pending).toBe(0);
    expect(device.written.map((b) => new Uint8Array(b))).toEqual(frames);
  });

  it("drops and counts frames too long for the MTU, empty ones, and those beyond the queue", () => {
    const { device, host, link, clock } = rig(false, { mtu: 1000, queue: 3 });
    for (const n of [1014, 1015, 0, 60, 61, 62]) device.emit("data", numbered(n));
    clock.advance(0);
    host.send(numbered(1015), numbered(1014));
    expect(host.received.map((f) => f.bytes.length)).toEqual([1014, 60, 61]);
    expect(device.written.map((b) => b.length)).toEqual([1014]);
    expect(link.counters()).toEqual({
      TapstackLinkRxTooLong: 1,
      TapstackLinkRxOverflow: 1,
      TapstackLinkRxEmpty: 1,
      TapstackLinkTooLong: 1,
      TapstackLinkUnplugged: 0,
    });
  });

  it("goes down once, with the reason, after the frames that came before", async () => {
    const { device, host, link } = rig();
    device.emit("data", numbered(60));
    device.destroy(new Error("the cable was cut"));
    await turn();
    expect(host.received.length).toBe(1);
    expect(host.error?.code).toBe("EIO");
    expect(host.error?.message).toMatch(/stream.*the cable was cut/);
    device.emit("data", numbered(61));
    device.emit("close");
    await turn();
    expect([host.downs, host.received.length]).toEqual([1, 2]);
    host.send(numbered(60));
    expect(link.counters().TapstackLinkUnplugged).toBe(1);
  });

  it("takes the stream's end for its own", async () => {
    const { device, host } = rig();
    device.push(numbered(60));
    device.push(null);
    await turn();
    await turn();
    expect(host.received.length).toBe(1);
    expect(host.error?.code).toBe("ENETDOWN");
  });

  it("close destroys a stream that was never opened", () => {
    const device = new Device();
    streamLink(device).close();
    expect(device.destroyed).toBe(true);
  });

  it("delivers what comes after a batch that made the stack throw", () => {
    const { clock, device, host } = rig();
    host.onReceive = () => {
      host.onReceive = null;
      throw new Error("the stack's");
    };
    for (let i = 0; i < 100; i++) device.emit("data", numbered(60));
    expect(() => clock.advance(0)).toThrow("the stack's");
    clock.advance(0);
    expect(host.received.length).toBe(100);
  });

  it("close destroys the stream and leaves nothing behind", async () => {
    const { device, host, link } = rig();
    device.emit("data", numbered(60));
    link.close();
    link.close();
    await turn();
    expect(device.destroyed).toBe(true);
    expect([host.received.length, host.error]).toEqual([0, null]);
    expect(host.memory.available).toBe(new TestHost().memory.available);
    expect(["data", "drain", "end", "close"].map((e) => device.listenerCount(e))).toEqual([0, 0, 0, 0]);
    device.emit("error", new Error("late"));
  });
});
