import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/platform/random.js";
import { StackTime } from "../../../src/platform/time.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { IsnGenerator } from "../../../src/tcp/opening/isn.js";
import type { Listener } from "../../../src/tcp/opening/listener.js";
import { SynCookies } from "../../../src/tcp/opening/syn-cookie.js";
import { SynRecord } from "../../../src/tcp/opening/syn-record.js";

function attempt(change: Partial<SynRecord> = {}): SynRecord {
  const record = new SynRecord(null as unknown as Listener);
  return Object.assign(record, { localAddr: 1, localPort: 80, remoteAddr: 2, remotePort: 1234, irs: 777 }, change);
}

function make(): { cookies: SynCookies; clock: VirtualClock } {
  const clock = new VirtualClock();
  return { cookies: new SynCookies(new SeededRandom(5), new StackTime(clock)), clock };
}

describe("SYN cookies (RFC 4987 §3.6)", () => {
  it.each([0, 1, 2, 3])("bring back index %i", (index) => {
    const { cookies } = make();
    expect(cookies.check(attempt(), cookies.make(attempt(), index))).toBe(index);
  });

  it.each([{ localAddr: 9 }, { localPort: 81 }, { remoteAddr: 9 }, { remotePort: 9 }, { irs: 5000 }])(
    "are of no use to another: %o",
    (change) => {
      const { cookies } = make();
      expect(cookies.check(attempt(change), cookies.make(attempt(), 2))).toBe(-1);
    },
  );

  it("are good for their minute and the next", () => {
    const { cookies, clock } = make();
    clock.advance(30e6);
    const cookie = cookies.make(attempt(), 3);
    for (const [seconds, index] of [
      [0, 3],
      [29, 3],
      [60, 3],
      [1, -1],
      [3600, -1],
    ] as const) {
      clock.advance(seconds * 1e6);
      expect(cookies.check(attempt(), cookie)).toBe(index);
    }
  });

  it("a guess is hardly ever one", () => {
    const { cookies } = make();
    const random = new SeededRandom(6);
    let hits = 0;
    for (let i = 0; i < 100_000; i++) if (cookies.check(attempt(), random.int32()) >= 0) hits++;
    expect(hits).toBe(0);
  });
});

describe("offsets of timestamps (RFC 7323 §5.4)", () => {
  const isn = new IsnGenerator(new SeededRandom(1), new StackTime(new VirtualClock()));

  it("are one for a pair of addresses", () => {
    expect(isn.tsOffset(1, 1, 2)).toBe(isn.tsOffset(1, 1, 2));
    expect(new Set([1, 2, 3, 4].map((peer) => isn.tsOffset(1, 1, peer))).size).toBe(4);
  });

  it("are 0 with tcp_timestamps=2", () => {
    expect(isn.tsOffset(2, 1, 2)).toBe(0);
  });
});
