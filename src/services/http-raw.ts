import { EAGAIN } from "../base/errors.js";
import type { Socket } from "../socket/types.js";
import type { Service } from "./service.js";
import { TcpServer } from "./tcp-server.js";

const BODY = "hello world\n";
const RESPONSE =
  "HTTP/1.1 200 OK\r\nServer: tapstack-http-raw (fixed answer, no HTTP parser)\r\nContent-Type: text/plain\r\n" +
  `Content-Length: ${BODY.length}\r\n\r\n${BODY}`;
const SCRATCH = 65536;
/** Copies of the response that stand in a row: how many one write can carry. */
const COPIES = 64;
/** Bytes of answers a peer may leave unread before its requests are no longer read. */
const OWED_LIMIT = COPIES * RESPONSE.length;
/** "\r\n\r\n" as the last four bytes of a stream. */
const END = 0x0d0a0d0a;

/**
 * A fixed answer to whatever looks like the end of a request head: for measuring the stack, not Node's HTTP. Keep-alive
 * and pipelining work; requests with bodies do not.
 */
export const httpRaw: Service = {
  name: "http-raw",
  doc: "gives one fixed HTTP answer without parsing: for benchmarks",
  port: 80,
  protocols: ["tcp"],
  start({ stack }, port) {
    const scratch = stack.alloc(SCRATCH);
    const answers = stack.alloc(COPIES * RESPONSE.length);
    new TextEncoder().encodeInto(RESPONSE.repeat(COPIES), answers);
    const begin = (socket: Socket, server: TcpServer): void => {
      const connection = new RawConnection(socket, server, scratch, answers);
      socket.onReady = () => connection.serve();
      connection.serve();
    };
    return new TcpServer(stack, "http-raw", port, begin);
  },
};

class RawConnection {
  private readonly socket: Socket;
  private readonly server: TcpServer;
  private readonly scratch: Uint8Array;
  private readonly answers: Uint8Array;
  /** The last four bytes seen, as an int32. */
  private tail = 0;
  /** Bytes of answers not yet written. */
  private owed = 0;
  private ended = false;

  constructor(socket: Socket, server: TcpServer, scratch: Uint8Array, answers: Uint8Array) {
    this.socket = socket;
    this.server = server;
    this.scratch = scratch;
    this.answers = answers;
  }

  serve(): void {
    for (;;) {
      if (!this.pay()) return;
      if (this.ended) {
        this.server.finish(this.socket);
        return;
      }
      const n = this.socket.read(this.scratch);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.server.finish(this.socket);
        return;
      }
      if (n === 0) this.ended = true;
      else this.owed += this.requests(n) * RESPONSE.length;
    }
  }

  /** How many request heads end within the first `n` bytes of the scratch. */
  private requests(n: number): number {
    const { scratch } = this;
    let { tail } = this;
    let count = 0;
    for (let i = 0; i < n; i++) {
      tail = (tail << 8) | (scratch[i] as number);
      if (tail === END) {
        count++;
        tail = 0;
      }
    }
    this.tail = tail;
    return count;
  }

  /** Writes what is owed. @returns whether more requests may be read */
  private pay(): boolean {
    while (this.owed > 0) {
      const at = (RESPONSE.length - (this.owed % RESPONSE.length)) % RESPONSE.length;
      const n = this.socket.write(this.answers, at, Math.min(this.owed, this.answers.length - at));
      if (n === -EAGAIN) return this.owed <= OWED_LIMIT && !this.ended;
      if (n < 0) {
        this.server.finish(this.socket);
        return false;
      }
      this.owed -= n;
    }
    return true;
  }
}
