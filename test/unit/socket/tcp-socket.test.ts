import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EPIPE } from "../../../src/base/errors.js";
import { ERROR, HANGUP, READ_HANGUP, READABLE, type Socket, WRITABLE } from "../../../src/socket/types.js";
import { A, B, bytes, codeOf, open, Pair, text } from "./harness.js";

/** A connection from a to b, and the listener it came through. */
async function connected(port = 80): Promise<{ pair: Pair; client: Socket; server: Socket; listener: Socket }> {
  const pair = await Pair.make();
  const listener = open(pair.b, "tcp", port);
  listener.listen();
  const client = pair.a.socket("tcp");
  client.connect(port, B);
  pair.run();
  return { pair, client, listener, server: listener.accept() as Socket };
}

describe("TCP sockets", () => {
  it("connect, accept, and carry bytes both ways", async () => {
    const { pair, client, server, listener } = await connected();
    expect([client.state, server.state, listener.state]).toEqual(["ESTABLISHED", "ESTABLISHED", "LISTEN"]);
    expect([server.localAddress, server.localPort, server.remoteAddress, server.remotePort]).toEqual([
      B,
      80,
      A,
      client.localPort,
    ]);
    expect(listener.accept()).toBeNull();
    expect(client.write(bytes("question"))).toBe(8);
    pair.run();
    expect(text(server)).toBe("question");
    expect(server.write(bytes("answer"))).toBe(6);
    pair.run();
    expect([text(client, 3), text(client), text(client)]).toEqual(["ans", "wer", -EAGAIN]);
  });

  it("are told of what happens by poll's masks, after the batch", async () => {
    const pair = await Pair.make();
    const listener = open(pair.b, "tcp", 80);
    listener.listen();
    const seen: [string, number][] = [];
    listener.onReady = (_, mask) => seen.push(["listener", mask]);
    const client = pair.a.socket("tcp");
    client.onReady = (_, mask) => seen.push(["client", mask]);
    client.connect(80, B);
    expect([[...seen], client.poll(), client.state]).toEqual([[], 0, "SYN-SENT"]);
    pair.run();
    expect(seen.sort()).toEqual([
      ["client", WRITABLE],
      ["listener", READABLE],
    ]);
    const server = listener.accept() as Socket;
    expect(listener.poll()).toBe(0);
    server.write(bytes("x"));
    pair.run();
    expect(client.poll()).toBe(READABLE | WRITABLE);
    expect(text(client)).toBe("x");
    server.shutdown("write");
    pair.run();
    expect(client.poll()).toBe(READABLE | WRITABLE | READ_HANGUP);
    expect([text(client), text(client)]).toEqual(["", ""]);
    client.shutdown("write");
    pair.run();
    expect(client.poll() & HANGUP).toBe(HANGUP);
  });

  it("say by SO_ERROR that nobody listens", async () => {
    const pair = await Pair.make();
    const client = pair.a.socket("tcp");
    client.connect(81, B);
    pair.run();
    expect(client.poll() & (ERROR | HANGUP)).toBe(ERROR | HANGUP);
    expect(client.getOption("SO_ERROR")).toBe(ECONNREFUSED);
    expect(client.getOption("SO_ERROR")).toBe(0);
    expect(client.poll() & ERROR).toBe(0);
  });

  it("can try again after a refusal, from the same bound port", async () => {
    const pair = await Pair.make();
    const client = open(pair.a, "tcp", 4000);
    client.connect(81, B);
    pair.run();
    expect(client.getOption("SO_ERROR")).toBe(ECONNREFUSED);
    open(pair.b, "tcp", 81).listen();
    client.connect(81, B);
    pair.run();
    expect([client.state, client.localPort]).toEqual(["ESTABLISHED", 4000]);
  });

  it("refuse calls in the wrong state", async () => {
    const { pair, client, listener } = await connected();
    expect(codeOf(() => client.connect(80, B))).toBe("EISCONN");
    expect(codeOf(() => listener.connect(80, B))).toBe("EISCONN");
    expect(codeOf(() => client.listen())).toBe("EINVAL");
    expect(codeOf(() => client.accept())).toBe("EINVAL");
    expect(codeOf(() => client.bind(1))).toBe("EINVAL");
    expect(codeOf(() => listener.shutdown("both"))).toBe("ENOTCONN");
    const trying = pair.a.socket("tcp");
    trying.connect(80, "10.77.0.77");
    expect(codeOf(() => trying.connect(80, B))).toBe("EALREADY");
    expect(codeOf(() => pair.a.socket("tcp").connect(80, "192.0.2.1"))).toBe("ENETUNREACH");
    expect(codeOf(() => pair.a.socket("tcp").connect(80, "255.255.255.255"))).toBe("ENETUNREACH");
  });

  it("peek and skip without reading", async () => {
    const { pair, client, server } = await connected();
    client.write(bytes("abcdef"));
    pair.run();
    expect(server.peek(new Uint8Array(10))).toBe(6);
    expect(server.skip(4)).toBe(4);
    expect(text(server)).toBe("ef");
    expect(server.skip(4)).toBe(-EAGAIN);
  });

  it("reset when closed with data unread, and the other end learns", async () => {
    const { pair, client, server } = await connected();
    client.write(bytes("unread"));
    pair.run();
    server.close();
    pair.run();
    expect([text(client), text(client)]).toEqual([-ECONNRESET, ""]);
    expect(client.write(bytes("x"))).toBe(-EPIPE);
  });

  it("reset at once with SO_LINGER 0, and by reset()", async () => {
    for (const how of ["linger", "reset"] as const) {
      const { pair, client, server } = await connected();
      if (how === "linger") server.setOption("SO_LINGER", 0);
      if (how === "linger") server.close();
      else server.reset();
      pair.run();
      expect(client.getOption("SO_ERROR")).toBe(ECONNRESET);
      expect(pair.b.sockets().map((s) => s.state)).toEqual(["LISTEN"]);
    }
  });

  it("deliver what was written before close, and leave a TIME-WAIT where the close began", async () => {
    const { pair, client, server } = await connected();
    client.write(bytes("last words"));
    client.close();
    pair.run();
    expect([text(server), text(server)]).toEqual(["last words", ""]);
    server.close();
    pair.run();
    expect(pair.a.sockets()).toEqual([expect.objectContaining({ state: "TIME-WAIT", owner: "", fd: 0, inode: 0 })]);
    pair.run(60_000);
    expect(pair.a.sockets()).toEqual([]);
    expect(pair.a.pool.inUse + pair.b.pool.inUse).toBe(0);
  });

  it("answer EBADF once closed", async () => {
    const { client } = await connected();
    client.close();
    client.close();
    expect([text(client), client.write(bytes("x")), client.skip(1), client.peek(new Uint8Array(1))]).toEqual([
      -EBADF,
      -EBADF,
      -EBADF,
      -EBADF,
    ]);
    for (const call of [() => client.bind(1), () => client.listen(), () => client.setOption("TCP_NODELAY", 1)])
      expect(codeOf(call)).toBe("EBADF");
    expect(client.poll()).toBe(HANGUP);
  });

  it("refuse privileged ports where the setting says so, and any port that is taken", async () => {
    const pair = await Pair.make({ "net.ipv4.ip_unprivileged_port_start": 1024 });
    expect(() => open(pair.a, "tcp", 80)).toThrow(/bind EACCES 0\.0\.0\.0:80: ports below 1024 are privileged/);
    const first = open(pair.a, "tcp", 8080);
    expect(() => open(pair.a, "tcp", 8080)).toThrow(/bind EADDRINUSE/);
    first.close();
    expect(codeOf(() => open(pair.a, "tcp", 8080))).toBe("ok");
  });

  it("listen on a port of the range when they are not bound", async () => {
    const pair = await Pair.make();
    const listener = pair.b.socket("tcp");
    listener.listen();
    expect(listener.localPort).toBeGreaterThanOrEqual(32768);
  });

  it("hold the port of a closed listener as long as its connections live, unless both say SO_REUSEADDR", async () => {
    const { pair, listener } = await connected();
    listener.close();
    expect(codeOf(() => open(pair.b, "tcp", 80))).toBe("EADDRINUSE");
    const again = pair.b.socket("tcp");
    again.setOption("SO_REUSEADDR", 1);
    expect(codeOf(() => again.bind(80))).toBe("EADDRINUSE");
  });

  it("drop what comes beyond the backlog until there is room", async () => {
    const pair = await Pair.make();
    const listener = open(pair.b, "tcp", 80);
    listener.listen(2);
    const clients = Array.from({ length: 6 }, () => {
      const socket = pair.a.socket("tcp");
      socket.connect(80, B);
      return socket;
    });
    pair.run(100);
    const [line] = pair.b.sockets().filter((s) => s.state === "LISTEN");
    expect(line).toMatchObject({ recvQ: 3, sendQ: 2 });
    for (let child = listener.accept(); child !== null; child = listener.accept());
    pair.run(10_000);
    for (let child = listener.accept(); child !== null; child = listener.accept());
    pair.run(10_000);
    expect(clients.map((c) => c.state)).toEqual(Array(6).fill("ESTABLISHED"));
  });
});

describe("options of TCP sockets", () => {
  it.each([
    ["SO_REUSEADDR", 0, 1, 1],
    ["SO_REUSEPORT", 0, 1, 1],
    ["SO_KEEPALIVE", 0, 1, 1],
    ["SO_LINGER", -1, 5, 5],
    ["TCP_NODELAY", 0, 1, 1],
    ["TCP_CORK", 0, 1, 1],
    ["TCP_KEEPIDLE", 7200, 60, 60],
    ["TCP_KEEPINTVL", 75, 5, 5],
    ["TCP_KEEPCNT", 9, 3, 3],
    ["TCP_USER_TIMEOUT", 0, 5000, 5000],
    ["TCP_SYNCNT", 6, 2, 2],
    ["IP_TTL", 64, 10, 10],
    ["IP_TOS", 0, 16, 16],
    ["TCP_CONGESTION", "cubic", "reno", "reno"],
  ] as const)("%s is %s, and after %s it is %s", async (name, before, set, after) => {
    const { client, pair } = await connected();
    for (const socket of [client, pair.a.socket("tcp")]) {
      expect(socket.getOption(name)).toBe(before);
      socket.setOption(name, set);
      expect(socket.getOption(name)).toBe(after);
    }
  });

  it("go from the listener to the connections it accepts", async () => {
    const pair = await Pair.make();
    const listener = open(pair.b, "tcp", 80);
    listener.setOption("TCP_NODELAY", 1);
    listener.setOption("IP_TTL", 33);
    listener.listen();
    pair.a.socket("tcp").connect(80, B);
    pair.run();
    const child = listener.accept() as Socket;
    expect([child.getOption("TCP_NODELAY"), child.getOption("IP_TTL"), child.getOption("SO_ACCEPTCONN")]).toEqual([
      1, 33, 0,
    ]);
    expect([listener.getOption("SO_ACCEPTCONN"), listener.getOption("SO_TYPE")]).toEqual([1, 1]);
  });

  it("have errors of their own", async () => {
    const { client } = await connected();
    expect(codeOf(() => client.setOption("IP_ADD_MEMBERSHIP", "239.1.2.3"))).toBe("ENOPROTOOPT");
    expect(codeOf(() => client.getOption("SO_BROADCAST"))).toBe("ENOPROTOOPT");
    expect(codeOf(() => client.setOption("IP_TTL", 0))).toBe("EINVAL");
    expect(codeOf(() => client.setOption("TCP_CONGESTION", "magic"))).toBe("ENOENT");
  });

  it("TCP_INFO tells the state and the segments", async () => {
    const { pair, client } = await connected();
    client.write(bytes("x".repeat(1000)));
    pair.run(300);
    expect(client.info()).toMatchObject({ state: 1, bytes_acked: 1001 });
  });
});

describe("the ready list", () => {
  it("goes on when a callback throws, and the error surfaces later", async () => {
    const pair = await Pair.make();
    const [one, two] = [open(pair.b, "udp", 1), open(pair.b, "udp", 2)];
    const told: string[] = [];
    one.onReady = () => {
      told.push("one");
      throw new Error("the application's own");
    };
    two.onReady = () => told.push("two");
    const client = pair.a.socket("udp");
    client.sendTo(bytes("x"), { address: B, port: 1 });
    client.sendTo(bytes("x"), { address: B, port: 2 });
    expect(() => pair.run()).toThrow("the application's own");
    expect(told).toEqual(["one", "two"]);
  });

  it("does not tell a socket that an earlier callback closed", async () => {
    const pair = await Pair.make();
    const [one, two] = [open(pair.b, "udp", 1), open(pair.b, "udp", 2)];
    const told: string[] = [];
    one.onReady = () => two.close();
    two.onReady = () => told.push("two");
    const client = pair.a.socket("udp");
    client.sendTo(bytes("x"), { address: B, port: 1 });
    client.sendTo(bytes("x"), { address: B, port: 2 });
    pair.run();
    expect(told).toEqual([]);
  });

  it("tells whoever has become ready through a callback in the same turn", async () => {
    const pair = await Pair.make();
    const [one, two] = [open(pair.b, "udp", 1), open(pair.b, "udp", 2)];
    const told: string[] = [];
    one.onReady = () => two.sendTo(bytes("y"), { address: "127.0.0.1", port: 2 });
    two.onReady = () => told.push(text(two) as string);
    pair.a.socket("udp").sendTo(bytes("x"), { address: B, port: 1 });
    pair.run();
    expect(told).toEqual(["y"]);
  });
});
