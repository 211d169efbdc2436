import { expect, it } from "vitest";
import { BUFFERS, bandwidthDelay, type Cell } from "../../bench/goodput/cells.js";
import type { Socket } from "../../src/socket/types.js";
import { ADDRESS_B, World } from "./world.js";

const RATE = 10e6;
const ROUND_TRIP = 40;
const PORT = 5001;
/** The second flow finds the first one in possession of the link. */
const LATER = 5;
const SECONDS = 300;
/** Milliseconds that a test may take where others want the machine, too. */
const BUSY = 180_000;
/** Of the fair share. */
const TOLERANCE = 0.1;
const LEAST_INDEX = 0.98;

/** Jain's index of fairness: 1 when all have the same, 1/n when one has all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b ** 2, 0));
}

/** A bottleneck of one BDP, and a way whose length varies by a tenth, or two clocks in lockstep would lose in turns. */
function network(): Pick<Cell, "forward" | "reverse"> {
  const way = { delay: ROUND_TRIP / 2, jitter: ROUND_TRIP / 40, limit: 1_000_000 };
  return { forward: { ...way, rate: RATE, limitBytes: bandwidthDelay(RATE, ROUND_TRIP) }, reverse: way };
}

/** Bytes that each of the connections accepted has read. */
function count(world: World): number[] {
  const received: number[] = [];
  const listener = world.b.socket("tcp");
  listener.bind(PORT);
  listener.listen();
  const drain = (index: number, server: Socket): void => {
    for (let n = server.skip(1 << 20); n > 0; n = server.skip(1 << 20)) received[index] = (received[index] ?? 0) + n;
  };
  listener.onReady = () => {
    for (let server = listener.accept(); server !== null; server = listener.accept()) {
      const index = received.push(0) - 1;
      server.onReady = (socket) => drain(index, socket);
      drain(index, server);
    }
  };
  return received;
}

function send(world: World, algorithm: string): void {
  const socket = world.a.socket("tcp");
  const block = new Uint8Array(65_536);
  socket.setOption("TCP_CONGESTION", algorithm);
  socket.onReady = () => {
    while (socket.write(block) > 0);
  };
  socket.connect(PORT, ADDRESS_B);
}

/** Shares of the link that two flows have over the second half of the time. */
async function rivals(first: string, second: string, seed: number): Promise<readonly [number, number]> {
  const { forward: tx, reverse: rx } = network();
  const impairment = { tx, rx };
  const world = await World.create({ seed, memory: 32 << 20, acquainted: true, impairment, config: BUFFERS });
  const received = count(world);
  send(world, first);
  world.clock.advance(LATER * 1e6);
  send(world, second);
  world.clock.advance((SECONDS / 2 - LATER) * 1e6);
  const half = [...received];
  world.clock.advance((SECONDS / 2) * 1e6);
  await world.close();
  const share = (i: number): number => (((received[i] as number) - (half[i] as number)) * 8) / ((RATE * SECONDS) / 2);
  return [share(0), share(1)];
}

for (const algorithm of ["cubic", "reno"]) {
  for (const seed of [1, 2, 3]) {
    it(
      `two ${algorithm} flows share a bottleneck to within 10 % (seed ${seed})`,
      async () => {
        const shares = await rivals(algorithm, algorithm, seed);
        const total = shares[0] + shares[1];
        const text = shares.map((share) => `${(100 * share).toFixed(1)} %`).join(" and ");
        expect(total, `together they fill it: ${text}`).toBeGreaterThan(0.9);
        expect(jain(shares), `Jain's index of ${text}`).toBeGreaterThan(LEAST_INDEX);
        for (const share of shares) expect(Math.abs((2 * share) / total - 1), text).toBeLessThan(TOLERANCE);
      },
      BUSY,
    );
  }
}
