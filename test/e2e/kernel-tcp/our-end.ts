import { ERROR, READABLE, type Socket, WRITABLE } from "../../../src/socket/types.js";
import type { Stack } from "../../../src/stack.js";
import { type End, Inflow, pattern, type Report, type StreamEnd } from "./end.js";

const EAGAIN = 11;
const NAMES: Readonly<Record<number, string>> = {
  32: "EPIPE",
  104: "ECONNRESET",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  113: "EHOSTUNREACH",
};

function errnoName(errno: number): string {
  return NAMES[errno] ?? `errno ${errno}`;
}

/** An end that is a socket of ours. */
export class OurEnd implements End {
  private readonly stack: Stack;
  private readonly local: string;
  private readonly remote: string;
  private readonly inflow = new Inflow();
  private readonly buffer = new Uint8Array(65_536);
  private listener: Socket | null = null;
  private socket: Socket | null = null;
  private paused = false;
  private sent = 0;
  private toSend = 0;
  private opened: (error: string) => void = () => {};
  private readonly open: Promise<string>;
  private written: () => void = () => {};

  constructor(stack: Stack, local: string, remote: string) {
    this.stack = stack;
    this.local = local;
    this.remote = remote;
    this.open = new Promise((resolve) => {
      this.opened = resolve;
    });
  }

  async listen(port: number, paused: boolean): Promise<void> {
    const listener = this.stack.socket("tcp");
    this.listener = listener;
    this.paused = paused;
    listener.bind(port);
    listener.listen(4);
    listener.onReady = () => {
      const socket = listener.accept();
      if (socket === null) return;
      listener.close();
      this.adopt(socket);
      this.opened("");
    };
  }

  async accepted(): Promise<void> {
    await this.open;
  }

  connect(port: number, paused: boolean): Promise<string> {
    this.paused = paused;
    const socket = this.stack.socket("tcp");
    socket.bind(0, this.local);
    socket.connect(port, this.remote);
    this.adopt(socket);
    return this.open;
  }

  write(length: number): Promise<void> {
    this.toSend += length;
    return new Promise((resolve) => {
      this.written = resolve;
      this.pump();
    });
  }

  async resume(): Promise<void> {
    this.paused = false;
    this.drain();
  }

  async received(total: number): Promise<void> {
    await this.inflow.until(total);
  }

  async shutdown(): Promise<void> {
    this.socket?.shutdown("write");
  }

  ended(): Promise<StreamEnd> {
    return this.inflow.until(Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    this.listener?.close();
    this.socket?.close();
  }

  async reset(): Promise<void> {
    this.socket?.reset();
  }

  async report(): Promise<Report> {
    const { received, wrongAt, end } = this.inflow;
    return { received, wrongAt, ended: end };
  }

  private adopt(socket: Socket): void {
    this.socket = socket;
    socket.onReady = (_, mask) => this.ready(mask);
    this.ready(socket.poll());
  }

  private ready(mask: number): void {
    if ((mask & ERROR) !== 0) {
      const reason = errnoName(Number(this.socket?.getOption("SO_ERROR")));
      this.inflow.finish(reason);
      this.opened(reason);
      this.written();
      return;
    }
    if ((mask & WRITABLE) !== 0) {
      this.opened("");
      this.pump();
    }
    if ((mask & READABLE) !== 0) this.drain();
  }

  private pump(): void {
    const { socket } = this;
    if (socket === null) return;
    while (this.sent < this.toSend) {
      const n = socket.write(pattern(this.sent, Math.min(this.toSend - this.sent, this.buffer.length)));
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.inflow.finish(errnoName(-n));
        break;
      }
      this.sent += n;
    }
    this.written();
  }

  private drain(): void {
    const { socket } = this;
    while (socket !== null && !this.paused) {
      const n = socket.read(this.buffer);
      if (n === -EAGAIN) return;
      if (n > 0) this.inflow.take(this.buffer, n);
      else {
        this.inflow.finish(n === 0 ? "FIN" : errnoName(-n));
        return;
      }
    }
  }
}
