import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, ECONNREFUSED, EDESTADDRREQ, EINVAL, EMSGSIZE, EPIPE } from "../../../src/base/errors.js";
import { SocketEndpoint } from "../../../src/socket/endpoint.js";
import { ERROR, HANGUP, READ_HANGUP, READABLE, type Socket, WRITABLE } from "../../../src/socket/types.js";
import type { UdpSocket } from "../../../src/socket/udp-socket.js";
import { A, B, bytes, codeOf, open, Pair, received, text } from "./harness.js";

describe("UDP sockets", () => {
  it("send to and receive from, and answer to whom they heard from", async () => {
    const { a, b, run } = await pair();
    const server = open(b, "udp", 7);
    const client = a.socket("udp");
    expect(client.sendTo(bytes("hello"), { address: B, port: 7 })).toBe(5);
    run();
    const from = new SocketEndpoint();
    const target = new Uint8Array(10);
    expect(server.receiveFrom(target, from, 2)).toBe(5);
    expect(new TextDecoder().decode(target.subarray(2, 7))).toBe("hello");
    expect([from.address, from.port]).toEqual([A, client.localPort]);
    expect(server.sendTo(bytes("back"), from)).toBe(4);
    run();
    expect(received(client)).toEqual({ text: "back", address: B, port: 7 });
    expect(received(client)).toBe(-EAGAIN);
  });

  it("are told when the batch is over, with what poll says, once", async () => {
    const { a, b, run } = await pair();
    const server = open(b, "udp", 7);
    const calls: [Socket, number][] = [];
    server.onReady = (socket, mask) => calls.push([socket, mask]);
    const client = a.socket("udp");
    for (let i = 0; i < 3; i++) client.sendTo(bytes(`${i}`), { address: B, port: 7 });
    expect(calls).toEqual([]);
    run();
    expect(calls).toEqual([[server, READABLE | WRITABLE]]);
    expect([text(server), text(server), text(server), text(server)]).toEqual(["0", "1", "2", -EAGAIN]);
    expect(server.poll()).toBe(WRITABLE);
  });

  it("lose what does not fit the target, and keep what is only peeked at", async () => {
    const { a, b, run } = await pair();
    const server = open(b, "udp", 7);
    const client = a.socket("udp");
    for (const data of ["abcdef", "", "xyz"]) client.sendTo(bytes(data), { address: B, port: 7 });
    run();
    const target = new Uint8Array(3);
    expect(server.peek(target)).toBe(3);
    expect(server.read(target)).toBe(3);
    expect(new TextDecoder().decode(target)).toBe("abc");
    expect(received(server)).toMatchObject({ text: "", address: A });
    expect(text(server)).toBe("xyz");
  });

  it("when connected hear their peer only, and write without an address", async () => {
    const { a, b, run } = await pair();
    const server = open(b, "udp", 7);
    const client = open(a, "udp");
    expect(client.write(bytes("x"))).toBe(-EDESTADDRREQ);
    client.connect(7, B);
    expect([client.state, client.localAddress, client.remoteAddress, client.remotePort]).toEqual([
      "ESTABLISHED",
      A,
      B,
      7,
    ]);
    expect(client.write(bytes("hello"))).toBe(5);
    open(b, "udp", 8).sendTo(bytes("stranger"), { address: A, port: client.localPort });
    run();
    expect(text(client)).toBe(-EAGAIN);
    expect(received(server)).toMatchObject({ text: "hello", port: client.localPort });
    (client as UdpSocket).disconnect();
    expect([client.state, client.remoteAddress, client.localPort]).toEqual(["UNCONN", "", 0]);
    expect(codeOf(() => (client as UdpSocket).disconnect())).toBe("ENOTCONN");
  });

  it("when connected learn by SO_ERROR or the next call that nobody listens there, once", async () => {
    const { a, run } = await pair();
    const client = open(a, "udp");
    client.connect(9, B);
    const masks: number[] = [];
    client.onReady = (_, mask) => masks.push(mask);
    client.write(bytes("x"));
    run();
    expect(masks).toEqual([ERROR | READABLE | WRITABLE]);
    expect(client.getOption("SO_ERROR")).toBe(ECONNREFUSED);
    expect(client.getOption("SO_ERROR")).toBe(0);
    client.write(bytes("x"));
    run();
    expect(text(client)).toBe(-ECONNREFUSED);
    expect(text(client)).toBe(-EAGAIN);
    client.write(bytes("x"));
    run();
    expect(client.write(bytes("x"))).toBe(-ECONNREFUSED);
    const stranger = open(a, "udp");
    stranger.sendTo(bytes("x"), { address: B, port: 9 });
    run();
    expect(stranger.getOption("SO_ERROR")).toBe(0);
  });

  it("refuse on the data path with an errno, without throwing", async () => {
    const { a } = await pair();
    const socket = a.socket("udp");
    const x = bytes("x");
    expect(socket.sendTo(x, { address: "not an address", port: 1 })).toBe(-EINVAL);
    expect(socket.sendTo(x, { address: B, port: 65536 })).toBe(-EINVAL);
    expect(socket.sendTo(x, { address: B })).toBe(-EINVAL);
    expect(socket.sendTo(x, { address: B, port: 7 }, 0, 2)).toBe(-EINVAL);
    expect(socket.sendTo(x, { address: B, port: 7 }, -1)).toBe(-EINVAL);
    expect(socket.sendTo(new Uint8Array(65508), { address: B, port: 7 })).toBe(-EMSGSIZE);
    expect(socket.skip(1)).toBeLessThan(0);
  });

  it("can be shut down, one way or both, which is an error all the same when not connected", async () => {
    const { a } = await pair();
    const socket = open(a, "udp", 7);
    expect(codeOf(() => socket.shutdown("write"))).toBe("ENOTCONN");
    expect(socket.sendTo(bytes("x"), { address: B, port: 7 })).toBe(-EPIPE);
    socket.connect(7, B);
    socket.shutdown("read");
    expect(text(socket)).toBe("");
    expect(socket.poll()).toBe(READABLE | WRITABLE | READ_HANGUP | HANGUP);
  });

  it("let go of everything when closed", async () => {
    const { a, b, run } = await pair();
    const socket = open(b, "udp", 7);
    open(a, "udp").sendTo(bytes("unread"), { address: B, port: 7 });
    run();
    expect(b.pool.inUse).toBe(1);
    socket.close();
    socket.close();
    expect(b.pool.inUse).toBe(0);
    expect([text(socket), socket.write(bytes("x")), socket.sendTo(bytes("x"), { address: A, port: 1 })]).toEqual([
      -EBADF,
      -EBADF,
      -EBADF,
    ]);
    for (const call of [
      () => socket.bind(1),
      () => socket.connect(1),
      () => socket.getOption("IP_TTL"),
      () => socket.shutdown("both"),
    ])
      expect(codeOf(call)).toBe("EBADF");
    expect(socket.poll()).toBe(HANGUP);
    expect(codeOf(() => open(b, "udp", 7))).toBe("ok");
  });

  it("bind once, to addresses of ours, and share ports as TCP does not", async () => {
    const { b } = await pair();
    const socket = open(b, "udp", 53);
    expect(() => socket.bind(54)).toThrow(/EINVAL.*already bound/);
    expect(() => open(b, "udp", 53)).toThrow(/bind EADDRINUSE 0\.0\.0\.0:53/);
    expect(() => open(b, "udp", 53, A)).toThrow(/EADDRNOTAVAIL/);
    expect(() => open(b, "udp", 70000)).toThrow(/EINVAL.*70000/);
    expect(() => open(b, "udp", 1, "localhost")).toThrow(/localhost is not an IPv4 address/);
    expect(codeOf(() => open(b, "tcp", 53))).toBe("ok");
    const any = open(b, "udp", 0);
    expect(any.localPort).toBeGreaterThanOrEqual(32768);
  });

  it("cannot listen or accept, and have no TCP_INFO", async () => {
    const { b } = await pair();
    const socket = open(b, "udp", 53);
    for (const call of [() => socket.listen(), () => socket.accept(), () => socket.info()])
      expect(codeOf(call)).toBe("EOPNOTSUPP");
  });

  it("list themselves once they have a port", async () => {
    const { a, b, run } = await pair();
    const server = open(b, "udp", 7);
    server.owner = "echo";
    b.socket("udp");
    const client = open(a, "udp");
    client.connect(7, B);
    client.write(bytes("hello"));
    run();
    expect(b.sockets().filter((s) => s.proto === "udp")).toEqual([
      expect.objectContaining({
        ...{ state: "UNCONN", recvQ: 5, sendQ: 0, localAddress: "0.0.0.0", localPort: 7, remoteAddress: "0.0.0.0" },
        ...{ remotePort: 0, timer: null, owner: "echo", fd: 3, inode: 1 },
      }),
    ]);
    expect(a.sockets()).toEqual([expect.objectContaining({ state: "ESTABLISHED", remoteAddress: B, remotePort: 7 })]);
  });
});

describe("options of UDP sockets", () => {
  it.each([
    ["SO_REUSEADDR", 0, 1, 1],
    ["SO_REUSEPORT", 0, 7, 1],
    ["SO_BROADCAST", 0, 1, 1],
    ["SO_RCVBUF", 212992, 10_000, 20_000],
    ["SO_RCVBUF", 212992, 1, 2304],
    ["SO_RCVBUF", 212992, 0x7fffffff, 8 << 20],
    ["SO_SNDBUF", 212992, 1, 4608],
    ["IP_TTL", 64, 3, 3],
    ["IP_TTL", 64, -1, 64],
    ["IP_TOS", 0, 0x2e, 0x2e],
    ["IP_MTU_DISCOVER", 1, 2, 2],
    ["IP_MULTICAST_TTL", 1, 32, 32],
    ["IP_MULTICAST_LOOP", 1, 0, 0],
    ["UDP_NO_CHECK", 0, 1, 1],
  ] as const)("%s is %i, and after %i it is %i", async (name, before, set, after) => {
    const { a } = await pair();
    const socket = a.socket("udp");
    expect(socket.getOption(name)).toBe(before);
    socket.setOption(name, set);
    expect(socket.getOption(name)).toBe(after);
  });

  it("have errors of their own", async () => {
    const { a } = await pair();
    const socket = a.socket("udp");
    expect(() => socket.setOption("TCP_NODELAY", 1)).toThrow(/ENOPROTOOPT.*udp socket has no option TCP_NODELAY/);
    expect(() => socket.getOption("TCP_INFO")).toThrow(/ENOPROTOOPT/);
    expect(() => socket.setOption("IP_TTL", 0)).toThrow(/EINVAL/);
    expect(() => socket.setOption("IP_TTL", 256)).toThrow(/EINVAL.*-1 to 255/);
    expect(() => socket.setOption("IP_TOS", "high")).toThrow(/EINVAL/);
    expect(() => socket.getOption("IP_MTU")).toThrow(/ENOTCONN/);
    socket.connect(7, B);
    expect(socket.getOption("IP_MTU")).toBe(1500);
    expect([socket.getOption("SO_TYPE"), socket.getOption("SO_ACCEPTCONN")]).toEqual([2, 0]);
  });

  it("join groups and leave them", async () => {
    const { a, b, run } = await pair();
    const socket = open(b, "udp", 7);
    socket.setOption("IP_ADD_MEMBERSHIP", `239.1.2.3 ${B}`);
    expect(codeOf(() => socket.setOption("IP_ADD_MEMBERSHIP", "239.1.2.3"))).toBe("EADDRINUSE");
    expect(codeOf(() => socket.setOption("IP_ADD_MEMBERSHIP", "10.1.2.3"))).toBe("EINVAL");
    expect(codeOf(() => socket.setOption("IP_ADD_MEMBERSHIP", `239.1.2.4 ${A}`))).toBe("EADDRNOTAVAIL");
    expect(codeOf(() => socket.setOption("IP_ADD_MEMBERSHIP", "somewhere"))).toBe("EINVAL");
    const sender = open(a, "udp", 9);
    sender.sendTo(bytes("in"), { address: "239.1.2.3", port: 7 });
    run();
    socket.setOption("IP_DROP_MEMBERSHIP", "239.1.2.3");
    expect(codeOf(() => socket.setOption("IP_DROP_MEMBERSHIP", "239.1.2.3"))).toBe("EADDRNOTAVAIL");
    sender.sendTo(bytes("out"), { address: "239.1.2.3", port: 7 });
    run();
    expect([text(socket), text(socket)]).toEqual(["in", -EAGAIN]);
  });

  it("let sockets share a port when set in time", async () => {
    const { b } = await pair();
    const first = open(b, "udp", 53);
    const second = b.socket("udp");
    second.setOption("SO_REUSEADDR", 1);
    expect(codeOf(() => second.bind(53))).toBe("EADDRINUSE");
    first.setOption("SO_REUSEADDR", 1);
    expect(codeOf(() => second.bind(53))).toBe("ok");
  });
});

async function pair() {
  const made = await Pair.make();
  return { a: made.a, b: made.b, run: () => made.run() };
}
