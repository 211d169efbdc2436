import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "../socket/types.js";
import { countersJson, page, socketsJson } from "./http-page.js";
import type { Service, ServiceHost } from "./service.js";
import { SocketStream } from "./socket-stream.js";
import { TcpServer } from "./tcp-server.js";

const SCRATCH = 65536;
/** Milliseconds without traffic after which a connection is closed. */
const IDLE = 60_000;

/** A page about the running stack, delivered by that stack; Node's own http module speaks HTTP. */
export const http: Service = {
  name: "http",
  doc: "a web page about the running stack; /sockets.json, /counters.json",
  port: 80,
  protocols: ["tcp"],
  start(host, port) {
    const scratch = host.stack.alloc(SCRATCH);
    const started = host.stack.clock.now();
    const server = createServer((request, response) => respond(host, started, request, response));
    server.timeout = IDLE;
    const begin = (socket: Socket, connections: TcpServer): void => {
      const stream = new SocketStream(host.stack, socket, scratch);
      stream.on("error", () => {});
      stream.on("close", () => connections.forget(socket));
      connections.entrust(socket, () => stream.destroySoon());
      server.emit("connection", stream);
    };
    return new TcpServer(host.stack, "http", port, begin);
  },
};

const ROUTES = new Map<string, readonly [type: string, make: (host: ServiceHost, started: number) => string]>([
  ["/", ["text/html; charset=utf-8", page]],
  ["/sockets.json", ["application/json", socketsJson]],
  ["/counters.json", ["application/json", countersJson]],
]);

function respond(host: ServiceHost, started: number, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? "/").replace(/\?.*$/s, "");
  const route = ROUTES.get(path);
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "text/plain", "Only GET and HEAD are answered here.\n", { Allow: "GET, HEAD" });
    return;
  }
  if (route === undefined) {
    send(response, 404, "text/plain", `Nothing here; try ${[...ROUTES.keys()].join(", ")}\n`);
    return;
  }
  send(response, 200, route[0], route[1](host, started), { "Cache-Control": "no-store" });
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { Server: "tapstack", "Content-Type": type, "Content-Length": length, ...headers });
  response.end(body);
}
