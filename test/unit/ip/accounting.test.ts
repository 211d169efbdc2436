import { expect, it } from "vitest";
import { below, SeededRandom } from "../../../src/platform/random.js";
import { arp, bytes, ethernet, icmp, ip, Lab, Recorder } from "./lab.js";

/** Frames that are right, of every kind that is understood. */
const SEEDS: readonly Uint8Array[] = [
  arp(),
  arp({ op: 2 }),
  ethernet(ip(bytes(30))),
  ethernet(ip(bytes(30), { options: [7, 7, 4, 0, 0, 0, 0, 0] })),
  ethernet(ip(icmp(bytes(40)), { protocol: 1 })),
  ethernet(
    ip(icmp(ip(bytes(8), { src: "10.77.0.2", dst: "10.77.0.1" }), { type: 3, code: 3, rest: 0 }), { protocol: 1 }),
  ),
  ethernet(ip(bytes(24), { more: true })),
  ethernet(ip(bytes(24), { offset: 24 })),
  ethernet(ip(Uint8Array.of(0x11, 20, 0xee, 0xeb, 0, 0, 0, 0), { protocol: 2, dst: "224.0.0.1" }), {
    dst: "01:00:5e:00:00:01",
  }),
  ethernet(ip(bytes(8), { dst: "10.77.0.255" }), { dst: "ff:ff:ff:ff:ff:ff" }),
];

/** Puts the header checksum right, so that mutations reach what is behind it. */
function mend(frame: Uint8Array): void {
  if (frame.length < 34) return;
  const b = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const end = Math.min(14 + ((b[14] as number) & 15) * 4, b.length & ~1);
  b.writeUInt16BE(0, 24);
  let sum = 0;
  for (let i = 14; i < end; i += 2) sum += b.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  b.writeUInt16BE(0xffff - sum, 24);
}

it.each([1, 2, 3, 4])("seed %i: each mutated frame is accounted for once, throws nothing and leaks nothing", (seed) => {
  const lab = new Lab({ settings: { "net.ipv4.icmp_ratelimit": 0, "net.ipv4.ipfrag_high_thresh": 200_000 } });
  const random = new SeededRandom(seed);
  new Recorder(lab, 253);
  for (let i = 0; i < 4000; i++) {
    const frame = Uint8Array.from(SEEDS[below(random, SEEDS.length)] as Uint8Array);
    for (let n = below(random, 4); n > 0; n--) frame[below(random, frame.length)] = below(random, 256);
    if (below(random, 2) === 0) mend(frame);
    const cut = below(random, 5) === 0 ? below(random, frame.length + 1) : frame.length;
    lab.inject(frame.slice(0, cut), below(random, 4), below(random, 8) === 0 ? 1448 : 0);
    if (i % 100 === 0) lab.wait(below(random, 20_000));
    if (lab.unaccounted() !== 0) throw new Error(`frame ${i}: ${Buffer.from(frame).toString("hex")}`);
    lab.link.sent.length = 0;
  }
  lab.wait(300_000);
  expect(lab.env.pool.inUse).toBe(0);
  expect(lab.ipv4.reassembly.count).toBe(0);
  // The stack still works.
  lab.meetPeer();
  lab.inject(ethernet(ip(icmp(bytes(8)), { protocol: 1 })));
  expect(lab.lines()).toEqual(["02:00:00:00:00:01 10.77.0.2 > 10.77.0.1 icmp 0/0 length 36"]);
});
