import { describe, expect, it } from "vitest";
import { SegmentQueues } from "../../../src/tcp/receiving/segment-queue.js";
import { Metrics } from "../../../src/tcp/sending/metrics.js";

describe("remembered paths", () => {
  const MOST = 4096;

  function known(metrics: Metrics, locals: number, remotes: number): number {
    let n = 0;
    for (let local = 1; local <= locals; local++)
      for (let remote = 1; remote <= remotes; remote++) if (metrics.find(local, remote, 0) !== null) n++;
    return n;
  }

  it("are 4096, whichever of our addresses they begin at; the first remembered peer is forgotten first", () => {
    const metrics = new Metrics();
    for (let remote = 1; remote <= MOST / 4; remote++)
      for (let local = 1; local <= 5; local++) metrics.make(local, remote, 0);
    expect(known(metrics, 5, MOST / 4)).toBeLessThanOrEqual(MOST);
    expect(known(metrics, 5, MOST / 4)).toBeGreaterThan(MOST - 5);
    expect(metrics.find(1, 1, 0)).toBe(null);
    expect(metrics.find(1, MOST / 4, 0)).not.toBe(null);
  });

  it("are 4096 to one peer as to many", () => {
    const metrics = new Metrics();
    for (let local = 1; local <= MOST + 1; local++) metrics.make(local, 1, 0);
    expect(known(metrics, MOST + 1, 1)).toBe(1);
    for (let remote = 2; remote <= MOST + 1; remote++) metrics.make(1, remote, 0);
    expect(known(metrics, 1, MOST + 1)).toBe(MOST);
  });
});

describe("spare queues of segments", () => {
  it("are as small as they were made, or little larger", () => {
    const queues = new SegmentQueues();
    const wide = queues.take();
    for (let i = 0; i < 129; i++) wide.push(1, 832);
    queues.give(wide);
    expect(queues.take()).not.toBe(wide);
    const narrow = queues.take();
    for (let i = 0; i < 128; i++) narrow.push(1, 832);
    queues.give(narrow);
    expect(queues.take()).toBe(narrow);
    expect(narrow.count).toBe(0);
  });

  it("are no more than 1024", () => {
    const queues = new SegmentQueues();
    const taken = Array.from({ length: 1025 }, () => queues.take());
    for (const queue of taken) queues.give(queue);
    const again = new Set(Array.from({ length: 1025 }, () => queues.take()));
    expect(taken.filter((queue) => again.has(queue)).length).toBe(1024);
  });
});
