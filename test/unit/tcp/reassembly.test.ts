import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_SIZE } from "../../../src/base/chunks.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { dropReceived } from "../../../src/tcp/ending/close.js";
import { joinAhead, OOO_MAX } from "../../../src/tcp/receiving/out-of-order.js";
import { pruneOutOfOrder, receiveAhead, receiveNext } from "../../../src/tcp/receiving/reassembly.js";
import { chargeReceived, releaseAll } from "../../../src/tcp/receiving/receive-queue.js";
import { bareConnection } from "./pieces.js";

const { c, memory, pool } = bareConnection(64);
const SOURCE = memory.reserve(8192);
const byteAt = (i: number): number => (i * 31 + (i >> 8) * 7) & 0xff;

function reset(start: number): void {
  pruneOutOfOrder(c);
  dropReceived(c);
  releaseAll(c);
  c.rcvNxt = start | 0;
  c.rcvQueued = 0;
}

/** [from, to) of the stream arrives. @returns by how much RCV.NXT moved, 0 for what is ahead of it, or -1 */
function arrive(start: number, from: number, to: number): number {
  for (let i = from; i < to; i++) memory.u8[SOURCE + i - from] = byteAt(i);
  const seq = (start + from) | 0;
  if (seq !== c.rcvNxt) return Math.min(receiveAhead(c, seq, SOURCE, to - from, 0), 0);
  const moved = receiveNext(c, SOURCE, to - from);
  if (moved < 0) return moved;
  chargeReceived(c, moved, 0);
  return c.oooCount > 0 ? moved + joinAhead(c) : moved;
}

/** Holes in what is kept ahead: the records of one range touch. */
function holes(): number {
  let n = 0;
  let end = c.rcvNxt;
  for (let i = 0; i < c.oooCount; i++) {
    const from = c.ooo?.[4 * i] as number;
    if (((from - end) | 0) > 0) n++;
    end = c.ooo?.[4 * i + 1] as number;
  }
  return n;
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
          let expected = 0;
          for (let i = next + 1; i < 10_000; i++) if (have.has(i) && !have.has(i - 1)) expected++;
          if (holes() !== expected) return false;
        }
        return readAll(c).every((byte, i) => byte === byteAt(i));
      }),
      { numRuns: 300 },
    );
    reset(0);
    expect(pool.inUse).toBe(0);
  });

  it("keeps no more segments than it should", () => {
    reset(0);
    for (let i = 0; i < OOO_MAX; i++) expect(arrive(0, 2 + 2 * i, 3 + 2 * i)).toBe(0);
    expect(arrive(0, 2 + 2 * OOO_MAX, 3 + 2 * OOO_MAX)).toBe(-1);
    // What one that is kept has room for needs no record of its own
    for (let i = 3; i < 2 * OOO_MAX; i += 2) expect(arrive(0, i, i + 1)).toBe(0);
    expect(c.oooCount).toBe(OOO_MAX);
    expect(arrive(0, 0, 2)).toBe(2 * OOO_MAX + 1);
    expect([c.oooCount, c.oooCharge]).toEqual([0, 0]);
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
