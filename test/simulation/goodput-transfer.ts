import { BUFFERS, type Cell } from "../../bench/goodput/cells.js";
import { OurSink, OurSource } from "../../bench/goodput/ours.js";
import { createStack } from "../../src/stack.js";
import { ADDRESS_B, World } from "./world.js";

/** Enough for what either end may buffer. */
const MEMORY = 24 << 20;
/** Virtual seconds that a handshake may take, over and above. */
const PATIENCE = 120;

/** What a transfer came to. */
export interface Outcome {
  /** Payload that reached the application, as a share of what the bottleneck carries. */
  readonly share: number;
  /** The median of the smoothed RTT, milliseconds. */
  readonly rtt: number;
}

/** A world with the network of a cell between its two stacks, and Linux's buffers. */
export function worldOf(cell: Cell, seed: number): Promise<World> {
  const { forward: tx, reverse: rx } = cell;
  return World.create({ seed, memory: MEMORY, acquainted: true, impairment: { tx, rx }, config: BUFFERS });
}

/** Sends for the cell's seconds from A to B as fast as it goes. */
export async function transfer(cell: Cell, algorithm: string, seed: number): Promise<Outcome> {
  const world = await worldOf(cell, seed);
  const sink = new OurSink(world.b, world.clock, algorithm, cell.seconds);
  const source = new OurSource(world.a, world.clock, algorithm, ADDRESS_B);
  if (!world.until(() => sink.total >= 0, cell.seconds + PATIENCE)) throw new Error(`${cell.id}: no connection`);
  const { rtt } = source.report();
  source.close();
  sink.close();
  const left = await world.close();
  if (left.length > 0) throw new Error(`${cell.id} leaves behind: ${left.join(", ")}`);
  return { share: (sink.total * 8) / (cell.rate * cell.seconds), rtt: rtt / 1000 };
}

/** The congestion controls that sockets take, of those that are worth a table. */
export async function algorithms(): Promise<string[]> {
  const stack = createStack({ memory: 4 << 20 });
  const taken = ["cubic", "reno", "bbr"].filter((name) => {
    const socket = stack.socket("tcp");
    try {
      socket.setOption("TCP_CONGESTION", name);
      return true;
    } catch {
      return false;
    } finally {
      socket.close();
    }
  });
  await stack.close();
  return taken;
}
