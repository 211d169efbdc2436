import { EBADF, EINVAL } from "../base/errors.js";
import {
  finTaken,
  peekConnection,
  readConnection,
  skipConnection,
  writeConnection,
  writeUrgent,
} from "../tcp/calls.js";
import type { Connection } from "../tcp/connection.js";
import type { ConnectionOwner } from "../tcp/notify.js";
import { atMark, urgentRead } from "../tcp/receiving/urgent.js";
import { inside, SocketBase, type SocketHost } from "./base.js";

/** The part of a TCP socket that data passes through: its connection, reading and writing, the pending error. */
export abstract class TcpStream extends SocketBase implements ConnectionOwner {
  /** The connection; of a listening or fresh socket, what holds its options. */
  connection: Connection;
  protected open = true;

  constructor(host: SocketHost, connection: Connection) {
    super(host);
    this.connection = connection;
    connection.owner = this;
  }

  connectionEvent(): void {
    this.host.ready.add(this);
  }

  read(target: Uint8Array, offset = 0, length = target.length - offset): number {
    if (!this.open) return -EBADF;
    if (!inside(target, offset, length)) return -EINVAL;
    this.host.enter();
    const c = this.connection;
    const n = readConnection(c, target, offset, length);
    return n <= 0 && this.failed ? this.takeError() : n;
  }

  peek(target: Uint8Array, offset = 0, length = target.length - offset): number {
    if (!this.open) return -EBADF;
    if (!inside(target, offset, length)) return -EINVAL;
    const c = this.connection;
    const n = peekConnection(c, target, offset, length);
    return n <= 0 && this.failed ? this.takeError() : n;
  }

  override skip(length: number): number {
    if (!this.open) return -EBADF;
    if (!Number.isInteger(length) || length < 0) return -EINVAL;
    this.host.enter();
    const c = this.connection;
    const n = skipConnection(c, length);
    return n <= 0 && this.failed ? this.takeError() : n;
  }

  write(source: Uint8Array, offset = 0, length = source.length - offset): number {
    if (!this.open) return -EBADF;
    if (!inside(source, offset, length)) return -EINVAL;
    this.host.enter();
    const c = this.connection;
    if (c.error !== 0) return this.takeError();
    return writeConnection(c, source, offset, length);
  }

  override sendUrgent(source: Uint8Array, offset = 0, length = source.length - offset): number {
    if (!this.open) return -EBADF;
    if (!inside(source, offset, length)) return -EINVAL;
    this.host.enter();
    const c = this.connection;
    if (c.error !== 0) return this.takeError();
    return writeUrgent(c, source, offset, length);
  }

  override receiveUrgent(): number {
    if (!this.open) return -EBADF;
    this.host.enter();
    return urgentRead(this.connection);
  }

  override atMark(): boolean {
    return this.open && atMark(this.connection);
  }

  /** Reading ends with the error. Where the peer's FIN was read up to it ends with that, and a write tells the error (Linux). */
  private get failed(): boolean {
    const c = this.connection;
    return c.error !== 0 && c.rcvQueued === 0 && !finTaken(c);
  }

  /** The pending error, negative, once; 0: there is none. */
  protected takeError(): number {
    const { error } = this.connection;
    this.connection.error = 0;
    return error === 0 ? 0 : -error;
  }
}
