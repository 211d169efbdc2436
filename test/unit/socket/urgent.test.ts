import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, EINVAL, EOPNOTSUPP } from "../../../src/base/errors.js";
import { PRIORITY, READABLE, type Socket, WRITABLE } from "../../../src/socket/types.js";
import { B, bytes, Pair, text } from "./harness.js";

const X = "x".charCodeAt(0);

async function connected(inline: number): Promise<{ pair: Pair; client: Socket; server: Socket }> {
  const pair = await Pair.make();
  const listener = pair.b.socket("tcp");
  listener.setOption("SO_OOBINLINE", inline);
  listener.bind(80);
  listener.listen();
  const client = pair.a.socket("tcp");
  client.connect(80, B);
  pair.run();
  return { pair, client, server: listener.accept() as Socket };
}

/** What the kernel's sockets did when asked the same. */
describe("urgent data", () => {
  it("is one byte, out of the stream; a read stops in front of it", async () => {
    const { pair, client, server } = await connected(0);
    expect([server.receiveUrgent(), server.atMark(), server.poll() & PRIORITY]).toEqual([-EINVAL, false, 0]);
    client.write(bytes("abc"));
    expect(client.sendUrgent(bytes("yx"))).toBe(2);
    client.write(bytes("def"));
    pair.run();
    expect(server.poll()).toBe(READABLE | WRITABLE | PRIORITY);
    expect(server.atMark()).toBe(false);
    expect([server.receiveUrgent(), server.receiveUrgent()]).toEqual([X, -EINVAL]);
    expect(server.poll()).toBe(READABLE | WRITABLE);
    expect([text(server), server.atMark()]).toEqual(["abcy", true]);
    expect([text(server), server.atMark()]).toEqual(["def", false]);
    expect(server.receiveUrgent()).toBe(-EINVAL);
  });

  it("stays in the stream with SO_OOBINLINE, and the mark is in front of it", async () => {
    const { pair, client, server } = await connected(1);
    client.write(bytes("abc"));
    client.sendUrgent(bytes("yx"));
    client.write(bytes("def"));
    pair.run();
    expect(server.poll()).toBe(READABLE | WRITABLE | PRIORITY);
    expect(server.receiveUrgent()).toBe(-EINVAL);
    expect([text(server), server.atMark()]).toEqual(["abcy", true]);
    expect([text(server), server.atMark()]).toEqual(["xdef", false]);
  });

  it("alone makes nothing readable, and is gone once a read has passed it", async () => {
    const { pair, client, server } = await connected(0);
    client.sendUrgent(bytes("x"));
    pair.run();
    expect([server.poll(), server.atMark()]).toEqual([WRITABLE | PRIORITY, true]);
    expect([text(server), server.atMark(), server.receiveUrgent()]).toEqual([-EAGAIN, false, -EINVAL]);
    client.write(bytes("bc"));
    pair.run();
    expect(text(server)).toBe("bc");
  });

  it("onReady tells of it", async () => {
    const { pair, client, server } = await connected(0);
    const masks: number[] = [];
    server.onReady = (_socket, mask) => {
      masks.push(mask);
    };
    pair.run();
    masks.length = 0;
    client.sendUrgent(bytes("x"));
    pair.run();
    expect(masks).toEqual([WRITABLE | PRIORITY]);
  });

  it("a closed socket has none, and other kinds do not know it", async () => {
    const { pair, client } = await connected(0);
    client.close();
    expect([client.sendUrgent(bytes("x")), client.receiveUrgent(), client.atMark()]).toEqual([-EBADF, -EBADF, false]);
    const udp = pair.a.socket("udp");
    expect([udp.sendUrgent(bytes("x")), udp.receiveUrgent(), udp.atMark()]).toEqual([-EOPNOTSUPP, -EOPNOTSUPP, false]);
    expect(pair.a.socket("tcp").sendUrgent(bytes("xyz"), 2, 5)).toBe(-EINVAL);
  });
});
