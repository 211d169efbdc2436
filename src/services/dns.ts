import type { Socket } from "../socket/types.js";
import { dnsReply } from "./dns-reply.js";
import { OwnZones } from "./dns-zone.js";
import { type Service, startAll } from "./service.js";
import { SocketStream } from "./socket-stream.js";
import { TcpServer } from "./tcp-server.js";
import { UdpServer } from "./udp-server.js";

/** The name that the service answers for. */
export const OWN_NAME = "tapstack";
const SCRATCH = 65536;
/** RFC 7766 §6.2.3: milliseconds that a connection may be idle. */
const IDLE = 30_000;

/** RFC 1035, over UDP and TCP: authoritative for `tapstack.` and the reverse of the stack's address. */
export const dns: Service = {
  name: "dns",
  doc: `answers for ${OWN_NAME}. and the reverse of its address (RFC 1035)`,
  port: 53,
  protocols: ["tcp", "udp"],
  start({ stack, address }, port) {
    const zones = new OwnZones(OWN_NAME, address);
    const scratch = stack.alloc(SCRATCH);
    const view = Buffer.from(scratch.buffer, scratch.byteOffset, scratch.length);
    const answer = (length: number): number => {
      const reply = dnsReply(view.subarray(0, length), zones, false);
      if (reply === null) return -1;
      view.set(reply);
      return reply.length;
    };
    const begin = (socket: Socket, server: TcpServer): void => {
      const stream = new SocketStream(stack, socket, scratch);
      stream.on("close", () => server.forget(socket));
      server.entrust(socket, () => stream.destroySoon());
      stream.on("error", () => {});
      stream.setTimeout(IDLE, () => stream.destroySoon());
      serveStream(stream, zones);
    };
    return startAll([
      () => new TcpServer(stack, "dns", port, begin),
      () => new UdpServer(stack, "dns", port, scratch, answer),
    ]);
  },
};

/** RFC 1035 §4.2.2: each message behind its length in two bytes; any number of them, answered in order. */
function serveStream(stream: SocketStream, zones: OwnZones): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 2) {
      const length = rest.readUInt16BE(0);
      if (rest.length < 2 + length) break;
      const reply = dnsReply(rest.subarray(2, 2 + length), zones, true);
      rest = rest.subarray(2 + length);
      // What is no query is answered by nothing that a stream could carry on from.
      if (reply === null) return stream.destroySoon();
      const framed = Buffer.allocUnsafe(2 + reply.length);
      framed.writeUInt16BE(reply.length, 0);
      framed.set(reply, 2);
      if (!stream.write(framed)) stream.pause();
    }
  });
  stream.on("drain", () => stream.resume());
  stream.on("end", () => stream.destroySoon());
}
