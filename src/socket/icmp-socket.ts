import { EADDRNOTAVAIL, EAGAIN, EBADF, EDESTADDRREQ, EINVAL, ENOTCONN, EPIPE, SystemError } from "../base/errors.js";
import type { EchoEndpoint } from "../icmp/echo.js";
import type { Icmp } from "../icmp/icmp.js";
import { type Addr, ANY, formatAddr, LOOPBACK } from "../wire/address.js";
import { inside, noSuchOption, SocketBase, type SocketHost, wholeNumber } from "./base.js";
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

const DEFAULT_RCVBUF = 212992;
const INT_MAX = 0x7fffffff;
const PMTUDISC_DONT = 0;
const PMTUDISC_DO = 2;

/**
 * Linux's ping socket (IPPROTO_ICMP over SOCK_DGRAM): sends echo requests and receives the replies to them, whole
 * ICMP messages, header first. The port is the identifier. What ICMP errors say
 * about requests of a connected one is collected as SO_ERROR.
 */
export class IcmpSocket extends SocketBase {
  readonly type = "icmp";
  private readonly icmp: Icmp;
  private readonly destination: Destination = { addr: ANY, port: 0 };
  private echo: EchoEndpoint | null = null;
  private local: Addr = ANY;
  private peer: Addr = ANY;
  private connected = false;
  private readShut = false;
  private writeShut = false;
  private closed = false;
  private error = 0;
  private ttl = 0;
  private tos = 0;
  private df = 0;
  private receiveBuffer = DEFAULT_RCVBUF;

  constructor(host: SocketHost, icmp: Icmp) {
    super(host);
    this.icmp = icmp;
  }

  get state(): string {
    return this.connected ? "ESTABLISHED" : "UNCONN";
  }

  get localAddress(): string {
    return formatAddr(this.local);
  }

  /** The identifier; 0: none yet. */
  get localPort(): number {
    return this.echo === null ? 0 : this.echo.id;
  }

  get remoteAddress(): string {
    return this.connected ? formatAddr(this.peer) : "";
  }

  get remotePort(): number {
    return 0;
  }

  protected bindTo(where: SocketAddress): void {
    this.check("bind");
    const addr = addressOf(where, "bind", ANY);
    const port = portOf(where, "bind");
    if (this.echo !== null) throw new SystemError(EINVAL, "bind", { sentence: "the socket is already bound" });
    if (addr !== ANY && !this.host.ip.isLocal(addr))
      throw new SystemError(EADDRNOTAVAIL, "bind", {
        address: formatAddr(addr),
        sentence: "that address is not one of this stack's",
      });
    this.local = addr;
    this.open(port);
  }

  protected connectTo(where: SocketAddress): void {
    this.check("connect");
    const addr = addressOf(where, "connect", LOOPBACK) || LOOPBACK;
    const route = this.host.ip.routeTo(addr, this.local);
    if (route === null) throw new SystemError(this.host.ip.routeError, "connect", { address: formatAddr(addr) });
    const echo = this.echo ?? this.open(0);
    this.peer = addr;
    this.local = route.src;
    this.connected = true;
    echo.peer = addr;
    echo.local = route.src;
  }

  read(target: Uint8Array, offset = 0, length = target.length - offset): number {
    const n = this.peek(target, offset, length);
    if (n >= 0 && this.echo !== null && this.echo.pending > 0) this.echo.receive(target, offset, length);
    return n;
  }

  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    if (this.closed) return -EBADF;
    this.collect();
    if (this.error !== 0) return this.takeError();
    if (!inside(target, offset, length)) return -EINVAL;
    if (this.echo === null || this.echo.pending === 0) return this.readShut ? 0 : -EAGAIN;
    return this.echo.peek(target, offset, length);
  }

  override receiveFrom(target: Uint8Array, from: Endpoint, offset = 0, length = target.length - offset): number {
    const n = this.peek(target, offset, length);
    if (n < 0 || this.echo === null || this.echo.pending === 0) return n;
    this.echo.receive(target, offset, length);
    from.addr = this.echo.lastFrom;
    from.port = 0;
    if (from.ttl !== undefined) from.ttl = this.echo.lastTtl;
    return n;
  }

  write(source: Uint8Array, offset = 0, length = source.length - offset): number {
    if (!this.connected) return this.closed ? -EBADF : -EDESTADDRREQ;
    return this.send(source, offset, length, this.peer);
  }

  override sendTo(
    source: Uint8Array,
    to: Endpoint | SocketAddress,
    offset = 0,
    length = source.length - offset,
  ): number {
    if (this.closed) return -EBADF;
    if (readDestination(to, this.destination) < 0) return -EINVAL;
    return this.send(source, offset, length, this.destination.addr);
  }

  private send(source: Uint8Array, offset: number, length: number, to: Addr): number {
    if (this.writeShut) return -EPIPE;
    this.collect();
    if (this.error !== 0) return this.takeError();
    if (!inside(source, offset, length)) return -EINVAL;
    this.host.enter();
    const echo = this.echo ?? this.tryOpen();
    if (echo === null) return -EAGAIN;
    return echo.send(to === ANY ? LOOPBACK : to, source, offset, length);
  }

  shutdown(how: "read" | "write" | "both"): void {
    this.check("shutdown");
    if (how !== "write") this.readShut = true;
    if (how !== "read") this.writeShut = true;
    this.host.ready.add(this);
    if (!this.connected) throw new SystemError(ENOTCONN, "shutdown");
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.onReady = null;
    this.echo?.close();
    this.host.closed(this);
  }

  reset(): void {
    this.close();
  }

  poll(): number {
    if (this.closed) return HANGUP;
    this.collect();
    let mask = WRITABLE;
    if (this.echo !== null && this.echo.pending > 0) mask |= READABLE;
    if (this.error !== 0) mask |= ERROR | READABLE;
    if (this.readShut) mask |= READABLE | READ_HANGUP;
    if (this.readShut && this.writeShut) mask |= HANGUP;
    return mask;
  }

  setOption(name: OptionName, value: number | string): void {
    this.check("setsockopt");
    if (name === "IP_TTL") this.ttl = Math.max(0, wholeNumber(name, value, -1, 255));
    else if (name === "IP_TOS") this.tos = wholeNumber(name, value, 0, 255);
    else if (name === "IP_MTU_DISCOVER") this.df = wholeNumber(name, value, 0, 3) === PMTUDISC_DONT ? 0 : 1;
    else if (name === "SO_RCVBUF") this.receiveBuffer = wholeNumber(name, value, 1, INT_MAX >> 1) * 2;
    else throw noSuchOption("setsockopt", name, "icmp");
    if (this.echo !== null) this.applyOptions(this.echo);
  }

  getOption(name: OptionName): number | string {
    this.check("getsockopt");
    this.collect();
    if (name === "SO_ERROR") return Math.abs(this.takeError());
    if (name === "SO_TYPE") return SOCK_DGRAM;
    if (name === "SO_ACCEPTCONN") return 0;
    if (name === "IP_TTL") return this.ttl || this.host.ip.defaultTtl;
    if (name === "IP_TOS") return this.tos;
    if (name === "IP_MTU_DISCOVER") return this.df === 0 ? PMTUDISC_DONT : PMTUDISC_DO;
    if (name === "SO_RCVBUF") return this.receiveBuffer;
    throw noSuchOption("getsockopt", name, "icmp");
  }

  entry(): SocketEntry | null {
    const { echo, state } = this;
    if (echo === null) return null;
    const at = { localAddr: this.local, localPort: echo.id, remoteAddr: this.peer, remotePort: 0 };
    return entry({ proto: "icmp", state, recvQ: echo.nextLength, sendQ: 0, timer: null, ...at }, this);
  }

  /** @throws SystemError EADDRINUSE, EADDRNOTAVAIL */
  private open(id: number): EchoEndpoint {
    const echo = this.icmp.openEcho(id);
    echo.local = this.local;
    echo.onActivity = () => this.host.ready.add(this);
    this.applyOptions(echo);
    this.echo = echo;
    return echo;
  }

  /** Null: every identifier is taken. */
  private tryOpen(): EchoEndpoint | null {
    try {
      return this.open(0);
    } catch {
      return null;
    }
  }

  private applyOptions(echo: EchoEndpoint): void {
    echo.ttl = this.ttl;
    echo.tos = this.tos;
    echo.df = this.df;
    echo.receiveBuffer = this.receiveBuffer;
  }

  /** Takes the errors that have come; the last is the one to be collected. */
  private collect(): void {
    if (this.echo === null || this.echo.errorsPending === 0) return;
    for (let e = this.echo.takeError(); e !== null; e = this.echo.takeError()) if (this.connected) this.error = e.errno;
  }

  /** The pending error, negative, once; 0: there is none. */
  private takeError(): number {
    const { error } = this;
    this.error = 0;
    return error === 0 ? 0 : -error;
  }

  private check(syscall: string): void {
    if (this.closed) throw new SystemError(EBADF, syscall);
  }
}
