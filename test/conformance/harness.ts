import { it } from "vitest";
import { errnoName } from "../../src/base/errors.js";
import type { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { OptionName, Socket } from "../../src/socket/types.js";
import type { Stack } from "../../src/stack.js";
import { parseAddr } from "../../src/wire/address.js";
import { OURS, PEER, PEER_ADDRESS } from "./harness-compare.js";
import type { ScriptLink } from "./harness-link.js";
import { Player, pattern, patternAt, type TestOptions } from "./harness-player.js";
import type { Table } from "./harness-subject.js";
import { VirtualSubject } from "./harness-virtual.js";
import { encode, icmpPacket } from "./harness-wire.js";

export { PEER_ADDRESS } from "./harness-compare.js";
export { pattern, patternAt, type TestOptions } from "./harness-player.js";

type Options = Partial<Record<OptionName, number | string>>;

/**
 * A scripted peer. Scripts are tables in packetdrill's notation (docs/conformance.md); between them the test calls
 * public sockets. The subject is our stack in virtual time, where times are exact to the microsecond, or the kernel.
 */
export class Script extends Player {
  /** The socket that calls without one mean: the last connected or accepted. */
  socket!: Socket;
  listener!: Socket;
  private readonly counts = new Map<Socket, { written: number; read: number }>();

  static async create(options: TestOptions = {}): Promise<Script> {
    return new Script(await VirtualSubject.create(options), options);
  }

  get clock(): VirtualClock {
    return this.subject.clock;
  }

  get stack(): Stack {
    return this.subject.stack;
  }

  get link(): ScriptLink {
    return this.subject.link;
  }

  // ---------------------------------------------------------------- the application's calls

  listen(port = 80, backlog?: number, options: Options = {}): Socket {
    const socket = this.subject.socket();
    for (const [name, value] of Object.entries(options)) socket.setOption(name as OptionName, value as number | string);
    socket.bind(port);
    socket.listen(backlog);
    this.listener = socket;
    this.flow = this.flowOf(port, this.flow.peerPort);
    this.done();
    return socket;
  }

  accept(): Socket {
    const socket = this.listener.accept();
    if (socket === null) throw this.failure("accept() gave null");
    this.socket = socket;
    return socket;
  }

  /** Begins an active open; the SYN is for the script to expect. */
  connect(port = 80, options: Options = {}): Socket {
    const socket = this.subject.socket();
    for (const [name, value] of Object.entries(options)) socket.setOption(name as OptionName, value as number | string);
    socket.connect(port, PEER_ADDRESS);
    this.socket = socket;
    this.flow = this.flowOf(socket.localPort, port);
    this.done();
    return socket;
  }

  /** A passive open, done: the stack listens, accepts, and is ESTABLISHED. `syn` completes the peer's SYN. */
  passive(syn = "win 65535 <mss 1460>", listen: Options = {}): this {
    this.listen(80, undefined, listen);
    this.handshake(syn);
    this.accept();
    return this;
  }

  /** The three-way handshake to a listener. With a round trip of 0.1 s the RTO is 0.3 s. */
  handshake(syn = "win 65535 <mss 1460>", rtt = 0.1): void {
    this.play(`< S 0:0(0) ${syn}
               > S. 0:0(0) ack 1
               +${rtt.toFixed(6)} < . 1:1(0) ack 1`);
  }

  /** An active open, done, with a round trip of `rtt` seconds. */
  active(synAck = "win 65535 <mss 1460>", options: Options = {}, rtt = 0.1): this {
    this.connect(80, options);
    this.play(`> S 0:0(0)
      +${rtt.toFixed(6)} < S. 0:0(0) ack 1 ${synAck}
      > . 1:1(0) ack 1`);
    return this;
  }

  /** Writes `n` bytes of the pattern; all must be taken. */
  write(n: number, socket = this.socket): void {
    const took = this.tryWrite(n, socket);
    if (took !== n) throw this.failure(`write(${n}) gave ${took}`);
  }

  /** Writes up to `n` bytes of the pattern. @returns what write() gave */
  tryWrite(n: number, socket = this.socket): number {
    const count = this.countOf(socket);
    const took = socket.write(pattern(count.written, n));
    if (took > 0) count.written += took;
    this.note(`write(${n}) = ${took}`);
    this.done();
    return took;
  }

  /** Reads exactly `n` bytes and sees that they are the next of the pattern. */
  read(n: number, socket = this.socket): void {
    const got = this.tryRead(n, socket);
    if (got !== n) throw this.failure(`read(${n}) gave ${got}`);
  }

  /** Reads up to `n` bytes. @returns what read() gave */
  tryRead(n: number, socket = this.socket): number {
    const count = this.countOf(socket);
    const target = new Uint8Array(n);
    const got = socket.read(target);
    for (let i = 0; i < got; i++)
      if (target[i] !== patternAt(count.read + i)) throw this.failure(`byte ${count.read + i} read is wrong`);
    if (got > 0) count.read += got;
    this.note(`read(${n}) = ${got}`);
    this.done();
    return got;
  }

  shutdown(how: "read" | "write" | "both" = "write", socket = this.socket): void {
    socket.shutdown(how);
    this.note(`shutdown(${how})`);
    this.done();
  }

  close(socket = this.socket): void {
    socket.close();
    this.note("close()");
    this.done();
  }

  set(name: OptionName, value: number | string, socket = this.socket): void {
    socket.setOption(name, value);
    this.note(`setOption(${name}, ${value})`);
    this.done();
  }

  // ---------------------------------------------------------------- what is to be seen

  state(name: string, socket = this.socket): void {
    if (socket.state !== name) throw this.failure(`state is ${socket.state}, not ${name}`);
  }

  /** SO_ERROR by name; "" for none. It is cleared. */
  error(socket = this.socket): string {
    const errno = socket.getOption("SO_ERROR") as number;
    return errno === 0 ? "" : errnoName(errno);
  }

  /** A field of TCP_INFO, without `tcpi_`. */
  info(name: string, socket = this.socket): number {
    return socket.info()[name] as number;
  }

  /**
   * A field of TCP_INFO that measures time: exactly `value` in virtual time, close to it in real time.
   * @param off by how much it may be off there; by default 15 ms (as microseconds) and an eighth
   */
  about(name: string, value: number, off = 15_000 + value / 8, socket = this.socket): void {
    const seen = this.info(name, socket);
    const allowed = this.subject.exact ? 0 : off;
    if (Math.abs(seen - value) > allowed) throw this.failure(`${name} is ${seen}, not ${value}`);
  }

  /** A counter by nstat's name. */
  counter(name: string): number {
    return this.subject.counter(name);
  }

  /** Connections (but listeners and half open ones), half open ones, or TIME-WAITs that there are. */
  count(table: Table): number {
    return this.subject.count(table);
  }

  /** An ICMP error about our segment at relative `seq`, from a router. */
  icmp(type: number, code: number, { seq = 0, second = 0 }: { seq?: number; second?: number } = {}): void {
    const { flow } = this;
    const quoted = encode({
      ...this.blank(flow),
      src: OURS,
      dst: PEER,
      srcPort: flow.localPort,
      dstPort: flow.peerPort,
      seq: ((flow.iss ?? 0) + seq) >>> 0,
    }).subarray(0, 28);
    // As long as the segment was, for routers that do not name their MTU
    new DataView(quoted.buffer).setUint16(2, 1500);
    this.note(`ICMP ${type}/${code} about seq ${seq}`);
    const packet = icmpPacket(parseAddr("10.0.0.254") as number, OURS, type, code, second, quoted);
    this.subject.inject([{ packet, gso: 0 }], this.lastReal);
    this.done();
  }

  private countOf(socket: Socket): { written: number; read: number } {
    let count = this.counts.get(socket);
    if (count === undefined) {
      count = { written: 0, read: 0 };
      this.counts.set(socket, count);
    }
    return count;
  }
}

/** A script as it was registered. */
export interface Registered {
  test: (t: Script) => void | Promise<void>;
  options: TestOptions;
}

/** Scripts by what runs them in virtual time, for the runner that plays them elsewhere. */
export const SCRIPTS = new Map<() => Promise<void>, Registered>();

/** A test with a script of its own; at the end nothing unexpected may have been sent. */
export function scripted(name: string, test: Registered["test"], options: TestOptions = {}): void {
  const run = async (): Promise<void> => {
    const t = await Script.create(options);
    await test(t);
    t.end();
    await t.subject.close();
  };
  SCRIPTS.set(run, { test, options });
  it(name, run);
}
