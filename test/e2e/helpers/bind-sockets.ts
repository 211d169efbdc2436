import { SystemError } from "../../../src/base/errors.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import type { Socket } from "../../../src/socket/types.js";
import { createStack } from "../../../src/stack.js";

const SERVER = { address: "127.0.0.1", port: 999 };

interface Played {
  readonly socket: Socket;
  bound: boolean;
  listening: boolean;
  at: { address: string; port: number };
  child: Socket | null;
  client: Socket | null;
}

/** Plays the scripts of bind-matrix.c on the sockets of a stack, over its loopback. */
export class BindSockets {
  private readonly clock = new VirtualClock();
  private readonly stack;
  private sockets: (Played | null)[] = [];
  private kept: Socket[] = [];

  constructor(low: number, high: number) {
    const config = { "net.ipv4.ip_local_port_range": [low, high] };
    this.stack = createStack({ clock: this.clock, random: new SeededRandom(3), memory: 32 << 20, config });
    const server = this.stack.socket("tcp");
    server.bind(SERVER);
    server.listen();
  }

  /** Between cases. */
  reset(): void {
    for (const played of this.sockets) played?.socket.close();
    for (const socket of this.kept) socket.close();
    this.sockets = [];
    this.kept = [];
    this.run();
  }

  /** @returns the errno of the call, or what bind-matrix.c prints */
  play(call: string): number {
    const kind = call[0] as string;
    const index = Number(kind === "o" ? call[2] : call[1]);
    if (kind === "s") return this.create(index, call);
    const played = this.sockets[index] as Played;
    try {
      if (kind === "p") return this.peer(played);
      if (kind === "b") this.bind(played, call);
      else if (kind === "l") this.listen(played);
      else if (kind === "c") this.close(index);
      else if (kind === "w") this.timeWait(played);
      else if (kind === "x") this.connect(played);
      else played.socket.setOption(call[1] === "A" ? "SO_REUSEADDR" : "SO_REUSEPORT", Number(call[3]));
      return 0;
    } catch (error) {
      if (error instanceof SystemError) return -error.errno;
      throw error;
    }
  }

  private create(index: number, call: string): number {
    const socket = this.stack.socket(call[2] === "t" ? "tcp" : "udp");
    socket.setOption("SO_REUSEADDR", Number(call[3]));
    socket.setOption("SO_REUSEPORT", Number(call[4]));
    const at = { address: "", port: 0 };
    this.sockets[index] = { socket, bound: false, listening: false, at, child: null, client: null };
    return 0;
  }

  private bind(played: Played, call: string): void {
    const [address, port] = call.slice(3).split(":") as [string, string];
    played.at = { address, port: Number(port) };
    played.socket.bind(played.at);
    played.bound = true;
  }

  private listen(played: Played): void {
    if (!played.bound) return;
    played.socket.listen(16);
    played.listening = true;
  }

  private close(index: number): void {
    this.sockets[index]?.socket.close();
    this.sockets[index] = null;
    this.run();
  }

  private connect(played: Played): void {
    if (!played.bound || played.listening || played.socket.type !== "tcp") return;
    played.socket.connect(SERVER);
    this.run();
  }

  private peer(played: Played): number {
    if (!played.listening) return 0;
    const client = this.stack.socket("tcp");
    client.connect(played.at.address === "0.0.0.0" ? { port: played.at.port } : played.at);
    this.run();
    const got = this.sockets.findIndex((p) => {
      if (!p?.listening) return false;
      const child = p.socket.accept();
      if (child === null) return false;
      this.kept.push(child, client);
      p.child = child;
      p.client = client;
      return true;
    });
    return got < 0 ? 9998 : 1000 + got;
  }

  private timeWait(played: Played): void {
    const { child, client } = played;
    if (child === null || client === null) return;
    child.shutdown("write");
    this.run();
    client.shutdown("write");
    this.run();
    child.close();
    client.close();
    this.kept = this.kept.filter((socket) => socket !== child && socket !== client);
    played.child = null;
    played.client = null;
  }

  /** All that is to happen at this instant, not what time brings. */
  private run(): void {
    this.clock.advance(0);
  }
}
