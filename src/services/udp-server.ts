import { EAGAIN } from "../base/errors.js";
import type { StackApi } from "../observe/stack-api.js";
import { SocketEndpoint } from "../socket/endpoint.js";
import type { Endpoint, Socket } from "../socket/types.js";
import type { Running } from "./service.js";

/** Ports of services that answer anything: two of them, told to by one forged datagram, would talk forever. */
const LOOPS = new Set([7, 13, 17, 19, 37]);
/** Errors (an ICMP message about an earlier answer) collected in a row before waiting for the next event. */
const PATIENCE = 16;

/** A UDP socket that answers datagrams. */
export class UdpServer implements Running {
  private readonly socket: Socket;
  private readonly scratch: Uint8Array;
  private readonly from: Endpoint = new SocketEndpoint();
  private readonly reply: (length: number, from: Endpoint) => number;

  /**
   * @param scratch a received datagram stands here, and so does the answer
   * @param reply is given the length received; returns the length to send from `scratch`, or negative: nothing.
   * Throws EADDRINUSE, EACCES.
   */
  constructor(
    stack: StackApi,
    name: string,
    port: number,
    scratch: Uint8Array,
    reply: (length: number, from: Endpoint) => number,
  ) {
    this.scratch = scratch;
    this.reply = reply;
    this.socket = stack.socket("udp");
    try {
      this.socket.owner = name;
      this.socket.bind({ port });
    } catch (error) {
      this.socket.close();
      throw error;
    }
    this.socket.onReady = () => this.serve();
  }

  stop(): void {
    this.socket.onReady = null;
    this.socket.close();
  }

  private serve(): void {
    const { socket, scratch, from } = this;
    for (let errors = 0; errors < PATIENCE; ) {
      const n = socket.receiveFrom(scratch, from);
      if (n === -EAGAIN) return;
      if (n < 0) {
        errors++;
        continue;
      }
      const length = this.reply(n, from);
      // A full send queue loses this answer, as any queue may; the next event tries on.
      if (length >= 0 && socket.sendTo(scratch, from, 0, length) === -EAGAIN) return;
    }
  }
}

/** Whether an answer to this port could be answered in turn, without end. */
export function mayLoop(from: Endpoint): boolean {
  return LOOPS.has(from.port);
}
