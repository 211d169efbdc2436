import { expect, it } from "vitest";
import { ADDRESS_B, World } from "./world.js";

const RATE = 100e6;
const SECONDS = 4;
const LOSSES = [0, 0.001, 0.01, 0.05];
const ROUND_TRIPS = [1, 20, 100];
/** What the bottleneck's queue holds. */
const QUEUE = 256 * 1024;

/** Runs of which the mean counts, where chance has a part. */
const RUNS = 3;

/** Bytes that reach the application within the time of the test, as a share of what the line can carry. */
async function goodput(loss: number, roundTrip: number, seed: number): Promise<number> {
  const way = { delay: roundTrip / 2, limit: 100_000 };
  const world = await World.create({
    seed,
    memory: 16 << 20,
    acquainted: true,
    impairment: { tx: { ...way, loss, rate: RATE, limitBytes: QUEUE }, rx: way },
    config: { "net.ipv4.tcp_rmem": "4096 4194304 8388608", "net.ipv4.tcp_wmem": "4096 4194304 8388608" },
  });
  let received = 0;
  const listener = world.b.socket("tcp");
  listener.bind(5001);
  listener.listen();
  listener.onReady = () => {
    const server = listener.accept();
    if (server === null) return;
    server.onReady = () => {
      for (let n = server.skip(1 << 20); n > 0; n = server.skip(1 << 20)) received += n;
    };
  };
  const client = world.a.socket("tcp");
  const block = new Uint8Array(65_536);
  client.onReady = () => {
    while (client.write(block) > 0);
  };
  client.connect(5001, ADDRESS_B);
  world.clock.advance(SECONDS * 1e6);
  await world.close();
  return (received * 8) / (RATE * SECONDS);
}

it(`goodput of ${SECONDS} s over a bottleneck of 100 Mbit/s with a queue of 256 KB: a change here is for review`, async () => {
  const lines = [`loss %  ${ROUND_TRIPS.map((ms) => `${ms} ms`.padStart(8)).join("")}`];
  for (const loss of LOSSES) {
    const shares: string[] = [];
    for (const ms of ROUND_TRIPS) {
      const runs = loss === 0 ? 1 : RUNS;
      let sum = 0;
      for (let seed = 1; seed <= runs; seed++) sum += await goodput(loss, ms, seed);
      shares.push(`${((100 * sum) / runs).toFixed(1)} %`.padStart(8));
    }
    lines.push(`${(100 * loss).toFixed(1).padEnd(8)}${shares.join("")}`);
  }
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("__snapshots__/goodput.txt");
});
