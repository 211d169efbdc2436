import { EADDRNOTAVAIL, EALREADY, EBADF, EINVAL, EISCONN, ENETUNREACH, ENOTCONN, SystemError } from "../base/errors.js";
import type { Binding } from "../ports/binding.js";
import {
  abortConnection,
  acceptConnection,
  closeConnection,
  endOfStream,
  finTaken,
  shutdownRead,
  shutdownWrite,
} from "../tcp/calls.js";
import type { Connection } from "../tcp/connection.js";
import { CLOSED, LISTEN, STATE_NAMES, SYN_RECEIVED, SYN_SENT, URGENT_HERE } from "../tcp/constants.js";
import { reusable, reusablePort } from "../tcp/ending/time-wait.js";
import { connectionInfo, listenerInfo } from "../tcp/info.js";
import { openConnection } from "../tcp/opening/connect.js";
import { awaitsWrite, keepFastOpen, opensFast } from "../tcp/opening/fast-open.js";
import { copyOptions, type Listener, type ListenerOwner, stopListening } from "../tcp/opening/listen.js";
import { enoughToRead } from "../tcp/receiving/readable.js";
import { markSkip } from "../tcp/receiving/urgent.js";
import { roomToWrite } from "../tcp/sending/send-buffer.js";
import type { Tcp, TcpPortOwner } from "../tcp/tcp.js";
import { type Addr, ANY, formatAddr, LOOPBACK } from "../wire/address.js";
import { noSuchOption, type SocketHost, wholeNumber } from "./base.js";
import { addressOf, portOf } from "./endpoint.js";
import { connectionEntry, listenerEntry, type SocketEntry } from "./entries.js";
import { getTcpOption, setTcpOption } from "./tcp-options.js";
import { TcpStream } from "./tcp-stream.js";
import {
  ERROR,
  HANGUP,
  type OptionName,
  PRIORITY,
  READ_HANGUP,
  READABLE,
  type SocketAddress,
  WRITABLE,
} from "./types.js";

const DEFAULT_BACKLOG = 4096;
/** SO_TYPE: SOCK_STREAM */
const SOCK_STREAM = 1;

/** A TCP socket: a connection, or a listener and the template of its connections. Reading and writing: see TcpStream. */
export class TcpSocket extends TcpStream implements ListenerOwner, TcpPortOwner {
  listener: Listener | null = null;
  readonly type = "tcp";
  private readonly tcp: Tcp;
  private binding: Binding | null = null;
  /** What bind was asked for; connect narrows the binding's own from ANY to the route's source. */
  private boundAddr: Addr = ANY;
  private reuseAddr = false;
  private reusePort = false;
  /** SO_LINGER in seconds; -1: off. */
  private linger = -1;

  /** @param accepted the connection of an accepted socket; it becomes this socket's */
  constructor(host: SocketHost, tcp: Tcp, accepted: Connection | null = null) {
    super(host, accepted ?? tcp.createConnection(null));
    this.tcp = tcp;
  }

  get state(): string {
    return STATE_NAMES[this.listener !== null ? LISTEN : this.connection.state] as string;
  }

  get localAddress(): string {
    return formatAddr(this.localAddr);
  }

  get localPort(): number {
    return this.connection.localPort !== 0 ? this.connection.localPort : (this.binding?.port ?? 0);
  }

  get remoteAddress(): string {
    const c = this.connection;
    return c.remotePort === 0 ? "" : formatAddr(c.remoteAddr);
  }

  get remotePort(): number {
    return this.connection.remotePort;
  }

  listenerEvent(): void {
    this.host.ready.add(this);
  }

  protected bindTo(where: SocketAddress): void {
    this.check("bind");
    if (this.binding !== null || this.connection.state !== CLOSED || this.started)
      throw new SystemError(EINVAL, "bind", { sentence: "the socket has its address already; make another" });
    const addr = addressOf(where, "bind", ANY);
    this.bindPort(addr, portOf(where, "bind"), "bind");
  }

  override listen(backlog = DEFAULT_BACKLOG): void {
    this.check("listen");
    this.host.enter();
    // Linux takes it as unsigned, so that -1 asks for the most there is.
    const { somaxconn } = this.tcp.context.settings;
    const most = backlog >= 0 ? Math.min(backlog, somaxconn) : somaxconn;
    if (this.listener !== null) {
      this.listener.backlog = most;
      return;
    }
    if (this.connection.state !== CLOSED || this.started)
      throw new SystemError(EINVAL, "listen", { sentence: "the socket is connected; listen with another" });
    if (this.binding === null) this.bindPort(ANY, 0, "listen");
    const binding = this.binding as unknown as Binding;
    this.tcp.context.ports.listen(binding, "listen");
    this.listener = this.tcp.createListener(binding, this.connection, this, most);
  }

  override accept(): TcpSocket | null {
    this.check("accept");
    this.host.enter();
    if (this.listener === null) throw new SystemError(EINVAL, "accept", { sentence: "the socket does not listen" });
    const c = acceptConnection(this.listener);
    return c === null ? null : new TcpSocket(this.host, this.tcp, c);
  }

  protected connectTo(where: SocketAddress): void {
    this.check("connect");
    this.checkUnconnected();
    let remote = addressOf(where, "connect", LOOPBACK);
    if (remote === ANY) remote = LOOPBACK;
    const port = portOf(where, "connect");
    const at = { address: formatAddr(remote), port };
    if (this.started) this.renew();
    const { ip } = this.host;
    if (ip.isBroadcast(remote) || ip.isMulticast(remote)) throw new SystemError(ENETUNREACH, "connect", at);
    const route = ip.routeTo(remote, this.binding?.addr ?? ANY);
    if (route === null) throw new SystemError(ip.routeError, "connect", at);
    const c = this.connection;
    c.localAddr = route.src;
    this.takePort(c, remote, port, at);
    const result = openConnection(c);
    if (result === 0) return;
    if (c.binding !== null) this.tcp.context.ports.release(c.binding);
    c.binding = null;
    this.widen();
    c.remotePort = 0;
    c.localPort = 0;
    throw new SystemError(result, "connect", at);
  }

  /** The local port of an active open: the bound one, or one chosen for this destination. */
  private takePort(c: Connection, remote: Addr, port: number, at: { address: string; port: number }): void {
    const { ports, tuples } = this.tcp.context;
    const { binding } = this;
    if (binding === null) {
      let chosen = ports.connectPort(c.localAddr, remote, port, tuples);
      // RFC 6191: with no port left, that of a TIME-WAIT that may give way
      if (chosen < 0) chosen = reusablePort(this.tcp.context, c.localAddr, remote, port);
      if (chosen <= 0) throw ports.exhausted(remote, port);
      c.localPort = chosen;
      c.binding = ports.hold(c.localAddr, chosen, this.reuseAddr, this.reusePort);
    } else {
      this.takeBound(c, binding, remote, port, at);
    }
    c.remoteAddr = remote;
    c.remotePort = port;
  }

  private takeBound(
    c: Connection,
    binding: Binding,
    remote: Addr,
    port: number,
    at: { address: string; port: number },
  ): void {
    const { context } = this.tcp;
    const { ports, tuples } = context;
    const taken = tuples.find(c.localAddr, binding.port, remote, port) >= 0;
    if (taken && reusable(context, c.localAddr, binding.port, remote, port, true) === null) {
      const sentence = `local port ${binding.port} is in use to that destination already; bind to another, or to port 0`;
      throw new SystemError(EADDRNOTAVAIL, "connect", { ...at, sentence });
    }
    if (binding.addr === ANY) ports.move(binding, c.localAddr, false);
    c.localPort = binding.port;
    c.binding = ports.inherit(binding, c);
  }

  /** An attempt from a socket bound to any address is over: it is at any address again. */
  private widen(): void {
    if (this.binding !== null && this.binding.addr !== this.boundAddr)
      this.tcp.context.ports.move(this.binding, this.boundAddr, false);
  }

  shutdown(how: "read" | "write" | "both"): void {
    this.check("shutdown");
    this.host.enter();
    const c = this.connection;
    if (this.listener !== null || c.state === CLOSED) throw new SystemError(ENOTCONN, "shutdown");
    if (how !== "write") shutdownRead(c);
    if (how !== "read") shutdownWrite(c);
  }

  close(): void {
    this.end(this.linger === 0);
  }

  reset(): void {
    this.end(true);
  }

  private end(abrupt: boolean): void {
    if (!this.open) return;
    this.host.enter();
    this.open = false;
    this.onReady = null;
    if (this.listener !== null) stopListening(this.listener);
    else if (abrupt) abortConnection(this.connection);
    else closeConnection(this.connection);
    if (this.binding !== null) this.tcp.context.ports.release(this.binding);
    this.binding = null;
    this.listener = null;
    this.host.closed(this);
  }

  poll(): number {
    if (!this.open) return HANGUP;
    if (this.listener !== null) return this.listener.queue.length > 0 ? READABLE : 0;
    const c = this.connection;
    let mask = c.error !== 0 ? ERROR : 0;
    if (c.state === CLOSED) return mask | HANGUP | WRITABLE | (this.started ? READABLE | READ_HANGUP : 0);
    if (c.state === SYN_SENT) return awaitsWrite(c) ? mask | WRITABLE : mask;
    if (c.state === SYN_RECEIVED && !opensFast(c)) return mask;
    const ended = endOfStream(c);
    if (ended || toRead(c)) mask |= READABLE;
    if (ended) mask |= READ_HANGUP;
    if (c.urgent === URGENT_HERE) mask |= PRIORITY;
    if (c.finQueued) mask |= ended ? WRITABLE | HANGUP : WRITABLE;
    else if (roomToWrite(c)) mask |= WRITABLE;
    else c.noSpace = true;
    return mask;
  }

  setOption(name: OptionName, value: number | string): void {
    this.check("setsockopt");
    this.host.enter();
    if (name === "SO_REUSEADDR") this.reuseAddr = wholeNumber(name, value, 0, 0x7fffffff) !== 0;
    else if (name === "SO_REUSEPORT") this.reusePort = wholeNumber(name, value, 0, 0x7fffffff) !== 0;
    else if (name === "SO_LINGER") this.linger = wholeNumber(name, value, -1, 0x7fffffff);
    else if (!setTcpOption(this.connection, name, value, this.listener !== null))
      throw noSuchOption("setsockopt", name, "tcp");
    if (this.binding !== null && name.startsWith("SO_REUSE"))
      this.tcp.context.ports.setReuse(this.binding, this.reuseAddr, this.reusePort);
  }

  getOption(name: OptionName): number | string {
    this.check("getsockopt");
    this.host.enter();
    switch (name) {
      case "SO_REUSEADDR":
        return this.reuseAddr ? 1 : 0;
      case "SO_REUSEPORT":
        return this.reusePort ? 1 : 0;
      case "SO_LINGER":
        return this.linger;
      case "SO_ERROR":
        return Math.abs(this.takeError()) || this.takeSoftError();
      case "SO_TYPE":
        return SOCK_STREAM;
      case "SO_ACCEPTCONN":
        return this.listener !== null ? 1 : 0;
    }
    const value = getTcpOption(this.connection, name);
    if (value === null) throw noSuchOption("getsockopt", name, "tcp");
    return value;
  }

  override info(): Readonly<Record<string, number>> {
    this.host.enter();
    return this.listener === null ? connectionInfo(this.connection) : listenerInfo(this.listener);
  }

  entry(details: boolean): SocketEntry | null {
    const { listener } = this;
    if (listener !== null) return listenerEntry(this, this.localAddr, listener, details);
    return this.connection.state === CLOSED ? null : connectionEntry(this.connection, this, details);
  }

  private get localAddr(): Addr {
    const c = this.connection;
    return c.localPort !== 0 ? c.localAddr : (this.binding?.addr ?? ANY);
  }

  /** The connection has been used: by an attempt that failed, or one that is over. */
  private get started(): boolean {
    return this.connection.sndNxt !== this.connection.sndUna || this.connection.remotePort !== 0;
  }

  private renew(): void {
    this.widen();
    const c = this.tcp.createConnection(this);
    copyOptions(this.connection, c);
    keepFastOpen(this.connection, c);
    closeConnection(this.connection);
    this.connection = c;
  }

  /** As Linux's SO_ERROR: if nothing is wrong, what an ICMP message hinted at. */
  private takeSoftError(): number {
    const { softError } = this.connection;
    this.connection.softError = 0;
    return softError;
  }

  private bindPort(addr: Addr, port: number, syscall: string): void {
    this.binding = this.tcp.context.ports.bind(this, addr, port, this.reuseAddr, this.reusePort, syscall);
    this.boundAddr = addr;
  }

  private check(syscall: string): void {
    if (!this.open) throw new SystemError(EBADF, syscall);
  }

  private checkUnconnected(): void {
    const { state } = this.connection;
    if (state === SYN_SENT || state === SYN_RECEIVED) throw new SystemError(EALREADY, "connect");
    if (this.listener !== null || state !== CLOSED) throw new SystemError(EISCONN, "connect");
  }
}

/** Whether read would give what the application waits for. */
function toRead(c: Connection): boolean {
  // The urgent byte is not for read, where it stands next
  const skip = markSkip(c);
  if (c.rcvQueued <= skip) return false;
  // Nothing will come any more, or there is as much as was asked for
  return !c.lowat || c.readShut || finTaken(c) || enoughToRead(c, c.rcvLowat + skip);
}
