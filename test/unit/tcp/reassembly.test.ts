import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_SIZE } from "../../../src/base/chunks.js";
import { dropReceived } from "../../../src/tcp/close.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { OOO_MAX, pruneOutOfOrder, receiveData } from "../../../src/tcp/reassembly.js";
import { bareConnection } from "./pieces.js";

const { c, memory, pool } = bareConnection(64);
const SOURCE = memory.reserve(8192);
const byteAt = (i: number): number => (i * 31 + (i >> 8) * 7) & 0xff;

function reset(start: number): void {
  dropReceived(c);
  c.rcvNxt = start | 0;
  c.rcvQueued = 0;
}

/** [from, to) of the stream arrives. @returns what receiveData gave */
function arrive(start: number, from: number, to: number): number {
  for (let i = from; i < to; i++) memory.u8[SOURCE + i - from] = byteAt(i);
  return receiveData(c, (start + from) | 0, SOURCE, to - from);
}

function readAll(connection: Connection): Uint8Array {
  const out = new Uint8Array(connection.rcvQueued);
  connection.rcv?.read(0, out, 0, out.length);
  return out;
}

describe("reassembly against a plain set of bytes", () => {
  const piece = fc.tuple(fc.integer({ min: 0, max: 6000 }), fc.integer({ min: 1, max: 3000 }));

  it("delivers in order whatever comes, with overlaps, across the wrap of sequence numbers", () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(piece, { minLength: 1, maxLength: 40 }), (start, pieces) => {
        reset(start);
        const have = new Set<number>();
        let next = 0;
        for (const [at, length] of pieces) {
          // As processText hands it on: nothing before RCV.NXT
          const from = Math.max(at, next);
          const to = at + length;
          if (to <= from) continue;
          const moved = arrive(start, from, to);
          for (let i = from; i < to; i++) have.add(i);
          const was = next;
          while (have.has(next)) next++;
          if (moved !== next - was || c.rcvQueued !== next || c.rcvNxt !== ((start + next) | 0)) return false;
          let holes = 0;
          for (let i = next + 1; i < 10_000; i++) if (have.has(i) && !have.has(i - 1)) holes++;
          if (c.oooCount !== holes) return false;
        }
        return readAll(c).every((byte, i) => byte === byteAt(i));
      }),
      { numRuns: 300 },
    );
    reset(0);
    expect(pool.inUse).toBe(0);
  });

  it("keeps no more ranges than it should", () => {
    reset(0);
    for (let i = 0; i < OOO_MAX; i++) expect(arrive(0, 2 + 2 * i, 3 + 2 * i)).toBe(0);
    expect(arrive(0, 2 + 2 * OOO_MAX, 3 + 2 * OOO_MAX)).toBe(-1);
    // Touching one that is kept needs no range of its own
    expect(arrive(0, 3, 4)).toBe(0);
    expect(c.oooCount).toBe(OOO_MAX - 1);
    for (let i = 1; i < 2 * OOO_MAX; i += 2) arrive(0, i, i + 1);
    expect(arrive(0, 0, 2)).toBe(2 * OOO_MAX + 1);
    expect(c.oooCount).toBe(0);
    expect(readAll(c).every((byte, i) => byte === byteAt(i))).toBe(true);
  });

  it("takes what there is memory for, and says so", () => {
    reset(0);
    const taken: number[] = [];
    while (pool.inUse < pool.capacity - 1) taken.push(pool.take());
    expect(arrive(0, 0, 5000)).toBe(5000);
    expect(arrive(0, 5000, 10_000)).toBe(CHUNK_SIZE - 5000);
    expect(arrive(0, CHUNK_SIZE, CHUNK_SIZE + 1)).toBe(-1);
    expect(arrive(0, CHUNK_SIZE + 100, CHUNK_SIZE + 200)).toBe(-1);
    expect([c.rcvQueued, c.oooCount]).toEqual([CHUNK_SIZE, 0]);
    for (const chunk of taken) pool.give(chunk);
    reset(0);
  });

  it("pruning keeps what is in order and gives back the rest", () => {
    reset(0);
    arrive(0, 0, 100);
    for (let i = 1; i < 20; i++) arrive(0, i * CHUNK_SIZE, i * CHUNK_SIZE + 1);
    expect([pool.inUse, c.oooCount]).toEqual([20, 19]);
    pruneOutOfOrder(c);
    expect([pool.inUse, c.oooCount, c.rcvQueued]).toEqual([1, 0, 100]);
    expect(arrive(0, 100, 8000)).toBe(7900);
    expect(readAll(c).every((byte, i) => byte === byteAt(i))).toBe(true);
    reset(0);
    expect(pool.inUse).toBe(0);
  });
});
