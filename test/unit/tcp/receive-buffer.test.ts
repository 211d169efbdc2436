import { describe, expect, it } from "vitest";
import type { Connection } from "../../../src/tcp/connection.js";
import { admitted } from "../../../src/tcp/receiving/reassembly.js";
import {
  dataArrived,
  growBuffer,
  initReceiveBuffer,
  measureSize,
  readMoved,
} from "../../../src/tcp/receiving/receive-buffer.js";
import { chargeOf, chargeReceived } from "../../../src/tcp/receiving/receive-queue.js";
import { fullSpace } from "../../../src/tcp/receiving/window.js";
import { bareConnection } from "./pieces.js";

/** ESTABLISHED with a buffer of 128 KB, as Linux makes it. */
function fresh(stamps: boolean): Connection {
  const { c } = bareConnection();
  c.index = 0;
  c.tsOk = stamps;
  c.advMss = 1460;
  c.mss = stamps ? 1448 : 1460;
  c.rcvLimit = 65_536;
  c.rcvWscale = 7;
  c.windowClamp = 65_535 << 7;
  c.rcvSsthresh = stamps ? 65_160 : 64_240;
  c.rcvNxt = 1;
  c.rcvAcked = 1;
  c.rcvAdv = 1 + c.rcvSsthresh;
  initReceiveBuffer(c);
  return c;
}

function arrive(c: Connection, length: number, options = 0): void {
  admitted(c, c.rcvNxt);
  c.rcvNxt += length;
  c.rcvQueued += length;
  chargeReceived(c, length, options);
  dataArrived(c, length, length, options, 0x10);
}

// All figures here are what a Linux 6.18 kernel says of a connection over a TUN device
describe("the receive buffer", () => {
  it("begins with room for a segment more than is offered", () => {
    const c = fresh(false);
    expect([c.rcvMss, c.windowClamp, c.rcvSsthresh, c.rcvSpace]).toEqual([536, 64_076, 64_076, 14_600]);
    const d = fresh(true);
    expect([d.rcvSsthresh, d.rcvSpace]).toEqual([64_088, 14_480]);
  });

  it("opens by two segments with each, as far as what is unread leaves room", () => {
    const c = fresh(false);
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      arrive(c, 1460);
      c.rcvAcked = c.rcvNxt;
      c.rcvAdv = c.rcvNxt + c.rcvSsthresh;
      seen.push(c.rcvSsthresh);
    }
    expect(seen).toEqual([67_160, 70_080, 73_000, 75_920, 75_920, 75_920]);
    expect([c.rcvRatio, c.rcvCharge, fullSpace(c)]).toEqual([162, 6 * 2304, 82_944]);
  });

  it("is sized by what the application reads in a round trip", () => {
    const c = fresh(true);
    c.rcvRatio = 160;
    growBuffer(c, 46_336);
    // sk_rcvbuf was 800684
    expect([c.rcvLimit, c.rcvSpace]).toEqual([400_342, 46_336]);
    growBuffer(c, 46_336);
    expect(c.rcvLimit).toBe(400_342);
  });

  it("charges as the kernel does, and what fits into the last segment's memory nothing", () => {
    const table = [
      [1, 832],
      [152, 832],
      [153, 1280],
      [600, 1280],
      [601, 2304],
      [1627, 2304],
      [1628, 4352],
      [3675, 4352],
      [3676, 8448],
      [7771, 8448],
      [7772, 12_544],
    ] as const;
    for (const [n, charge] of table) expect([n, chargeOf(n)]).toEqual([n, charge]);
    const c = fresh(false);
    arrive(c, 1000);
    arrive(c, 380);
    expect(c.rcvCharge).toBe(2304);
    arrive(c, 100);
    arrive(c, 148);
    expect(c.rcvCharge).toBe(2304 + 1280 - 448);
  });

  it("gives back what whole segments cost when they have been read", () => {
    const c = fresh(false);
    for (let i = 0; i < 4; i++) arrive(c, 1000);
    const read = (n: number): number => {
      c.rcvQueued -= n;
      readMoved(c, n);
      return c.rcvCharge;
    };
    expect([read(500), read(500), read(1000), read(1999), read(1)]).toEqual([9216, 6912, 4608, 2304, 0]);
    for (const n of [100, 1000, 500]) arrive(c, n);
    // The last stands in the second's memory
    expect([c.rcvCharge, read(99), read(1), read(1499), read(1)]).toEqual([832 + 2304, 832 + 2304, 2304, 2304, 0]);
  });

  it("puts small segments together when they cost more than there is, if it may not grow", () => {
    const c = fresh(false);
    c.rcvLocked = true;
    for (let i = 0; i < 400; i++) arrive(c, 140);
    expect(c.rcvCharge).toBeLessThan(2 * c.rcvLimit);
    expect(c.rcvCharge).toBeGreaterThan(c.rcvQueued);
    expect(c.rcvLimit).toBe(65_536);
  });

  it("learns the peer's segment size from the largest, or from two alike", () => {
    const c = fresh(false);
    const sizes = (...all: number[]): number => {
      for (const size of all) measureSize(c, size, size, 0, 0x10);
      return c.rcvMss;
    };
    expect([sizes(1000), sizes(900), sizes(800), sizes(800), sizes(50, 50), sizes(1200)]).toEqual([
      1000, 1000, 1000, 800, 800, 1200,
    ]);
  });
});
