import { EAGAIN } from "../base/errors.js";
import type { StackApi } from "../observe/stack-api.js";
import { ERROR, HANGUP, type Socket } from "../socket/types.js";
import type { Running } from "./service.js";

/** Connections that may wait for accept; net.core.somaxconn caps it. */
const BACKLOG = 4096;
/** How long a peer may take to say that it has finished too, in microseconds. */
const LINGER = 10_000_000;
/** Bytes dropped at a time from a connection whose data nobody wants. */
const ALL = 0x7fffffff;

/** A listener and its connections. */
export class TcpServer implements Running {
  private readonly stack: StackApi;
  private readonly name: string;
  private readonly listener: Socket;
  /** Live connections, and how to end those that are more than a socket. */
  private readonly live = new Map<Socket, (() => void) | null>();
  private readonly begin: (socket: Socket, server: TcpServer) => void;

  /**
   * @param begin is given each accepted connection; it sets onReady, and ends the connection with {@link finish}
   * Throws EADDRINUSE, EACCES.
   */
  constructor(stack: StackApi, name: string, port: number, begin: (socket: Socket, server: TcpServer) => void) {
    this.stack = stack;
    this.name = name;
    this.begin = begin;
    this.listener = stack.socket("tcp");
    try {
      this.listener.owner = name;
      this.listener.setOption("SO_REUSEADDR", 1);
      this.listener.bind({ port });
      this.listener.listen(BACKLOG);
    } catch (error) {
      this.listener.close();
      throw error;
    }
    this.listener.onReady = () => this.acceptAll();
  }

  /** Lets go of a connection: what was written is still delivered, then FIN (RST when something is unread). */
  finish(socket: Socket): void {
    this.live.delete(socket);
    socket.onReady = null;
    socket.close();
  }

  /** Somebody else looks after the connection, ends it when `end` is called, and then says {@link forget}. */
  entrust(socket: Socket, end: () => void): void {
    this.live.set(socket, end);
  }

  forget(socket: Socket): void {
    this.live.delete(socket);
  }

  /**
   * Says no more, and drops what the peer still sends until it has finished too (10 s at most): an early close would
   * answer it with a reset, which may overtake our last words.
   */
  finishGently(socket: Socket): void {
    const timer = this.stack.clock.setTimer(this.stack.clock.now() + LINGER, () => this.finish(socket));
    const drop = (_: Socket, mask: number): void => {
      if (!dropAll(socket) && (mask & (ERROR | HANGUP)) === 0) return;
      this.stack.clock.clearTimer(timer);
      this.finish(socket);
    };
    socket.onReady = drop;
    try {
      socket.shutdown("write");
    } catch {
      // ENOTCONN: reset meanwhile; drop sees it.
    }
    drop(socket, socket.poll());
  }

  stop(): void {
    this.listener.onReady = null;
    this.listener.close();
    for (const [socket, end] of this.live) {
      if (end !== null) {
        end();
        continue;
      }
      dropAll(socket);
      this.finish(socket);
    }
  }

  private acceptAll(): void {
    for (let socket = this.listener.accept(); socket !== null; socket = this.listener.accept()) {
      socket.owner = this.name;
      socket.setOption("TCP_NODELAY", 1);
      this.live.set(socket, null);
      this.begin(socket, this);
    }
  }
}

/** Drops everything that can be read. @returns whether the stream has ended, in whatever way */
export function dropAll(socket: Socket): boolean {
  for (;;) {
    const n = socket.skip(ALL);
    if (n <= 0) return n !== -EAGAIN;
  }
}
