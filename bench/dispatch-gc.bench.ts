// 10^7 frames to 1,000 TCP connections and as many to 1,000 UDP sockets: exits 1 unless there is no garbage collection at all.
import { tuneEngine } from "../src/cli/engine.js";
import { RealClock } from "../src/platform/clock.js";
import { DispatchWorld } from "./lib/dispatch-world.js";
import { collect, GcWatch, heapBytes } from "./lib/garbage.js";
import { machine, number, table } from "./lib/suite.js";
import { GROUP, type Protocol } from "./lib/traffic.js";

const CONNECTIONS = 1_000;
const FRAMES = Number(process.argv[2] ?? 10_000_000);
/** Every so often the event loop gets a turn, as in a real program. */
const TURN = 64;

const failures: string[] = [];
const expect = (holds: boolean, what: string): void => {
  if (!holds) failures.push(what);
};

async function feed(world: DispatchWorld, protocol: Protocol, groups: number): Promise<void> {
  const traffic = world.traffic[protocol];
  for (let g = 0; g < groups; g++) {
    traffic.prepare();
    world.receiveGroup(traffic);
    if (g % TURN === 0) await new Promise(setImmediate);
  }
}

async function measure(world: DispatchWorld, gc: GcWatch, protocol: Protocol): Promise<string[]> {
  const groups = Math.ceil(FRAMES / GROUP);
  const frames = groups * GROUP;
  await feed(world, protocol, Math.ceil(1_000_000 / GROUP));
  collect();
  await gc.settle();
  const before = { gcs: gc.count, heap: heapBytes(), buffers: process.memoryUsage().arrayBuffers };
  const sent = world.link.sent;
  const read = world.read;
  const start = performance.now();
  await feed(world, protocol, groups);
  const seconds = (performance.now() - start) / 1000;
  const heap = heapBytes() - before.heap;
  await gc.settle();
  const buffers = process.memoryUsage().arrayBuffers - before.buffers;
  const gcs = gc.count - before.gcs;
  const acks = world.link.sent - sent;
  expect(gcs === 0, `${protocol}: ${gcs} garbage collections`);
  expect(buffers <= 0, `${protocol}: arrayBuffers grew by ${buffers} bytes`);
  expect(
    world.read - read === frames * world.traffic[protocol].payload,
    `${protocol}: the reader did not get everything`,
  );
  expect(protocol === "udp" || acks > frames / 100, `${protocol}: hardly any ACK went out`);
  return [
    protocol,
    frames.toLocaleString("en"),
    number(seconds),
    acks.toLocaleString("en"),
    String(gcs),
    number(heap / frames),
    String(buffers),
  ];
}

console.log(`${machine()}\n`);
tuneEngine();
const world = await DispatchWorld.make(CONNECTIONS, 64, false, new RealClock());
const gc = new GcWatch();
const rows: string[][] = [];
for (const protocol of ["tcp", "udp"] as const) rows.push(await measure(world, gc, protocol));
table(["", "frames", "s", "ACKs out", "GCs", "B garbage/frame", "arrayBuffers growth, B"], rows);
for (const failure of failures) console.error(failure);
process.exit(failures.length === 0 ? 0 : 1);
