import type { Socket } from "../socket/types.js";
import { type Service, startAll } from "./service.js";
import { dropAll, TcpServer } from "./tcp-server.js";
import { UdpServer } from "./udp-server.js";

/** RFC 863. Throws everything away. */
export const discard: Service = {
  name: "discard",
  doc: "throws away what it is sent (RFC 863)",
  port: 9,
  protocols: ["tcp", "udp"],
  start({ stack }, port) {
    const begin = (socket: Socket, server: TcpServer): void => {
      socket.onReady = () => {
        if (dropAll(socket)) server.finish(socket);
      };
      if (dropAll(socket)) server.finish(socket);
    };
    // One byte is enough to take a datagram off the queue.
    const scratch = stack.alloc(1);
    return startAll([
      () => new TcpServer(stack, "discard", port, begin),
      () => new UdpServer(stack, "discard", port, scratch, () => -1),
    ]);
  },
};
