import { EAGAIN, EBADF, EDESTADDRREQ, EINVAL, ENOTCONN, EPIPE, SystemError } from "../base/errors.js";
import type { UdpEndpoint, UdpOwner } from "../udp/endpoint.js";
import type { Udp } from "../udp/udp.js";
import { type Addr, ANY, formatAddr, LOOPBACK } from "../wire/address.js";
import { inside, noSuchOption, SocketBase, type SocketHost } from "./base.js";
import { type Destination, readDestination, SOCK_DGRAM } from "./datagram.js";
import { addressOf, portOf } from "./endpoint.js";
import { entry, type SocketEntry } from "./entries.js";
import {
  type Endpoint,
  ERROR,
  HANGUP,
  type OptionName,
  READ_HANGUP,
  READABLE,
  type SocketAddress,
  WRITABLE,
} from "./types.js";
import { getUdpOption, setUdpOption } from "./udp-options.js";

/** A UDP socket. */
export class UdpSocket extends SocketBase implements UdpOwner {
  readonly type = "udp";
  readonly endpoint: UdpEndpoint;
  private readonly udp: Udp;
  private readonly destination: Destination = { addr: ANY, port: 0 };
  private readShut = false;
  private writeShut = false;

  constructor(host: SocketHost, udp: Udp) {
    super(host);
    this.udp = udp;
    this.endpoint = udp.createEndpoint(this);
  }

  get state(): string {
    return this.endpoint.remotePort !== 0 ? "ESTABLISHED" : "UNCONN";
  }

  get localAddress(): string {
    return formatAddr(this.endpoint.localAddr);
  }

  get localPort(): number {
    return this.endpoint.localPort;
  }

  get remoteAddress(): string {
    return this.endpoint.remotePort === 0 ? "" : formatAddr(this.endpoint.remoteAddr);
  }

  get remotePort(): number {
    return this.endpoint.remotePort;
  }

  endpointEvent(): void {
    this.host.ready.add(this);
  }

  protected bindTo(where: SocketAddress): void {
    this.check("bind");
    this.udp.bind(this.endpoint, addressOf(where, "bind", ANY), portOf(where, "bind"));
  }

  protected connectTo(where: SocketAddress): void {
    this.check("connect");
    this.udp.connect(this.endpoint, addressOf(where, "connect", LOOPBACK), portOf(where, "connect"));
  }

  /** Back to any peer; connect(2) with AF_UNSPEC. @throws SystemError ENOTCONN */
  disconnect(): void {
    this.check("connect");
    if (this.endpoint.remotePort === 0) throw new SystemError(ENOTCONN, "connect");
    this.udp.disconnect(this.endpoint);
  }

  read(target: Uint8Array, offset = 0, length = target.length - offset): number {
    const n = this.peek(target, offset, length);
    if (n >= 0 && this.endpoint.queue.count > 0) this.endpoint.shift();
    return n;
  }

  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    const { endpoint } = this;
    if (endpoint.closed) return -EBADF;
    if (endpoint.error !== 0) return this.takeError();
    if (!inside(target, offset, length)) return -EINVAL;
    if (endpoint.queue.count === 0) return this.readShut ? 0 : -EAGAIN;
    return endpoint.queue.read(target, offset, length);
  }

  override receiveFrom(target: Uint8Array, from: Endpoint, offset = 0, length = target.length - offset): number {
    const n = this.peek(target, offset, length);
    const { queue } = this.endpoint;
    if (n < 0 || queue.count === 0) return n;
    from.addr = queue.src;
    from.port = queue.srcPort;
    this.endpoint.shift();
    return n;
  }

  write(source: Uint8Array, offset = 0, length = source.length - offset): number {
    const { endpoint } = this;
    if (endpoint.remotePort === 0) return endpoint.closed ? -EBADF : -EDESTADDRREQ;
    return this.send(source, offset, length, endpoint.remoteAddr, endpoint.remotePort);
  }

  override sendTo(
    source: Uint8Array,
    to: Endpoint | SocketAddress,
    offset = 0,
    length = source.length - offset,
  ): number {
    const { destination } = this;
    if (this.endpoint.closed) return -EBADF;
    if (readDestination(to, destination) < 0) return -EINVAL;
    return this.send(source, offset, length, destination.addr, destination.port);
  }

  private send(source: Uint8Array, offset: number, length: number, addr: Addr, port: number): number {
    const { endpoint } = this;
    if (this.writeShut) return -EPIPE;
    if (endpoint.error !== 0) return this.takeError();
    if (!inside(source, offset, length)) return -EINVAL;
    this.host.enter();
    if (endpoint.binding === null && !this.autobind()) return -EAGAIN;
    return this.udp.output.send(endpoint, source, offset, length, addr, port);
  }

  /** False: every port of the range is taken. */
  private autobind(): boolean {
    try {
      this.udp.autobind(this.endpoint);
      return true;
    } catch {
      return false;
    }
  }

  shutdown(how: "read" | "write" | "both"): void {
    this.check("shutdown");
    if (how !== "write") this.readShut = true;
    if (how !== "read") this.writeShut = true;
    this.host.ready.add(this);
    // As Linux: it takes effect, and is an error all the same.
    if (this.endpoint.remotePort === 0) throw new SystemError(ENOTCONN, "shutdown");
  }

  close(): void {
    if (this.endpoint.closed) return;
    this.host.enter();
    this.onReady = null;
    this.udp.close(this.endpoint);
    this.host.closed(this);
  }

  reset(): void {
    this.close();
  }

  poll(): number {
    const { endpoint } = this;
    if (endpoint.closed) return HANGUP;
    let mask = endpoint.blocked ? 0 : WRITABLE;
    if (endpoint.queue.count > 0) mask |= READABLE;
    if (endpoint.error !== 0) mask |= ERROR | READABLE;
    if (this.readShut) mask |= READABLE | READ_HANGUP;
    if (this.readShut && this.writeShut) mask |= HANGUP;
    return mask;
  }

  setOption(name: OptionName, value: number | string): void {
    this.check("setsockopt");
    this.host.enter();
    if (!setUdpOption(this.host, this.udp, this.endpoint, name, value)) throw noSuchOption("setsockopt", name, "udp");
  }

  getOption(name: OptionName): number | string {
    this.check("getsockopt");
    if (name === "SO_ERROR") return Math.abs(this.takeError());
    if (name === "SO_TYPE") return SOCK_DGRAM;
    if (name === "SO_ACCEPTCONN") return 0;
    if (name === "IP_MTU") return this.mtu();
    const value = getUdpOption(this.host, this.endpoint, name);
    if (value === null) throw noSuchOption("getsockopt", name, "udp");
    return value;
  }

  entry(): SocketEntry | null {
    const { endpoint, state } = this;
    const { queue, localAddr, localPort, remoteAddr, remotePort } = endpoint;
    if (localPort === 0) return null;
    const at = { localAddr, localPort, remoteAddr, remotePort };
    return entry({ proto: "udp", state, recvQ: queue.bytes, sendQ: 0, timer: null, ...at }, this);
  }

  /** The path MTU to the peer. @throws SystemError ENOTCONN */
  private mtu(): number {
    const { endpoint } = this;
    const route = endpoint.remotePort === 0 ? null : this.udp.output.routeFor(endpoint, endpoint.remoteAddr);
    if (route === null)
      throw new SystemError(ENOTCONN, "getsockopt", { sentence: "IP_MTU is that of a connected socket" });
    return route.mtu;
  }

  /** The pending error, negative, once; 0: there is none. */
  private takeError(): number {
    const { error } = this.endpoint;
    this.endpoint.error = 0;
    return error === 0 ? 0 : -error;
  }

  private check(syscall: string): void {
    if (this.endpoint.closed) throw new SystemError(EBADF, syscall);
  }
}
