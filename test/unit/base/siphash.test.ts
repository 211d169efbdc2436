import { describe, expect, it } from "vitest";
import { sipHash8 } from "../../../src/base/siphash.js";

/** The hash as 16 hex digits, low byte first. */
function hash(key: readonly number[], low: number, high: number): string {
  const work = new Int32Array(8);
  sipHash8(Int32Array.from(key), low, high, work);
  return Array.from(new Uint8Array(work.buffer, 0, 8), (b) => b.toString(16).padStart(2, "0")).join("");
}

describe("SipHash-2-4 of 8 bytes", () => {
  it("is that of the authors' test vector: key 00 01 .. 0f, message 00 01 .. 07", () => {
    expect(hash([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c], 0x03020100, 0x07060504)).toBe("6224939a79f5f593");
  });

  it("makes the cookie that packetdrill knows of 192.0.2.1 to 192.168.0.1", () => {
    expect(hash([0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4], 0x010200c0, 0x0100a8c0)).toBe("3021b9d889017eeb");
  });

  it("changes with every bit of key and message", () => {
    const seen = new Set<string>();
    for (let bit = 0; bit < 32; bit++) {
      for (let i = 0; i < 4; i++)
        seen.add(
          hash(
            [0, 1, 2, 3].map((j) => (i === j ? 1 << bit : 0)),
            0,
            0,
          ),
        );
      seen.add(hash([0, 0, 0, 0], 1 << bit, 0));
      seen.add(hash([0, 0, 0, 0], 0, 1 << bit));
    }
    expect(seen.size).toBe(6 * 32);
  });
});
