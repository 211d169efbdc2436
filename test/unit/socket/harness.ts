import type { SettingValue } from "../../../src/base/config.js";
import { memoryLinkPair } from "../../../src/link/memory.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { SocketEndpoint } from "../../../src/socket/endpoint.js";
import type { Socket, SocketType } from "../../../src/socket/types.js";
import { createStack, type Stack } from "../../../src/stack.js";

export const A = "10.77.0.1";
export const B = "10.77.0.2";

/** Two stacks on a cable, in virtual time. */
export class Pair {
  readonly clock = new VirtualClock();
  readonly a: Stack;
  readonly b: Stack;

  private constructor(config: Record<string, SettingValue>) {
    const { clock } = this;
    this.a = createStack({ clock, random: new SeededRandom(1), config, memory: 16 << 20 });
    this.b = createStack({ clock, random: new SeededRandom(2), config, memory: 16 << 20 });
  }

  static async make(config: Record<string, SettingValue> = {}): Promise<Pair> {
    const pair = new Pair(config);
    const [left, right] = memoryLinkPair();
    const done = Promise.all([
      pair.a.attach(left, { address: `${A}/24`, conflictDetection: "off" }),
      pair.b.attach(right, { address: `${B}/24`, conflictDetection: "off" }),
    ]);
    pair.run();
    await done;
    return pair;
  }

  /** Lets everything that is under way happen. */
  run(ms = 5): void {
    this.clock.advance(ms * 1000);
  }
}

export function open(stack: Stack, type: SocketType, port?: number, address?: string): Socket {
  const socket = stack.socket(type);
  if (port !== undefined) socket.bind(address === undefined ? { port } : { port, address });
  return socket;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What read gives: the text, or the errno. */
export function text(socket: Socket, size = 2000): string | number {
  const target = new Uint8Array(size);
  const n = socket.read(target);
  return n < 0 ? n : new TextDecoder().decode(target.subarray(0, n));
}

/** What receiveFrom gives. */
export function received(socket: Socket): { text: string; address: string; port: number } | number {
  const target = new Uint8Array(2000);
  const from = new SocketEndpoint();
  const n = socket.receiveFrom(target, from);
  if (n < 0) return n;
  return { text: new TextDecoder().decode(target.subarray(0, n)), address: from.address, port: from.port };
}

/** The code of what a call throws, or "ok". */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return "ok";
  } catch (error) {
    return (error as { code: string }).code;
  }
}
