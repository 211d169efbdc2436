import { describe, expect, it } from "vitest";
import { fillPattern, PERIOD } from "../../../src/services/chargen.js";
import { daytimeLine } from "../../../src/services/daytime.js";
import { parseServices, type Running, SERVICES } from "../../../src/services/index.js";
import { exchange, FakeStack, readAll } from "./fake-stack.js";

function start(name: string, port = SERVICES.get(name)!.port): { stack: FakeStack; running: Running } {
  const stack = new FakeStack();
  const running = SERVICES.get(name)!.start({ stack, address: "10.77.0.2", facts: [["MTU", "1500"]] }, port);
  return { stack, running };
}

const numbers = (n: number): Buffer => Buffer.from(Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255));

describe("echo", () => {
  it.each([
    [1000, 1 << 20],
    [1000, 7],
    [3, 2],
    [65536, 1 << 20],
  ])("sends back all of it with a window of %i bytes, at most %i a call", (window, mostAtOnce) => {
    const { stack } = start("echo");
    Object.assign(stack, { window, mostAtOnce });
    const client = stack.connect(7);
    const sent = numbers(20_000);
    const got: Buffer[] = [];
    for (let at = 0; at < sent.length; ) {
      const n = client.write(sent, at);
      if (n > 0) at += n;
      else {
        stack.settle();
        got.push(readAll(client));
      }
    }
    client.shutdown("write");
    for (let i = 0; i < 20_000 && !client.finReceived; i++) {
      stack.settle();
      got.push(readAll(client));
    }
    got.push(readAll(client));
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect(client.finReceived).toBe(true);
    expect(client.error).toBe(0);
  });

  it("does not read what it cannot write, and loses none of it", () => {
    const { stack } = start("echo");
    stack.window = 100;
    const client = stack.connect(7);
    let sent = 0;
    for (let i = 0; i < 10; i++) {
      sent += Math.max(0, client.write(numbers(1000), sent));
      stack.settle();
    }
    expect(sent).toBe(200);
    client.shutdown("write");
    const got: Buffer[] = [];
    for (let i = 0; i < 10; i++) {
      stack.settle();
      got.push(readAll(client));
    }
    expect(Buffer.concat(got)).toEqual(numbers(1000).subarray(0, 200));
  });

  it("goes on where a write was cut short", () => {
    const { stack } = start("echo");
    stack.window = 100;
    const client = stack.connect(7);
    const sent = numbers(1000);
    const got: Buffer[] = [];
    const few = new Uint8Array(30);
    for (let at = 0, i = 0; i < 200; i++) {
      if (at < sent.length) at += Math.max(0, client.write(sent, at));
      stack.settle();
      const n = client.read(few);
      if (n > 0) got.push(Buffer.from(few.slice(0, n)));
    }
    expect(Buffer.concat(got)).toEqual(sent);
  });

  it("lets go of a connection that is reset", () => {
    const { stack } = start("echo");
    const client = stack.connect(7);
    client.write(numbers(10));
    stack.settle();
    client.reset();
    stack.settle();
    expect(stack.sockets().map((row) => row.state)).toEqual(["LISTEN", "UNCONN"]);
  });

  it("answers datagrams, but not those of services that answer anything", () => {
    const { stack } = start("echo");
    expect(exchange(stack, 7, Buffer.from("hello"))?.toString()).toBe("hello");
    expect(exchange(stack, 7, Buffer.alloc(0))?.length).toBe(0);
    expect(exchange(stack, 7, Buffer.from("loop"), 19)).toBeNull();
  });
});

describe("discard", () => {
  it("reads everything, says nothing, and closes after the peer", () => {
    const { stack } = start("discard");
    const client = stack.connect(9);
    for (let i = 0; i < 100; i++) {
      expect(client.write(numbers(1000))).toBe(1000);
      stack.settle();
    }
    client.shutdown("write");
    stack.settle();
    expect(client.received.length).toBe(0);
    expect(client.finReceived).toBe(true);
    expect(client.wasReset).toBe(false);
    expect(exchange(stack, 9, Buffer.from("x"))).toBeNull();
  });
});

describe("daytime", () => {
  it("has RFC 867's own example (which was a Monday)", () => {
    expect(daytimeLine(Date.UTC(1982, 1, 22, 17, 37, 43))).toBe("Monday, February 22, 1982 17:37:43-UTC\r\n");
  });

  it("says it over TCP and closes, even when the peer talks", () => {
    const { stack } = start("daytime");
    const client = stack.connect(13);
    client.write(Buffer.from("what time is it?"));
    stack.settle();
    expect(readAll(client).toString()).toBe("Monday, February 22, 1982 17:37:43-UTC\r\n");
    client.write(Buffer.from("and now?"));
    stack.settle();
    expect(client.wasReset).toBe(false);
    client.close();
    stack.settle();
    expect(stack.sockets().map((row) => row.state)).toEqual(["LISTEN", "UNCONN"]);
  });

  it("does not wait forever for a peer that never closes", () => {
    const { stack } = start("daytime");
    stack.connect(13);
    stack.settle();
    expect(stack.sockets().length).toBe(4);
    stack.clock.advance(11_000_000);
    expect(stack.sockets().length).toBe(3);
  });

  it("says it over UDP", () => {
    const { stack } = start("daytime");
    expect(exchange(stack, 13, Buffer.from("x"))?.toString()).toContain("1982");
  });
});

describe("chargen", () => {
  it("has RFC 864's first lines", () => {
    const text = new Uint8Array(PERIOD);
    fillPattern(text);
    const lines = Buffer.from(text).toString().split("\r\n");
    expect(lines[0]).toBe(" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg");
    expect(lines[1]).toBe("!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh");
    expect(lines[94]?.startsWith("~ !")).toBe(true);
    expect(lines.slice(0, 95).every((line) => line.length === 72)).toBe(true);
  });

  it.each([997, 100_000, 300_000])("goes on without a seam as fast as it is read, window %i", (window) => {
    const { stack } = start("chargen");
    stack.window = window;
    const client = stack.connect(19);
    const parts: Buffer[] = [];
    let size = 0;
    while (size < 600_000) {
      stack.settle();
      const part = readAll(client);
      expect(part.length).toBeGreaterThan(0);
      expect(part.length).toBeLessThanOrEqual(window);
      parts.push(part);
      size += part.length;
    }
    const expected = new Uint8Array(size);
    fillPattern(expected);
    expect(Buffer.concat(parts).equals(expected)).toBe(true);
  });

  it("goes on for a peer that only shut down sending, and ends with a reset", () => {
    const { stack } = start("chargen");
    const client = stack.connect(19);
    client.shutdown("write");
    stack.settle();
    expect(readAll(client).length).toBe(1000);
    stack.settle();
    expect(readAll(client).length).toBe(1000);
    client.reset();
    stack.settle();
    expect(stack.sockets().map((row) => row.state)).toEqual(["LISTEN"]);
  });
});

describe("http-raw", () => {
  const RESPONSE = /^HTTP\/1\.1 200 OK\r\nServer: tapstack-http-raw[^\r]*\r\n(?:[^\r]+\r\n)*\r\nhello world\n/;

  it("answers pipelined requests cut anywhere, as fast as they are read", () => {
    const { stack } = start("http-raw");
    Object.assign(stack, { window: 100, mostAtOnce: 13 });
    const client = stack.connect(80);
    const requests = Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200));
    const got: Buffer[] = [];
    for (let at = 0; at < requests.length; ) {
      const n = client.write(requests, at);
      if (n > 0) at += n;
      stack.settle();
      got.push(readAll(client));
    }
    client.shutdown("write");
    for (let i = 0; i < 100_000 && !client.finReceived; i++) {
      stack.settle();
      got.push(readAll(client));
    }
    const text = Buffer.concat(got).toString();
    expect(text).toMatch(RESPONSE);
    const one = RESPONSE.exec(text)![0];
    expect(text).toBe(one.repeat(200));
    expect(one).toContain("Content-Length: 12\r\n");
  });
});

describe("http-raw at the end of the requests", () => {
  it("still gives every answer it owes", () => {
    const { stack } = start("http-raw");
    stack.window = 150;
    const client = stack.connect(80);
    client.write(Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(5)));
    client.shutdown("write");
    const got: Buffer[] = [];
    for (let i = 0; i < 20; i++) {
      stack.settle();
      got.push(readAll(client));
    }
    expect(
      Buffer.concat(got)
        .toString()
        .match(/hello world/g)?.length,
    ).toBe(5);
    expect(client.finReceived).toBe(true);
  });
});

describe("stopping a service", () => {
  it("closes the listener and its connections with FIN, not RST", () => {
    for (const name of ["echo", "discard", "chargen"]) {
      const { stack, running } = start(name);
      const client = stack.connect(SERVICES.get(name)!.port);
      client.write(Buffer.from("last words"));
      stack.settle();
      readAll(client);
      running.stop();
      stack.settle();
      readAll(client);
      expect(client.finReceived, name).toBe(true);
      expect(client.error, name).toBe(0);
      client.close();
      expect(stack.sockets(), name).toEqual([]);
    }
  });

  it("leaves nothing open when the second half cannot start", () => {
    const stack = new FakeStack();
    const squatter = stack.socket("udp");
    squatter.bind({ port: 7 });
    expect(() => SERVICES.get("echo")!.start({ stack, address: "10.77.0.2", facts: [] }, 7)).toThrow(/EADDRINUSE/);
    expect(stack.sockets().length).toBe(1);
  });
});

describe("parseServices", () => {
  it.each([
    ["echo", "echo:7"],
    ["echo, http=8080", "echo:7 http:8080"],
    ["http,http-raw=81", "http:80 http-raw:81"],
    ["none", ""],
  ])("%s", (list, expected) => {
    expect(
      parseServices(list)
        .map(({ service, port }) => `${service.name}:${port}`)
        .join(" "),
    ).toBe(expected);
  });

  it.each([
    ["", /there is no service ""/],
    ["ecko", /there is no service "ecko"; choose from echo/],
    ["echo=0", /"0" is not a port/],
    ["echo=70000", /"70000" is not a port/],
    ["echo=7=8", /there is no service/],
    ["http,http-raw", /http and http-raw both want tcp port 80/],
    ["echo,echo", /echo and echo both want tcp port 7/],
  ])("refuses %j", (list, sentence) => {
    expect(() => parseServices(list)).toThrow(sentence);
  });
});
