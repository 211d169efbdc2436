import { describe, expect, it } from "vitest";
import type { Socket } from "../../../src/socket/types.js";
import { B, codeOf, open, Pair } from "../../unit/socket/harness.js";

/** A server that accepts and, once the client has closed, closes too: the client is left with the TIME-WAIT. */
function serve(pair: Pair, port: number): Socket {
  const listener = open(pair.b, "tcp", port);
  listener.listen();
  listener.onReady = () => {
    for (let child = listener.accept(); child !== null; child = listener.accept()) {
      const accepted = child;
      accepted.onReady = () => {
        if (accepted.read(new Uint8Array(1)) === 0) accepted.close();
      };
    }
  };
  return listener;
}

/** Connects, sees that it is connected, and closes first. */
function connectAndClose(pair: Pair, port: number): void {
  const socket = pair.a.socket("tcp");
  socket.connect(port, B);
  pair.run(0);
  expect(socket.state).toBe("ESTABLISHED");
  socket.close();
  pair.run(0);
}

describe("the last ephemeral port", () => {
  it("28,232 connections one after another, closing first, use up the default range for a minute", {
    timeout: 120_000,
  }, async () => {
    const pair = await Pair.make();
    serve(pair, 80);
    for (let i = 0; i < 28_232; i++) connectAndClose(pair, 80);
    const refused = () => pair.a.socket("tcp").connect(80, B);
    expect(refused).toThrow(
      /connect EADDRNOTAVAIL 10\.77\.0\.2:80: all 28232 local ports from 32768 to 60999 .* TIME-WAIT/,
    );
    pair.run(60_000);
    expect(pair.a.sockets()).toEqual([]);
    expect(refused).not.toThrow();
  });

  it("of a range of 10 ports the eleventh connection to one destination fails, and one to another succeeds", async () => {
    const pair = await Pair.make({ "net.ipv4.ip_local_port_range": [40000, 40009] });
    serve(pair, 80);
    serve(pair, 81);
    const ports = Array.from({ length: 10 }, () => {
      const socket = pair.a.socket("tcp");
      socket.connect(80, B);
      return socket.localPort;
    });
    expect(new Set(ports).size).toBe(10);
    expect(codeOf(() => pair.a.socket("tcp").connect(80, B))).toBe("EADDRNOTAVAIL");
    const other = pair.a.socket("tcp");
    other.connect(81, B);
    pair.run();
    expect(other.state).toBe("ESTABLISHED");
    expect(ports).toContain(other.localPort);
  });

  it("a refused connection gives its port back", async () => {
    const pair = await Pair.make({ "net.ipv4.ip_local_port_range": [40000, 40000] });
    for (let i = 0; i < 3; i++) {
      const socket = pair.a.socket("tcp");
      socket.connect(9, B);
      pair.run();
      expect(socket.getOption("SO_ERROR")).toBe(111);
    }
  });
});

describe("SO_REUSEPORT", () => {
  it("spreads connections over its listeners, and each stays where it is when one comes or goes", async () => {
    const pair = await Pair.make();
    const listen = (): Socket => {
      const socket = pair.b.socket("tcp");
      socket.setOption("SO_REUSEPORT", 1);
      socket.bind(80);
      socket.listen();
      return socket;
    };
    const listeners = [listen(), listen(), listen(), listen()];
    const clients = Array.from({ length: 200 }, () => {
      const socket = pair.a.socket("tcp");
      socket.connect(80, B);
      return socket;
    });
    pair.run();
    const children = listeners.map((listener) => {
      const own: Socket[] = [];
      for (let child = listener.accept(); child !== null; child = listener.accept()) own.push(child);
      return own;
    });
    for (const own of children) expect(own.length).toBeGreaterThan(25);
    expect(children.flat().length).toBe(200);
    listeners[1]?.close();
    listen();
    for (const client of clients) client.write(Uint8Array.of(1));
    pair.run();
    for (const child of children.flat()) expect(child.read(new Uint8Array(4))).toBe(1);
  });
});
