import { describe, expect, it } from "vitest";
import { memoryLinkPair } from "../../src/link/memory.js";
import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";

const SERVER = "10.0.0.2";
const OTHER = "10.0.0.3";

/** A client, and a server at two addresses that closes when the client does. */
class Pair {
  readonly clock = new VirtualClock();
  readonly client: Stack;
  readonly server: Stack;

  private constructor(range?: string) {
    const { clock } = this;
    const config: Record<string, string> = range === undefined ? {} : { "net.ipv4.ip_local_port_range": range };
    this.client = createStack({ clock, random: new SeededRandom(1), memory: 8 << 20, config });
    this.server = createStack({ clock, random: new SeededRandom(2), memory: 8 << 20 });
  }

  static async create(range?: string): Promise<Pair> {
    const pair = new Pair(range);
    const [near, far] = memoryLinkPair({ layer: "ip" });
    const attached = Promise.all([
      pair.client.attach(near, { address: "10.0.0.1/24", conflictDetection: "off" }),
      pair.server.attach(far, { address: [`${SERVER}/24`, `${OTHER}/24`], conflictDetection: "off" }),
    ]);
    for (let i = 0; i < 4; i++) {
      pair.clock.advance(1000);
      await null;
      await null;
    }
    await attached;
    pair.serve();
    return pair;
  }

  /** Connects; throws what connect() throws. */
  open(address = SERVER): Socket {
    const socket = this.client.socket("tcp");
    try {
      socket.connect(80, address);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.clock.advance(0);
    if (socket.state !== "ESTABLISHED") throw new Error(`the new connection is in ${socket.state}`);
    return socket;
  }

  /** Connects and closes first. */
  openAndClose(): void {
    this.open().close();
    this.clock.advance(0);
  }

  private serve(): void {
    const listener = this.server.socket("tcp");
    listener.bind(80);
    listener.listen();
    const nothing = new Uint8Array(1);
    listener.onReady = () => {
      for (let s = listener.accept(); s !== null; s = listener.accept()) {
        const socket = s;
        socket.onReady = () => {
          if (socket.read(nothing) === 0) socket.close();
        };
      }
    };
  }
}

describe("ephemeral ports and TIME-WAIT", () => {
  it("28,232 connections that we close first, no more, and again after 60 s", async () => {
    const pair = await Pair.create();
    for (let i = 0; i < 28_232; i++) pair.openAndClose();
    expect(pair.client.tcp.context.timeWaits.count).toBe(28_232);
    expect(() => pair.openAndClose()).toThrow(/EADDRNOTAVAIL.*28232 local ports.*TIME-WAIT/);
    pair.clock.advance(59_000_000);
    expect(() => pair.openAndClose()).toThrow(/EADDRNOTAVAIL/);
    pair.clock.advance(1_000_000);
    for (let i = 0; i < 1000; i++) pair.openAndClose();
    pair.clock.advance(60_000_000);
    expect(pair.client.tcp.context.timeWaits.count).toBe(0);
    expect(pair.client.tcp.context.ports.size).toBe(0);
    expect(pair.client.pool.inUse).toBe(0);
  });

  it("of a range of ten, the eleventh to one destination fails, one to another does not", async () => {
    const pair = await Pair.create("40000 40009");
    const sockets = Array.from({ length: 10 }, () => pair.open());
    expect(new Set(sockets.map((s) => s.localPort)).size).toBe(10);
    expect(() => pair.open()).toThrow(/EADDRNOTAVAIL/);
    const other = pair.open(OTHER);
    expect(other.localPort).toBeGreaterThanOrEqual(40_000);
    expect(other.localPort).toBeLessThanOrEqual(40_009);
    sockets[3]?.reset();
    pair.clock.advance(0);
    expect(pair.open().localPort).toBe(sockets[3]?.localPort);
  });
});
