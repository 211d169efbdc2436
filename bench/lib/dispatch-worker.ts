import { DispatchWorld } from "./dispatch-world.js";
import { collect, GcWatch, heapBytes } from "./garbage.js";
import { GROUP, type Kind, type Protocol, type Traffic } from "./traffic.js";

/** What one run of a phase gave. */
export interface PhaseResult {
  readonly protocol: Protocol;
  readonly kind: Kind;
  readonly nanoseconds: number;
  /** Bytes of garbage per frame. */
  readonly allocated: number;
  readonly collections: number;
  readonly frames: number;
  /** Frames that went out: ACKs, resets, ICMP errors. */
  readonly sent: number;
  /** Payload bytes that the reader took. */
  readonly read: number;
}

const PHASES: readonly (readonly [Protocol, Kind])[] = [
  ["tcp", "hit"],
  ["udp", "hit"],
  ["tcp", "miss"],
  ["udp", "miss"],
  ["tcp", "malformed"],
];

function prepare(traffic: Traffic, kind: Kind): void {
  if (kind === "hit") {
    traffic.prepare();
    return;
  }
  if (kind === "malformed") traffic.reset("hit");
  traffic.prepareMiss();
  if (kind === "malformed") traffic.spoil();
}

/** Runs `groups` groups; only what happens to frames is timed, not their making. */
function run(world: DispatchWorld, traffic: Traffic, kind: Kind, groups: number): number {
  let spent = 0;
  for (let g = 0; g < groups; g++) {
    prepare(traffic, kind);
    const start = performance.now();
    world.receiveGroup(traffic);
    spent += performance.now() - start;
  }
  return spent;
}

/** Checks that the phase did what it is named for. */
function check(result: PhaseResult, payload: number): void {
  const expected = result.kind === "hit" ? result.frames * payload : 0;
  if (result.read !== expected)
    throw new Error(`${JSON.stringify(result)}: the reader should have got ${expected} bytes`);
  if (result.kind === "hit" && result.protocol === "tcp" && result.sent === 0) throw new Error("no ACK went out");
  // ICMP errors are rate limited, resets are not.
  if (result.kind === "miss" && result.protocol === "tcp" && result.sent !== result.frames)
    throw new Error("somebody was not told that the port is closed");
  if (result.kind === "malformed" && result.sent !== 0) throw new Error("a malformed frame was answered");
}

async function phase(
  world: DispatchWorld,
  gc: GcWatch,
  protocol: Protocol,
  kind: Kind,
  groups: number,
): Promise<PhaseResult> {
  const traffic = world.traffic[protocol];
  traffic.reset(kind);
  run(world, traffic, kind, Math.max(20, groups >> 3));
  collect();
  await gc.settle();
  const before = { gcs: gc.count, heap: heapBytes(), sent: world.link.sent, read: world.read };
  const spent = run(world, traffic, kind, groups);
  const heap = heapBytes();
  await gc.settle();
  const frames = groups * GROUP;
  const result = {
    protocol,
    kind,
    nanoseconds: (spent * 1e6) / frames,
    allocated: Math.max(0, heap - before.heap) / frames,
    collections: gc.count - before.gcs,
    frames,
    sent: world.link.sent - before.sent,
    read: world.read - before.read,
  };
  check(result, traffic.payload);
  return result;
}

const [connections, size, checksums, groups, repeats] = process.argv.slice(2);
const world = await DispatchWorld.make(Number(connections), Number(size), checksums === "software");
const gc = new GcWatch();
// Everything is warmed up before anything is measured: what a busy stack has seen, the optimizer knows.
for (let i = 0; i < 2; i++) for (const [protocol, kind] of PHASES) await phase(world, gc, protocol, kind, 50);
for (let i = 0; i < Number(repeats); i++)
  for (const [protocol, kind] of PHASES)
    console.log(
      JSON.stringify(await phase(world, gc, protocol, kind, kind === "hit" ? Number(groups) : Number(groups) >> 2)),
    );
process.exit(0);
