// Ports, on a real TAP with the kernel as the peer: `port-cases.ts CASE`. Prints one JSON object: what happened.

import { createSocket } from "node:dgram";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { createStack, errno, openTap, type Socket, SocketEndpoint, type Stack } from "../../../src/index.js";

const HOST = "10.77.0.1";
const OURS = "10.77.0.2";
/** Bits of poll(). */
const READABLE = 0x001;
const WRITABLE = 0x004;
const ERROR = 0x008;

interface Failure {
  readonly code: string;
  readonly message: string;
}

function failure(error: unknown): Failure {
  const { code, message } = error as Error & { code: string };
  return { code, message };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a call throws, or null. */
function refused(call: () => void): Failure | null {
  try {
    call();
    return null;
  } catch (error) {
    return failure(error);
  }
}

/** A listener of the kernel's, which closes after its peer does. */
async function kernelServer(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen({ port, host: HOST, backlog: 1024 }, resolve));
  return server;
}

/** Waits until the socket says one of these. */
function ready(socket: Socket, wanted: number): Promise<number> {
  return new Promise((resolve) => {
    const look = (_: Socket, mask: number): void => {
      if ((mask & wanted) === 0) return;
      socket.onReady = null;
      resolve(mask);
    };
    socket.onReady = look;
    look(socket, socket.poll());
  });
}

/** Opens a connection; rejects with what connect() throws, or an Error with the code that SO_ERROR gives. */
async function open(stack: Stack, port: number): Promise<Socket> {
  const socket = stack.socket("tcp");
  try {
    socket.connect({ address: HOST, port });
    const mask = await ready(socket, WRITABLE | ERROR);
    if ((mask & ERROR) !== 0) throw Object.assign(new Error("connect"), { code: socket.getOption("SO_ERROR") });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Closes first, and waits for the peer to close too: what is left is in TIME-WAIT. */
async function finish(socket: Socket): Promise<void> {
  socket.shutdown("write");
  await ready(socket, READABLE | ERROR);
  socket.close();
}

async function attached(config: Record<string, string> = {}): Promise<Stack> {
  const stack = createStack({ config });
  await stack.attach(await openTap({ name: "tap0", address: `${HOST}/24` }), { address: `${OURS}/24` });
  return stack;
}

/**
 * One connection after another, each closed by us first, until there is no port left. Where we are kept waiting, the
 * kernel sends its FIN again; the second ACK of it finds nobody there, and the RST would end our TIME-WAIT (RFC 1337).
 */
async function exhaust(): Promise<object> {
  const stack = await attached({ "net.ipv4.tcp_rfc1337": "1" });
  const servers = [await kernelServer(7000), await kernelServer(7001)];
  const ports = new Set<number>();
  let opened = 0;
  let last: Failure | null = null;
  while (last === null && opened < 40_000) {
    try {
      const socket = await open(stack, 7000);
      ports.add(socket.localPort);
      opened++;
      await finish(socket);
    } catch (error) {
      last = failure(error);
    }
  }
  const elsewhere = await open(stack, 7001).then(() => "connected", failure);
  const waiting = stack
    .sockets()
    .filter(({ remotePort, state }) => remotePort === 7000 && state === "TIME-WAIT").length;
  for (const server of servers) server.close();
  return {
    opened,
    different: ports.size,
    least: Math.min(...ports),
    most: Math.max(...ports),
    last,
    elsewhere,
    waiting,
  };
}

/** Ten ports: eleven connections at once to one destination. */
async function smallRange(): Promise<object> {
  const stack = await attached({ "net.ipv4.ip_local_port_range": "40000 40009" });
  await kernelServer(7000);
  await kernelServer(7001);
  const sockets: Socket[] = [];
  for (let i = 0; i < 10; i++) sockets.push(await open(stack, 7000));
  const eleventh = await open(stack, 7000).then(() => null, failure);
  const elsewhere = await open(stack, 7001);
  const ports = sockets.map(({ localPort }) => localPort).sort();
  // A reset leaves no TIME-WAIT: its port can be had at once.
  const freed = sockets[3]?.localPort;
  sockets[3]?.reset();
  const again = await open(stack, 7000);
  return { ports, eleventh, elsewhere: elsewhere.localPort, freed, again: again.localPort };
}

/** TCP 53 and UDP 53 are different ports, each of which one socket has. */
async function sideBySide(): Promise<object> {
  const stack = await attached();
  const tcp = stack.socket("tcp");
  tcp.bind(53);
  tcp.listen();
  const udp = stack.socket("udp");
  udp.bind(53);
  const buffer = new Uint8Array(100);
  const second = { tcp: refused(() => stack.socket("tcp").bind(53)), udp: refused(() => stack.socket("udp").bind(53)) };
  const client = createSocket("udp4");
  client.send("by UDP", 53, OURS);
  await ready(udp, READABLE);
  const datagram = Buffer.from(buffer.subarray(0, udp.receiveFrom(buffer, new SocketEndpoint()))).toString();
  client.close();
  const stream = connect({ port: 53, host: OURS }).end("by TCP");
  await ready(tcp, READABLE);
  const accepted = tcp.accept() as Socket;
  await ready(accepted, READABLE);
  const bytes = Buffer.from(buffer.subarray(0, accepted.read(buffer))).toString();
  stream.destroy();
  return { second, datagram, bytes };
}

const MEMBERS = 4;
const CLIENTS = 100;

/** A group of listeners and one of UDP sockets; each answers with its number. */
function group(stack: Stack): { udpSeen: Map<number, Set<number>> } {
  const udpSeen = new Map<number, Set<number>>();
  const buffer = new Uint8Array(100);
  for (let member = 0; member < MEMBERS; member++) {
    const listener = stack.socket("tcp");
    listener.setOption("SO_REUSEPORT", 1);
    listener.bind(5353);
    listener.listen();
    listener.onReady = () => {
      for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
        socket.write(Uint8Array.of(48 + member));
        socket.onReady = (one) => {
          if (one.read(buffer) !== -errno.EAGAIN) one.close();
        };
      }
    };
    const udp = stack.socket("udp");
    udp.setOption("SO_REUSEPORT", 1);
    udp.bind(5353);
    udp.onReady = () => {
      const from = new SocketEndpoint();
      while (udp.receiveFrom(buffer, from) >= 0) {
        const seen = udpSeen.get(from.port) ?? new Set();
        udpSeen.set(from.port, seen.add(member));
      }
    };
  }
  return { udpSeen };
}

/** Connects from that port (0: any), hears who answers, and resets, so that the port can be used again. */
function ask(localPort: number): Promise<{ port: number; member: number }> {
  return new Promise((resolve, reject) => {
    const client = connect({ port: 5353, host: OURS, localAddress: HOST, localPort });
    client.once("error", reject);
    client.once("data", (data) => {
      const { port } = client.address() as AddressInfo;
      client.once("close", () => resolve({ port, member: (data[0] as number) - 48 }));
      client.resetAndDestroy();
    });
  });
}

async function reusePort(): Promise<object> {
  const stack = await attached();
  const { udpSeen } = group(stack);
  const stranger = refused(() => stack.socket("tcp").bind(5353));
  const counts: number[] = Array(MEMBERS).fill(0);
  let moved = 0;
  for (let i = 0; i < CLIENTS; i++) {
    const { port, member } = await ask(0);
    counts[member] = (counts[member] as number) + 1;
    if ((await ask(port)).member !== member) moved++;
  }
  // Open at the same time, so that each has a port of its own.
  const clients = Array.from({ length: CLIENTS }, () => createSocket("udp4"));
  for (let n = 0; n < 5; n++)
    for (const client of clients) await new Promise((resolve) => client.send(`${n}`, 5353, OURS, resolve));
  for (let i = 0; i < 100 && udpSeen.size < CLIENTS; i++) await pause(50);
  for (const client of clients) client.close();
  const udpMembers = [...udpSeen.values()];
  return {
    counts,
    moved,
    stranger,
    udpClients: udpSeen.size,
    udpMoved: udpMembers.filter((members) => members.size !== 1).length,
    udpCounts: counts.map((_, member) => udpMembers.filter((members) => members.has(member)).length),
  };
}

async function privileged(): Promise<object> {
  const stack = await attached({ "net.ipv4.ip_unprivileged_port_start": "81" });
  const bind = (type: "tcp" | "udp", port: number): Failure | null => refused(() => stack.socket(type).bind(port));
  const raised = { tcp80: bind("tcp", 80), udp80: bind("udp", 80), tcp81: bind("tcp", 81) };
  stack.sysctl("net.ipv4.ip_unprivileged_port_start", 0);
  return { ...raised, lowered: bind("tcp", 80) };
}

const CASES: Readonly<Record<string, () => Promise<object>>> = {
  exhaust,
  smallRange,
  sideBySide,
  reusePort,
  privileged,
};

async function main(): Promise<void> {
  const result = await (CASES[process.argv[2] as string] as () => Promise<object>)();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
}

main();
