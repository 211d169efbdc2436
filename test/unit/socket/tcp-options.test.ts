import { describe, expect, it } from "vitest";
import type { OptionName, Socket } from "../../../src/socket/types.js";
import { createStack, type Stack } from "../../../src/stack.js";
import { codeOf, Pair } from "./harness.js";

/** What a value becomes, or the errno with which it is refused. */
type Row = readonly [name: OptionName, before: number, ...pairs: (readonly [set: number, after: number | string])[]];

const KEEP = [
  [1, 1],
  [32767, 32767],
  [0, "EINVAL"],
  [-1, "EINVAL"],
  [32768, "EINVAL"],
] as const;
const COUNT = [
  [1, 1],
  [127, 127],
  [0, "EINVAL"],
  [128, "EINVAL"],
] as const;
const FLAG = [
  [1, 1],
  [0, 0],
  [2, 1],
  [-1, 1],
] as const;
const BIT = [
  [1, 1],
  [0, 0],
  [2, "EINVAL"],
  [-1, "EINVAL"],
] as const;

/** As Linux 6.18 answered for a socket that was neither connected nor listening; each pair on a socket of its own. */
const CLOSED: readonly Row[] = [
  ["TCP_NODELAY", 0, ...FLAG],
  ["TCP_CORK", 0, ...FLAG],
  ["TCP_QUICKACK", 1, ...FLAG],
  ["SO_KEEPALIVE", 0, ...FLAG],
  ["SO_OOBINLINE", 0, ...FLAG],
  ["TCP_THIN_LINEAR_TIMEOUTS", 0, ...BIT],
  ["TCP_FASTOPEN_CONNECT", 0, ...BIT],
  ["TCP_FASTOPEN_NO_COOKIE", 0, ...BIT],
  ["TCP_KEEPIDLE", 7200, ...KEEP],
  ["TCP_KEEPINTVL", 75, ...KEEP],
  ["TCP_KEEPCNT", 9, ...COUNT],
  ["TCP_SYNCNT", 6, ...COUNT],
  ["TCP_USER_TIMEOUT", 0, [5000, 5000], [2147483647, 2147483647], [0, 0], [-1, "EINVAL"]],
  ["TCP_LINGER2", 60, [1, 1], [120, 120], [121, 120], [2147483647, 120], [0, 60], [-1, -1], [-2, -1]],
  ["TCP_MAXSEG", 536, [0, 536], [87, "EINVAL"], [88, 88], [1000, 1000], [32767, 32767], [32768, "EINVAL"]],
  ["TCP_WINDOW_CLAMP", 0, [1, 1152], [-1, 1152], [2000, 2000], [0, 0], [2147483647, 2147483647]],
  ["TCP_NOTSENT_LOWAT", 0, [1, 1], [100000, 100000], [4294967295, 4294967295], [-1, 4294967295]],
  [
    "TCP_DEFER_ACCEPT",
    0,
    [0, 0],
    [-1, 0],
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 7],
    [10, 15],
    [64, 127],
    [128, 247],
    [1000, 1087],
    [2147483647, 29887],
  ],
  ["TCP_FASTOPEN", 0, [1, 1], [4096, 4096], [32767, 4096], [0, 0], [-1, "EINVAL"]],
  ["IP_TTL", 64, [1, 1], [255, 255], [-1, 64], [0, "EINVAL"], [256, "EINVAL"], [-2, "EINVAL"]],
  ["IP_TOS", 0, [1, 0], [5, 4], [255, 252], [1000, 232], [-1, 252]],
  ["IP_MTU_DISCOVER", 1, [0, 0], [1, 1], [2, 2], [3, 3], [-1, "EINVAL"], [10, "EINVAL"]],
  ["SO_SNDBUF", 16384, [1, 4608], [2304, 4608], [32767, 65534], [4194304, 8388608], [10000000, 8388608], [-1, 8388608]],
  ["SO_RCVLOWAT", 1, [0, 1], [2, 2], [100000, 100000], [3145728, 3145728], [3145729, 3145728], [-1, 3145728]],
  ["SO_RCVBUF", 131072, [0, 2304], [1000, 2304], [2000, 4000], [121000, 242000], [4194305, 8388608], [-1, 8388608]],
];

const listening = (stack: Stack): Socket => {
  const socket = stack.socket("tcp");
  socket.listen(5);
  return socket;
};
const closed = (stack: Stack): Socket => stack.socket("tcp");

async function ask(make: (stack: Stack) => Socket, name: OptionName, value: number): Promise<number | string> {
  const stack = createStack({ memory: 8 << 20 });
  try {
    const socket = make(stack);
    const code = codeOf(() => socket.setOption(name, value));
    return code === "ok" ? socket.getOption(name) : code;
  } finally {
    await stack.close();
  }
}

describe("options take what Linux takes", () => {
  it.each(CLOSED.map(([name, before, ...pairs]) => ({ name, before, pairs })))("$name", async (row) => {
    const { name, before, pairs } = row;
    const stack = createStack({ memory: 8 << 20 });
    expect(closed(stack).getOption(name)).toBe(before);
    await stack.close();
    for (const [set, after] of pairs) expect(await ask(closed, name, set), `${name} ${set}`).toBe(after);
  });

  it.each([
    ["TCP_WINDOW_CLAMP", 0, "EINVAL"],
    ["TCP_WINDOW_CLAMP", 3000, 3000],
    ["TCP_FASTOPEN", 16, 16],
    ["TCP_FASTOPEN_CONNECT", 1, "EINVAL"],
    ["TCP_FASTOPEN_NO_COOKIE", 1, 1],
    ["TCP_MAXSEG", 1000, 1000],
    ["TCP_DEFER_ACCEPT", 5, 7],
  ] as const)("a listener: %s %s gives %s", async (name, set, after) => {
    expect(await ask(listening, name, set)).toBe(after);
  });

  it("SO_SNDBUF and SO_RCVBUF are bounded by net.core.wmem_max and rmem_max", async () => {
    const stack = createStack({ memory: 8 << 20, config: { "net.core.wmem_max": 10000, "net.core.rmem_max": 5000 } });
    const socket = closed(stack);
    socket.setOption("SO_SNDBUF", 100000);
    socket.setOption("SO_RCVBUF", 100000);
    expect([socket.getOption("SO_SNDBUF"), socket.getOption("SO_RCVBUF")]).toEqual([20000, 10000]);
    stack.sysctl("net.core.wmem_max", 20000);
    socket.setOption("SO_SNDBUF", 100000);
    expect(socket.getOption("SO_SNDBUF")).toBe(40000);
    await stack.close();
  });

  it("TCP_FASTOPEN_CONNECT needs fast open to be allowed to clients", async () => {
    const stack = createStack({ memory: 8 << 20, config: { "net.ipv4.tcp_fastopen": 2 } });
    expect(() => closed(stack).setOption("TCP_FASTOPEN_CONNECT", 1)).toThrow(/EOPNOTSUPP.*tcp_fastopen/);
    await stack.close();
  });

  it("TCP_CONGESTION takes names; a wrong one is told what there is", async () => {
    const stack = createStack({ memory: 8 << 20 });
    const socket = closed(stack);
    socket.setOption("TCP_CONGESTION", "reno");
    expect(socket.getOption("TCP_CONGESTION")).toBe("reno");
    expect(() => socket.setOption("TCP_CONGESTION", "magic")).toThrow(/ENOENT.*named magic.*reno/);
    expect(codeOf(() => socket.setOption("TCP_CONGESTION", ""))).toBe("EINVAL");
    await stack.close();
  });

  it("some can only be read, some only when connected, some are of another kind of socket", async () => {
    const stack = createStack({ memory: 8 << 20 });
    const socket = closed(stack);
    expect(codeOf(() => socket.setOption("TCP_TIMESTAMP", 1))).toBe("EPERM");
    expect(socket.getOption("TCP_TIMESTAMP")).toBeTypeOf("number");
    expect(codeOf(() => socket.getOption("IP_MTU"))).toBe("ENOTCONN");
    expect(codeOf(() => socket.setOption("IP_MTU", 1500))).toBe("ENOPROTOOPT");
    expect(codeOf(() => socket.setOption("UDP_NO_CHECK", 1))).toBe("ENOPROTOOPT");
    expect(codeOf(() => socket.setOption("TCP_NODELAY", 1.5))).toBe("EINVAL");
    expect(codeOf(() => socket.setOption("TCP_NODELAY", "on"))).toBe("EINVAL");
    expect(() => socket.setOption("TCP_MAXSEG", 20)).toThrow(/TCP_MAXSEG is 88 to 32767, or 0/);
    await stack.close();
  });
});

describe("on a connection", () => {
  async function connected(): Promise<{ pair: Pair; client: Socket }> {
    const pair = await Pair.make();
    const listener = pair.b.socket("tcp");
    listener.bind(80);
    listener.listen();
    const client = pair.a.socket("tcp");
    client.connect(80, "10.77.0.2");
    pair.run();
    return { pair, client };
  }

  it.each([
    ["TCP_WINDOW_CLAMP", 0],
    ["TCP_FASTOPEN", 1],
    ["TCP_FASTOPEN_CONNECT", 1],
    ["TCP_FASTOPEN_NO_COOKIE", 1],
  ] as const)("it is too late for %s %s", async (name, value) => {
    const { client } = await connected();
    expect(() => client.setOption(name, value)).toThrow(new RegExp(`EINVAL.*${name} cannot be set now`));
  });

  it("TCP_MAXSEG tells the MSS in use, and changes nothing", async () => {
    const { client } = await connected();
    const before = client.getOption("TCP_MAXSEG");
    client.setOption("TCP_MAXSEG", 500);
    expect(client.getOption("TCP_MAXSEG")).toBe(before);
    expect(client.info().snd_mss).toBe(before);
  });

  it("TCP_WINDOW_CLAMP holds at once", async () => {
    const { client } = await connected();
    client.setOption("TCP_WINDOW_CLAMP", 5000);
    expect(client.getOption("TCP_WINDOW_CLAMP")).toBe(5000);
    expect(client.info().rcv_ssthresh).toBeLessThanOrEqual(5000);
  });

  it("TCP_CONGESTION changes the algorithm", async () => {
    const { client } = await connected();
    for (const name of ["bbr", "reno", "cubic"]) {
      client.setOption("TCP_CONGESTION", name);
      expect(client.getOption("TCP_CONGESTION")).toBe(name);
    }
  });

  it("IP_MTU tells the path's", async () => {
    const { client } = await connected();
    expect(client.getOption("IP_MTU")).toBe(1500);
  });
});
