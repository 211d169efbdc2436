import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlClient } from "../../../src/observe/control-client.js";
import { type ControlServer, openControl } from "../../../src/observe/control-server.js";
import { encodeJson } from "../../../src/observe/frames.js";
import type { Ends, Reply } from "../../../src/observe/protocol.js";
import { type FakeSocket, FakeStack, readAll } from "../services/fake-stack.js";

let directory = "";
let stack: FakeStack;
let server: ControlServer | null = null;
const about = { version: "0.1.0", pid: 1234, tap: "tap7", address: "10.77.0.2/24", started: 99 };
const path = (): string => join(directory, "sub", "tap7.sock");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tapstack-control-"));
  stack = new FakeStack();
});

afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(directory, { recursive: true, force: true });
});

async function open(): Promise<ControlClient> {
  server = await openControl(path(), stack, about);
  return ControlClient.open(path());
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !condition(); i++) await turn();
  expect(condition()).toBe(true);
}

describe("the control socket", () => {
  it("is for its owner only", async () => {
    await open();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "sub")).mode & 0o777).toBe(0o700);
  });

  it("goes when it is closed", async () => {
    const client = await open();
    let closed = false;
    client.onClose = () => {
      closed = true;
    };
    await server?.close();
    server = null;
    expect(() => statSync(path())).toThrow(/ENOENT/);
    await until(() => closed);
  });

  it("replaces a stale one", async () => {
    await open();
    const dead = createServer();
    const stale = join(directory, "stale.sock");
    await new Promise<void>((resolve) => dead.listen(stale, resolve));
    // Closing removes the file; a killed process leaves it.
    const { linkSync } = await import("node:fs");
    const kept = join(directory, "kept.sock");
    linkSync(stale, kept);
    await new Promise<void>((resolve) => dead.close(() => resolve()));
    const again = await openControl(kept, stack, about);
    const client = await ControlClient.open(kept);
    expect(client.hello.tap).toBe("tap7");
    client.close();
    await again.close();
  });

  it("refuses a place where a stack answers, or that is a file", async () => {
    await open();
    await expect(openControl(path(), stack, about)).rejects.toThrow(/a running tapstack already answers at/);
    const file = join(directory, "file");
    writeFileSync(file, "mine");
    await expect(openControl(file, stack, about)).rejects.toThrow(/exists and is not a socket/);
    expect(statSync(file).size).toBe(4);
  });

  it("says who it is", async () => {
    const client = await open();
    expect(client.hello).toEqual({ tapstack: 1, ...about });
  });

  it("refuses to talk to another version", async () => {
    const other = join(directory, "other.sock");
    const strange = createServer((c) => c.end(encodeJson({ tapstack: 2 })));
    await new Promise<void>((resolve) => strange.listen(other, resolve));
    await expect(ControlClient.open(other)).rejects.toThrow(/speaks version 2 of the control protocol, this command 1/);
    strange.close();
  });

  it("survives nonsense", async () => {
    const client = await open();
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0", "\0\0\0\x03J{]", "\0\0\0\x05Jnull"]) {
      const raw = connect(path());
      let closed = false;
      raw.on("close", () => {
        closed = true;
      });
      raw.on("error", () => {});
      raw.resume();
      raw.write(bytes);
      await until(() => closed);
    }
    expect(await client.counters()).toMatchObject({ IpInReceives: 5 });
  });
});

describe("one-shot requests", () => {
  it("sockets, in pieces when there are many", async () => {
    const client = await open();
    for (let i = 0; i < 3500; i++) stack.socket("udp").bind({ port: 1000 + i });
    const rows = await client.sockets();
    expect(rows.length).toBe(3500);
    expect(new Set(rows.map((row) => row.localPort)).size).toBe(3500);
  });

  it("sockets, with what TCP knows of them when that is asked for", async () => {
    const client = await open();
    stack.socket("tcp").bind({ port: 7 });
    expect((await client.sockets())[0]).not.toHaveProperty("details");
    expect((await client.sockets(true))[0]?.details?.info).toEqual({ snd_cwnd: 10 });
  });

  it("counters", async () => {
    const client = await open();
    expect(await client.counters()).toEqual(stack.counters());
  });

  it("sysctl", async () => {
    const client = await open();
    expect((await client.sysctl()).map((row) => row.name)).toEqual([
      "net.ipv4.ip_local_port_range",
      "net.ipv4.tcp_fin_timeout",
    ]);
    expect(await client.sysctl("tcp_fin_timeout", "30")).toMatchObject([
      { name: "net.ipv4.tcp_fin_timeout", value: "30" },
    ]);
    expect(stack.config.number("net.ipv4.tcp_fin_timeout")).toBe(30);
    expect(await client.sysctl("net/ipv4/ip_local_port_range")).toMatchObject([{ value: "32768\t60999" }]);
    await expect(client.sysctl("tcp_fin_timeout", "soon")).rejects.toThrow(/soon is not a whole number from 1 to 3600/);
    await expect(client.sysctl("nothing")).rejects.toThrow(/there is no setting named nothing/);
    expect(await client.sysctl("tcp_fin_timeout")).toMatchObject([{ value: "30" }]);
  });
});

/** What a client got so far. */
class Log {
  readonly replies: Reply[] = [];
  bytes = Buffer.alloc(0);
  closed = false;

  constructor(client: ControlClient) {
    client.onReply = (reply) => this.replies.push(reply);
    client.onData = (body) => {
      this.bytes = Buffer.concat([this.bytes, body]);
    };
    client.onClose = () => {
      this.closed = true;
    };
  }

  get ends(): Ends | undefined {
    return this.replies.find((reply) => reply.open !== undefined)?.open;
  }

  get error(): string {
    return this.replies.find((reply) => reply.error !== undefined)?.error?.message ?? "";
  }
}

describe("connections through the stack", () => {
  /** A listener of the stack, standing for a server somewhere else. */
  function serve(port: number): FakeSocket {
    const listener = stack.socket("tcp");
    listener.bind({ port });
    listener.listen();
    return listener;
  }

  it("carry bytes both ways, and both ends", async () => {
    const client = await open();
    const listener = serve(80);
    const log = new Log(client);
    client.send({ op: "connect", proto: "tcp", address: "10.0.0.9", port: 80, owner: "nc,pid=5" });
    await until(() => log.ends !== undefined);
    expect(stack.sockets().some((row) => row.owner === "nc,pid=5")).toBe(true);
    const far = listener.accept() as FakeSocket;
    const sent = Buffer.alloc(300_000, "abcdefg");
    client.sendData(sent);
    client.send({ end: true });
    const got: Buffer[] = [];
    await until(() => {
      got.push(readAll(far));
      return far.finReceived && far.received.length === 0;
    });
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    for (let at = 0; at < sent.length; await turn()) at += Math.max(0, far.write(sent, at));
    far.close();
    await until(() => log.closed);
    expect(log.bytes.equals(sent)).toBe(true);
    expect(log.replies.at(-1)).toEqual({ done: true });
    expect(stack.sockets().length).toBe(1);
  });

  it("say why they fail", async () => {
    const client = await open();
    const log = new Log(client);
    client.send({ op: "connect", proto: "tcp", address: "10.0.0.9", port: 81, owner: "nc" });
    await until(() => log.closed);
    expect(log.error).toBe("connect ECONNREFUSED 10.0.0.9:81: nothing listens there");
    expect(stack.sockets()).toEqual([]);
  });

  it("end when the client goes", async () => {
    const client = await open();
    const listener = serve(80);
    const log = new Log(client);
    client.send({ op: "connect", proto: "tcp", address: "10.0.0.9", port: 80, owner: "nc" });
    await until(() => log.ends !== undefined);
    client.close();
    const far = listener.accept() as FakeSocket;
    await until(() => far.finReceived);
    expect(stack.sockets().length).toBe(2);
  });

  it("do not read for a client that does not", async () => {
    const client = await open();
    const listener = serve(80);
    const log = new Log(client);
    client.send({ op: "connect", proto: "tcp", address: "10.0.0.9", port: 80, owner: "nc" });
    await until(() => log.ends !== undefined);
    client.pause();
    const far = listener.accept() as FakeSocket;
    stack.window = 65536;
    let sent = 0;
    let idle = 0;
    for (; idle < 100; await turn()) {
      const n = far.write(Buffer.alloc(65536, "x"));
      if (n > 0) sent += n;
      idle = n > 0 ? 0 : idle + 1;
    }
    // The kernel's socket buffers, and one high-water mark of ours.
    expect(sent).toBeLessThan(4 << 20);
    client.resume();
    await until(() => log.bytes.length === sent);
  });

  it("do not take more from a client than the peer reads", async () => {
    const client = await open();
    const listener = serve(80);
    const log = new Log(client);
    client.send({ op: "connect", proto: "tcp", address: "10.0.0.9", port: 80, owner: "nc" });
    await until(() => log.ends !== undefined);
    const far = listener.accept() as FakeSocket;
    let sent = 0;
    let full = false;
    client.onDrain = () => {
      full = false;
    };
    for (let idle = 0; idle < 100; await turn()) {
      if (full) idle++;
      else {
        full = !client.sendData(Buffer.alloc(65536, "y"));
        sent += 65536;
        idle = 0;
      }
    }
    expect(sent).toBeLessThan(4 << 20);
    let got = 0;
    stack.window = 1 << 20;
    await until(() => {
      got += readAll(far).length;
      return got === sent;
    });
  });

  it("are accepted, one for each listener", async () => {
    const client = await open();
    const log = new Log(client);
    client.send({ op: "listen", proto: "tcp", port: 4000, owner: "nc" });
    await until(() => log.replies.length > 0);
    expect(log.replies[0]?.listening).toMatchObject({ localPort: 4000 });
    const far = stack.connect(4000);
    await until(() => log.ends !== undefined);
    far.write(Buffer.from("hello"));
    await until(() => log.bytes.toString() === "hello");
    client.sendData(Buffer.from("you too"));
    await until(() => far.received.length === 7);
    expect(stack.listener("tcp", 4000)).toBeNull();
  });

  it("UDP: datagrams stay datagrams, the empty one too", async () => {
    const client = await open();
    const far = stack.socket("udp");
    far.bind({ port: 53 });
    const log = new Log(client);
    client.send({ op: "connect", proto: "udp", address: "10.0.0.9", port: 53, owner: "nc" });
    await until(() => log.ends !== undefined);
    for (const text of ["one", "", "three"]) client.sendData(Buffer.from(text));
    await until(() => far.datagrams.length === 3);
    expect(far.datagrams.map(({ body }) => Buffer.from(body).toString())).toEqual(["one", "", "three"]);
    far.sendTo(Buffer.from("back"), { port: far.datagrams[0]!.port });
    await until(() => log.bytes.toString() === "back");
  });

  it("UDP: the first datagram is the peer", async () => {
    const client = await open();
    const log = new Log(client);
    client.send({ op: "listen", proto: "udp", port: 5000, owner: "nc" });
    await until(() => log.replies.length > 0);
    const far = stack.socket("udp");
    far.bind({ port: 6000 });
    far.sendTo(Buffer.from("hello"), { port: 5000 });
    await until(() => log.bytes.toString() === "hello");
    expect(log.ends?.remotePort).toBe(6000);
    client.sendData(Buffer.from("you too"));
    await until(() => far.datagrams.length === 1);
  });

  it("a taken port is a sentence", async () => {
    const client = await open();
    serve(80);
    const log = new Log(client);
    client.send({ op: "listen", proto: "tcp", port: 80, owner: "nc" });
    await until(() => log.closed);
    expect(log.error).toMatch(/EADDRINUSE/);
  });
});

describe("a client that does not read", () => {
  it("is cut off before it costs much", async () => {
    await open();
    const far = stack.socket("udp");
    far.bind({ port: 53 });
    const raw = connect(path());
    raw.pause();
    let closed = false;
    raw.on("close", () => {
      closed = true;
    });
    raw.on("error", () => {});
    for (let i = 0; i < 3000; i++) stack.socket("udp").bind({ port: 2000 + i });
    const request = encodeJson({ op: "counters" });
    for (let i = 0; i < 200_000 && !raw.destroyed; i++) {
      raw.write(request);
      if (i % 1000 === 0) await turn();
    }
    raw.resume();
    await until(() => closed);
  });
});
