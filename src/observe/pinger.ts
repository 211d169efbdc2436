import { EAGAIN, SystemError } from "../base/errors.js";
import type { TimerHandle } from "../platform/clock.js";
import { SocketEndpoint } from "../socket/endpoint.js";
import type { Socket } from "../socket/types.js";
import type { PingRequest } from "./protocol.js";
import { type Session, type Task, wireError } from "./session.js";
import type { StackApi } from "./stack-api.js";

const HEADER = 8;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
/** Requests whose answers are still recognised (as late or as duplicates). */
const REMEMBERED = 1024;

/** "ping": sends echo requests from an ICMP socket at a pace, and tells the client of each answer. */
export class Pinger implements Task {
  private readonly session: Session;
  private readonly stack: StackApi;
  private readonly request: PingRequest;
  private readonly socket: Socket;
  private readonly scratch: Uint8Array;
  private readonly message: Uint8Array;
  private readonly from = new SocketEndpoint();
  /** When each remembered request was sent (µs), by sequence number modulo REMEMBERED; negative: answered. */
  private readonly sentAt = new Float64Array(REMEMBERED);
  private sent = 0;
  private answered = 0;
  private timer: TimerHandle | null = null;

  constructor(session: Session, stack: StackApi, request: PingRequest, scratch: Uint8Array) {
    this.session = session;
    this.stack = stack;
    this.request = request;
    this.scratch = scratch;
    this.message = echoRequest(request.size);
    this.socket = stack.socket("icmp");
    try {
      this.socket.owner = request.owner;
      this.socket.connect({ address: request.address });
    } catch (error) {
      this.socket.close();
      throw error;
    }
    this.socket.onReady = () => this.receive();
    session.task = this;
    this.sendNext();
  }

  data(): void {}
  end(): void {}
  drain(): void {}

  stop(): void {
    this.session.send({ done: true, sent: this.sent });
    this.session.finish();
  }

  close(): void {
    if (this.timer !== null) this.stack.clock.clearTimer(this.timer);
    this.timer = null;
    this.socket.onReady = null;
    this.socket.close();
  }

  private sendNext(): void {
    const { clock } = this.stack;
    const seq = ++this.sent & 0xffff;
    this.message[6] = seq >>> 8;
    this.message[7] = seq & 255;
    const now = clock.now();
    this.sentAt[seq % REMEMBERED] = now;
    const n = this.socket.write(this.message);
    if (n < 0 && n !== -EAGAIN) this.lost(n);
    const last = this.request.count > 0 && this.sent >= this.request.count;
    const wait = last ? this.request.timeout : this.request.interval;
    this.timer = clock.setTimer(now + wait * 1000, () => {
      this.timer = null;
      if (last) this.stop();
      else this.sendNext();
    });
  }

  private receive(): void {
    for (;;) {
      const n = this.socket.receiveFrom(this.scratch, this.from);
      if (n === -EAGAIN || this.session.task !== this) return;
      if (n < 0) this.lost(n);
      else if (n >= HEADER && this.scratch[0] === ECHO_REPLY) this.reply(n);
      if (this.request.count > 0 && this.answered >= this.request.count) {
        this.stop();
        return;
      }
    }
  }

  private reply(bytes: number): void {
    const seq = ((this.scratch[6] as number) << 8) | (this.scratch[7] as number);
    const slot = seq % REMEMBERED;
    const sentAt = this.sentAt[slot] as number;
    const duplicate = sentAt < 0;
    if (!duplicate) {
      this.answered++;
      this.sentAt[slot] = -sentAt;
    }
    const us = Math.max(0, this.stack.clock.now() - Math.abs(sentAt));
    this.session.send({ pong: { seq, from: this.from.address, bytes, ttl: this.from.ttl, us, duplicate } });
  }

  private lost(errno: number): void {
    const { address } = this.request;
    const error = wireError(new SystemError(errno, "ping", { address }));
    this.session.send({ lost: { seq: this.sent & 0xffff, from: this.socket.localAddress, error } });
  }
}

/** Header (the stack fills in identifier and checksum) and iputils' counting pattern. */
function echoRequest(size: number): Uint8Array {
  const message = new Uint8Array(HEADER + size);
  message[0] = ECHO_REQUEST;
  for (let i = 0; i < size; i++) message[HEADER + i] = i & 255;
  return message;
}
