import type { Impairment } from "../../src/link/delay-line.js";
import type { ImpairOptions } from "../../src/link/impair.js";
import { below, SeededRandom, unit } from "../../src/platform/random.js";
import type { Socket } from "../../src/socket/types.js";
import { type Manner, Party } from "./party.js";
import { ADDRESS_A, ADDRESS_B, streamOf, World, type WorldOptions } from "./world.js";

/** Virtual seconds that a connection may take. At 20 % loss the timer backs off to minutes now and then. */
const PATIENCE = 20_000;
/** Long enough for the slowest goodbye: a FIN that an orphan sends again and again, TIME-WAIT, a garbage collection. */
const AFTERLIFE = 2000;

/** Draws from a seed, so that each scenario is what its seed makes it. */
export class Dice {
  readonly random: SeededRandom;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** An integer from `low` to `high`. */
  from(low: number, high: number): number {
    return low + below(this.random, high - low + 1);
  }

  of<T>(...choices: readonly T[]): T {
    return choices[below(this.random, choices.length)] as T;
  }

  maybe(probability: number): boolean {
    return unit(this.random) < probability;
  }
}

/** A bad network: anything from a few lost frames to 20 % loss with all the rest. */
export function badNetwork(dice: Dice): ImpairOptions {
  const loss = dice.of(0, 0.001, 0.01, 0.03, 0.05, 0.1, 0.2);
  const direction = (): Impairment => ({
    loss,
    duplicate: dice.of(0, 0, 0.01, 0.1),
    corrupt: dice.of(0, 0.005, 0.03),
    reorder: dice.of(0, 0.01, 0.1, 0.3),
    delay: dice.of(0, 1, 10, 50, 150),
    jitter: dice.of(0, 0.5, 5, 20),
  });
  const rate = dice.of({}, {}, { rate: 10e6, limitBytes: 30_000 }, { rate: 1e6, limitBytes: 20_000 });
  return { tx: { ...direction(), ...rate }, rx: { ...direction(), ...rate } };
}

function worldOptions(seed: number, dice: Dice): WorldOptions {
  const plain = dice.maybe(0.1);
  const offload = plain || dice.maybe(0.2);
  const impairment = plain ? undefined : badNetwork(dice);
  // A lost answer to one of three ARP requests at 20 % loss is not what this is about.
  const acquainted = (impairment?.tx?.loss ?? 0) > 0.01 || dice.maybe(0.5);
  const buffer = () => dice.of(4096, 8192, 30_000, 65_536, 262_144, 2 << 20);
  const mtu = dice.of(1500, 1500, 1500, 576, 577, 1280, 1492, 3001, 9000, 256, 103);
  return {
    seed,
    layer: dice.maybe(0.2) ? "ip" : "ethernet",
    mtu,
    // The queues of a link take a share of it that grows with its frames
    memory: mtu > 1500 || offload ? 16 << 20 : 4 << 20,
    offload,
    acquainted,
    ...(impairment === undefined ? {} : { impairment }),
    config: {
      "net.ipv4.tcp_rmem": `4096 ${buffer()} ${4 << 20}`,
      "net.ipv4.tcp_wmem": `4096 ${buffer()} ${4 << 20}`,
      "net.ipv4.tcp_window_scaling": dice.maybe(0.8) ? 1 : 0,
      "net.ipv4.tcp_slow_start_after_idle": dice.maybe(0.8) ? 1 : 0,
      // At 20 % loss 6 tries fail once in 1,300 times, which proves nothing.
      "net.ipv4.tcp_syn_retries": 12,
      "net.ipv4.tcp_synack_retries": 12,
      // Nor does an orphan that gives up after 102 s with a timer that has backed off to a minute.
      "net.ipv4.tcp_orphan_retries": 15,
      // An echo that comes minutes late, since so many were lost, is a measurement like any other.
      "net.ipv4.tcp_rto_max_ms": 20_000,
    },
  };
}

function manner(dice: Dice, ending: Manner["ending"]): Manner {
  return {
    writeSize: dice.of(100_000, 100_000, 16_384, 4096, 1000, 137),
    readSize: dice.of(65_536, 65_536, 16_384, 1000, 333),
    readRest: dice.of(0, 0, 0, 1, 20),
    writeRest: dice.of(0, 0, 0, 1, 7),
    ending,
  };
}

/** Sets what options a careless application might. */
function adorn(socket: Socket, dice: Dice): void {
  if (dice.maybe(0.2)) socket.setOption("TCP_NODELAY", 1);
  if (dice.maybe(0.1)) socket.setOption("TCP_CORK", 1);
  if (dice.maybe(0.2)) socket.setOption("SO_SNDBUF", dice.from(2304, 50_000));
  if (dice.maybe(0.2)) socket.setOption("SO_RCVBUF", dice.from(2304, 50_000));
  if (dice.maybe(0.1)) socket.setOption("TCP_MAXSEG", dice.from(88, 1460));
}

/** Two parties and the connection between them, which is made `at` ms after the world began. */
interface Talk {
  readonly client: Party;
  readonly server: Party;
}

const ENDINGS: readonly (readonly [Manner["ending"], Manner["ending"]])[] = [
  ["orderly", "orderly"],
  ["orderly", "last"],
  ["last", "orderly"],
  ["eager", "eager"],
  ["eager", "last"],
  ["last", "eager"],
  ["orderly", "eager"],
  ["eager", "orderly"],
];

function startTalk(world: World, dice: Dice, seed: number, port: number): Talk {
  const ports = dice.maybe(0.5) ? (["a", "b"] as const) : (["b", "a"] as const);
  const size = () => dice.of(0, 1, 1460, dice.from(2, 5000), dice.from(5000, 60_000), dice.from(5000, 150_000));
  const up = streamOf(seed * 2, size());
  const down = streamOf(seed * 2 + 1, size());
  const endings = dice.of(...ENDINGS);
  const aborts = dice.maybe(0.08) && down.length > 1;
  const first = manner(dice, aborts ? "abort" : endings[0]);
  const second = manner(dice, endings[1]);
  const client = new Party(`client ${port} on ${ports[0]}`, world.clock, up, down, first);
  const server = new Party(`server ${port} on ${ports[1]}`, world.clock, down, up, second);
  server.tolerant = aborts;
  const listener = world.stack(ports[1]).socket("tcp");
  adorn(listener, dice);
  if (aborts) keepAlive(listener);
  listener.bind(port);
  listener.listen();
  listener.onReady = () => {
    const socket = listener.accept();
    if (socket === null) return;
    listener.close();
    server.take(socket);
  };
  const socket = world.stack(ports[0]).socket("tcp");
  adorn(socket, dice);
  const connect = () => {
    socket.connect(port, ports[1] === "a" ? ADDRESS_A : ADDRESS_B);
    client.take(socket);
  };
  world.clock.setTimer(world.clock.now() + dice.of(0, 0, 0, dice.from(0, 500_000)), connect);
  return { client, server };
}

/** Whoever is reset may never hear of it, when the reset is lost; so he asks. */
function keepAlive(socket: Socket): void {
  socket.setOption("SO_KEEPALIVE", 1);
  socket.setOption("TCP_KEEPIDLE", 10);
  socket.setOption("TCP_KEEPINTVL", 5);
  socket.setOption("TCP_KEEPCNT", 20);
}

/**
 * Plays the scenario that `seed` makes. Returns everything that is wrong, one to a line; nothing when all is well.
 * @param override replaces options of the world
 */
export async function play(seed: number, override: Partial<WorldOptions> = {}): Promise<string[]> {
  const dice = new Dice(seed);
  const world = await World.create({ ...worldOptions(seed, dice), ...override });
  const wrong: string[] = [];
  const talks: Talk[] = [];
  for (let i = dice.of(1, 1, 2, 4); i > 0; i--) talks.push(startTalk(world, dice, seed * 8 + i, 4000 + i));
  const parties = talks.flatMap(({ client, server }) => [client, server]);
  const finished = world.until(() => parties.every((party) => party.over), PATIENCE);
  if (!finished || parties.some((party) => party.trouble !== "")) wrong.push(...parties.map((p) => p.standing));
  world.clock.advance(AFTERLIFE * 1_000_000);
  wrong.push(...world.leftovers());
  wrong.push(...(await world.close()).map((line) => `after close: ${line}`));
  return wrong;
}
