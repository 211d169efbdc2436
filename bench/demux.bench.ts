// The demultiplexer's table alone: lookups at 1, 1,000 and 100,000 entries, hits and misses, insertion and removal.
import { SeededRandom } from "../src/platform/random.js";
import { TupleTable } from "../src/ports/tuple-table.js";
import { type Case, machine, suite } from "./lib/suite.js";

const LOCAL = 0x0a4d0002;
const LOOKUPS = 4096;
const COUNTS = [1, 1_000, 100_000];

/** Connection `i` comes from one of 1024 hosts. */
const remoteOf = (i: number): number => (0xc6120000 + (i & 1023)) | 0;
const portOf = (i: number): number => 10_000 + (i >> 10);

/** `count` connections to port 80, and lookups of them in random order. */
function cases(count: number): Case[] {
  const random = new SeededRandom(count);
  const tuples = new TupleTable(random);
  for (let i = 0; i < count; i++) tuples.insert(LOCAL, 80, remoteOf(i), portOf(i), i);
  const order = new Int32Array(1 << 20);
  for (let i = 0; i < order.length; i++) order[i] = (random.int32() >>> 0) % count;
  let at = 0;
  const find = (port: number) => (): number => {
    let sum = 0;
    for (let n = 0; n < LOOKUPS; n++) {
      const i = order[at] as number;
      at = (at + 1) & (order.length - 1);
      sum += tuples.find(LOCAL, port, remoteOf(i), portOf(i));
    }
    return sum;
  };
  const churn = (): number => {
    for (let n = 0; n < LOOKUPS; n++) {
      const i = order[at] as number;
      at = (at + 1) & (order.length - 1);
      tuples.remove(LOCAL, 80, remoteOf(i), portOf(i));
      tuples.insert(LOCAL, 80, remoteOf(i), portOf(i), i);
    }
    return tuples.size;
  };
  const label = count.toLocaleString("en");
  return [
    { name: `find, hit, ${label}`, operations: LOOKUPS, run: find(80) },
    { name: `find, miss, ${label}`, operations: LOOKUPS, run: find(81) },
    { name: `remove and insert, ${label}`, operations: LOOKUPS, run: churn },
  ];
}

console.log(machine());
await suite("demultiplexer", COUNTS.flatMap(cases));
