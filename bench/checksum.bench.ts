// The Internet checksum: Memory.sum (WebAssembly SIMD) beside loops in JavaScript, at 64, 1,480 and 65,535 bytes.
import { Memory } from "../src/base/memory.js";
import { SeededRandom } from "../src/platform/random.js";
import { fold } from "../src/wire/checksum.js";
import { type Case, machine, suite } from "./lib/suite.js";

const memory = new Memory(1 << 20);
const random = new SeededRandom(1);
for (let i = 0; i < memory.i32.length; i++) memory.i32[i] = random.int32();
const at = memory.reserve(65536);
const { u8, dv } = memory;

/** The plain loop: a 16-bit word at a time from bytes. */
function byteLoop(from: number, length: number): number {
  let sum = 0;
  const end = from + (length & ~1);
  for (let i = from; i < end; i += 2) sum += ((u8[i] as number) << 8) | (u8[i + 1] as number);
  if ((length & 1) !== 0) sum += (u8[end] as number) << 8;
  return fold(sum);
}

/** The same through a DataView, 4 bytes a step. */
function viewLoop(from: number, length: number): number {
  let sum = 0;
  const end = from + (length & ~3);
  for (let i = from; i < end; i += 4) {
    const word = dv.getInt32(i);
    sum += (word >>> 16) + (word & 0xffff);
  }
  for (let i = end; i < from + length; i++) sum += (i & 1) === (from & 1) ? (u8[i] as number) << 8 : (u8[i] as number);
  return fold(sum);
}

function cases(length: number): Case[] {
  const operations = Math.max(8, Math.ceil(200_000 / length));
  const repeat = (sum: (from: number, length: number) => number) => (): number => {
    let total = 0;
    for (let n = 0; n < operations; n++) total += sum(at, length);
    return total;
  };
  const wasm = (from: number, n: number): number => memory.sum(from, n);
  const right = byteLoop(at, length);
  if (fold(wasm(at, length)) !== right || viewLoop(at, length) !== right)
    throw new Error(`the sums of ${length} bytes differ`);
  return [
    { name: `Memory.sum, ${length} B`, operations, run: repeat(wasm) },
    { name: `DataView loop, ${length} B`, operations, run: repeat(viewLoop) },
    { name: `byte loop, ${length} B`, operations, run: repeat(byteLoop) },
  ];
}

console.log(machine());
await suite("checksum", [20, 64, 1480, 65535].flatMap(cases));
