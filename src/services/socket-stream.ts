import { Duplex } from "node:stream";
import { EAGAIN, SystemError } from "../base/errors.js";
import type { StackApi } from "../observe/stack-api.js";
import type { TimerHandle } from "../platform/clock.js";
import type { Socket } from "../socket/types.js";

/** A TCP socket as a Node stream, with as much of net.Socket as Node's http server asks for. */
export class SocketStream extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  private readonly stack: StackApi;
  private readonly socket: Socket;
  private readonly scratch: Uint8Array;
  /** What _write was given and the socket has not taken. */
  private chunk: Uint8Array | null = null;
  private written = 0;
  private writeDone: ((error?: Error | null) => void) | null = null;
  private reading = false;
  /** Idle time after which "timeout" is emitted, in microseconds; 0: never. */
  private idle = 0;
  private idleSince = 0;
  private timer: TimerHandle | null = null;

  /** @param scratch received bytes pass through it; may be shared with others */
  constructor(stack: StackApi, socket: Socket, scratch: Uint8Array) {
    super({ allowHalfOpen: true });
    this.stack = stack;
    this.socket = socket;
    this.scratch = scratch;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    socket.onReady = () => this.ready();
  }

  /** As net.Socket's: finishes writing, then lets go. */
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else {
      this.once("finish", () => this.destroy());
      this.end();
    }
  }

  /** Emits "timeout" after `ms` without traffic; 0 stops that. */
  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) this.once("timeout", listener);
    this.idle = ms * 1000;
    this.idleSince = this.stack.clock.now();
    if (this.timer !== null) this.stack.clock.clearTimer(this.timer);
    this.timer = null;
    if (ms > 0) this.watch();
    return this;
  }

  setNoDelay(on = true): this {
    this.socket.setOption("TCP_NODELAY", on ? 1 : 0);
    return this;
  }

  setKeepAlive(on = false): this {
    this.socket.setOption("SO_KEEPALIVE", on ? 1 : 0);
    return this;
  }

  override _read(): void {
    this.reading = true;
    this.pull();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.chunk = chunk;
    this.written = 0;
    this.writeDone = done;
    this.flush();
  }

  /** A head and a body written together leave together. */
  override _writev(parts: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(parts.map((part) => part.chunk)), "utf8", done);
  }

  override _final(done: (error?: Error | null) => void): void {
    try {
      this.socket.shutdown("write");
    } catch {
      // ENOTCONN: reset meanwhile; reading says so.
    }
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.timer !== null) this.stack.clock.clearTimer(this.timer);
    this.timer = null;
    this.socket.onReady = null;
    if (error === null) this.socket.close();
    else this.socket.reset();
    done(error);
  }

  private ready(): void {
    this.idleSince = this.stack.clock.now();
    if (this.chunk !== null) this.flush();
    if (this.reading) this.pull();
  }

  private pull(): void {
    while (this.reading && !this.destroyed) {
      const n = this.socket.read(this.scratch);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.destroy(new SystemError(n, "read"));
        return;
      }
      if (n === 0) {
        this.reading = false;
        this.push(null);
        return;
      }
      this.reading = this.push(Buffer.copyBytesFrom(this.scratch, 0, n));
    }
  }

  private flush(): void {
    const chunk = this.chunk;
    while (chunk !== null && this.written < chunk.length) {
      const n = this.socket.write(chunk, this.written, chunk.length - this.written);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.endWrite(new SystemError(n, "write"));
        return;
      }
      this.written += n;
    }
    this.endWrite(null);
  }

  private endWrite(error: Error | null): void {
    const done = this.writeDone;
    this.chunk = null;
    this.writeDone = null;
    done?.(error);
  }

  /** One timer, which looks whether there was traffic meanwhile: traffic itself costs an assignment. */
  private watch(): void {
    this.timer = this.stack.clock.setTimer(this.idleSince + this.idle, () => {
      this.timer = null;
      if (this.idle === 0 || this.destroyed) return;
      if (this.stack.clock.now() - this.idleSince >= this.idle) this.emit("timeout");
      else this.watch();
    });
  }
}
