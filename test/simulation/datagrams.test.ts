import { describe, expect, it } from "vitest";
import { EAGAIN, ECONNREFUSED } from "../../src/base/errors.js";
import type { Socket } from "../../src/socket/types.js";
import { badNetwork, Dice } from "./scenario.js";
import { ADDRESS_A, ADDRESS_B, streamOf, World } from "./world.js";

const SEEDS = 150;
const PER_CASE = 50;
const ICMP_HEADER = 8;
const only = process.env.SEED;

/** Two bits flipped in two fragments of a datagram can cancel in its checksum; where bits flip, nothing is fragmented. */
const flipsBits = (seed: number): boolean => seed % 3 === 0;

/** Datagram `number` of a seed: its number, then bytes that nothing else makes. */
function datagram(seed: number, number: number): Uint8Array {
  const dice = new Dice(seed * 1000 + number);
  const sizes = [4, 64, dice.from(4, 500), 500];
  if (!flipsBits(seed)) sizes.push(1472, dice.from(4, 1500), dice.from(1500, 9000), 40_000);
  const bytes = streamOf(seed * 1000 + number, dice.of(...sizes));
  new DataView(bytes.buffer).setInt32(0, number);
  return bytes.slice();
}

/** Reads all there is, and notes each that is not what was sent. */
function check(socket: Socket, seed: number, header: number, seen: Set<number>, wrong: string[]): void {
  const target = new Uint8Array(65_536);
  for (;;) {
    const n = socket.read(target);
    if (n === -EAGAIN || n === -ECONNREFUSED) return;
    if (n < 0) {
      wrong.push(`read: ${n}`);
      return;
    }
    const number = new DataView(target.buffer).getInt32(header);
    if (Buffer.compare(target.subarray(header, n), datagram(seed, number)) !== 0)
      wrong.push(`${socket.type} datagram ${number} of ${n} bytes is not what was sent`);
    seen.add(number);
  }
}

async function play(seed: number): Promise<{ wrong: string[]; sent: number; came: number }> {
  const dice = new Dice(seed);
  const mtu = dice.of(1500, 1500, 576, 9000);
  const network = badNetwork(dice);
  const corrupt = flipsBits(seed) ? 0.1 : 0;
  const world = await World.create({
    seed,
    mtu,
    memory: 16 << 20,
    acquainted: dice.maybe(0.5),
    impairment: { ...network, tx: { ...network.tx, corrupt }, rx: { ...network.rx, corrupt } },
  });
  const wrong: string[] = [];
  const came = new Set<number>();
  const server = world.b.socket("udp");
  server.bind(7);
  server.onReady = () => check(server, seed, 0, came, wrong);
  const client = world.a.socket("udp");
  client.connect(7, ADDRESS_B);
  const pings = world.b.socket("icmp");
  pings.connect(0, ADDRESS_A);
  pings.onReady = () => check(pings, seed, ICMP_HEADER, came, wrong);
  let sent = 0;
  const send = () => {
    const ping = dice.maybe(0.4);
    const payload = datagram(seed, sent);
    const message = ping ? echoRequest(payload, sent) : payload;
    if ((ping ? pings : client).write(message) === message.length) sent++;
    if (sent < 60) world.clock.setTimer(world.clock.now() + dice.from(0, 40_000), send);
  };
  send();
  world.until(() => sent === 60, 100);
  world.clock.advance(10_000_000);
  for (const socket of [client, server, pings]) socket.close();
  // Fragments whose others were lost wait for 30 s
  world.clock.advance(2_000_000_000);
  wrong.push(...world.leftovers());
  wrong.push(...(await world.close()).map((line) => `after close: ${line}`));
  return { wrong, sent, came: came.size };
}

function echoRequest(payload: Uint8Array, sequence: number): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER + payload.length);
  message[0] = 8;
  message[7] = sequence;
  message.set(payload, ICMP_HEADER);
  return message;
}

function cases(): number[] {
  if (only !== undefined) return [Number(only)];
  return Array.from({ length: SEEDS / PER_CASE }, (_, i) => 1 + i * PER_CASE);
}

describe("datagrams and pings over bad networks: what arrives is what was sent, and nothing is left", () => {
  it.each(cases())("seeds from %i", async (first) => {
    const last = only === undefined ? first + PER_CASE - 1 : first;
    let sent = 0;
    let came = 0;
    for (let seed = first; seed <= last; seed++) {
      const result = await play(seed);
      if (result.wrong.length > 0)
        expect.fail(`seed ${seed}:\n${result.wrong.join("\n")}\nAgain: SEED=${seed} npx vitest run test/simulation`);
      sent += result.sent;
      came += result.came;
    }
    // Most fragments of a large one must come for any of it to.
    if (only === undefined) expect(came / sent).toBeGreaterThan(0.3);
  });
});
