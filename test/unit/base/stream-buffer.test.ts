import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_SIZE, ChunkPool } from "../../../src/base/chunks.js";
import { Memory } from "../../../src/base/memory.js";
import { StreamBuffer, StreamBuffers } from "../../../src/base/stream-buffer.js";

function rig(chunks = 64) {
  const memory = new Memory(2 << 20);
  const pool = new ChunkPool(memory, chunks);
  return { memory, pool, buffer: new StreamBuffer(pool) };
}

/** The byte of the stream at a position; no two neighbourhoods look alike. */
const byteAt = (position: number): number => (Math.imul(position, 0x9e3779b1) >>> 13) & 255;
const bytesAt = (position: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => byteAt(position + i));

describe("StreamBuffer", () => {
  it("keeps what was written anywhere in its window, whatever was dropped before", () => {
    const step = fc.record({
      kind: fc.constantFrom("write", "write", "writeFrom", "put", "drop", "clear", "truncate"),
      distance: fc.integer({ min: 0, max: 60000 }),
      length: fc.integer({ min: 1, max: 30000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), fc.constantFrom(6, 64), (steps, chunks) => {
        const { memory, pool, buffer } = rig(chunks);
        const scratch = memory.reserve(32768);
        let head = 0;
        /** Stream positions that hold something. */
        let written: { from: number; to: number }[] = [];
        for (const { kind, distance, length } of steps) {
          if (kind === "drop") {
            buffer.drop(distance);
            head += distance;
            written = written.map((r) => ({ from: Math.max(r.from, head), to: r.to })).filter((r) => r.from < r.to);
          } else if (kind === "clear") {
            buffer.clear();
            expect([buffer.chunks, pool.inUse]).toEqual([0, 0]);
            written = [];
          } else if (kind === "truncate") {
            buffer.truncate(distance);
            const end = head + distance;
            written = written.map((r) => ({ from: r.from, to: Math.min(r.to, end) })).filter((r) => r.from < r.to);
          } else if (kind === "put") {
            memory.write(scratch, bytesAt(head + distance, length), 0, length);
            const room = buffer.put(distance, scratch, length);
            if (room < length) expect(pool.inUse).toBe(chunks);
            if (room > 0) written.push({ from: head + distance, to: head + distance + room });
          } else {
            const room = buffer.ensure(distance, length);
            expect(room).toBeLessThanOrEqual(length);
            if (room < length) expect(pool.inUse).toBe(chunks);
            const bytes = bytesAt(head + distance, room);
            if (kind === "write") buffer.write(distance, Uint8Array.from([9, ...bytes]), 1, room);
            else {
              memory.write(scratch, bytes, 0, room);
              buffer.writeFrom(distance, scratch, room);
            }
            if (room > 0) written.push({ from: head + distance, to: head + distance + room });
          }
          expect(buffer.chunks).toBe(pool.inUse);
          for (const { from, to } of written) {
            const n = Math.min(to - from, 32768);
            const target = new Uint8Array(n + 1);
            buffer.read(from - head, target, 1, n);
            expect(Buffer.compare(target.subarray(1), bytesAt(from, n))).toBe(0);
            buffer.readTo(from - head, scratch, n);
            expect(Buffer.compare(memory.u8.subarray(scratch, scratch + n), target.subarray(1))).toBe(0);
            expect(memory.u8[buffer.offsetOf(from - head)]).toBe(byteAt(from));
          }
        }
        buffer.clear();
        expect(pool.inUse).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it("says how much stands in one piece", () => {
    const { buffer, memory } = rig();
    buffer.ensure(0, 3 * CHUNK_SIZE);
    buffer.drop(100);
    expect(buffer.contiguous(0)).toBe(CHUNK_SIZE - 100);
    expect(buffer.contiguous(CHUNK_SIZE - 101)).toBe(1);
    expect(buffer.contiguous(CHUNK_SIZE - 100)).toBe(CHUNK_SIZE);
    const at = buffer.offsetOf(10);
    buffer.write(10, bytesAt(0, 50), 0, 50);
    expect(memory.u8.slice(at, at + 50)).toEqual(bytesAt(0, 50));
  });

  it("owns whole chunks only where something stands", () => {
    const { buffer } = rig();
    expect(buffer.chunks).toBe(0);
    buffer.ensure(20 * CHUNK_SIZE, 1);
    expect(buffer.chunks).toBe(1);
    buffer.ensure(0, 0);
    expect(buffer.chunks).toBe(1);
    buffer.ensure(CHUNK_SIZE - 1, 2);
    expect(buffer.chunks).toBe(3);
    buffer.drop(2 * CHUNK_SIZE);
    expect(buffer.chunks).toBe(1);
  });

  it("gives room for as much as the pool has, from the front", () => {
    const { buffer, pool } = rig(2);
    expect(buffer.ensure(1000, 5 * CHUNK_SIZE)).toBe(2 * CHUNK_SIZE - 1000);
    expect(buffer.ensure(1000, 5 * CHUNK_SIZE)).toBe(2 * CHUNK_SIZE - 1000);
    expect(buffer.ensure(2 * CHUNK_SIZE, 1)).toBe(0);
    buffer.drop(CHUNK_SIZE);
    expect(pool.inUse).toBe(1);
    expect(buffer.ensure(CHUNK_SIZE, 10)).toBe(10);
  });

  it("stays small when its head moves over what was never kept", () => {
    const { buffer } = rig();
    for (let i = 0; i < 1000; i++) buffer.drop(10 * CHUNK_SIZE + 1);
    buffer.ensure(0, 1);
    expect((buffer as unknown as { ring: Int32Array | null }).ring?.length ?? 0).toBeLessThanOrEqual(4);
  });

  it("streams for ever through a few chunks", () => {
    const { buffer, pool } = rig(4);
    let head = 0;
    for (let i = 0; i < 500; i++) {
      const n = 1 + ((i * 7919) % (2 * CHUNK_SIZE));
      expect(buffer.ensure(0, n)).toBe(n);
      buffer.write(0, bytesAt(head, n), 0, n);
      const target = new Uint8Array(n);
      buffer.read(0, target, 0, n);
      expect(Buffer.compare(target, bytesAt(head, n))).toBe(0);
      buffer.drop(n);
      head += n;
      expect(pool.inUse).toBeLessThanOrEqual(1);
    }
  });
});

describe("StreamBuffers", () => {
  it("gives the buffer that came back last, and what it held back to the pool", () => {
    const { pool } = rig();
    const buffers = new StreamBuffers(pool);
    const first = buffers.take();
    const second = buffers.take();
    expect(first).not.toBe(second);
    for (const buffer of [first, second]) buffer.ensure(0, 3 * CHUNK_SIZE);
    expect(pool.inUse).toBe(6);
    buffers.give(first);
    buffers.give(second);
    expect(pool.inUse).toBe(0);
    expect([buffers.take(), buffers.take()]).toEqual([second, first]);
  });
});
