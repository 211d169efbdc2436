import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import wabt from "wabt";
import { Memory } from "../../../src/base/memory.js";
import { MEMORY_WASM } from "../../../src/base/memory-wasm.js";

describe("memory-wasm.ts", () => {
  it("is memory.wat, compiled", async () => {
    const source = readFileSync(new URL("../../../src/base/memory.wat", import.meta.url), "utf8");
    const module = (await wabt()).parseWat("memory.wat", source, { simd: true, bulk_memory: true });
    const compiled = Buffer.from(module.toBinary({}).buffer).toString("base64");
    expect(MEMORY_WASM, "npm run wasm compiles it again").toBe(compiled);
  });
});

/** RFC 1071 §4.1 as written, in 16-bit words of network order. */
function referenceSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += (bytes[i] as number) * 256 + (bytes[i + 1] as number);
  if (bytes.length % 2 === 1) sum += (bytes.at(-1) as number) * 256;
  while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536);
  return sum;
}

describe("Memory.sum", () => {
  let memory: Memory;
  beforeAll(() => {
    memory = new Memory(1 << 20);
  });

  it("agrees with the RFC's own loop for any bytes, place and length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400, size: "max" }), fc.integer({ min: 64, max: 200 }), (bytes, at) => {
        memory.u8.fill(0xee, 0, 1024);
        memory.u8.set(bytes, at);
        expect(memory.sum(at, bytes.length)).toBe(referenceSum(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 34, 35, 36, 63, 64, 65, 1460, 65535])("of %d bytes", (n) => {
    for (const fill of [0, 1, 0xff]) {
      memory.u8.fill(0x5a, 0, 70000);
      memory.u8.fill(fill, 101, 101 + n);
      expect(memory.sum(101, n)).toBe(referenceSum(new Uint8Array(n).fill(fill)));
    }
  });

  it("does not overflow at 512 KiB of ones", () => {
    memory.u8.fill(0xff, 0, (512 << 10) + 1);
    expect(memory.sum(1, 512 << 10)).toBe(0xffff);
    memory.u8[1] = 0xfe;
    expect(memory.sum(1, 512 << 10)).toBe(0xfeff);
  });

  it("reaches the last byte of the memory", () => {
    memory.u8.fill(0, memory.size - 3);
    memory.u8[memory.size - 1] = 7;
    expect(memory.sum(memory.size - 3, 3)).toBe(0x0700);
  });
});

describe("Memory's copies", () => {
  const memory = new Memory(65536 * 2);
  const other = new Memory(65536);
  const length = fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 200, max: 300 }), fc.constant(5000));
  const place = fc.integer({ min: 0, max: 9000 });

  function fillBoth(seed: number): void {
    for (let i = 0; i < 32768; i++) {
      memory.u8[i] = (i * 7 + seed) & 255;
      other.u8[i] = (i * 13 + seed + 1) & 255;
    }
  }

  it("copy is memmove", () => {
    fc.assert(
      fc.property(place, place, length, fc.nat(), (to, from, n, seed) => {
        fillBoth(seed);
        const expected = memory.u8.slice().copyWithin(to, from, from + n);
        memory.copy(to, from, n);
        expect(Buffer.compare(memory.u8, expected)).toBe(0);
      }),
    );
  });

  it("copyFrom takes from another memory, or from its own", () => {
    fc.assert(
      fc.property(fc.boolean(), place, place, length, fc.nat(), (own, to, from, n, seed) => {
        fillBoth(seed);
        const source = own ? memory : other;
        const expected = memory.u8.slice();
        expected.set(source.u8.slice(from, from + n), to);
        memory.copyFrom(to, source, from, n);
        expect(Buffer.compare(memory.u8, expected)).toBe(0);
      }),
    );
  });

  it("write and read move any part of any array", () => {
    fc.assert(
      fc.property(place, fc.integer({ min: 0, max: 50 }), length, fc.nat(), (at, start, n, seed) => {
        fillBoth(seed);
        const source = other.u8.slice(0, start + n + 3);
        const expected = memory.u8.slice();
        expected.set(source.subarray(start, start + n), at);
        memory.write(at, source, start, n);
        expect(Buffer.compare(memory.u8, expected)).toBe(0);
        const target = new Uint8Array(start + n + 3).fill(1);
        memory.read(at, target, start, n);
        expect(target.subarray(start, start + n)).toEqual(source.subarray(start, start + n));
        expect([...target.subarray(0, start), ...target.subarray(start + n)].every((b) => b === 1)).toBe(true);
      }),
    );
  });

  it("write and read also take views of the memory itself", () => {
    for (const n of [40, 400]) {
      fillBoth(3);
      const view = memory.u8.subarray(1000, 2000);
      memory.write(5000, view, 10, n);
      expect(memory.u8.slice(5000, 5000 + n)).toEqual(memory.u8.slice(1010, 1010 + n));
      memory.read(6000, view, 20, n);
      expect(memory.u8.slice(1020, 1020 + n)).toEqual(memory.u8.slice(6000, 6000 + n));
    }
  });
});

describe("Memory.reserve", () => {
  it("gives regions that are aligned and never overlap, and takes them all back", () => {
    const size = fc.integer({ min: 1, max: 3000 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(size, fc.record({ release: fc.nat(1000) })), { maxLength: 100, size: "max" }),
        (steps) => {
          const memory = new Memory(65536 * 2);
          const free = memory.available;
          const held: { at: number; bytes: number }[] = [];
          for (const step of steps) {
            if (typeof step !== "number") {
              const [region] = held.splice(step.release % Math.max(1, held.length), 1);
              if (region !== undefined) memory.release(region.at, region.bytes);
            } else if (step + 64 <= memory.available) {
              const at = memory.reserve(step);
              expect(at % 64).toBe(0);
              expect(at).toBeGreaterThanOrEqual(64);
              expect(at + step).toBeLessThanOrEqual(memory.size);
              for (const other of held) expect(at + step <= other.at || other.at + other.bytes <= at).toBe(true);
              held.push({ at, bytes: step });
            }
          }
          for (const { at, bytes } of held) memory.release(at, bytes);
          expect(memory.available).toBe(free);
        },
      ),
    );
  });

  it("uses a released region again for the same size", () => {
    const memory = new Memory(65536);
    const first = memory.reserve(1000);
    memory.reserve(64);
    memory.release(first, 1000);
    expect(memory.reserve(1020)).toBe(first);
  });

  it.each([65536, 2 ** 31, 2 ** 32, 2 ** 40])("refuses %d bytes of a small memory with ENOMEM", (bytes) => {
    const memory = new Memory(65536);
    const free = memory.available;
    expect(() => memory.reserve(bytes)).toThrow(/ENOMEM.*larger memory/);
    expect(memory.available).toBe(free);
  });

  it.each([0, -1, Number.NaN, 2 ** 31 + 1])("refuses a memory of %d bytes", (bytes) => {
    expect(() => new Memory(bytes)).toThrow(RangeError);
  });

  it("rounds up to whole pages and costs nothing until touched", () => {
    expect(new Memory(1).size).toBe(65536);
    const large = new Memory(1 << 30);
    expect(large.available).toBe((1 << 30) - 64);
  });
});
