import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/platform/random.js";
import { LookAhead } from "../../../src/ports/look-ahead.js";
import { TupleTable } from "../../../src/ports/tuple-table.js";

class Seen extends LookAhead {
  found: number[] = [];

  read(): void {
    this.found = [...this.values.subarray(0, this.find())];
  }
}

const LOCAL = 0x0a000002;
const PEER = 0x0a000001;

/** A table with `count` connections to port 80, each from a port of its own. */
function rig(count: number): { table: TupleTable; ahead: Seen } {
  const table = new TupleTable(new SeededRandom(count));
  for (let i = 0; i < count; i++) table.insert(LOCAL, 80, PEER, i, i);
  return { table, ahead: new Seen(table) };
}

describe("LookAhead", () => {
  it("is wanted once the table is large", () => {
    expect([rig(100).ahead.wanted, rig(4095).ahead.wanted, rig(4096).ahead.wanted]).toEqual([false, false, true]);
  });

  it("finds nearly all that is there, nothing that is not, and forgets what it was asked", () => {
    const { ahead } = rig(30_000);
    let missed = 0;
    for (let first = 0; first < 30_000; first += 100) {
      for (let i = 0; i < 100; i++) ahead.expect(LOCAL, 80, PEER, first + i);
      ahead.read();
      expect(ahead.found.length).toBe(100);
      for (const [i, value] of ahead.found.entries()) {
        if (value === -1) missed++;
        else expect(value).toBe(first + i);
      }
    }
    expect(missed).toBeLessThan(30_000 / 20);
    for (let i = 0; i < 100; i++) ahead.expect(LOCAL, 81, PEER, i);
    ahead.read();
    expect(ahead.found).toEqual(new Array(100).fill(-1));
    ahead.read();
    expect(ahead.found).toEqual([]);
  });

  it("takes a batch of any size", () => {
    const { ahead } = rig(5000);
    for (let i = 0; i < 5000; i++) ahead.expect(LOCAL, 80, PEER, i);
    ahead.read();
    expect(ahead.found.length).toBe(256);
  });
});
