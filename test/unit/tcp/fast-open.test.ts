import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/platform/random.js";
import { StackTime } from "../../../src/platform/time.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { FastOpen, parseKey } from "../../../src/tcp/opening/fast-open.js";
import { FastOpenCache } from "../../../src/tcp/opening/fast-open-cache.js";
import type { TcpSettings } from "../../../src/tcp/settings.js";
import { parseAddr } from "../../../src/wire/address.js";

const CLIENT = parseAddr("192.0.2.1") as number;
const SERVER = parseAddr("192.168.0.1") as number;
const A = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";
const B = "1-2-3-4";

function fastOpen(settings: Partial<TcpSettings>): { fastOpen: FastOpen; settings: TcpSettings; clock: VirtualClock } {
  const clock = new VirtualClock();
  const all = { fastOpenKey: "", fastOpenBlackhole: 0, ...settings } as TcpSettings;
  return { fastOpen: new FastOpen(new SeededRandom(1), new StackTime(clock), all), settings: all, clock };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("fast open keys", () => {
  it.each([
    ["1-2-3-4", [1, 2, 3, 4]],
    [A, [0xa1a1a1a1 | 0, 0xb2b2b2b2 | 0, 0xc3c3c3c3 | 0, 0xd4d4d4d4 | 0]],
    [" 1-2-3-4 ", [1, 2, 3, 4]],
  ])("%s", (text, words) => {
    expect(Array.from(parseKey(text) as Int32Array)).toEqual(words);
  });

  it.each(["", "1-2-3", "1-2-3-4-5", "1-2-3-g", "1-2-3-123456789"])("%s is none", (text) => {
    expect(parseKey(text)).toBe(null);
  });

  it("make cookies as Linux does", () => {
    expect(hex(fastOpen({ fastOpenKey: A }).fastOpen.cookieFor(null, CLIENT, SERVER))).toBe("3021b9d889017eeb");
  });

  it("without a setting they are random, and stay", () => {
    const { fastOpen: f } = fastOpen({});
    const first = hex(f.cookieFor(null, CLIENT, SERVER));
    expect(hex(f.cookieFor(null, CLIENT, SERVER))).toBe(first);
    expect(first).not.toBe("3021b9d889017eeb");
  });

  it("the second is still accepted, and told apart (RFC 7413 §5.2)", () => {
    const { fastOpen: f, settings } = fastOpen({ fastOpenKey: A });
    const old = f.cookieFor(null, CLIENT, SERVER).slice();
    settings.fastOpenKey = `${B},${A}`;
    const made = f.cookieFor(null, CLIENT, SERVER).slice();
    expect(f.match(null, made, 0, 8, CLIENT, SERVER)).toBe(1);
    expect(f.match(null, old, 0, 8, CLIENT, SERVER)).toBe(2);
    expect(f.match(null, old, 0, 8, SERVER, CLIENT)).toBe(0);
    expect(f.match(null, old, 0, 4, CLIENT, SERVER)).toBe(0);
    settings.fastOpenKey = B;
    expect(f.match(null, old, 0, 8, CLIENT, SERVER)).toBe(0);
  });
});

describe("blackholes (RFC 7413 §7.1)", () => {
  it("are not looked for by default", () => {
    const { fastOpen: f } = fastOpen({});
    expect(f.blackhole()).toBe(false);
    expect(f.disabled).toBe(false);
  });

  it("turn fast open off for the time that is set, doubled by each further one, until it works", () => {
    const { fastOpen: f, clock } = fastOpen({ fastOpenBlackhole: 10 });
    for (const seconds of [10, 20, 40]) {
      expect(f.blackhole()).toBe(true);
      clock.advance(seconds * 1e6 - 1);
      expect(f.disabled).toBe(true);
      clock.advance(1);
      expect(f.disabled).toBe(false);
    }
    f.worked();
    f.blackhole();
    clock.advance(10e6);
    expect(f.disabled).toBe(false);
  });
});

describe("the client's cache", () => {
  it("remembers the last cookie and MSS of a server", () => {
    const cache = new FastOpenCache();
    expect(cache.get(SERVER)).toBe(null);
    cache.set(SERVER, 1460, Uint8Array.of(1, 2, 3, 4), false, 0);
    cache.set(SERVER, 1400, null, false, 1);
    expect(cache.get(SERVER)).toEqual({ mss: 1400, cookie: Uint8Array.of(1, 2, 3, 4), exp: false, tried: 0 });
  });

  it("remembers in which option a cookie was asked for in vain, until there is one", () => {
    const cache = new FastOpenCache();
    for (const tried of [1, 2, 1]) cache.set(SERVER, 1460, null, false, tried);
    expect(cache.get(SERVER)).toEqual({ mss: 1460, cookie: null, exp: false, tried: 2 });
    cache.set(SERVER, 1460, Uint8Array.of(1, 2, 3, 4), true, 0);
    expect(cache.get(SERVER)).toEqual({ mss: 1460, cookie: Uint8Array.of(1, 2, 3, 4), exp: true, tried: 2 });
  });

  it("forgets the oldest of too many", () => {
    const cache = new FastOpenCache();
    for (let i = 0; i <= 4096; i++) cache.set(i, 1460, null, false, 0);
    expect(cache.get(0)).toBe(null);
    expect(cache.get(1)).not.toBe(null);
    expect(cache.get(4096)).not.toBe(null);
  });
});
