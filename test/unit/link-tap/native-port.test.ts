import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChunkPool } from "../../../src/base/chunks.js";
import { Memory } from "../../../src/base/memory.js";
import { type LinkHost, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "../../../src/link/link.js";
import type { FramePort, PortEvents, TapDriver } from "../../../src/link/tap/driver.js";
import { nativeDriver } from "../../../src/link/tap/native.js";
import * as counts from "../../../src/link/tap/port.js";
import { GSO_TCP4, TxQueue } from "../../../src/link/tx-queue.js";
import { RealClock } from "../../../src/platform/clock.js";
import { SeededRandom } from "../../../src/platform/random.js";

// The addon's port over a pipe: a file descriptor as good as a TAP's for batches, limits and waiting, and no root.
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_NONBLOCK = 0o4000;

class Recorder implements PortEvents {
  readonly batches: number[] = [];
  readonly downs: number[] = [];
  writables = 0;
  onBatch: ((count: number) => void) | null = null;
  batch(count: number): void {
    this.batches.push(count);
    this.onBatch?.(count);
  }
  writable(): void {
    this.writables++;
  }
  down(errno: number): void {
    this.downs.push(errno);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.runIf(process.platform === "linux")("the native port", () => {
  let driver: TapDriver;
  let folder: string;
  let reader: number;
  let writer: number;
  let port: FramePort | null;
  let events: Recorder;
  let host: LinkHost;
  const rows = new Int32Array(64 * RX_STRIDE);

  beforeEach(() => {
    driver = nativeDriver();
    folder = mkdtempSync(join(tmpdir(), "tapstack-port-"));
    const path = join(folder, "fifo");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    reader = driver.sys.open(path, O_RDONLY | O_NONBLOCK);
    writer = driver.sys.open(path, O_WRONLY | O_NONBLOCK);
    expect(Math.min(reader, writer)).toBeGreaterThan(0);
    events = new Recorder();
    port = null;
    const memory = new Memory(4 * 1024 * 1024);
    host = {
      memory,
      pool: new ChunkPool(memory, 16),
      clock: new RealClock(),
      random: new SeededRandom(1),
      offload: true,
      receive: () => {},
      writable: () => {},
      down: () => {},
    };
  });

  afterEach(() => {
    port?.close();
    for (const fd of [reader, writer]) if (fd >= 0) driver.sys.close(fd);
    rmSync(folder, { recursive: true });
  });

  /** A port that owns one end of the pipe. */
  function attach(end: "reader" | "writer", header: number, slots = 16, mtu = 100): FramePort {
    port = driver.port(end === "reader" ? reader : writer, header, events);
    if (end === "reader") reader = -1;
    else writer = -1;
    const { stride } = counts.slotLayout(0, mtu, false, slots);
    const base = host.memory.reserve(stride * slots);
    port.start(host, counts.slotLayout(base, mtu, false, slots), rows, 20);
    return port;
  }

  /** Exactly what the pipe has, as hex. */
  function drain(): string {
    const bytes = new Uint8Array(1 << 20);
    const length = driver.sys.read(reader, bytes);
    return Buffer.from(bytes.subarray(0, Math.max(0, length))).toString("hex");
  }

  it("reads a frame to where it belongs, with the vnet header's meaning in the row", async () => {
    attach("reader", 12);
    const seen: unknown[] = [];
    events.onBatch = () => {
      const at = rows[RX_FRAME] as number;
      const frame = Buffer.from(host.memory.u8.slice(at, at + (rows[RX_LENGTH] as number))).toString();
      seen.push([at & 3, frame, rows[RX_FLAGS], rows[RX_GSO]]);
    };
    const headers: [bytes: number[], flags: number, gso: number][] = [
      [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0],
      [[1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0], 2, 0],
      [[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1, 0],
      [[1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0], 2, (1 << 16) | 1460],
      [[1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0], 2, (1 << 16) | 1460],
      [[1, 5, 42, 0, 0xc0, 5, 34, 0, 6, 0, 0, 0], 2, (2 << 16) | 1472],
      [[1, 4, 74, 0, 0xa0, 5, 54, 0, 16, 0, 0, 0], 2, (3 << 16) | 1440],
    ];
    for (const [header] of headers) {
      driver.sys.write(writer, Buffer.concat([Buffer.from(header), Buffer.from("frame")]));
      await pause(5);
    }
    expect(seen).toEqual(headers.map(([, flags, gso]) => [2, "frame", flags, gso]));
    expect(port?.counts[counts.COUNT_RX_FRAMES]).toBe(headers.length);
  });

  it("drops and counts what does not fit a slot, or has no bytes after its header", async () => {
    // A pipe gives the rest of a long write as the next "frame".
    const { room } = counts.slotLayout(0, 100, false);
    attach("reader", 12);
    driver.sys.write(writer, new Uint8Array(12 + room));
    await pause(10);
    expect([...events.batches]).toEqual([]);
    expect(port?.counts[counts.COUNT_RX_TRUNCATED]).toBe(1);
    driver.sys.write(writer, new Uint8Array(12));
    await pause(10);
    expect(port?.counts[counts.COUNT_RX_ERRORS]).toBe(1);
    driver.sys.write(writer, new Uint8Array(12 + room - 1));
    await pause(10);
    expect([...events.batches]).toEqual([1]);
  });

  it("ends a callback after eight batches, so that a flood starves nobody", async () => {
    const slots = 4;
    const { room } = counts.slotLayout(0, 100, false);
    attach("reader", 0, slots);
    let turns = 0;
    const spin = setImmediate(function tick() {
      turns++;
      if (events.batches.length < 100) setImmediate(tick);
    });
    // Every read takes what a slot may hold, less one byte, from a pipe that is filled again in the callback.
    const flood = new Uint8Array((room - 1) * slots);
    events.onBatch = () => {
      if (events.batches.length < 100) driver.sys.write(writer, flood);
    };
    driver.sys.write(writer, flood);
    for (let i = 0; i < 200 && events.batches.length < 50; i++) await pause(5);
    clearImmediate(spin);
    expect(events.batches.length).toBeGreaterThanOrEqual(50);
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(Math.max(...events.batches)).toBeLessThanOrEqual(slots);
  });

  it("writes header, head and pieces as one frame", () => {
    attach("writer", 12);
    const queue = new TxQueue(host.memory, host.pool);
    const chunk = host.pool.take();
    host.memory.write(chunk, Buffer.from("onetwothree"), 0, 11);
    const head = queue.begin(4);
    host.memory.write(head, Buffer.from("head"), 0, 4);
    queue.piece(chunk, 3);
    queue.piece(chunk + 3, 3); // adjacent: one iovec
    queue.piece(chunk + 6, 0);
    queue.piece(chunk + 6, 5);
    queue.piece(chunk, 3);
    queue.commit(head, 4, 18, (GSO_TCP4 << 16) | 1460, (34 << 16) | 16, 54);
    expect(port?.transmit(queue)).toBe(1);
    expect(drain()).toBe(`01013600b405220010000000${Buffer.from("headonetwothreeone").toString("hex")}`);
    expect(port?.counts[counts.COUNT_TX_FRAMES]).toBe(1);
  });

  it("writes a plain frame without a header as it is", () => {
    attach("writer", 0);
    const queue = new TxQueue(host.memory, host.pool);
    for (const text of ["first", "second"]) {
      const head = queue.begin(text.length);
      host.memory.write(head, Buffer.from(text), 0, text.length);
      queue.commit(head, text.length, text.length, 0, 0, 0);
    }
    expect(port?.transmit(queue)).toBe(2);
    expect(drain()).toBe(Buffer.from("firstsecond").toString("hex"));
  });

  it("drops and counts rows that point outside the memory", () => {
    attach("writer", 12);
    const queue = new TxQueue(host.memory, host.pool);
    queue.commit(host.memory.size - 10, 60, 60, 0, 0, 0);
    queue.commit(-8, 60, 60, 0, 0, 0);
    expect(port?.transmit(queue)).toBe(2);
    expect(port?.counts[counts.COUNT_TX_ERRORS]).toBe(2);
    expect(drain()).toBe("");
  });

  it("stops where the device is full, and says once when it can go on", async () => {
    attach("writer", 0);
    const queue = new TxQueue(host.memory, host.pool);
    const head = queue.begin(4096);
    for (let i = 0; i < 100; i++) queue.commit(head, 4096, 4096, 0, 0, 0);
    const taken = port?.transmit(queue) ?? 0;
    expect(taken).toBe(16); // a pipe holds 64 KiB
    queue.take(taken);
    expect(port?.transmit(queue)).toBe(0);
    await pause(20);
    expect(events.writables).toBe(0);
    expect(drain().length).toBe(2 * 65536);
    await pause(20);
    expect(events.writables).toBe(1);
    expect(port?.counts[counts.COUNT_TX_BLOCKED]).toBe(2);
    expect(port?.transmit(queue)).toBe(16);
  });

  it("tells the end once, and does nothing afterwards", async () => {
    attach("writer", 0);
    driver.sys.close(reader); // a pipe without a reader is POLLERR, as a deleted TAP is
    reader = -1;
    await pause(50);
    expect(events.downs.length).toBe(1);
    expect(events.downs[0]).toBeGreaterThan(0);
    port?.close();
    port?.close();
    port?.hold(true);
    const queue = new TxQueue(host.memory, host.pool);
    queue.commit(64, 60, 60, 0, 0, 0);
    expect(port?.transmit(queue)).toBe(0);
    await pause(20);
    expect(events.downs.length).toBe(1);
  });

  it("sends a small frame whole whose piece stands right behind its head", async () => {
    attach("writer", 12);
    const queue = new TxQueue(host.memory, host.pool);
    const at = queue.begin(20);
    for (let i = 0; i < 50; i++) host.memory.u8[at + i] = i;
    queue.piece(at + 20, 30);
    queue.commit(at, 20, 50, 0, 0, 0);
    expect(port?.transmit(queue)).toBe(1);
    const got = new Uint8Array(100);
    expect(driver.sys.read(reader, got)).toBe(62);
    expect(got.subarray(12, 62)).toEqual(Uint8Array.from({ length: 50 }, (_, i) => i));
  });

  it("may be closed from inside its callback", async () => {
    attach("reader", 0);
    events.onBatch = () => {
      port?.close();
    };
    driver.sys.write(writer, Buffer.from("frame"));
    await pause(20);
    expect(events.batches).toEqual([1]);
    expect(driver.sys.write(writer, Buffer.from("more"))).toBe(-32);
  });

  it("is gone, handles and all, after many openings", async () => {
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 500; i++) {
      const path = join(folder, "fifo");
      const one = driver.port(driver.sys.open(path, O_RDONLY | O_NONBLOCK), 0, events);
      one.start(host, counts.slotLayout(64, 100, false, 16), rows, 20);
      one.close();
      if (i % 100 === 0) await pause(0);
    }
    await pause(10);
    expect(process.memoryUsage().rss - before).toBeLessThan(30 * 1024 * 1024);
  });

  it("refuses slots that lie outside the memory", () => {
    const one = driver.port(reader, 0, events);
    reader = -1;
    const layout = counts.slotLayout(host.memory.size - 100, 100, false);
    expect(() => one.start(host, layout, rows, 20)).toThrow(RangeError);
    expect(() => one.start(host, counts.slotLayout(64, 100, false, 65), rows, 20)).toThrow(RangeError);
    one.close();
  });

  it("refuses a file descriptor that cannot be waited for", () => {
    expect(() => driver.port(9999, 0, events)).toThrow(/uv_poll/);
  });
});

describe("slotLayout", () => {
  it.each([
    [1500, false, 1519],
    [1500, true, 65554],
    [9000, false, 9019],
    [65521, true, 65554],
  ])("mtu %i, offload %s: room for frames below %i bytes", (mtu, offload, room) => {
    const layout = counts.slotLayout(128, mtu, offload);
    expect(layout.room).toBe(room);
    expect(layout.stride).toBeGreaterThanOrEqual(counts.FRAME_AT + room);
    expect(layout.stride % 128).toBe(64);
    expect((layout.base + counts.FRAME_AT) % 4).toBe(2);
  });
});
