import { describe, expect, it } from "vitest";
import { EIO, SystemError } from "../../../src/base/errors.js";
import { capture } from "../../../src/link/capture.js";
import { impair } from "../../../src/link/impair.js";
import type { Link, LinkHost } from "../../../src/link/link.js";
import { memoryLinkPair } from "../../../src/link/memory.js";
import type { TxQueue } from "../../../src/link/tx-queue.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import type { Socket } from "../../../src/socket/types.js";
import { createStack, type Stack } from "../../../src/stack.js";
import { A, B, bytes, open, Pair, received } from "../socket/harness.js";

const OFF = "off" as const;
const make = (clock = new VirtualClock()): Stack =>
  createStack({ clock, random: new SeededRandom(1), memory: 16 << 20 });

/** A link that does what its test says, and counts how often it was closed. */
class FakeLink implements Link {
  readonly layer = "ip";
  readonly mtu = 1500;
  readonly name = "fake0";
  readonly features = 0;
  host: LinkHost | null = null;
  closes = 0;
  onOpen: () => void = () => {};
  onTransmit: (queue: TxQueue) => number = (queue) => queue.pending;
  onClose: () => void = () => {};

  open(host: LinkHost): void {
    this.host = host;
    this.onOpen();
  }

  transmit(queue: TxQueue): number {
    return this.onTransmit(queue);
  }

  close(): void {
    this.closes++;
    this.onClose();
  }
}

async function connected(pair: Pair): Promise<[client: Socket, server: Socket, listener: Socket]> {
  const listener = open(pair.b, "tcp", 7);
  listener.listen();
  const client = open(pair.a, "tcp");
  client.connect(7, B);
  pair.run();
  return [client, listener.accept() as Socket, listener];
}

/** Nothing of the stack is left: no timer, chunk or reserved byte but what a stack that never did anything has. */
async function expectNothingLeft(stack: Stack): Promise<void> {
  const fresh = make();
  await fresh.close();
  expect({
    chunks: stack.pool.inUse,
    pins: (stack.pool as never as { pins: number }).pins,
    timers: stack.wheel.size,
    available: stack.memory.available,
    sockets: stack.sockets().length,
  }).toEqual({ chunks: 0, pins: 0, timers: 0, available: fresh.memory.available, sockets: 0 });
}

describe("closing a stack", () => {
  it("from inside onReady, with data in flight, leaves nothing and no timer", async () => {
    const pair = await Pair.make();
    const [client, server] = await connected(pair);
    let closing: Promise<void> | null = null;
    server.onReady = () => {
      closing ??= pair.b.close();
    };
    client.write(new Uint8Array(100_000));
    pair.run();
    expect(closing).not.toBeNull();
    await closing;
    pair.run();
    expect(client.getOption("SO_ERROR")).toBe(104);
    await pair.a.close();
    await expectNothingLeft(pair.b);
    await expectNothingLeft(pair.a);
    expect(pair.clock.pendingTimers()).toBe(0);
  });

  for (const first of ["a", "b"] as const)
    it(`in any order (${first} first), with connections open both ways`, async () => {
      const pair = await Pair.make();
      const [client, server] = await connected(pair);
      client.write(new Uint8Array(50_000));
      server.write(new Uint8Array(50_000));
      await pair[first].close();
      pair.run(500);
      await pair[first === "a" ? "b" : "a"].close();
      pair.run(500);
      await expectNothingLeft(pair.a);
      await expectNothingLeft(pair.b);
      expect(pair.clock.pendingTimers()).toBe(0);
    });

  it("twice: both wait for the end", async () => {
    const stack = make();
    const link = new FakeLink();
    let release = (): void => {};
    let done = false;
    link.close = () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }) as never;
    await attach(stack, link);
    const first = stack.close();
    const second = stack.close().then(() => {
      done = true;
    });
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    release();
    await Promise.all([first, second]);
    await expectNothingLeft(stack);
  });

  it("ends everything else when a link cannot be closed, and says so", async () => {
    const clock = new VirtualClock();
    const stack = make(clock);
    const link = new FakeLink();
    await attach(stack, link);
    const socket = open(stack, "tcp");
    socket.connect(80, "10.9.0.2");
    link.onClose = () => {
      throw new Error("stuck");
    };
    await expect(stack.close()).rejects.toThrow("stuck");
    await expectNothingLeft(stack);
    expect(clock.pendingTimers()).toBe(0);
  });

  it("makes an attach that is under way, and later ones, fail with the link closed", async () => {
    const clock = new VirtualClock();
    const stack = make(clock);
    const [left] = memoryLinkPair();
    const attaching = stack.attach(left, { address: `${A}/24` });
    const failed = expect(attaching).rejects.toMatchObject({ syscall: "attach" });
    await stack.close();
    await failed;
    await expectNothingLeft(stack);
    const late = new FakeLink();
    await expect(stack.attach(late, { address: "10.9.0.1/24" })).rejects.toMatchObject({ code: "EBADF" });
    expect(late.closes).toBe(1);
  });
});

async function attach(stack: Stack, link: Link, address = "10.9.0.1/24") {
  const attaching = stack.attach(link, { address, conflictDetection: OFF });
  (stack.clock as VirtualClock).advance(1000);
  return await attaching;
}

describe("attaching", () => {
  const failures: readonly [what: string, prepare: (link: FakeLink) => void, address: string, code: string][] = [
    ["options make no sense", () => {}, "nonsense", "EINVAL"],
    [
      "the link does not open",
      (link) => {
        link.onOpen = () => {
          throw new SystemError(EIO, "open");
        };
      },
      "10.9.0.1/24",
      "EIO",
    ],
    ["the address is ours already", () => {}, "127.0.0.1/8", "EADDRINUSE"],
  ];
  for (const [what, prepare, address, code] of failures)
    it(`closes the link and gives all memory back when ${what}`, async () => {
      const stack = make();
      const { available } = stack.memory;
      const link = new FakeLink();
      prepare(link);
      await expect(attach(stack, link, address)).rejects.toMatchObject({ code });
      expect([link.closes, stack.memory.available, stack.netifs.length]).toEqual([1, available, 1]);
      await stack.close();
    });

  it("refuses a link that is attached already, and leaves it working", async () => {
    const pair = await Pair.make();
    const [netif] = [pair.a.netifs[1]];
    await expect(
      pair.a.attach((netif as { link: Link }).link, { address: "10.9.0.1/24", conflictDetection: OFF }),
    ).rejects.toMatchObject({ code: "EBUSY" });
    const socket = open(pair.b, "udp", 9);
    open(pair.a, "udp").sendTo(bytes("still here"), { address: B, port: 9 });
    pair.run();
    expect(received(socket)).toMatchObject({ text: "still here" });
  });

  it("fails when the link goes down during conflict detection", async () => {
    const clock = new VirtualClock();
    const stack = make(clock);
    const [left] = memoryLinkPair();
    let host: LinkHost | null = null;
    const attaching = stack.attach(
      new Proxy(left, {
        get: (target, name) =>
          name === "open"
            ? (given: LinkHost) => {
                host = given;
                target.open(given);
              }
            : typeof target[name as "open"] === "function"
              ? target[name as "open"].bind(target)
              : target[name as "open"],
      }),
      { address: `${A}/24` },
    );
    const failed = expect(attaching).rejects.toMatchObject({ code: "EIO" });
    clock.advance(1000);
    (host as unknown as LinkHost).down(new SystemError(EIO, "read"));
    clock.advance(1_000_000);
    await failed;
    expect(stack.netifs.length).toBe(1);
    await stack.close();
    await expectNothingLeft(stack);
  });
});

describe("detaching", () => {
  const wraps: readonly [string, (link: Link) => Link][] = [
    ["a memory link", (link) => link],
    ["an impaired link", (link) => impair(link, { delay: 3, jitter: 1, duplicate: 0.3, seed: 1 })],
    ["a captured link", (link) => capture(link, { write: () => {} })],
    ["an impaired capture", (link) => impair(capture(link, { write: () => {} }), { delay: 2, seed: 1 })],
  ];
  for (const [what, wrap] of wraps)
    it(`${what} with traffic in flight, over and over, gives everything back`, async () => {
      const clock = new VirtualClock();
      const [a, b] = [make(clock), make(clock)];
      let least = 0;
      for (let round = 0; round < 5; round++) {
        const [left, right] = memoryLinkPair({ queue: 8 });
        const [one, two] = await Promise.all([attach(a, wrap(left), `${A}/24`), attach(b, right, `${B}/24`)]);
        const listener = open(b, "tcp", 7);
        listener.listen();
        const client = open(a, "tcp");
        client.connect(7, B);
        clock.advance(20_000);
        const server = listener.accept() as Socket;
        client.write(new Uint8Array(200_000));
        server.write(new Uint8Array(200_000));
        clock.advance(1_000);
        await one.detach();
        clock.advance(10_000);
        await two.detach();
        for (const socket of [client, server, listener]) socket.reset();
        clock.advance(1_000_000);
        if (round === 0) least = a.memory.available;
        expect([a.memory.available, a.pool.inUse, b.pool.inUse, a.netifs.length]).toEqual([least, 0, 0, 1]);
      }
      await a.close();
      await b.close();
      await expectNothingLeft(a);
      expect(clock.pendingTimers()).toBe(0);
    });

  it("from inside onReady of a socket on that link", async () => {
    const pair = await Pair.make();
    const [client, server] = await connected(pair);
    const { attachments } = pair.b as never as { attachments: { attached: { detach(): Promise<void> }[] } };
    const attachment = attachments.attached[1];
    let detaching: Promise<void> | undefined;
    server.onReady = () => {
      detaching ??= attachment?.detach();
    };
    client.write(new Uint8Array(50_000));
    pair.run();
    await detaching;
    expect(pair.b.netifs.length).toBe(1);
    await pair.a.close();
    await pair.b.close();
    await expectNothingLeft(pair.b);
  });

  it("lets sockets go on that waited for room on the link", async () => {
    const clock = new VirtualClock();
    const stack = make(clock);
    const link = new FakeLink();
    link.onTransmit = () => 0;
    const attachment = await attach(stack, link);
    const socket = open(stack, "udp");
    let sent = 0;
    do sent = socket.sendTo(new Uint8Array(1000), { address: "10.9.0.2", port: 9 });
    while (sent > 0);
    expect(sent).toBe(-11);
    expect(socket.poll() & 4).toBe(0);
    let told = 0;
    socket.onReady = (_, mask) => {
      told = mask;
    };
    await attachment.detach();
    clock.advance(1000);
    expect(told & 4).toBe(4);
    expect(socket.sendTo(bytes("x"), { address: "10.9.0.2", port: 9 })).toBe(-101);
    await stack.close();
    await expectNothingLeft(stack);
  });
});

describe("a batch that is interrupted by an exception", () => {
  it("of onReady: it surfaces once, the others are told all the same, and the stack goes on", async () => {
    const pair = await Pair.make();
    const listener = open(pair.b, "tcp", 7);
    listener.listen();
    listener.onReady = () => {
      throw new Error("the application's");
    };
    const other = open(pair.b, "udp", 9);
    let told = 0;
    other.onReady = () => told++;
    open(pair.a, "tcp").connect(7, B);
    open(pair.a, "udp").sendTo(bytes("x"), { address: B, port: 9 });
    expect(() => pair.run()).toThrow("the application's");
    pair.run();
    expect(told).toBe(1);
    expect(listener.accept()?.state).toBe("ESTABLISHED");
  });

  it("of a link's transmit: later turns still send", async () => {
    const clock = new VirtualClock();
    const stack = make(clock);
    const link = new FakeLink();
    await attach(stack, link);
    let sent = 0;
    link.onTransmit = () => {
      link.onTransmit = (queue) => {
        sent += queue.pending;
        return queue.pending;
      };
      throw new Error("the link's");
    };
    const socket = open(stack, "udp");
    socket.sendTo(bytes("x"), { address: "10.9.0.2", port: 9 });
    expect(() => clock.advance(1000)).toThrow("the link's");
    socket.sendTo(bytes("y"), { address: "10.9.0.2", port: 9 });
    clock.advance(1000);
    expect(sent).toBe(2);
    (link.host as LinkHost).writable();
    await stack.close();
    await expectNothingLeft(stack);
  });
});

describe("numbers and memory", () => {
  it.each([4 << 20, 0x7fff0000])("a stack of %i bytes is made", async (memory) => {
    await createStack({ clock: new VirtualClock(), memory }).close();
  });

  it.each([(4 << 20) - 1, 2 ** 31, Number.NaN])("a stack of %d bytes is refused", (memory) => {
    expect(() => createStack({ memory })).toThrow(/createStack EINVAL/);
  });

  it("10,000 sockets opened and closed leave no growth, and numbers are used again", async () => {
    const pair = await Pair.make();
    const used = new Set<number>();
    for (let i = 0; i < 10_000; i++) {
      const socket = pair.a.socket(i % 3 === 0 ? "tcp" : i % 3 === 1 ? "udp" : "icmp");
      if (i % 3 === 0) socket.connect(9, B);
      else if (i % 3 === 1) socket.bind(0);
      else socket.connect(0, B);
      used.add((socket as never as { number: number }).number);
      socket.close();
      if (i % 100 === 0) pair.run(1);
    }
    pair.run(5000);
    expect(used.size).toBe(1);
    expect([pair.a.sockets().length, pair.a.pool.inUse, pair.b.pool.inUse]).toEqual([0, 0, 0]);
    expect([pair.a.tcp.context.ports.size, pair.a.tcp.context.ports.destinationCount]).toEqual([0, 0]);
  });
});
