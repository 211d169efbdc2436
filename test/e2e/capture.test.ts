import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { capture } from "../../src/link/capture.js";
import { memoryLinkPair } from "../../src/link/memory.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import { headersOf, numbered, TestHost } from "../unit/link/harness.js";

const folder = mkdtempSync(join(tmpdir(), "tapstack-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));

const missing = spawnSync("tshark", ["-v"]).status !== 0;

/** What a link of that layer carried: a TCP and a UDP packet out, each answered by the same; complete checksums. */
function record(layer: "ethernet" | "ip", snaplen?: number): string {
  const clock = new VirtualClock(1_753_000_000_123);
  const [left, right] = memoryLinkPair({ layer });
  const blocks: Uint8Array[] = [];
  const options = snaplen === undefined ? {} : { snaplen };
  const a = new TestHost(clock).open(capture(left, { write: (bytes) => blocks.push(bytes) }, options));
  const b = new TestHost(clock).open(right);
  for (const protocol of ["tcp", "udp"] as const) {
    const { head, csum } = headersOf({ layer, protocol }, 101);
    const frame = Uint8Array.from([...head, ...numbered(101)]);
    const start = csum >>> 16;
    const checksum = ~sum(frame.subarray(start)) & 0xffff;
    new DataView(frame.buffer).setUint16(start + (csum & 0xffff), checksum);
    a.send(frame);
    clock.advance(1000);
    b.send(frame);
    clock.advance(1000);
  }
  const file = join(folder, `${layer}${snaplen ?? ""}.pcapng`);
  writeFileSync(file, Buffer.concat(blocks));
  return file;
}

function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function tshark(file: string, ...more: string[]): { lines: string[]; complaints: string } {
  const checks = ["ip", "tcp", "udp"].flatMap((name) => ["-o", `${name}.check_checksum:TRUE`]);
  const run = spawnSync("tshark", ["-n", "-r", file, ...checks, ...more], { encoding: "utf8" });
  const complaints = run.stderr.replace(/^Running as user "root".*\n/gm, "");
  return { lines: run.stdout.trimEnd().split("\n"), complaints: `${run.status === 0 ? "" : run.status}${complaints}` };
}

describe.skipIf(missing)("a capture file in tshark", () => {
  const fields = ["frame.len", "frame.time_epoch", "frame.packet_flags_direction", "frame.interface_name"]
    .flatMap((field) => ["-e", field])
    .concat(["-e", "ip.checksum.status", "-e", "tcp.checksum.status", "-e", "udp.checksum.status"]);

  it.each([
    ["ethernet", 14],
    ["ip", 0],
  ] as const)("opens without a complaint: %s", (layer, header) => {
    const { lines, complaints } = tshark(record(layer), "-T", "fields", "-E", "separator=,", ...fields);
    expect(complaints).toBe("");
    const tcp = header + 20 + 20 + 101;
    const udp = header + 20 + 8 + 101;
    // Direction 2 is outbound; checksum status 1 is good.
    expect(lines.map((line) => line.replaceAll("0x0000000", ""))).toEqual([
      `${tcp},1753000000.123000000,2,mem0,1,1,`,
      `${tcp},1753000000.124000000,1,mem0,1,1,`,
      `${udp},1753000000.125000000,2,mem0,1,,1`,
      `${udp},1753000000.126000000,1,mem0,1,,1`,
    ]);
  });

  it("opens without a complaint when frames were cut", () => {
    const { lines, complaints } = tshark(
      record("ethernet", 61),
      "-T",
      "fields",
      "-e",
      "frame.cap_len",
      "-e",
      "frame.len",
    );
    expect([lines[0], complaints]).toEqual(["61\t155", ""]);
  });

  it("names what wrote it", () => {
    expect(execFileSync("capinfos", [record("ip")], { encoding: "utf8" })).toMatch(/tapstack/);
  });
});
