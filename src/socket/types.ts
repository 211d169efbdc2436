import type { Addr } from "../wire/address.js";

/** Bits of {@link Socket.poll}: level-triggered readiness, poll(2)'s values. */
export const READABLE = 0x001; // data, end of stream, a connection to accept, or an error to collect
export const PRIORITY = 0x002; // urgent data, to be had with receiveUrgent
export const WRITABLE = 0x004;
export const ERROR = 0x008;
export const HANGUP = 0x010; // both directions are closed
export const READ_HANGUP = 0x2000; // the peer closed its sending side

/**
 * A peer's address and port in a form that costs nothing to pass around: receiveFrom fills one, sendTo takes it back.
 * `addr` is opaque.
 */
export interface Endpoint {
  addr: Addr;
  port: number;
  /** TTL of a received ICMP message; filled in only where the endpoint has the field. */
  ttl?: number;
  /** The address as text; made on each reading. */
  readonly address: string;
}

/** Where to bind or connect: text address (default: any of ours, or for connect 127.0.0.1), port 0 to 65535. */
export interface SocketAddress {
  address?: string;
  port?: number;
}

export type SocketType = "tcp" | "udp" | "icmp";

export type OptionName =
  | "SO_REUSEADDR"
  | "SO_REUSEPORT"
  | "SO_RCVBUF"
  | "SO_SNDBUF"
  | "SO_RCVLOWAT"
  | "SO_KEEPALIVE"
  | "SO_MAX_PACING_RATE"
  | "SO_PRIORITY"
  | "SO_LINGER"
  | "SO_OOBINLINE"
  | "SO_ERROR"
  | "SO_BROADCAST"
  | "SO_TYPE"
  | "SO_ACCEPTCONN"
  | "TCP_NODELAY"
  | "TCP_MAXSEG"
  | "TCP_CORK"
  | "TCP_QUICKACK"
  | "TCP_USER_TIMEOUT"
  | "TCP_KEEPIDLE"
  | "TCP_KEEPINTVL"
  | "TCP_KEEPCNT"
  | "TCP_RTO_MAX_MS"
  | "TCP_RTO_MIN_US"
  | "TCP_SYNCNT"
  | "TCP_LINGER2"
  | "TCP_CONGESTION"
  | "TCP_WINDOW_CLAMP"
  | "TCP_NOTSENT_LOWAT"
  | "TCP_DEFER_ACCEPT"
  | "TCP_THIN_LINEAR_TIMEOUTS"
  | "TCP_FASTOPEN"
  | "TCP_FASTOPEN_CONNECT"
  | "TCP_FASTOPEN_KEY"
  | "TCP_FASTOPEN_NO_COOKIE"
  | "TCP_TIMESTAMP"
  | "TCP_INFO"
  | "IP_TTL"
  | "IP_TOS"
  | "IP_MTU_DISCOVER"
  | "IP_MTU"
  | "IP_RECVERR"
  | "IP_ADD_MEMBERSHIP"
  | "IP_DROP_MEMBERSHIP"
  | "IP_MULTICAST_TTL"
  | "IP_MULTICAST_LOOP"
  | "UDP_NO_CHECK";

/**
 * A BSD-like socket that never blocks. Calls that set things up throw a SystemError (`code`, `syscall`, `address`,
 * `port`); calls on the data path return a byte count, 0 at the end of the stream, or a negative errno (`-EAGAIN`).
 */
export interface Socket {
  readonly type: SocketType;
  /** Linux's name of the TCP state ("ESTAB" is "ESTABLISHED" here); for others "UNCONN" or "ESTABLISHED". */
  readonly state: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** Empty and 0 when not connected. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Anything the owner wants listings to show as the process: "users:((name,pid=..,fd=..))" of ss -p. */
  owner: string;
  /** Called after a batch in which something happened, with what {@link poll} says now. Never from inside a call. */
  onReady: ((socket: Socket, mask: number) => void) | null;

  /** Throws EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL (already bound). Port 0: an ephemeral port. */
  bind(where: SocketAddress): void;
  bind(port: number, address?: string): void;
  /** TCP. @param backlog connections waiting for accept, capped by net.core.somaxconn */
  listen(backlog?: number): void;
  /** TCP: the next connection, or null when none waits. */
  accept(): Socket | null;
  /**
   * TCP: begins; WRITABLE follows when connected, ERROR when not (SO_ERROR says why). UDP, ICMP: sets the peer.
   * Throws EADDRNOTAVAIL, ENETUNREACH, EISCONN, EALREADY, EINVAL.
   */
  connect(where: SocketAddress): void;
  connect(port: number, address?: string): void;

  /*
   * Of the calls below, each that is given an array returns -EINVAL, and touches nothing, unless [offset,
   * offset+length) is a part of it; on a closed socket -EBADF.
   */

  /** Up to `length` bytes into `target` at `offset`. TCP: a stream. UDP, ICMP: one datagram, the rest of it is lost. */
  read(target: Uint8Array, offset?: number, length?: number): number;
  /** As read, but the data stays. */
  peek(target: Uint8Array, offset?: number, length?: number): number;
  /** TCP: drops up to `length` bytes unread, as recv(2) with MSG_TRUNC; the same results as read. */
  skip(length: number): number;
  /** TCP: takes what fits the send buffer. UDP, ICMP: one datagram to the connected peer. */
  write(source: Uint8Array, offset?: number, length?: number): number;
  /**
   * TCP: as write, and the last of the bytes taken is urgent (RFC 9293 §3.8.5): send(2) with MSG_OOB.
   */
  sendUrgent(source: Uint8Array, offset?: number, length?: number): number;
  /**
   * TCP: the urgent byte, 0 to 255, as recv(2) with MSG_OOB; -EINVAL: there is none, or it is in the stream
   * (SO_OOBINLINE); -EAGAIN: it is announced and has not come.
   */
  receiveUrgent(): number;
  /** TCP: reading has come to the place of the urgent byte; sockatmark(3). */
  atMark(): boolean;
  /** One datagram. */
  sendTo(source: Uint8Array, to: Endpoint | SocketAddress, offset?: number, length?: number): number;
  /** One datagram, and who sent it. */
  receiveFrom(target: Uint8Array, from: Endpoint, offset?: number, length?: number): number;

  /** Throws ENOTCONN. */
  shutdown(how: "read" | "write" | "both"): void;
  /** Lets go. TCP with unread data resets (RFC 9293 §3.6.1), otherwise what was written is still delivered. */
  close(): void;
  /** TCP: RST at once, nothing lingers. Others: as close. */
  reset(): void;

  /** Booleans are 0 and 1; SO_LINGER is seconds or -1 (off). Throws ENOPROTOOPT, EINVAL. */
  setOption(name: OptionName, value: number | string): void;
  getOption(name: OptionName): number | string;
  /** TCP_INFO's fields under Linux's names without `tcpi_`; times in the kernel's units. Throws EOPNOTSUPP on others. */
  info(): Readonly<Record<string, number>>;
  poll(): number;
}
