// Ends of connections that the kernel's TCP plays, in the network namespace where this process runs. Does what it is
// told over IPC; ends with who started it.
import { createServer, type Server, Socket } from "node:net";
import { type End, Inflow, pattern, type Report, type StreamEnd } from "./end.js";

class KernelEnd implements End {
  private readonly local: string;
  private readonly remote: string;
  private readonly inflow = new Inflow();
  private server: Server | null = null;
  private socket: Socket | null = null;
  private sent = 0;
  private opened: () => void = () => {};
  private readonly open = new Promise<void>((resolve) => {
    this.opened = resolve;
  });

  constructor(local: string, remote: string) {
    this.local = local;
    this.remote = remote;
  }

  listen(port: number, paused: boolean): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      server.close();
      this.adopt(socket);
      if (!paused) socket.resume();
      this.opened();
    });
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: "0.0.0.0", backlog: 4 }, resolve);
    });
  }

  accepted(): Promise<void> {
    return this.open;
  }

  connect(port: number, paused: boolean): Promise<string> {
    const socket = new Socket({ allowHalfOpen: true });
    this.adopt(socket);
    return new Promise((resolve) => {
      socket.once("connect", () => resolve(""));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
      socket.connect({ port, host: this.remote, localAddress: this.local });
      if (!paused) socket.resume();
    });
  }

  write(length: number): Promise<void> {
    const bytes = pattern(this.sent, length);
    this.sent += length;
    return new Promise((resolve) => this.socket?.write(bytes, () => resolve()));
  }

  async resume(): Promise<void> {
    this.socket?.resume();
  }

  async received(total: number): Promise<void> {
    await this.inflow.until(total);
  }

  async shutdown(): Promise<void> {
    this.socket?.end();
  }

  ended(): Promise<StreamEnd> {
    return this.inflow.until(Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    this.server?.close();
    this.socket?.destroy();
  }

  async reset(): Promise<void> {
    this.socket?.resetAndDestroy();
  }

  async report(): Promise<Report> {
    const { received, wrongAt, end } = this.inflow;
    return { received, wrongAt, ended: end };
  }

  private adopt(socket: Socket): void {
    this.socket = socket;
    // Before there is a listener for data, which would have it read
    socket.pause();
    socket.on("data", (bytes: Buffer) => this.inflow.take(bytes));
    socket.on("end", () => this.inflow.finish("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => this.inflow.finish(`${error.code}`));
  }
}

/** What is asked for: a call of one end's. */
export interface Call {
  readonly id: number;
  readonly flow: number;
  /** Addresses of this side and the other. */
  readonly local: string;
  readonly remote: string;
  readonly method: keyof End;
  readonly args: readonly unknown[];
}

/** What came of it. */
export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

const ends = new Map<number, KernelEnd>();

process.on("message", (call: Call) => {
  let end = ends.get(call.flow);
  if (end === undefined) {
    end = new KernelEnd(call.local, call.remote);
    ends.set(call.flow, end);
  }
  const method = end[call.method] as (...args: readonly unknown[]) => Promise<unknown>;
  method.apply(end, [...call.args]).then(
    (value) => process.send?.({ id: call.id, value } satisfies Reply),
    (error: Error) => process.send?.({ id: call.id, error: error.message } satisfies Reply),
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.({ id: 0 } satisfies Reply);
