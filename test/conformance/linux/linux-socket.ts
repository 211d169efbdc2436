import { errnoName } from "../../../src/base/errors.js";
import type { OptionName, Socket, SocketAddress } from "../../../src/socket/types.js";
import { NotPortable } from "../harness-subject.js";
import type { LinuxSubject } from "./linux-subject.js";
import { parseTcpInfo } from "./tcp-info.js";

const STATES =
  " ESTABLISHED SYN-SENT SYN-RECEIVED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED CLOSE-WAIT LAST-ACK LISTEN CLOSING SYN-RECEIVED";
const SHUT = { read: 0, write: 1, both: 2 };
const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const MSG_OOB = 1;
const MSG_PEEK = 2;
const MSG_TRUNC = 0x20;

/** Options by name: level and number. */
const OPTIONS: Readonly<Record<string, readonly [level: number, name: number]>> = {
  ...numbered(SOL_SOCKET, {
    SO_REUSEADDR: 2,
    SO_TYPE: 3,
    SO_ERROR: 4,
    SO_SNDBUF: 7,
    SO_RCVBUF: 8,
    SO_KEEPALIVE: 9,
    SO_OOBINLINE: 10,
    SO_PRIORITY: 12,
    SO_LINGER: 13,
    SO_REUSEPORT: 15,
    SO_RCVLOWAT: 18,
    SO_ACCEPTCONN: 30,
    SO_MARK: 36,
    SO_MAX_PACING_RATE: 47,
  }),
  ...numbered(0, { IP_TOS: 1, IP_TTL: 2, IP_MTU_DISCOVER: 10, IP_RECVERR: 11, IP_MTU: 14, IP_FREEBIND: 15 }),
  ...numbered(IPPROTO_TCP, {
    TCP_NODELAY: 1,
    TCP_MAXSEG: 2,
    TCP_CORK: 3,
    TCP_KEEPIDLE: 4,
    TCP_KEEPINTVL: 5,
    TCP_KEEPCNT: 6,
    TCP_SYNCNT: 7,
    TCP_LINGER2: 8,
    TCP_DEFER_ACCEPT: 9,
    TCP_WINDOW_CLAMP: 10,
    TCP_QUICKACK: 12,
    TCP_TIMESTAMP: 24,
    TCP_CONGESTION: 13,
    TCP_THIN_LINEAR_TIMEOUTS: 16,
    TCP_USER_TIMEOUT: 18,
    TCP_FASTOPEN: 23,
    TCP_NOTSENT_LOWAT: 25,
    TCP_SAVE_SYN: 27,
    TCP_FASTOPEN_CONNECT: 30,
    TCP_FASTOPEN_KEY: 33,
    TCP_FASTOPEN_NO_COOKIE: 34,
    TCP_INQ: 36,
    TCP_TX_DELAY: 37,
    TCP_RTO_MAX_MS: 44,
    TCP_RTO_MIN_US: 45,
    TCP_DELACK_MAX_US: 46,
  }),
};

function numbered(level: number, names: Record<string, number>): Record<string, readonly [number, number]> {
  return Object.fromEntries(Object.entries(names).map(([name, number]) => [name, [level, number] as const]));
}

function int32(...values: number[]): string {
  const bytes = Buffer.alloc(4 * values.length);
  for (let i = 0; i < values.length; i++) bytes.writeInt32LE((values[i] as number) | 0, 4 * i);
  return bytes.toString("hex");
}

/** The kernel's socket behind the stack's interface: the same calls, results and errors. */
export class LinuxSocket implements Socket {
  readonly type = "tcp";
  owner = "";
  private readonly subject: LinuxSubject;
  private readonly fd: number;
  private closed = false;
  private local: readonly [string, number] = ["", 0];
  private remote: readonly [string, number] = ["", 0];

  constructor(subject: LinuxSubject, fd: number) {
    this.subject = subject;
    this.fd = fd;
  }

  get state(): string {
    const number = this.closed ? this.subject.stateOf(this.local[1], this.remote[1]) : (this.info().state as number);
    return STATES.split(" ")[number] as string;
  }

  get localAddress(): string {
    return this.names().local[0];
  }

  get localPort(): number {
    return this.names().local[1];
  }

  get remoteAddress(): string {
    return this.names().remote[0];
  }

  get remotePort(): number {
    return this.names().remote[1];
  }

  get onReady(): null {
    return null;
  }

  set onReady(_: unknown) {
    throw new NotPortable("onReady");
  }

  bind(where: SocketAddress | number, address?: string): void {
    const [ip, port] = resolve(where, address, "0.0.0.0");
    this.must("bind", `${ip} ${port}`);
  }

  listen(backlog = 511): void {
    this.must("listen", `${backlog}`);
  }

  accept(): Socket | null {
    const fd = this.call("accept", "");
    if (fd < 0) return null;
    const socket = new LinuxSocket(this.subject, fd);
    socket.names();
    return socket;
  }

  connect(where: SocketAddress | number, address?: string): void {
    const [ip, port] = resolve(where, address, "127.0.0.1");
    const rc = this.call("connect", `${ip} ${port}`);
    if (rc < 0 && errnoName(-rc) !== "EINPROGRESS") throw error("connect", rc);
    this.names();
  }

  read(target: Uint8Array, offset = 0, length = target.length - offset): number {
    return this.receive(target, offset, length, 0);
  }

  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    return this.receive(target, offset, length, MSG_PEEK);
  }

  skip(length: number): number {
    return this.call("recv", `${length} ${MSG_TRUNC}`);
  }

  write(source: Uint8Array, offset = 0, length = source.length - offset): number {
    return this.call("send", hex(source.subarray(offset, offset + length)));
  }

  sendUrgent(source: Uint8Array, offset = 0, length = source.length - offset): number {
    return this.call("send", `${hex(source.subarray(offset, offset + length))} ${MSG_OOB}`);
  }

  receiveUrgent(): number {
    const { result, words } = this.subject.act(`recv ${this.fd} 1 ${MSG_OOB}`);
    return result === 1 ? Number.parseInt(words[0] as string, 16) : result;
  }

  atMark(): boolean {
    return this.call("mark", "") === 1;
  }

  sendTo(): number {
    throw new NotPortable("sendTo");
  }

  receiveFrom(): number {
    throw new NotPortable("receiveFrom");
  }

  shutdown(how: "read" | "write" | "both"): void {
    this.must("shutdown", `${SHUT[how]}`);
  }

  close(): void {
    if (this.closed) return;
    this.names();
    this.closed = true;
    this.call("close", "");
  }

  /** SO_LINGER 0 and close: RST. */
  reset(): void {
    this.names();
    this.call("set", `${SOL_SOCKET} 13 ${int32(1, 0)}`);
    this.close();
  }

  setOption(name: OptionName, value: number | string): void {
    const [level, number] = known(name);
    let bytes = typeof value === "string" ? Buffer.from(value).toString("hex") : int32(value);
    if (name === "TCP_FASTOPEN_KEY") bytes = keyBytes(String(value));
    if (name === "SO_LINGER") bytes = int32(Number(value) < 0 ? 0 : 1, Math.max(0, Number(value)));
    this.must("set", `${level} ${number} ${bytes}`);
  }

  getOption(name: OptionName): number | string {
    const [level, number] = known(name);
    const { result, words } = this.subject.ask(`get ${this.fd} ${level} ${number}`);
    if (result < 0) throw error("getsockopt", result);
    const bytes = Buffer.from(words[0] as string, "hex");
    if (name === "TCP_CONGESTION") return bytes.toString("latin1").replace(/\0.*/s, "");
    if (name === "SO_LINGER") return bytes.readInt32LE(0) === 0 ? -1 : bytes.readInt32LE(4);
    return bytes.length >= 4 ? bytes.readInt32LE(0) : (bytes[0] as number);
  }

  info(): Readonly<Record<string, number>> {
    const { result, words } = this.subject.ask(`get ${this.fd} ${IPPROTO_TCP} ${TCP_INFO}`);
    if (result < 0) throw error("getsockopt", result);
    return parseTcpInfo(Buffer.from(words[0] as string, "hex"));
  }

  poll(): number {
    return this.subject.ask(`poll ${this.fd}`).result;
  }

  private receive(target: Uint8Array, offset: number, length: number, flags: number): number {
    const { result, words } = this.subject.act(`recv ${this.fd} ${length} ${flags}`);
    if (result > 0) target.set(Buffer.from(words[0] as string, "hex"), offset);
    return result;
  }

  /** Learns both ends' names while there is a descriptor to ask. */
  private names(): this {
    if (!this.closed) {
      this.local = this.name("name", this.local);
      this.remote = this.name("peer", this.remote);
    }
    return this;
  }

  private name(verb: string, known: readonly [string, number]): readonly [string, number] {
    const { result, words } = this.subject.ask(`${verb} ${this.fd}`);
    return result < 0 || words[1] === "0" ? known : [words[0] as string, Number(words[1])];
  }

  private call(verb: string, rest: string): number {
    return this.subject.act(`${verb} ${this.closed && verb !== "close" ? -1 : this.fd} ${rest}`).result;
  }

  private must(verb: string, rest: string): void {
    const rc = this.call(verb, rest);
    if (rc < 0) throw error(verb === "set" ? "setsockopt" : verb, rc);
  }
}

/** Keys as the stack has them, in the kernel's bytes. */
function keyBytes(text: string): string {
  return int32(...text.split(/[-,]/).map((word) => Number.parseInt(word, 16)));
}

function known(name: OptionName): readonly [number, number] {
  const found = OPTIONS[name];
  if (found === undefined) throw new NotPortable(name);
  return found;
}

function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? "-" : Buffer.from(bytes).toString("hex");
}

function resolve(where: SocketAddress | number, address: string | undefined, any: string): [string, number] {
  if (typeof where === "number") return [address ?? any, where];
  return [where.address ?? any, where.port ?? 0];
}

function error(syscall: string, rc: number): Error {
  const code = errnoName(-rc);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: rc, syscall });
}
