import { EAGAIN } from "../base/errors.js";
import { ERROR, HANGUP, type Socket, WRITABLE } from "../socket/types.js";
import { type Service, startAll } from "./service.js";
import { TcpServer } from "./tcp-server.js";
import { mayLoop, UdpServer } from "./udp-server.js";

/** Bytes of the buffer that all connections share: what one GSO frame brings. */
const SCRATCH = 65536;

/** RFC 862. Sends back everything, then FIN after the peer's FIN. */
export const echo: Service = {
  name: "echo",
  doc: "sends back what it is sent (RFC 862)",
  port: 7,
  protocols: ["tcp", "udp"],
  start({ stack }, port) {
    const scratch = stack.alloc(SCRATCH);
    const begin = (socket: Socket, server: TcpServer): void => {
      socket.onReady = (_, mask) => echoOn(socket, mask, server, scratch);
      echoOn(socket, socket.poll(), server, scratch);
    };
    return startAll([
      () => new TcpServer(stack, "echo", port, begin),
      () => new UdpServer(stack, "echo", port, scratch, (length, from) => (mayLoop(from) ? -1 : length)),
    ]);
  },
};

/**
 * What cannot be written stays in the receive buffer (peek, write, skip what was taken), so a connection needs no
 * buffer of its own and a peer that does not read closes its own window.
 */
function echoOn(socket: Socket, mask: number, server: TcpServer, scratch: Uint8Array): void {
  if ((mask & (WRITABLE | ERROR | HANGUP)) === 0) return;
  for (;;) {
    const n = socket.peek(scratch);
    if (n === -EAGAIN) return;
    if (n <= 0) {
      server.finish(socket);
      return;
    }
    const taken = socket.write(scratch, 0, n);
    if (taken === -EAGAIN) return;
    if (taken < 0) {
      server.finish(socket);
      return;
    }
    socket.skip(taken);
    if (taken < n) return;
  }
}
