import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { http } from "../../../src/services/http.js";
import { type FakeSocket, FakeStack, readAll } from "./fake-stack.js";

function start(): FakeStack {
  const stack = new FakeStack();
  http.start({ stack, address: "10.77.0.2", facts: [["address", "10.77.0.2/24"]] }, 80);
  return stack;
}

/** Reads until the peer has been quiet for a while. */
async function collect(client: FakeSocket): Promise<string> {
  const parts: Buffer[] = [];
  for (let quiet = 0; quiet < 30; quiet++) {
    await turn();
    const part = readAll(client);
    if (part.length > 0) quiet = 0;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

async function request(stack: FakeStack, text: string): Promise<string> {
  const client = stack.connect(80);
  client.write(Buffer.from(text));
  return collect(client);
}

function split(response: string): { head: string; body: string; length: number } {
  const [head = "", ...rest] = response.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  return { head, body, length: Number(/^content-length: (\d+)$/im.exec(head)?.[1]) };
}

describe("http", () => {
  it("delivers a page about the stack, of the length it says", async () => {
    const { head, body, length } = split(await request(start(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/^content-type: text\/html/im);
    expect(Buffer.byteLength(body)).toBe(length);
    expect(body).toContain("10.77.0.2/24");
    expect(body).toContain("<td>ESTAB</td>");
    expect(body).toContain("<td>IpInReceives</td>");
    expect(body).not.toContain("TcpInSegs");
  });

  it.each([1, 7, 1000])("delivers it through a window of %i bytes", async (window) => {
    const stack = start();
    stack.window = window;
    const client = stack.connect(80);
    const text = Buffer.from("GET /counters.json HTTP/1.1\r\nHost: x\r\n\r\n");
    for (let at = 0; at < text.length; await turn()) at += Math.max(0, client.write(text, at));
    const { body } = split(await collect(client));
    expect(JSON.parse(body)).toEqual({ IpInReceives: 5, TcpInSegs: 0, UdpInDatagrams: 3 });
  });

  it("lists its sockets as JSON", async () => {
    const { body } = split(await request(start(), "GET /sockets.json HTTP/1.1\r\nHost: x\r\n\r\n"));
    const rows = JSON.parse(body) as { state: string; localPort: number }[];
    expect(rows.map(({ state }) => state)).toEqual(["LISTEN", "ESTABLISHED", "ESTABLISHED"]);
  });

  it.each([
    ["GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404],
    ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 405],
    ["complete nonsense\r\n\r\n", 400],
  ])("%j gets %i", async (text, status) => {
    expect(await request(start(), text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it("keeps the connection, and closes it when asked", async () => {
    const stack = start();
    const client = stack.connect(80);
    client.write(Buffer.from("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(await collect(client)).toContain("404");
    expect(client.finReceived).toBe(false);
    client.write(Buffer.from("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    expect(await collect(client)).toContain("404");
    expect(client.finReceived).toBe(true);
    expect(client.error).toBe(0);
  });

  it("answers a peer that has already finished sending", async () => {
    const stack = start();
    const client = stack.connect(80);
    client.write(Buffer.from("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.shutdown("write");
    expect(await collect(client)).toContain("404");
    expect(client.finReceived).toBe(true);
  });

  it("does not close a connection on which something moves", async () => {
    const stack = start();
    const client = stack.connect(80);
    for (const letter of "GET /n") {
      client.write(Buffer.from(letter));
      await turn();
      stack.clock.advance(40_000_000);
      await turn();
    }
    client.write(Buffer.from("othing HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(await collect(client)).toContain("404");
  });

  it("closes idle connections, and keeps nothing of those that were reset", async () => {
    const stack = start();
    const client = stack.connect(80);
    await turn();
    stack.clock.advance(61_000_000);
    await turn();
    expect(client.finReceived).toBe(true);
    client.close();
    const other = stack.connect(80);
    other.write(Buffer.from("GET / HTTP/1.1\r\n"));
    await turn();
    other.reset();
    await collect(other);
    expect(stack.sockets().map(({ state }) => state)).toEqual(["LISTEN"]);
    expect(stack.clock.pendingTimers()).toBe(0);
  });
});
