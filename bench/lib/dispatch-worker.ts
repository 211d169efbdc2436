import { tuneEngine } from "../../src/cli/engine.js";
import { DispatchWorld } from "./dispatch-world.js";
import { collect, GcWatch, heapBytes } from "./garbage.js";
import { type ReferenceResult, runReference } from "./reference.js";
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
  /** The same in C, right afterwards; for frames that find their socket. */
  readonly reference: ReferenceResult | null;
}

/** What the parent asks for, as one argument in JSON. */
export interface WorkerTask {
  readonly connections: number;
  readonly size: number;
  readonly software: boolean;
  /** Only TCP's frames that find their socket, with timestamps; the reference knows none. */
  readonly stamped: boolean;
  readonly tuned: boolean;
  readonly groups: number;
  readonly repeats: number;
  /** The compiled reference. */
  readonly program: string;
}

type Phase = readonly [Protocol, Kind];
const STAMPED: readonly Phase[] = [["tcp", "hit"]];
const ALL: readonly Phase[] = [
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

/** Runs `groups` groups; only what happens to frames is timed, not their making. @returns milliseconds */
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
  const { protocol, kind, frames, sent, read, reference } = result;
  const fail = (what: string): never => {
    throw new Error(`${what}: ${JSON.stringify(result)}`);
  };
  const expected = kind === "hit" ? frames * payload : 0;
  if (read !== expected) fail(`the reader should have got ${expected} bytes`);
  // ICMP errors are rate limited, resets are not.
  if (kind === "miss" && protocol === "tcp" && sent !== frames) fail("somebody was not told that the port is closed");
  if (kind === "malformed" && sent !== 0) fail("a malformed frame was answered");
  if (reference === null) return;
  if (reference.read / reference.frames !== payload) fail("the reference read something else");
  const acks = sent / frames;
  const theirs = reference.acks / reference.frames;
  // A short run has not quite forgotten how it began.
  const tolerance = frames > 10 * task.connections ? 0.02 : 0.1;
  if (Math.abs(acks - theirs) > tolerance * Math.max(acks, theirs)) fail("the reference acknowledges differently");
}

async function phase(
  world: DispatchWorld,
  gc: GcWatch,
  protocol: Protocol,
  kind: Kind,
  groups: number,
  reference: () => ReferenceResult | null = () => null,
): Promise<PhaseResult> {
  const traffic = world.traffic[protocol];
  traffic.reset(kind);
  run(world, traffic, kind, Math.max(100, groups >> 2));
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
    reference: reference(),
  };
  check(result, traffic.payload);
  return result;
}

const task = JSON.parse(process.argv[2] as string) as WorkerTask;
const { connections, size, software, stamped, groups, repeats } = task;
const PHASES = stamped ? STAMPED : ALL;
if (task.tuned) tuneEngine();
const world = await DispatchWorld.make(connections, size, software, undefined, stamped);
const gc = new GcWatch();
// Everything is warmed up before anything is measured: what a busy stack has seen, the optimizer knows.
for (let i = 0; i < 2; i++) for (const [protocol, kind] of PHASES) await phase(world, gc, protocol, kind, 200);
for (let i = 0; i < repeats; i++) {
  for (const [protocol, kind] of PHASES) {
    const reference = (): ReferenceResult => runReference(task.program, protocol, connections, size, software, groups);
    const hit = kind === "hit";
    const compared = hit && !stamped ? reference : undefined;
    const result = await phase(world, gc, protocol, kind, hit ? groups : groups >> 2, compared);
    console.log(JSON.stringify(result));
  }
}
process.exit(0);
