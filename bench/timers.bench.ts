// The timer wheel beside setTimeout and refresh(): arm, cancel, re-arm, move a deadline later, with 10,000 others standing.
import { RealClock } from "../src/platform/clock.js";
import { SeededRandom } from "../src/platform/random.js";
import { TimerNode, TimerWheel } from "../src/platform/timer-wheel.js";
import { type Case, machine, suite } from "./lib/suite.js";

const STANDING = 10_000;
const OPERATIONS = 1024;

class Node extends TimerNode {
  at = 0;
  override onTimer(): void {}
}

const nothing = (): void => {};
const random = new SeededRandom(1);
/** Waits of 200 to 1223 ms: retransmission timers. */
const waits = Int32Array.from({ length: OPERATIONS }, () => 200 + (random.int32() & 1023));

function wheelCases(): Case[] {
  const wheel = new TimerWheel(new RealClock());
  for (let i = 0; i < STANDING; i++) wheel.arm(new Node(), (wheel.tick + 1_000 + (random.int32() & 0xffff)) | 0);
  const nodes = Array.from({ length: OPERATIONS }, () => new Node());
  const rearm = (): number => {
    for (let i = 0; i < OPERATIONS; i++) wheel.arm(nodes[i] as Node, (wheel.tick + (waits[i] as number)) | 0);
    return wheel.size;
  };
  const armCancel = (): number => {
    for (let i = 0; i < OPERATIONS; i++) {
      wheel.arm(nodes[i] as Node, (wheel.tick + (waits[i] as number)) | 0);
      wheel.cancel(nodes[i] as Node);
    }
    return wheel.size;
  };
  // What a TCP connection does at every ACK: the deadline moves later, the node stays where it stands.
  let later = 0;
  const move = (): number => {
    later++;
    for (let i = 0; i < OPERATIONS; i++) {
      const node = nodes[i] as Node;
      node.at = (wheel.tick + later + (waits[i] as number)) | 0;
      wheel.armBefore(node, node.at);
    }
    return wheel.size;
  };
  return [
    { name: "wheel: re-arm", operations: OPERATIONS, run: rearm },
    { name: "wheel: move later (armBefore)", operations: OPERATIONS, run: move },
    { name: "wheel: arm and cancel", operations: OPERATIONS, run: armCancel },
  ];
}

function hostCases(): Case[] {
  const standing = Array.from({ length: STANDING }, () =>
    setTimeout(nothing, 1_000 + (random.int32() & 0xffff)).unref(),
  );
  const timers = Array.from({ length: OPERATIONS }, (_, i) => setTimeout(nothing, waits[i]).unref());
  const replace = (): number => {
    for (let i = 0; i < OPERATIONS; i++) {
      clearTimeout(timers[i]);
      timers[i] = setTimeout(nothing, waits[i]).unref();
    }
    return standing.length;
  };
  const refresh = (): number => {
    for (let i = 0; i < OPERATIONS; i++) timers[i]?.refresh();
    return standing.length;
  };
  const setClear = (): number => {
    for (let i = 0; i < OPERATIONS; i++) clearTimeout(setTimeout(nothing, waits[i]).unref());
    return standing.length;
  };
  return [
    { name: "host: clearTimeout, setTimeout", operations: OPERATIONS, run: replace },
    { name: "host: refresh()", operations: OPERATIONS, run: refresh },
    { name: "host: setTimeout, clearTimeout", operations: OPERATIONS, run: setClear },
  ];
}

console.log(machine());
await suite("timers", [...wheelCases(), ...hostCases()]);
process.exit(0);
