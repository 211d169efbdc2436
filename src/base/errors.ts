/** Linux errno numbers. Data-path calls return them negated; set-up calls throw a {@link SystemError}. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const ENODEV = 19;
export const EINVAL = 22;
export const EPIPE = 32;
export const ENONET = 64;
export const EPROTO = 71;
export const ENOPROTOOPT = 92;
export const EPROTONOSUPPORT = 93;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const EDESTADDRREQ = 89;
export const EMSGSIZE = 90;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const EISCONN = 106;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;
export const EALREADY = 114;
export const EINPROGRESS = 115;

const NAMES = new Map<number, readonly [code: string, sentence: string]>([
  [EPERM, ["EPERM", "operation not permitted"]],
  [ENOENT, ["ENOENT", "no such file, device or entry"]],
  [EINTR, ["EINTR", "interrupted"]],
  [EIO, ["EIO", "input/output error"]],
  [ENXIO, ["ENXIO", "no such device or address"]],
  [EBADF, ["EBADF", "the socket or link is closed"]],
  [EAGAIN, ["EAGAIN", "nothing can be done now; wait until the socket is ready"]],
  [ENOMEM, ["ENOMEM", "the stack's memory is used up; give createStack a larger memory"]],
  [EACCES, ["EACCES", "permission denied"]],
  [EBUSY, ["EBUSY", "the device is in use"]],
  [ENODEV, ["ENODEV", "no such device"]],
  [EINVAL, ["EINVAL", "invalid argument"]],
  [EPIPE, ["EPIPE", "the sending side is shut down"]],
  [ENONET, ["ENONET", "the host is isolated"]],
  [EPROTO, ["EPROTO", "protocol error: a router found fault with a header of ours"]],
  [ENOPROTOOPT, ["ENOPROTOOPT", "no such option at this level"]],
  [EPROTONOSUPPORT, ["EPROTONOSUPPORT", "protocol not supported"]],
  [EOPNOTSUPP, ["EOPNOTSUPP", "not supported on this kind of socket"]],
  [EAFNOSUPPORT, ["EAFNOSUPPORT", "address family not supported; this stack speaks IPv4"]],
  [EDESTADDRREQ, ["EDESTADDRREQ", "the socket is not connected; give a destination"]],
  [EMSGSIZE, ["EMSGSIZE", "the message is too large to be sent whole"]],
  [EADDRINUSE, ["EADDRINUSE", "address already in use"]],
  [EADDRNOTAVAIL, ["EADDRNOTAVAIL", "cannot assign requested address"]],
  [ENETDOWN, ["ENETDOWN", "the link is down"]],
  [ENETUNREACH, ["ENETUNREACH", "no route to that network; attach a link or give a gateway"]],
  [ECONNABORTED, ["ECONNABORTED", "connection aborted"]],
  [ECONNRESET, ["ECONNRESET", "the peer reset the connection"]],
  [ENOBUFS, ["ENOBUFS", "no buffer space available"]],
  [EISCONN, ["EISCONN", "the socket is already connected"]],
  [ENOTCONN, ["ENOTCONN", "the socket is not connected"]],
  [ETIMEDOUT, ["ETIMEDOUT", "the peer did not answer in time"]],
  [ECONNREFUSED, ["ECONNREFUSED", "nothing listens there"]],
  [EHOSTDOWN, ["EHOSTDOWN", "the host is down"]],
  [EHOSTUNREACH, ["EHOSTUNREACH", "no way to reach that host; nobody answered ARP for it, or a router said so"]],
  [EALREADY, ["EALREADY", "a connection attempt is already under way"]],
  [EINPROGRESS, ["EINPROGRESS", "the connection attempt has begun; wait until the socket is writable"]],
]);

/** The name of an errno, `EADDRINUSE` for 98; `E98` where it has none here. Takes the negated form as well. */
export function errnoName(errno: number): string {
  return NAMES.get(Math.abs(errno))?.[0] ?? `E${Math.abs(errno)}`;
}

/** What an errno means, as half a sentence. */
export function errnoSentence(errno: number): string {
  return NAMES.get(Math.abs(errno))?.[1] ?? `error ${Math.abs(errno)}`;
}

export interface ErrorWhere {
  address?: string;
  port?: number;
  /** Replaces the general sentence of the errno: says what to do. */
  sentence?: string;
}

/** A Node-shaped error: `code`, `errno` (negative, as Node has it), `syscall`, `address`, `port`. */
export class SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;

  constructor(errno: number, syscall: string, where: ErrorWhere = {}) {
    const positive = Math.abs(errno);
    const code = errnoName(positive);
    const place =
      where.address === undefined ? "" : ` ${where.address}${where.port === undefined ? "" : `:${where.port}`}`;
    super(`${syscall} ${code}${place}: ${where.sentence ?? errnoSentence(positive)}`);
    this.name = "SystemError";
    this.code = code;
    this.errno = -positive;
    this.syscall = syscall;
    if (where.address !== undefined) this.address = where.address;
    if (where.port !== undefined) this.port = where.port;
  }
}
