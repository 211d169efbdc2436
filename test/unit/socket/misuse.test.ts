import { beforeEach, describe, expect, it } from "vitest";
import { EAGAIN, EBADF, EINVAL, ENOTCONN, EPIPE } from "../../../src/base/errors.js";
import { SocketEndpoint } from "../../../src/socket/endpoint.js";
import type { Socket } from "../../../src/socket/types.js";
import { B, bytes, codeOf, open, Pair, text } from "./harness.js";

/** What no array of 16 bytes has. */
const OUTSIDE: readonly [offset: number, length: number][] = [
  [10, 1e9],
  [0, 17],
  [17, 0],
  [16, 1],
  [-1, 4],
  [0, -1],
  [4, -4],
  [0.5, 1],
  [0, 1.5],
  [Number.NaN, 1],
  [0, Number.NaN],
  [0, Number.POSITIVE_INFINITY],
  [2 ** 32, 1],
];

describe("calls that make no sense", () => {
  let pair: Pair;
  let client: Socket;
  let server: Socket;
  let udp: Socket;

  beforeEach(async () => {
    pair = await Pair.make();
    const listener = open(pair.b, "tcp", 7);
    listener.listen();
    client = open(pair.a, "tcp");
    client.connect(7, B);
    udp = open(pair.b, "udp", 9);
    pair.run();
    server = listener.accept() as Socket;
    const sender = open(pair.a, "udp");
    client.write(bytes("x".repeat(100)));
    sender.sendTo(bytes("y".repeat(100)), { address: B, port: 9 });
    pair.run();
  });

  for (const [offset, length] of OUTSIDE)
    it(`EINVAL for offset ${offset}, length ${length} of 16 bytes, and nothing is touched`, () => {
      // In the stack's own memory, where nothing but this check stands between a call and somebody else's bytes.
      const region = pair.b.alloc(64);
      const target = region.subarray(0, 16);
      const from = new SocketEndpoint();
      const results = [
        server.read(target, offset, length),
        server.peek(target, offset, length),
        server.write(target, offset, length),
        udp.read(target, offset, length),
        udp.peek(target, offset, length),
        udp.receiveFrom(target, from, offset, length),
        udp.sendTo(target, { address: B, port: 9 }, offset, length),
      ];
      expect(results).toEqual(results.map(() => -EINVAL));
      expect(region.every((byte) => byte === 0)).toBe(true);
      expect(text(server)).toBe("x".repeat(100));
      expect(text(udp)).toBe("y".repeat(100));
    });

  it("EINVAL for skipping a length that is none", () => {
    expect([-1, 0.5, Number.NaN].map((n) => server.skip?.(n))).toEqual([-EINVAL, -EINVAL, -EINVAL]);
    expect(server.skip?.(40)).toBe(40);
    expect(text(server)).toBe("x".repeat(60));
  });

  it("nothing is written by a write of no bytes, and read by a read of none", () => {
    const none = new Uint8Array(0);
    expect([client.write(none), client.write(bytes("abc"), 3)]).toEqual([0, 0]);
    expect([server.read(none), server.peek(none)]).toEqual([0, 0]);
    expect(text(server)).toBe("x".repeat(100));
    expect(server.read(none)).toBe(-EAGAIN);
  });

  it("shared memory and Node's buffers serve as well as any array", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    shared.fill(0x61);
    expect(client.write(shared, 8, 5)).toBe(5);
    expect(client.write(Buffer.from("bbb"))).toBe(3);
    pair.run();
    server.skip?.(100);
    expect(server.read(shared, 32)).toBe(8);
    expect(new TextDecoder().decode(shared.slice(32, 40))).toBe("aaaaabbb");
  });

  it("an array whose buffer was given away has no bytes", () => {
    const gone = new Uint8Array(16);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect([server.read(gone, 0, 16), client.write(gone, 0, 16)]).toEqual([-EINVAL, -EINVAL]);
  });

  it("after close everything says EBADF, and close and reset may be repeated", () => {
    for (const socket of [client, udp, open(pair.a, "icmp")]) {
      socket.close();
      socket.close();
      socket.reset();
      const data = new Uint8Array(4);
      const from = new SocketEndpoint();
      expect([socket.read(data), socket.peek(data), socket.write(data)]).toEqual([-EBADF, -EBADF, -EBADF]);
      if (socket.type !== "tcp")
        expect([socket.sendTo(data, { address: B, port: 9 }), socket.receiveFrom(data, from)]).toEqual([
          -EBADF,
          -EBADF,
        ]);
      for (const call of [
        () => socket.bind(1),
        () => socket.connect(1, B),
        () => socket.shutdown("both"),
        () => socket.setOption("IP_TTL", 3),
        () => socket.getOption("SO_ERROR"),
      ])
        expect(codeOf(call)).toBe("EBADF");
      expect(socket.poll()).toBe(0x10);
    }
    expect(codeOf(() => client.listen())).toBe("EBADF");
    expect(codeOf(() => client.accept())).toBe("EBADF");
  });

  it("bind twice, connect twice, listen when connected", () => {
    expect(codeOf(() => udp.bind(10))).toBe("EINVAL");
    expect(codeOf(() => client.bind(10))).toBe("EINVAL");
    expect(codeOf(() => client.connect(8, B))).toBe("EISCONN");
    expect(codeOf(() => client.listen())).toBe("EINVAL");
    const fresh = open(pair.a, "tcp", 4000);
    expect(codeOf(() => fresh.bind(4001))).toBe("EINVAL");
    expect([fresh.read(new Uint8Array(1)), fresh.write(new Uint8Array(1))]).toEqual([-ENOTCONN, -EPIPE]);
    fresh.connect(7, B);
    expect(codeOf(() => fresh.connect(7, B))).toBe("EALREADY");
  });

  it("a port that is no number is refused, not taken for port 0", () => {
    for (const type of ["tcp", "udp", "icmp"] as const) {
      for (const port of ["80", "x", 1.5, -1, 65536, Number.NaN]) {
        const socket = open(pair.a, type);
        expect(codeOf(() => socket.bind(port as number))).toBe("EINVAL");
        expect(codeOf(() => socket.bind({ port: port as number }))).toBe("EINVAL");
        if (type !== "icmp") expect(codeOf(() => socket.connect(port as number, B))).toBe("EINVAL");
        expect(socket.localPort).toBe(0);
        socket.close();
      }
    }
  });

  it("a backlog that is no number, or negative, is the largest, as Linux takes -1", () => {
    for (const backlog of [Number.NaN, -1]) {
      const listener = open(pair.b, "tcp", 0);
      listener.listen(backlog);
      expect(listener.info().sacked).toBe(4096);
      listener.listen(3);
      expect(listener.info().sacked).toBe(3);
    }
  });
});
