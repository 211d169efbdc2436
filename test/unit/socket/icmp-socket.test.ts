import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, EDESTADDRREQ, EHOSTUNREACH, EINVAL } from "../../../src/base/errors.js";
import { ERROR, HANGUP, READABLE, type Socket, WRITABLE } from "../../../src/socket/types.js";
import { A, B, codeOf, open, Pair, received } from "./harness.js";

/** An echo request with that sequence number; identifier and checksum are the socket's affair. */
function request(sequence: number, data = "data"): Uint8Array {
  return Uint8Array.of(8, 0, 0, 0, 0, 0, sequence >> 8, sequence & 255, ...new TextEncoder().encode(data));
}

function reply(socket: Socket): { type: number; id: number; sequence: number; data: string } | number {
  const target = new Uint8Array(2000);
  const n = socket.read(target);
  if (n < 0) return n;
  const dv = new DataView(target.buffer);
  const data = new TextDecoder().decode(target.subarray(8, n));
  return { type: dv.getUint8(0), id: dv.getUint16(4), sequence: dv.getUint16(6), data };
}

describe("ICMP sockets", () => {
  it("ping: what comes back has their identifier and the same sequence number and data", async () => {
    const pair = await Pair.make();
    const socket = pair.a.socket("icmp");
    const masks: number[] = [];
    socket.onReady = (_, mask) => masks.push(mask);
    expect(socket.write(request(1))).toBe(-EDESTADDRREQ);
    socket.connect({ address: B });
    expect(socket.write(request(7, "hello"))).toBe(13);
    pair.run();
    expect(masks).toEqual([READABLE | WRITABLE]);
    expect(reply(socket)).toEqual({ type: 0, id: socket.localPort, sequence: 7, data: "hello" });
    expect(reply(socket)).toBe(-EAGAIN);
  });

  it("ping anybody when not connected, and say who answered", async () => {
    const pair = await Pair.make();
    const socket = open(pair.a, "icmp", 4711);
    expect(socket.localPort).toBe(4711);
    socket.sendTo(request(1), { address: B });
    socket.sendTo(request(2), { address: A });
    socket.sendTo(request(3), { address: "127.0.0.1" });
    pair.run();
    const from = [received(socket), received(socket), received(socket)].map((r) => (r as { address: string }).address);
    expect(from.sort()).toEqual(["10.77.0.1", "10.77.0.2", "127.0.0.1"]);
  });

  it("keep replies apart by identifier, which can be had once", async () => {
    const pair = await Pair.make();
    const one = open(pair.a, "icmp", 1);
    const two = open(pair.a, "icmp", 2);
    expect(codeOf(() => open(pair.a, "icmp", 2))).toBe("EADDRINUSE");
    expect(codeOf(() => two.bind(3))).toBe("EINVAL");
    expect(codeOf(() => open(pair.a, "icmp", 3, B))).toBe("EADDRNOTAVAIL");
    one.sendTo(request(5), { address: B });
    pair.run();
    expect(reply(two)).toBe(-EAGAIN);
    expect(reply(one)).toMatchObject({ id: 1, sequence: 5 });
  });

  it("send nothing but echo requests", async () => {
    const pair = await Pair.make();
    const socket = pair.a.socket("icmp");
    expect(socket.sendTo(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0), { address: B })).toBe(-EINVAL);
    expect(socket.sendTo(Uint8Array.of(8, 0, 0), { address: B })).toBe(-EINVAL);
    expect(socket.sendTo(request(1), { address: "nowhere" })).toBe(-EINVAL);
  });

  it("learn that nobody answers ARP for the host", async () => {
    const pair = await Pair.make();
    const socket = pair.a.socket("icmp");
    socket.connect({ address: "10.77.0.99" });
    socket.write(request(1));
    pair.run(5000);
    expect(socket.poll() & ERROR).toBe(ERROR);
    expect(socket.getOption("SO_ERROR")).toBe(EHOSTUNREACH);
    expect(socket.poll()).toBe(WRITABLE);
  });

  it("have a few options, and list themselves", async () => {
    const pair = await Pair.make();
    const socket = open(pair.a, "icmp", 9);
    for (const [name, value] of [
      ["IP_TTL", 5],
      ["IP_TOS", 8],
      ["IP_MTU_DISCOVER", 2],
    ] as const) {
      socket.setOption(name, value);
      expect(socket.getOption(name)).toBe(value);
    }
    socket.setOption("SO_RCVBUF", 1000);
    expect([socket.getOption("SO_RCVBUF"), socket.getOption("SO_TYPE")]).toEqual([2000, 2]);
    expect(codeOf(() => socket.setOption("TCP_NODELAY", 1))).toBe("ENOPROTOOPT");
    expect(pair.a.sockets()).toEqual([expect.objectContaining({ proto: "icmp", state: "UNCONN", localPort: 9 })]);
  });

  it("give their identifier back when closed", async () => {
    const pair = await Pair.make();
    const socket = open(pair.a, "icmp", 9);
    socket.sendTo(request(1), { address: B });
    pair.run();
    socket.close();
    socket.close();
    expect([reply(socket), socket.sendTo(request(1), { address: B }), socket.poll()]).toEqual([-EBADF, -EBADF, HANGUP]);
    expect(pair.a.pool.inUse).toBe(0);
    expect(codeOf(() => open(pair.a, "icmp", 9))).toBe("ok");
  });
});
