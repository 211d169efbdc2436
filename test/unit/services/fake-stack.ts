import { Config } from "../../../src/base/config.js";
import {
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  ENOTCONN,
  EPIPE,
  SystemError,
} from "../../../src/base/errors.js";
import type { SocketRow } from "../../../src/observe/listing.js";
import type { StackApi } from "../../../src/observe/stack-api.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import {
  type Endpoint,
  ERROR,
  HANGUP,
  type OptionName,
  READ_HANGUP,
  READABLE,
  type Socket,
  type SocketAddress,
  type SocketType,
  WRITABLE,
} from "../../../src/socket/types.js";
import { parseAddr } from "../../../src/wire/address.js";

interface Datagram {
  readonly body: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/**
 * Sockets without a network: two of them are joined by queues of bytes as small as a test wants them, so that every
 * partial read and write happens. It keeps to src/socket/types.ts and to nothing else.
 */
export class FakeSocket implements Socket {
  readonly stack: FakeStack;
  readonly type: SocketType;
  state = "CLOSE";
  localAddress = "";
  localPort = 0;
  remoteAddress = "";
  remotePort = 0;
  owner = "";
  onReady: ((socket: Socket, mask: number) => void) | null = null;
  readonly fd: number;
  peer: FakeSocket | null = null;
  received: Uint8Array = new Uint8Array(0);
  datagrams: Datagram[] = [];
  waiting: FakeSocket[] = [];
  options = new Map<string, number | string>();
  error = 0;
  finSent = false;
  finReceived = false;
  closed = false;
  wasReset = false;
  private scheduled = false;

  constructor(stack: FakeStack, type: SocketType) {
    this.stack = stack;
    this.type = type;
    this.fd = ++stack.lastFd;
    stack.all.add(this);
  }

  bind(where: SocketAddress | number, address?: string): void {
    const to = typeof where === "number" ? { port: where, address } : where;
    const port = to.port || this.stack.nextPort++;
    for (const other of this.stack.all)
      if (other !== this && other.type === this.type && other.localPort === port && other.peer === null)
        throw new SystemError(EADDRINUSE, "bind", { address: to.address ?? "0.0.0.0", port });
    this.localAddress = to.address ?? "0.0.0.0";
    this.localPort = port;
    if (this.type === "udp") this.state = "UNCONN";
  }

  listen(): void {
    this.state = "LISTEN";
  }

  accept(): Socket | null {
    return this.waiting.shift() ?? null;
  }

  connect(where: SocketAddress | number, address?: string): void {
    const to = typeof where === "number" ? { port: where, address } : where;
    if (this.localPort === 0) this.bind({ port: 0 });
    this.remoteAddress = to.address ?? "127.0.0.1";
    this.remotePort = to.port ?? 0;
    if (this.type !== "tcp") {
      this.state = "ESTABLISHED";
      return;
    }
    const listener = this.stack.listener("tcp", this.remotePort);
    if (listener === null) {
      this.error = ECONNREFUSED;
      this.changed();
      return;
    }
    const accepted = new FakeSocket(this.stack, "tcp");
    accepted.join(this, listener.localPort);
    this.join(accepted, this.localPort);
    accepted.remotePort = this.localPort;
    this.remotePort = listener.localPort;
    listener.waiting.push(accepted);
    listener.changed();
    this.changed();
  }

  read(target: Uint8Array, offset = 0, length = target.length - offset): number {
    if (this.type !== "tcp") return this.takeDatagram(target, offset, length, null);
    const n = this.peek(target, offset, length);
    return n > 0 ? this.consume(n) : n;
  }

  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    if (this.closed) return -EBADF;
    if (this.error !== 0) return -this.takeError();
    if (this.received.length === 0) return this.finReceived ? 0 : -EAGAIN;
    const n = Math.min(length, this.received.length, this.stack.mostAtOnce);
    target.set(this.received.subarray(0, n), offset);
    return n;
  }

  skip(length: number): number {
    if (this.closed) return -EBADF;
    if (this.error !== 0) return -this.takeError();
    if (this.received.length === 0) return this.finReceived ? 0 : -EAGAIN;
    return this.consume(Math.min(length, this.received.length));
  }

  write(source: Uint8Array, offset = 0, length = source.length - offset): number {
    if (this.closed) return -EBADF;
    if (this.type !== "tcp")
      return this.sendTo(source, { address: this.remoteAddress, port: this.remotePort }, offset, length);
    if (this.error !== 0) return -this.takeError();
    const { peer } = this;
    if (peer === null || this.finSent || peer.closed) return -EPIPE;
    const room = Math.min(this.stack.window - peer.received.length, this.stack.mostAtOnce);
    if (room <= 0) return -EAGAIN;
    const n = Math.min(room, length);
    peer.received = Buffer.concat([peer.received, source.subarray(offset, offset + n)]);
    peer.changed();
    return n;
  }

  sendUrgent(source: Uint8Array, offset = 0, length = source.length - offset): number {
    return this.write(source, offset, length);
  }

  receiveUrgent(): number {
    return -EINVAL;
  }

  atMark(): boolean {
    return false;
  }

  sendTo(source: Uint8Array, to: Endpoint | SocketAddress, offset = 0, length = source.length - offset): number {
    if (this.localPort === 0) this.bind({ port: 0 });
    const target = this.stack.listener(this.type, to.port ?? 0);
    const body = source.slice(offset, offset + length);
    target?.datagrams.push({ body, address: "10.0.0.9", port: this.localPort });
    target?.changed();
    return length;
  }

  receiveFrom(target: Uint8Array, from: Endpoint, offset = 0, length = target.length - offset): number {
    return this.takeDatagram(target, offset, length, from);
  }

  shutdown(how: "read" | "write" | "both"): void {
    if (this.peer === null || this.wasReset) throw new SystemError(ENOTCONN, "shutdown");
    if (how === "read" || this.finSent) return;
    this.finSent = true;
    this.peer.finReceived = true;
    this.peer.changed();
  }

  close(): void {
    if (this.closed) return;
    if (this.type === "tcp" && this.peer !== null && this.received.length > 0) {
      this.reset();
      return;
    }
    if (this.peer !== null && !this.wasReset) this.shutdown("write");
    this.gone();
  }

  reset(): void {
    this.wasReset = true;
    if (this.peer !== null && !this.peer.closed) {
      this.peer.error = ECONNRESET;
      this.peer.wasReset = true;
      this.peer.changed();
    }
    this.gone();
  }

  setOption(name: OptionName, value: number | string): void {
    this.options.set(name, value);
  }

  getOption(name: OptionName): number | string {
    return name === "SO_ERROR" ? this.takeError() : (this.options.get(name) ?? 0);
  }

  info(): Readonly<Record<string, number>> {
    return {};
  }

  poll(): number {
    let mask = 0;
    if (this.received.length > 0 || this.datagrams.length > 0 || this.waiting.length > 0 || this.finReceived)
      mask |= READABLE;
    if (this.finReceived) mask |= READ_HANGUP;
    if (this.type !== "tcp" || (this.peer !== null && this.peer.received.length < this.stack.window)) mask |= WRITABLE;
    if (this.error !== 0) mask |= ERROR | READABLE;
    if ((this.finReceived && this.finSent) || this.wasReset) mask |= HANGUP;
    return mask;
  }

  changed(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    this.stack.clock.defer(() => {
      this.scheduled = false;
      if (!this.closed) this.onReady?.(this, this.poll());
    });
  }

  private join(peer: FakeSocket, localPort: number): void {
    this.peer = peer;
    this.state = "ESTABLISHED";
    this.localAddress = "10.0.0.1";
    this.localPort = localPort;
    this.remoteAddress = "10.0.0.9";
  }

  private consume(n: number): number {
    this.received = this.received.slice(n);
    this.peer?.changed();
    return n;
  }

  private takeDatagram(target: Uint8Array, offset: number, length: number, from: Endpoint | null): number {
    if (this.closed) return -EBADF;
    if (this.error !== 0) return -this.takeError();
    const datagram = this.datagrams.shift();
    if (datagram === undefined) return -EAGAIN;
    const n = Math.min(length, datagram.body.length);
    target.set(datagram.body.subarray(0, n), offset);
    if (from !== null) {
      from.addr = parseAddr(datagram.address) as number;
      from.port = datagram.port;
    }
    return n;
  }

  private takeError(): number {
    const error = this.error;
    this.error = 0;
    if (error === ECONNRESET) this.finReceived = true;
    return error;
  }

  private gone(): void {
    this.closed = true;
    this.state = "CLOSE";
    this.onReady = null;
    this.stack.all.delete(this);
  }
}

export class FakeStack implements StackApi {
  readonly clock = new VirtualClock(Date.UTC(1982, 1, 22, 17, 37, 43));
  readonly config = new Config([
    { name: "net.ipv4.tcp_fin_timeout", doc: "seconds in FIN-WAIT-2", default: 60, min: 1, max: 3600 },
    { name: "net.ipv4.ip_local_port_range", doc: "ephemeral ports", default: [32768, 60999], min: 1, max: 65535 },
  ]);
  readonly all = new Set<FakeSocket>();
  /** Bytes that may be on the way in one direction of a connection. */
  window = 1000;
  /** Bytes that one call moves at most. */
  mostAtOnce = 1 << 20;
  lastFd = 0;
  nextPort = 40000;

  socket(type: SocketType): FakeSocket {
    return new FakeSocket(this, type);
  }

  /** What TCP knows is one number here. */
  sockets(details = false): SocketRow[] {
    const known = {
      congestion: "cubic",
      info: { snd_cwnd: 10 },
      received: 0,
      receiveBuffer: 0,
      queued: 0,
      sendBuffer: 0,
    };
    return [...this.all].map((s) => ({
      proto: s.type,
      state: s.state,
      recvQ: s.received.length,
      sendQ: 0,
      localAddress: s.localAddress,
      localPort: s.localPort,
      remoteAddress: s.remoteAddress,
      remotePort: s.remotePort,
      timer: null,
      owner: s.owner,
      fd: s.fd,
      ...(details ? { details: known } : null),
      uid: 0,
      inode: s.fd,
    }));
  }

  counters(): Readonly<Record<string, number>> {
    return { IpInReceives: 5, TcpInSegs: 0, UdpInDatagrams: 3 };
  }

  alloc(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  listener(type: SocketType, port: number): FakeSocket | null {
    for (const socket of this.all)
      if (socket.type === type && socket.localPort === port && (type !== "tcp" || socket.state === "LISTEN"))
        return socket;
    return null;
  }

  /** A connected TCP socket, as a peer would have it. */
  connect(port: number): FakeSocket {
    const socket = this.socket("tcp");
    socket.connect({ port });
    return socket;
  }

  /** Lets everything that is due happen. */
  settle(): void {
    this.clock.advance(0);
  }
}

/** Everything that can be read now. */
export function readAll(socket: FakeSocket): Buffer {
  const parts: Buffer[] = [];
  const scratch = new Uint8Array(1 << 16);
  for (let n = socket.read(scratch); n > 0; n = socket.read(scratch)) parts.push(Buffer.copyBytesFrom(scratch, 0, n));
  return Buffer.concat(parts);
}

/** One datagram to a port and what comes back; null when nothing does. */
export function exchange(stack: FakeStack, port: number, body: Uint8Array, sourcePort = 0): Buffer | null {
  const socket = stack.socket("udp");
  socket.bind({ port: sourcePort });
  socket.sendTo(body, { port });
  stack.settle();
  const [datagram] = socket.datagrams;
  socket.close();
  return datagram === undefined ? null : Buffer.from(datagram.body);
}
