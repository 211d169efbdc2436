import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { offeredMss, parseOptions, writeSynOptions } from "../../../src/tcp/options.js";
import { Segment } from "../../../src/tcp/segment.js";
import { bareConnection } from "./pieces.js";

const { c, memory } = bareConnection(1);
const AT = memory.reserve(64);

function parse(bytes: readonly number[]): Segment {
  const seg = new Segment();
  memory.u8.fill(0xee, AT, AT + 64);
  memory.u8.set(bytes, AT);
  seg.options = AT;
  seg.optionsLength = bytes.length;
  parseOptions(c.tcp, seg);
  return seg;
}

describe("TCP options (RFC 9293 §3.2)", () => {
  const table: readonly (readonly [string, readonly number[], number, number])[] = [
    ["none", [], -1, -1],
    ["mss", [2, 4, 5, 0xb4], 1460, -1],
    ["mss, nop, wscale", [2, 4, 5, 0xb4, 1, 3, 3, 7], 1460, 7],
    ["wscale over 14", [3, 3, 200, 0], -1, 14],
    ["nothing after the end", [0, 2, 4, 5, 0xb4, 0, 0, 0], -1, -1],
    ["unknown before", [254, 6, 1, 2, 3, 4, 2, 4, 2, 0, 0, 0], 512, -1],
    ["a length of 0", [254, 0, 2, 4, 5, 0xb4, 1, 1], -1, -1],
    ["a length of 1", [2, 4, 5, 0xb4, 254, 1, 3, 3], 1460, -1],
    ["a length beyond the header", [2, 4, 5, 0xb4, 254, 5, 0, 0], 1460, -1],
    ["a kind without its length", [1, 1, 1, 2], -1, -1],
    ["an mss of another length", [2, 3, 5, 1], -1, -1],
    ["the last of two counts", [2, 4, 1, 0, 2, 4, 2, 0], 512, -1],
  ];
  for (const [name, bytes, mss, wscale] of table)
    it(name, () => {
      const seg = parse(bytes);
      expect([seg.mss, seg.wscale]).toEqual([mss, wscale]);
    });

  it("any bytes are read without going beyond them", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }), (bytes) => {
        const seg = parse(bytes);
        return seg.mss <= 65_535 && seg.wscale <= 14 && offeredMss(seg) > 0;
      }),
    );
  });

  it("what is written is read again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: -1, max: 14 }), (mss, wscale) => {
        const seg = new Segment();
        seg.options = AT;
        seg.optionsLength = writeSynOptions(c.tcp, AT, mss, wscale);
        parseOptions(c.tcp, seg);
        return seg.optionsLength % 4 === 0 && seg.mss === mss && seg.wscale === wscale;
      }),
    );
  });
});
