import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  offeredMss,
  optionBytes,
  parseOptions,
  SynOptions,
  writeOptions,
  writeSynOptions,
} from "../../../src/tcp/arriving/options.js";
import { Segment } from "../../../src/tcp/arriving/segment.js";
import { SYN } from "../../../src/wire/tcp.js";
import { bareConnection } from "./pieces.js";

const { c, memory } = bareConnection(1);
const AT = memory.reserve(64);

function parse(bytes: readonly number[]): Segment {
  const seg = new Segment();
  memory.u8.fill(0xee, AT, AT + 64);
  memory.u8.set(bytes, AT);
  seg.options = AT;
  seg.optionsLength = bytes.length;
  seg.flags = SYN;
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

  it("those of a SYN do not count in other segments", () => {
    const seg = new Segment();
    memory.u8.set([2, 4, 5, 0xb4, 4, 2, 1, 1], AT);
    seg.options = AT;
    seg.optionsLength = 8;
    parseOptions(c.tcp, seg);
    expect([seg.mss, seg.sackOk]).toEqual([-1, false]);
  });

  it("timestamps (RFC 7323 §3.2)", () => {
    for (const bytes of [
      [1, 1, 8, 10, 0, 0, 0, 7, 0x80, 0, 0, 9],
      [8, 10, 0, 0, 0, 7, 0x80, 0, 0, 9, 1, 1],
    ]) {
      const seg = parse(bytes);
      expect([seg.ts, seg.tsval, seg.tsecr >>> 0]).toEqual([true, 7, 0x8000_0009]);
    }
    expect(parse([8, 9, 0, 0, 0, 7, 0, 0, 0, 1, 1, 1]).ts).toBe(false);
  });

  it("SACK blocks (RFC 2018 §3): whole ones, one at least", () => {
    const block = [0, 0, 0, 1, 0, 0, 0, 2];
    const two = parse([1, 1, 5, 18, ...block, ...block]);
    expect([two.sackBlocks, two.sack]).toEqual([2, AT + 4]);
    expect(parse([5, 2, 1, 1]).sackBlocks).toBe(0);
    expect(parse([5, 14, ...block, 0, 0, 0, 3, 1, 1]).sackBlocks).toBe(0);
  });

  it("fast open (RFC 7413 §4.1.1): no cookie, or 4 to 16 bytes, even", () => {
    const lengths = [0, 1, 2, 4, 5, 8, 16].map((n) => parse([34, 2 + n, ...new Array<number>(n).fill(9)]).cookieLength);
    expect(lengths).toEqual([0, -1, -1, 4, -1, 8, 16]);
  });

  it("an absent or senseless MSS stands for 536 (RFC 9293 §3.7.1)", () => {
    expect([parse([]), parse([2, 4, 0, 0]), parse([2, 4, 0, 1])].map(offeredMss)).toEqual([536, 536, 1]);
  });
});

describe("the options of a SYN, laid out as Linux does", () => {
  const offer = (more: Partial<SynOptions>): SynOptions => Object.assign(new SynOptions(), { mss: 1460 }, more);
  const written = (o: SynOptions): number[] => {
    const n = writeSynOptions(c.tcp, AT, o);
    return [...memory.u8.subarray(AT, AT + n)];
  };
  const MSS = [2, 4, 5, 0xb4];
  const TS = [8, 10, 0, 0, 0, 7, 0, 0, 0, 9];

  const layouts: readonly (readonly [string, Partial<SynOptions>, readonly number[]])[] = [
    ["mss", {}, MSS],
    ["mss, nop, wscale", { wscale: 7 }, [...MSS, 1, 3, 3, 7]],
    ["mss, nop, nop, sackOK", { sackOk: true }, [...MSS, 1, 1, 4, 2]],
    ["mss, nop, nop, sackOK, nop, wscale", { sackOk: true, wscale: 0 }, [...MSS, 1, 1, 4, 2, 1, 3, 3, 0]],
    ["mss, nop, nop, TS", { ts: true }, [...MSS, 1, 1, ...TS]],
    ["mss, sackOK, TS", { sackOk: true, ts: true }, [...MSS, 4, 2, ...TS]],
    ["all", { sackOk: true, ts: true, wscale: 7 }, [...MSS, 4, 2, ...TS, 1, 3, 3, 7]],
    ["a request for a cookie", { cookieLength: 0 }, [...MSS, 34, 2, 1, 1]],
    ["... in the experimental option", { cookieLength: 0, cookieExp: true }, [...MSS, 254, 4, 0xf9, 0x89]],
    [
      "a cookie, padded",
      { cookie: Uint8Array.of(1, 2, 3, 4), cookieLength: 4, wscale: 1 },
      [...MSS, 1, 3, 3, 1, 34, 6, 1, 2, 3, 4, 1, 1],
    ],
    [
      "the longest cookie fills it",
      { sackOk: true, ts: true, wscale: 7, cookie: new Uint8Array(16), cookieLength: 16 },
      [...MSS, 4, 2, ...TS, 1, 3, 3, 7, 34, 18, ...new Array<number>(16).fill(0), 1, 1],
    ],
  ];
  for (const [name, more, bytes] of layouts)
    it(name, () => {
      expect(written(offer({ tsval: 7, tsecr: 9, ...more }))).toEqual(bytes);
    });

  it("what is written is read again", () => {
    const arbitrary = fc.record({
      mss: fc.integer({ min: 1, max: 65_535 }),
      wscale: fc.integer({ min: -1, max: 14 }),
      sackOk: fc.boolean(),
      ts: fc.boolean(),
      tsval: fc.integer(),
      tsecr: fc.integer(),
      cookieLength: fc.constantFrom(-1, 0, 4, 8),
    });
    fc.assert(
      fc.property(arbitrary, (values) => {
        const o = offer({ ...values, cookie: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
        const seg = new Segment();
        seg.flags = SYN;
        seg.options = AT;
        seg.optionsLength = writeSynOptions(c.tcp, AT, o);
        parseOptions(c.tcp, seg);
        expect(seg.optionsLength % 4).toBe(0);
        expect([seg.mss, seg.wscale, seg.sackOk, seg.ts]).toEqual([o.mss, o.wscale, o.sackOk, o.ts]);
        if (o.ts) expect([seg.tsval, seg.tsecr]).toEqual([o.tsval, o.tsecr]);
        expect(seg.cookieLength).toBe(o.cookieLength);
      }),
    );
  });
});

describe("the options of other segments", () => {
  it("none, timestamps, SACK blocks with a DSACK in front (RFC 2883 §4), three of them beside timestamps", () => {
    const { c: d, memory: m } = bareConnection(1);
    const at = m.reserve(64);
    const bytes = (): number[] => {
      writeOptions(d, at);
      return [...m.u8.subarray(at, at + optionBytes(d))];
    };
    expect(optionBytes(d)).toBe(0);
    d.tsOk = true;
    d.tsRecent = 5;
    expect(bytes()).toEqual([1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 5]);
    d.tsOk = false;
    d.sackOk = true;
    d.sackOut = Int32Array.of(10, 20, 30, 40, 50, 60, 70, 80);
    d.sackBlocks = 4;
    expect(optionBytes(d)).toBe(36);
    d.tsOk = true;
    expect(optionBytes(d)).toBe(40);
    d.tsOk = false;
    d.sackBlocks = 1;
    d.dsackDue = true;
    d.dsackStart = 1;
    d.dsackEnd = 2;
    const blocks = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0, 20];
    expect(optionBytes(d)).toBe(20);
    writeOptions(d, at);
    expect([...m.u8.subarray(at, at + 20)]).toEqual([1, 1, 5, 18, ...blocks]);
    // It is reported once
    expect(optionBytes(d)).toBe(12);
  });
});
