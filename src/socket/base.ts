import { EINVAL, ENOPROTOOPT, EOPNOTSUPP, SystemError } from "../base/errors.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { SocketEntry } from "./entries.js";
import type { ReadyList } from "./ready-list.js";
import type { Endpoint, OptionName, Socket, SocketAddress, SocketType } from "./types.js";

/** What all sockets of a stack share. */
export interface SocketHost {
  readonly ip: Ipv4;
  readonly ready: ReadyList;
  /** The application calls: time is read anew, and what it causes goes out soon. */
  enter(): void;
  /** A socket came to be; gives it its number. */
  opened(socket: SocketBase): number;
  closed(socket: SocketBase): void;
}

/** What the kinds of socket have in common; a call that a kind does not have throws or returns EOPNOTSUPP. */
export abstract class SocketBase implements Socket {
  abstract readonly type: SocketType;
  // What the delivery of data looks at comes first, here and in subclasses: it then shares a cache line
  /** Stands on the ready list. */
  readyQueued = false;
  onReady: ((socket: Socket, mask: number) => void) | null = null;
  protected readonly host: SocketHost;
  /** A small number, used again after close: what listings show as fd. */
  readonly number: number;
  /** Unique in the stack's life. */
  inode = 0;
  owner = "";

  constructor(host: SocketHost) {
    this.host = host;
    this.number = host.opened(this);
  }

  abstract readonly state: string;
  abstract readonly localAddress: string;
  abstract readonly localPort: number;
  abstract readonly remoteAddress: string;
  abstract readonly remotePort: number;

  bind(where: SocketAddress | number, address?: string): void {
    this.host.enter();
    this.bindTo(place(where, address));
  }

  connect(where: SocketAddress | number, address?: string): void {
    this.host.enter();
    this.connectTo(place(where, address));
  }

  protected abstract bindTo(where: SocketAddress): void;
  protected abstract connectTo(where: SocketAddress): void;

  listen(_backlog?: number): void {
    throw new SystemError(EOPNOTSUPP, "listen", { sentence: `a ${this.type} socket cannot listen; bind it and read` });
  }

  accept(): Socket | null {
    throw new SystemError(EOPNOTSUPP, "accept");
  }

  abstract read(target: Uint8Array, offset?: number, length?: number): number;
  abstract peek(target: Uint8Array, offset?: number, length?: number): number;
  abstract write(source: Uint8Array, offset?: number, length?: number): number;

  skip(_length: number): number {
    return -EOPNOTSUPP;
  }

  sendUrgent(_source: Uint8Array, _offset?: number, _length?: number): number {
    return -EOPNOTSUPP;
  }

  receiveUrgent(): number {
    return -EOPNOTSUPP;
  }

  atMark(): boolean {
    return false;
  }

  sendTo(_source: Uint8Array, _to: Endpoint | SocketAddress, _offset?: number, _length?: number): number {
    return -EOPNOTSUPP;
  }

  receiveFrom(_target: Uint8Array, _from: Endpoint, _offset?: number, _length?: number): number {
    return -EOPNOTSUPP;
  }

  abstract shutdown(how: "read" | "write" | "both"): void;
  abstract close(): void;
  abstract reset(): void;
  abstract setOption(name: OptionName, value: number | string): void;
  abstract getOption(name: OptionName): number | string;

  info(): Readonly<Record<string, number>> {
    throw new SystemError(EOPNOTSUPP, "getsockopt", { sentence: "TCP_INFO is for TCP sockets" });
  }

  abstract poll(): number;

  /**
   * Its line in listings, or null: not bound or connected to anything.
   * @param details with what `ss -i` shows of TCP
   */
  abstract entry(details: boolean): SocketEntry | null;
}

function place(where: SocketAddress | number, address: string | undefined): SocketAddress {
  if (typeof where === "object") return where;
  // A port; one that is no number either, as callers from JavaScript may have, is refused as such.
  return address === undefined ? { port: where } : { port: where, address };
}

/** Whether [offset, offset+length) is a part of the array: what read and write ask before they touch any byte. */
export function inside(array: Uint8Array, offset: number, length: number): boolean {
  if (!Number.isInteger(offset) || !Number.isInteger(length)) return false;
  return offset >= 0 && length >= 0 && offset + length <= array.length;
}

/** A value that must be a whole number in a range. @throws SystemError EINVAL */
export function wholeNumber(name: OptionName, value: number | string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new SystemError(EINVAL, "setsockopt", {
    sentence: `${name} takes a whole number from ${min} to ${max}, not ${value}`,
  });
}

/** An option that this kind of socket does not have. */
export function noSuchOption(syscall: string, name: OptionName, type: SocketType): SystemError {
  return new SystemError(ENOPROTOOPT, syscall, { sentence: `a ${type} socket has no option ${name}` });
}
