import { EAGAIN, SystemError } from "../base/errors.js";
import { SocketEndpoint } from "../socket/endpoint.js";
import { ERROR, HANGUP, READABLE, type Socket, WRITABLE } from "../socket/types.js";
import type { ConnectRequest, ListenRequest } from "./protocol.js";
import { endsOf, Relay } from "./relay.js";
import type { Session, Task } from "./session.js";
import type { StackApi } from "./stack-api.js";

/** Waits for something on a socket on a client's behalf; the socket is closed if the client leaves meanwhile. */
class Waiting implements Task {
  private readonly session: Session;
  private readonly socket: Socket;
  private given = false;

  constructor(session: Session, socket: Socket, step: (mask: number, waiting: Waiting) => void) {
    this.session = session;
    this.socket = socket;
    session.task = this;
    socket.onReady = (_, mask) => {
      try {
        if (!this.given) step(mask, this);
      } catch (error) {
        this.session.refuse(error);
      }
    };
  }

  /** Somebody else looks after the socket now. */
  give(): void {
    this.given = true;
    this.socket.onReady = null;
    this.session.task = null;
  }

  data(): void {}
  end(): void {}
  drain(): void {}

  stop(): void {
    this.session.finish();
  }

  close(): void {
    if (this.given) return;
    this.given = true;
    this.socket.onReady = null;
    this.socket.close();
  }
}

/** "connect": opens a connection through the stack, then relays. */
export function connectFor(session: Session, stack: StackApi, request: ConnectRequest, scratch: Uint8Array): void {
  const socket = stack.socket(request.proto);
  const { address, port } = request;
  try {
    socket.owner = request.owner;
    if (request.sourceAddress !== undefined || request.sourcePort !== undefined)
      socket.bind({ address: request.sourceAddress, port: request.sourcePort ?? 0 });
    if (request.proto === "udp") {
      socket.connect({ address, port });
      new Relay(session, socket, scratch).begin();
      return;
    }
    socket.connect({ address, port });
  } catch (error) {
    socket.close();
    throw error;
  }
  const step = (mask: number, waiting: Waiting): void => {
    const errno = (mask & (ERROR | HANGUP)) === 0 ? 0 : Number(socket.getOption("SO_ERROR"));
    if (errno !== 0) throw new SystemError(errno, "connect", { address, port });
    if ((mask & WRITABLE) === 0) return;
    waiting.give();
    new Relay(session, socket, scratch).begin();
  };
  new Waiting(session, socket, step);
  if ((socket.poll() & (WRITABLE | ERROR)) !== 0) socket.onReady?.(socket, socket.poll());
}

/** "listen": waits for one connection (or, with UDP, the first datagram), then relays with that peer. */
export function listenFor(session: Session, stack: StackApi, request: ListenRequest, scratch: Uint8Array): void {
  const socket = stack.socket(request.proto);
  try {
    socket.owner = request.owner;
    if (request.proto === "tcp") socket.setOption("SO_REUSEADDR", 1);
    socket.bind({ address: request.address, port: request.port });
    if (request.proto === "tcp") socket.listen(1);
  } catch (error) {
    socket.close();
    throw error;
  }
  session.send({ listening: endsOf(socket) });
  if (request.proto === "tcp") acceptOne(session, socket, request.owner, scratch);
  else firstDatagram(session, socket, scratch);
}

function acceptOne(session: Session, listener: Socket, owner: string, scratch: Uint8Array): void {
  new Waiting(session, listener, (_mask, waiting) => {
    const socket = listener.accept();
    if (socket === null) return;
    waiting.give();
    listener.close();
    socket.owner = owner;
    new Relay(session, socket, scratch).begin();
  });
}

function firstDatagram(session: Session, socket: Socket, scratch: Uint8Array): void {
  new Waiting(session, socket, (mask, waiting) => {
    if ((mask & READABLE) === 0) return;
    const from = new SocketEndpoint();
    const n = socket.receiveFrom(scratch, from);
    if (n === -EAGAIN) return;
    if (n < 0) throw new SystemError(n, "receive");
    const first = scratch.slice(0, n);
    socket.connect({ address: from.address, port: from.port });
    waiting.give();
    new Relay(session, socket, scratch).begin(first);
  });
}
