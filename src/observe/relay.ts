import { EAGAIN, SystemError } from "../base/errors.js";
import { ERROR, HANGUP, type Socket, WRITABLE } from "../socket/types.js";
import type { Ends } from "./protocol.js";
import type { Session, Task } from "./session.js";

/** Bytes from the client that the socket has not taken yet; with more the client is not read. */
const PENDING_LIMIT = 256 << 10;

/**
 * Bytes between a client of the control socket and a socket of the stack, both ways, with backpressure both ways: a
 * client that does not read closes the TCP window, a peer that does not read stops the client.
 */
export class Relay implements Task {
  private readonly session: Session;
  private readonly socket: Socket;
  private readonly scratch: Uint8Array;
  private readonly stream: boolean;
  private pending: Uint8Array[] = [];
  /** Bytes of pending[0] that are written. */
  private written = 0;
  private pendingBytes = 0;
  private held = false;
  private clientEnded = false;
  private peerEnded = false;
  private closed = false;

  /** @param socket connected; the relay's own from now on  @param scratch at least one datagram */
  constructor(session: Session, socket: Socket, scratch: Uint8Array) {
    this.session = session;
    this.socket = socket;
    this.scratch = scratch;
    this.stream = socket.type === "tcp";
  }

  /** Tells the client that data may flow, and lets it. @param first what was received before */
  begin(first: Uint8Array | null = null): void {
    this.session.task = this;
    this.session.send({ open: endsOf(this.socket) });
    if (first !== null) this.session.sendData(first, first.length);
    this.socket.onReady = (_, mask) => this.ready(mask);
    this.ready(this.socket.poll());
  }

  data(body: Uint8Array): void {
    if (this.clientEnded || this.closed) return;
    this.pending.push(body);
    this.pendingBytes += body.length;
    this.writePending();
    if (this.pendingBytes > PENDING_LIMIT) this.session.connection.pause();
  }

  end(): void {
    if (this.clientEnded) return;
    this.clientEnded = true;
    this.writePending();
  }

  stop(): void {
    this.session.finish();
  }

  drain(): void {
    this.held = false;
    if (!this.closed) this.readSocket();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.pending = [];
    this.socket.onReady = null;
    this.socket.close();
  }

  private ready(mask: number): void {
    if (this.closed) return;
    if (!this.held) this.readSocket();
    if (!this.closed && (mask & (WRITABLE | ERROR | HANGUP)) !== 0) this.writePending();
  }

  private readSocket(): void {
    while (!this.closed && !this.peerEnded && !this.held) {
      const n = this.socket.read(this.scratch);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail(n, "read");
        return;
      }
      if (n === 0 && this.stream) {
        this.peerEnded = true;
        this.session.send({ end: true });
        this.finishWhenDone();
      } else if (!this.session.sendData(this.scratch, n)) this.held = true;
    }
  }

  private writePending(): void {
    while (!this.closed && this.pending.length > 0) {
      const body = this.pending[0] as Uint8Array;
      const n = this.socket.write(body, this.written, body.length - this.written);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail(n, "write");
        return;
      }
      this.written += n;
      this.pendingBytes -= n;
      if (this.stream && this.written < body.length) continue;
      this.written = 0;
      this.pending.shift();
    }
    if (this.closed) return;
    if (this.session.connection.isPaused()) this.session.connection.resume();
    if (this.clientEnded) this.finishWriting();
  }

  private finishWriting(): void {
    if (this.stream) {
      try {
        this.socket.shutdown("write");
      } catch {
        // The peer was faster: the connection is gone, which the reading side sees.
      }
    }
    this.finishWhenDone();
  }

  private finishWhenDone(): void {
    if (!this.closed && this.peerEnded && this.clientEnded && this.pending.length === 0) {
      this.session.send({ done: true });
      this.session.finish();
    }
  }

  private fail(errno: number, syscall: string): void {
    const { remoteAddress: address, remotePort: port } = this.socket;
    this.session.refuse(new SystemError(errno, syscall, address === "" ? {} : { address, port }));
  }
}

export function endsOf(socket: Socket): Ends {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return { localAddress, localPort, remoteAddress, remotePort };
}
