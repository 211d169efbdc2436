import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkPool } from "../../../src/base/chunks.js";
import { Memory } from "../../../src/base/memory.js";
import { completeChecksum, lowerRow } from "../../../src/link/gso.js";
import { GSO_TCP4, GSO_UDP4, TX_CSUM, TX_GSO, TX_STRIDE, TxQueue } from "../../../src/link/tx-queue.js";
import { enqueue, type FrameSpec, headAlignment, headersOf, numbered, type Parsed, parse, rowOf } from "./harness.js";

interface Rig {
  source: TxQueue;
  target: TxQueue;
  pool: ChunkPool;
}

function rig(targetArena = 128 * 1024): Rig {
  const memory = new Memory(2 << 20);
  const pool = new ChunkPool(memory, 64);
  return { pool, source: new TxQueue(memory, pool, 256 * 1024), target: new TxQueue(memory, pool, targetArena) };
}

/** Cuts `payload` behind the headers (`inHead` bytes) and into pieces at the given places. */
function put(r: Rig, spec: FrameSpec, payload: Uint8Array, size: number, inHead: number, cuts: number[]): void {
  const { head, csum } = headersOf(spec, payload.length);
  const pieces: Uint8Array[] = [];
  let at = Math.min(inHead, payload.length);
  const whole = new Uint8Array(head.length + at);
  whole.set(head);
  whole.set(payload.subarray(0, at), head.length);
  for (const cut of [...cuts, payload.length])
    while (at < Math.min(cut, payload.length)) {
      const end = Math.min(cut, payload.length, at + 8000);
      pieces.push(payload.subarray(at, end));
      at = end;
    }
  const kind = spec.protocol === "udp" ? GSO_UDP4 : GSO_TCP4;
  enqueue(r.source, r.pool, whole, pieces, size === 0 ? 0 : (kind << 16) | size, csum, head.length);
}

/** Lowers row 0, emptying the target whenever it is full. */
function lowerAll(r: Rig, layer: "ethernet" | "ip" = "ethernet"): { frames: Uint8Array[]; rounds: number } {
  const frames: Uint8Array[] = [];
  for (let rounds = 1; ; rounds++) {
    const done = lowerRow(r.source, 0, r.target, layer);
    expect(r.target.count).toBeGreaterThan(0);
    for (let i = 0; i < r.target.count; i++) {
      expect(r.target.rows[i * TX_STRIDE + TX_GSO]).toBe(0);
      expect(r.target.rows[i * TX_STRIDE + TX_CSUM]).toBe(0);
      expect(headAlignment(r.target, i)).toBe(layer === "ethernet" ? 2 : 0);
      frames.push(rowOf(r.target, i));
    }
    r.target.take(r.target.count);
    if (done) return { frames, rounds };
  }
}

function join(parsed: Parsed[]): Uint8Array {
  return Uint8Array.from(parsed.flatMap((p) => [...p.payload]));
}

describe("lowerRow", () => {
  it("cuts any TCP frame into segments that say the same", () => {
    fc.assert(
      fc.property(
        fc.record({
          layer: fc.constantFrom("ethernet" as const, "ip" as const),
          ipOptions: fc.constantFrom(0, 4, 40),
          tcpOptions: fc.constantFrom(0, 12, 40),
          seq: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
          id: fc.integer({ min: 0, max: 0xffff }),
          flags: fc.integer({ min: 0, max: 255 }),
        }),
        fc.integer({ min: 0, max: 20000 }),
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 0, max: 3000 }),
        fc.array(fc.integer({ min: 1, max: 20000 }), { maxLength: 8, size: "max" }),
        fc.constantFrom(4096, 128 * 1024),
        (spec, length, sizeSeed, inHead, cuts, arena) => {
          const size = Math.max(sizeSeed, Math.ceil(length / 900));
          const r = rig(inHead > 1000 ? 128 * 1024 : arena);
          const payload = numbered(length, length);
          put(
            r,
            spec,
            payload,
            size,
            inHead,
            cuts.sort((a, b) => a - b),
          );
          const segments = lowerAll(r, spec.layer).frames.map((f) => parse(f, spec.layer));
          expect(segments.length).toBe(Math.max(1, Math.ceil(length / size)));
          expect(Buffer.compare(join(segments), payload)).toBe(0);
          segments.forEach((s, i) => {
            const last = i === segments.length - 1;
            expect([s.ipOk, s.l4Ok]).toEqual([true, true]);
            expect(s.id).toBe((spec.id + i) & 0xffff);
            expect(s.seq).toBe((spec.seq + i * size) | 0);
            expect(s.payload.length).toBe(last ? length - i * size : size);
            expect(s.totalLength).toBe(20 + spec.ipOptions + 20 + spec.tcpOptions + s.payload.length);
            const flags = spec.flags & (last ? 0xff : ~0x09) & (i === 0 ? 0xff : ~0x80);
            expect(s.flags).toBe(flags);
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("cuts UDP frames into datagrams of one size and a rest", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12000 }),
        fc.integer({ min: 20, max: 1472 }),
        fc.integer({ min: 0, max: 12000 }),
        (length, size, inHead) => {
          const r = rig();
          const payload = numbered(length, size);
          put(r, { protocol: "udp" }, payload, size, inHead, []);
          const parts = lowerAll(r).frames.map((f) => parse(f));
          expect(parts.length).toBe(Math.ceil(length / size));
          expect(Buffer.compare(join(parts), payload)).toBe(0);
          for (const part of parts) {
            expect([part.ipOk, part.l4Ok, part.udpLength]).toEqual([true, true, part.payload.length + 8]);
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  it("says when there is no room and goes on where it stopped", () => {
    const r = rig(1024);
    const payload = numbered(60000);
    put(r, { seq: 0x7fffff00, flags: 0x99 }, payload, 1000, 0, []);
    const { frames, rounds } = lowerAll(r);
    const segments = frames.map((f) => parse(f));
    expect(rounds).toBeGreaterThan(3);
    expect(segments.length).toBe(60);
    expect(segments.map((s) => s.flags)).toEqual([0x90, ...new Array(58).fill(0x10), 0x19]);
    expect(segments.every((s) => s.ipOk && s.l4Ok)).toBe(true);
    expect(Buffer.compare(join(segments), payload)).toBe(0);
  });

  it("does nothing when there is no room for the first segment", () => {
    const r = rig(64);
    put(r, {}, numbered(3000), 1000, 0, []);
    enqueue(r.target, r.pool, new Uint8Array(40));
    expect(lowerRow(r.source, 0, r.target, "ethernet")).toBe(false);
    expect(r.target.count).toBe(1);
  });

  it("takes an ACK in the middle of a row: chunks stay pinned until both queues are flushed", () => {
    const r = rig();
    put(r, {}, numbered(3000), 1000, 0, []);
    expect(r.pool.inUse).toBe(0);
    const before = r.pool.take();
    expect(lowerRow(r.source, 0, r.target, "ethernet")).toBe(true);
    r.source.take(1);
    const next = r.pool.take();
    expect(r.pool.take()).not.toBe(before);
    expect(rowOf(r.target, 0).length).toBe(1054);
    r.target.take(3);
    r.pool.give(next);
    expect(r.pool.take()).toBe(next);
  });

  it("completes partial checksums of single segments and copies others as they are", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("tcp" as const, "udp" as const),
        fc.integer({ min: 0, max: 1460 }),
        fc.integer({ min: 0, max: 300 }),
        fc.array(fc.integer({ min: 1, max: 1460 }), { maxLength: 6, size: "max" }),
        (protocol, length, inHead, cuts) => {
          const r = rig();
          put(
            r,
            { protocol },
            numbered(length),
            0,
            inHead,
            cuts.sort((a, b) => a - b),
          );
          const [frame] = lowerAll(r).frames;
          expect(parse(frame as Uint8Array)).toMatchObject({ ipOk: true, l4Ok: true });
          const again = rig();
          enqueue(again.source, again.pool, frame as Uint8Array);
          expect(lowerAll(again).frames).toEqual([frame]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("completeChecksum", () => {
  it("writes a computed zero as all ones", () => {
    const r = rig();
    // The payload that makes the sum all ones.
    const { head } = headersOf({ protocol: "udp" }, 2);
    const probe = rig();
    put(probe, { protocol: "udp" }, new Uint8Array(2), 0, 0, []);
    completeChecksum(probe.source, 0);
    const frame = rowOf(probe.source, 0);
    const checksum = new DataView(frame.buffer).getUint16(40);
    put(r, { protocol: "udp" }, Uint8Array.of(checksum >> 8, checksum & 255), 0, 0, []);
    completeChecksum(r.source, 0);
    expect(new DataView(rowOf(r.source, 0).buffer).getUint16(40)).toBe(0xffff);
    expect(r.source.rows[TX_CSUM]).toBe(0);
    expect(head.length).toBe(42);
  });
});
