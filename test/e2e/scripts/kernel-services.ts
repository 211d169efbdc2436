// The same services as tapstack's, on the kernel's sockets: what expert.test.ts compares with. Says "ready".
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import { daytimeLine } from "../../../src/services/daytime.js";
import { dnsReply } from "../../../src/services/dns-reply.js";
import { OwnZones } from "../../../src/services/dns-zone.js";

const ADDRESS = "10.77.0.2";
const PAGE = `<!DOCTYPE html><html lang="en"><title>kernel</title>${"<p>A line of the page.</p>\n".repeat(200)}</html>\n`;
const zones = new OwnZones("tapstack", ADDRESS);
const waiting: Promise<unknown>[] = [];

function tcp(port: number, serve: (socket: Socket) => void): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  waiting.push(new Promise<void>((resolve) => server.listen({ port, host: ADDRESS, backlog: 4096 }, resolve)));
}

function udp(port: number, reply: (message: Buffer) => Uint8Array | string | null): void {
  const socket = createSocket("udp4", (message, from) => {
    const answer = reply(message);
    if (answer !== null) socket.send(answer, from.port, from.address);
  });
  waiting.push(new Promise<void>((resolve) => socket.bind(port, ADDRESS, resolve)));
}

function chargen(socket: Socket): void {
  const block = Buffer.from("0123456789".repeat(10_000));
  const more = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on("drain", more).on("end", () => socket.destroy());
  socket.resume();
  more();
}

function dnsStream(socket: Socket): void {
  let rest = Buffer.alloc(0);
  socket.on("end", () => socket.end());
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const length = rest.readUInt16BE(0);
      const reply = dnsReply(rest.subarray(2, 2 + length), zones, true);
      rest = rest.subarray(2 + length);
      if (reply === null) continue;
      const framed = Buffer.alloc(2 + reply.length);
      framed.writeUInt16BE(reply.length);
      framed.set(reply, 2);
      socket.write(framed);
    }
  });
}

tcp(7, (socket) => socket.pipe(socket));
tcp(9, (socket) => socket.on("end", () => socket.end()).resume());
tcp(13, (socket) => socket.resume().end(daytimeLine(Date.now())));
tcp(19, chargen);
tcp(53, dnsStream);
udp(7, (message) => message);
udp(9, () => null);
udp(13, () => daytimeLine(Date.now()));
udp(53, (message) => dnsReply(message, zones, false));
const web = createHttpServer((_, response) => {
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Length": Buffer.byteLength(PAGE) });
  response.end(PAGE);
});
waiting.push(new Promise<void>((resolve) => web.listen({ port: 80, host: ADDRESS, backlog: 4096 }, resolve)));
Promise.all(waiting).then(() => console.log("ready"));
