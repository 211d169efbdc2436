import { describe, expect, it } from "vitest";
import { Flow } from "./harness-flow.js";
import { parseLine } from "./harness-notation.js";
import { decodeOptions, encodeOptions, formatOptions, parseOptions, sameOptions } from "./harness-options.js";
import { Trace } from "./harness-trace.js";

describe("options in the notation of scripts", () => {
  it.each([
    ["mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7", "020405b4 0402 080a 00000064 00000000 01 030307"],
    ["nop,nop,sack 100:200 300:400", "0101 0512 00000064 000000c8 0000012c 00000190"],
    ["FO 0011223344556677,nop,nop", "220a 0011223344556677 0101"],
    ["FO,nop,nop", "2202 0101"],
    ["0xfd04f989", "fd04f989"],
    ["sackOK,eol,eol", "0402 0000"],
  ])("%s", (text, hex) => {
    const bytes = encodeOptions(parseOptions(text));
    expect(Buffer.from(bytes).toString("hex")).toBe(hex.replaceAll(" ", ""));
    expect(formatOptions(decodeOptions(bytes))).toBe(text);
  });

  it("are compared with what is left out, and no further", () => {
    const same = (want: string, seen: string, slack = 0): boolean =>
      sameOptions(parseOptions(want), parseOptions(seen), slack);
    expect(same("nop,nop,TS", "nop,nop,TS val 7 ecr 8")).toBe(true);
    expect(same("nop,nop,TS val 7 ecr 8", "nop,nop,TS val 9 ecr 8")).toBe(false);
    expect(same("nop,nop,TS val 7 ecr 8", "nop,nop,TS val 9 ecr 8", 2)).toBe(true);
    expect(same("nop,nop,TS val 7 ecr 8", "nop,nop,TS val 7 ecr 9", 2)).toBe(false);
    expect(same("nop,nop,TS", "nop,TS val 7 ecr 8,nop")).toBe(false);
    expect(same("FO cookie,nop,nop", "FO 0011223344556677,nop,nop")).toBe(true);
    expect(same("FO cookie,nop,nop", "FO,nop,nop")).toBe(false);
    expect(same("wscale 7", "wscale 7,eol")).toBe(true);
  });
});

describe("a line", () => {
  it("may say all of it", () => {
    const line = parseLine(
      "+0.1~0.05 > [40001>80] [ce] EAp. 1:11(10) ack 5 win 7 urg 3 ttl 64 df 1 <nop,nop,TS val 1 ecr 2>",
    );
    expect(line).toMatchObject({
      time: 0.1,
      tolerance: 0.05,
      relative: true,
      direction: ">",
      peerPort: 40001,
      localPort: 80,
      ecn: 3,
      flags: 0x150,
      anyPush: true,
      seq: 1,
      length: 10,
      ack: 5,
      window: 7,
      urgent: 3,
      ttl: 64,
      df: 1,
    });
  });

  it.each(["> . 1:11(9)", "> X", "< . [40001] 1:1(0)", "> [green] ."])("is refused: %s", (text) => {
    expect(() => parseLine(text)).toThrow(/line|add up|unknown/);
  });
});

describe("timestamps of a flow", () => {
  const wire = (flags: number, options: string): Parameters<Flow["see"]>[0] =>
    ({ flags, seq: 5000, options: encodeOptions(parseOptions(options)) }) as Parameters<Flow["see"]>[0];

  it("ours count from the first, the peer's echo the nearest that was seen", () => {
    const flow = new Flow(80, 40000, 1000);
    flow.absolute(parseOptions("TS val 100 ecr 0"), 0x02, 0, 0);
    flow.see(wire(0x12, "TS val 7000 ecr 100"));
    flow.see(wire(0x10, "TS val 7103 ecr 100"));
    expect(flow.timestamps).toBe(true);
    expect(formatOptions(flow.relative(">", wire(0, "TS val 7103 ecr 100").options))).toContain("TS val 103 ecr 100");
    const echo = (text: string, slack: number): number | null =>
      flow.absolute(parseOptions(text), 0x10, 50, slack)[0]?.numbers[1] ?? null;
    expect([echo("TS val 1 ecr 100", 0), echo("TS val 1 ecr 100", 20), echo("TS val 1", 0)]).toEqual([
      7100, 7103, 7103,
    ]);
  });

  it("the peer's clock goes on where the script left it", () => {
    const flow = new Flow(80, 40000, 1000);
    const val = (text: string, ms: number): number | null =>
      flow.absolute(parseOptions(text), 0x10, ms, 0)[0]?.numbers[0] ?? null;
    expect([val("TS val 100 ecr 0", 10), val("TS", 60), val("TS", 90)]).toEqual([100, 150, 180]);
  });
});

describe("the table of a script that failed", () => {
  it("has expected beside seen, by time", () => {
    const trace = new Trace();
    trace.note(0.2, "write(1) = 1");
    trace.compared(0.1, "> . 1:1(0)", "> P. 1:1(0)", "the flags");
    expect(trace.table().split("\n").slice(1)).toEqual([
      "✗   0.100000  > . 1:1(0)  > P. 1:1(0)   <- the flags",
      "    0.200000              write(1) = 1",
    ]);
  });
});
