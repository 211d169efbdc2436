import { Config } from "../../../src/base/config.js";
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, EISCONN, SystemError } from "../../../src/base/errors.js";
import { SeededRandom } from "../../../src/platform/random.js";
import type { Binding } from "../../../src/ports/binding.js";
import { PortSpace } from "../../../src/ports/port-space.js";
import { PORT_SETTINGS, PortRange } from "../../../src/ports/settings.js";
import { type Addr, ANY, isLoopback, LOOPBACK, parseAddr } from "../../../src/wire/address.js";

interface ModelSocket {
  readonly space: PortSpace;
  reuseAddr: boolean;
  reusePort: boolean;
  binding: Binding | null;
  connected: boolean;
}

/** Plays the scripts of bind-matrix.c on port spaces. */
export class BindModel {
  private readonly tcp: PortSpace;
  private readonly udp: PortSpace;
  /** Local addresses from which the case's port is connected to the server. */
  private readonly toServer = new Set<Addr>();
  private readonly sockets: (ModelSocket | null)[] = new Array(10).fill(null);

  constructor(low: number, high: number) {
    const config = new Config(PORT_SETTINGS, { "net.ipv4.ip_local_port_range": [low, high] });
    const range = new PortRange(config);
    const common = { random: new SeededRandom(1), range, mayBind: isLoopback };
    this.tcp = new PortSpace({ ...common, rules: "tcp" });
    this.udp = new PortSpace({ ...common, rules: "udp" });
  }

  /** Between cases, each of which has a port of its own: what the last one left behind does not matter. */
  reset(): void {
    this.sockets.fill(null);
    this.toServer.clear();
  }

  /**
   * @param kernel what the kernel said to the same call: which listener got a connection is its choice
   * @returns the errno of the call
   */
  play(call: string, kernel: number): number {
    const kind = call[0] as string;
    const index = Number(kind === "o" ? call[2] : call[1]);
    if (kind === "s") return this.create(index, call);
    const socket = this.sockets[index] as ModelSocket;
    try {
      if (kind === "b") this.bind(socket, call);
      else if (kind === "l") this.listen(socket);
      else if (kind === "c") this.close(index);
      else if (kind === "o") this.option(socket, call);
      else if (kind === "x") this.connect(socket);
      else if (kind === "p") return this.accept(socket, kernel);
      return 0;
    } catch (error) {
      if (error instanceof SystemError) return -error.errno;
      throw error;
    }
  }

  private create(index: number, call: string): number {
    const space = call[2] === "t" ? this.tcp : this.udp;
    this.sockets[index] = {
      space,
      reuseAddr: call[3] === "1",
      reusePort: call[4] === "1",
      binding: null,
      connected: false,
    };
    return 0;
  }

  private bind(socket: ModelSocket, call: string): void {
    const [address, port] = call.slice(3).split(":") as [string, string];
    const addr = parseAddr(address) as number;
    socket.binding = socket.space.bind(socket, addr, Number(port), socket.reuseAddr, socket.reusePort);
  }

  private listen(socket: ModelSocket): void {
    if (socket.binding === null) return;
    if (socket.connected) throw new SystemError(EINVAL, "listen");
    socket.space.listen(socket.binding);
  }

  /** A connection holds the port beyond its socket. */
  private close(index: number): void {
    const socket = this.sockets[index] as ModelSocket | null;
    if (socket?.binding && !socket.connected) socket.space.release(socket.binding);
    this.sockets[index] = null;
  }

  private option(socket: ModelSocket, call: string): void {
    if (call[1] === "A") socket.reuseAddr = call[3] === "1";
    else socket.reusePort = call[3] === "1";
    if (socket.binding !== null) socket.space.setReuse(socket.binding, socket.reuseAddr, socket.reusePort);
  }

  private connect(socket: ModelSocket): void {
    const { binding } = socket;
    if (binding === null || binding.listening || socket.space !== this.tcp) return;
    if (socket.connected) throw new SystemError(EISCONN, "connect");
    const local = binding.addr === ANY ? LOOPBACK : binding.addr;
    if (this.toServer.has(local)) throw new SystemError(EADDRNOTAVAIL, "connect");
    this.toServer.add(local);
    socket.connected = true;
    if (binding.addr === ANY) socket.space.move(binding, LOOPBACK, false);
  }

  private accept(socket: ModelSocket, kernel: number): number {
    if (!socket.binding?.listening) return 0;
    const to = socket.binding.addr === ANY ? LOOPBACK : socket.binding.addr;
    const found = this.tcp.lookup(to, socket.binding.port);
    if (found === null) return EADDRINUSE;
    const got = this.sockets[kernel - 1000] ?? null;
    if (got?.binding?.listening) this.tcp.inherit(got.binding, { localAddr: to });
    return got?.binding?.addr === found.addr ? kernel : 1000 + this.sockets.indexOf(found.owner as ModelSocket);
  }
}
