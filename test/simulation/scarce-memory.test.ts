import { describe, expect, it } from "vitest";
import { type Socket, WRITABLE } from "../../src/socket/types.js";
import { ADDRESS_B, World } from "./world.js";

const CONNECTIONS = 20;
const BYTES = 500_000;
const BLOCK = new Uint8Array(65_536).map((_, i) => (i * 7) & 0xff);

/** Writes all its bytes as fast as it may, reads as it comes, closes when both ways are over. */
class Greedy {
  received = 0;
  over = false;
  error = 0;
  private written = 0;
  private readonly target = new Uint8Array(65_536);

  constructor(socket: Socket) {
    socket.setOption("SO_SNDBUF", 1_000_000);
    socket.onReady = (_, mask) => this.ready(socket, mask);
    this.ready(socket, socket.poll());
  }

  private ready(socket: Socket, mask: number): void {
    if (mask === 0 || this.over) return;
    let n = socket.read(this.target);
    for (; n > 0; n = socket.read(this.target)) {
      for (let i = 0; i < n; i += 1000)
        if (this.target[i] !== BLOCK[(this.received + i) % BLOCK.length]) this.error = 1;
      this.received += n;
    }
    if (n < 0 && n !== -11) this.error = n;
    if ((mask & WRITABLE) !== 0 && this.error === 0 && this.written < BYTES) this.write(socket);
    if (n === 0 && this.written === BYTES) {
      this.over = true;
      socket.close();
    }
  }

  private write(socket: Socket): void {
    while (this.written < BYTES) {
      const at = this.written % BLOCK.length;
      const n = socket.write(BLOCK, at, Math.min(BLOCK.length - at, BYTES - this.written));
      if (n <= 0) return;
      this.written += n;
    }
    socket.shutdown("write");
  }
}

describe("two stacks that want to send each other more than their memories hold", () => {
  it.each([0, 0.02])("at %d loss neither waits for ever for the other", async (loss) => {
    const config = { "net.ipv4.tcp_rmem": "4096 1000000 8388608" };
    const world = await World.create({ seed: 7, acquainted: true, impairment: { delay: 10, loss }, config });
    const all: Greedy[] = [];
    const listener = world.b.socket("tcp");
    listener.bind(80);
    listener.listen();
    listener.onReady = () => {
      for (let s = listener.accept(); s !== null; s = listener.accept()) all.push(new Greedy(s));
    };
    for (let i = 0; i < CONNECTIONS; i++) {
      const socket = world.a.socket("tcp");
      socket.connect(80, ADDRESS_B);
      all.push(new Greedy(socket));
    }
    let least = world.a.pool.capacity;
    const finished = (): boolean => {
      least = Math.min(least, world.a.pool.capacity - world.a.pool.inUse);
      return all.length === 2 * CONNECTIONS && all.every((one) => one.over || one.error !== 0);
    };
    expect(world.until(finished, 300)).toBe(true);
    expect(all.map((one) => one.error)).toEqual(all.map(() => 0));
    expect(all.map((one) => one.received)).toEqual(all.map(() => BYTES));
    // It was scarce indeed
    expect(least).toBeLessThan(world.a.pool.capacity / 4);
    listener.close();
    world.until(() => false, 1000);
    expect([world.a.pool.inUse, world.b.pool.inUse]).toEqual([0, 0]);
    await world.close();
  });
});
