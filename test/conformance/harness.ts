import { it } from "vitest";
import type { SettingValue } from "../../src/base/config.js";
import { errnoName } from "../../src/base/errors.js";
import { GSO_TCP4 } from "../../src/link/tx-queue.js";
import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { OptionName, Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";
import { parseAddr } from "../../src/wire/address.js";
import { ScriptLink } from "./harness-link.js";
import { formatSegment, type Line, parseScript, type Shown } from "./harness-notation.js";
import { decode, encode, formatOptions, icmpPacket, type Wire } from "./harness-wire.js";

const OURS = parseAddr("10.0.0.2") as number;
export const PEER_ADDRESS = "10.0.0.1";
const PEER = parseAddr(PEER_ADDRESS) as number;
const SYN = 0x02;
const ACK = 0x10;

export interface TestOptions {
  mtu?: number;
  /** The link takes runs of segments and partial checksums. */
  offload?: boolean;
  config?: Readonly<Record<string, SettingValue>>;
  /** The peer's initial sequence number. */
  isn?: number;
  /** Where virtual time starts, in seconds. */
  start?: number;
  memory?: number;
  seed?: number;
}

/** One connection as the script knows it. */
interface Flow {
  localPort: number;
  peerPort: number;
  /** Initial sequence numbers, ours (as seen in a SYN) and the peer's. */
  iss: number | null;
  isn: number;
  window: number;
}

/** Byte `i` of every stream: what one side sent is recognised at the other by its place. */
export function patternAt(i: number): number {
  return (i * 7 + (i >> 8) * 13 + (i >> 16) * 29) & 0xff;
}

export function pattern(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => patternAt(from + i));
}

/**
 * A scripted peer: a stack in virtual time whose only link leads to the script. Scripts are tables in packetdrill's
 * notation; between them the test calls the stack's public sockets. Times are exact to the microsecond.
 */
export class Script {
  readonly clock: VirtualClock;
  readonly stack: Stack;
  readonly link: ScriptLink;
  /** The socket that calls without one mean: the last connected or accepted. */
  socket!: Socket;
  listener!: Socket;
  /** The flow that lines without one mean. */
  flow: Flow;
  private readonly options: TestOptions;
  private readonly flows = new Map<string, Flow>();
  private readonly counts = new Map<Socket, { written: number; read: number }>();
  private readonly log: string[] = [];
  private batch: { packet: Uint8Array; gso: number }[] = [];
  private taken = 0;
  private lastTime: number;
  private start: number;

  private constructor(options: TestOptions) {
    this.options = options;
    this.start = Math.round((options.start ?? 0) * 1e6);
    this.lastTime = this.start;
    this.clock = new VirtualClock(Date.UTC(2026, 10, 21), this.start);
    this.stack = createStack({
      clock: this.clock,
      random: new SeededRandom(options.seed ?? 1),
      memory: options.memory ?? 8 * 1024 * 1024,
      config: options.config ?? {},
    });
    this.link = new ScriptLink(options.mtu ?? 1500, options.offload ?? false);
    this.flow = this.flowOf(80, 40000);
  }

  static async create(options: TestOptions = {}): Promise<Script> {
    const t = new Script(options);
    const attached = t.stack.attach(t.link, { address: "10.0.0.2/24", conflictDetection: "off" });
    t.clock.advance(1000);
    await attached;
    t.drain();
    t.taken = t.link.sent.length;
    t.start = t.clock.now();
    t.lastTime = t.start;
    return t;
  }

  /** Seconds since the test began. */
  get now(): number {
    return (this.clock.now() - this.start) / 1e6;
  }

  // ---------------------------------------------------------------- the application's calls

  listen(port = 80, backlog?: number, options: Partial<Record<OptionName, number>> = {}): Socket {
    const socket = this.stack.socket("tcp");
    for (const [name, value] of Object.entries(options)) socket.setOption(name as OptionName, value as number);
    socket.bind(port);
    socket.listen(backlog);
    this.listener = socket;
    this.flow = this.flowOf(port, this.flow.peerPort);
    this.drain();
    return socket;
  }

  accept(): Socket {
    const socket = this.listener.accept();
    if (socket === null) throw this.failure("accept() gave null");
    this.socket = socket;
    return socket;
  }

  /** Begins an active open; the SYN is for the script to expect. */
  connect(port = 80, options: Partial<Record<OptionName, number>> = {}): Socket {
    const socket = this.stack.socket("tcp");
    for (const [name, value] of Object.entries(options)) socket.setOption(name as OptionName, value as number);
    socket.connect(port, PEER_ADDRESS);
    this.socket = socket;
    this.flow = this.flowOf(socket.localPort, port);
    this.drain();
    return socket;
  }

  /** A passive open, done: the stack listens, accepts, and is ESTABLISHED. `syn` completes the peer's SYN. */
  passive(syn = "win 65535 <mss 1460>", listen: Partial<Record<OptionName, number>> = {}): this {
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
  active(synAck = "win 65535 <mss 1460>", options: Partial<Record<OptionName, number>> = {}, rtt = 0.1): this {
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
    this.drain();
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
    this.drain();
    return got;
  }

  shutdown(how: "read" | "write" | "both" = "write", socket = this.socket): void {
    socket.shutdown(how);
    this.note(`shutdown(${how})`);
    this.drain();
  }

  close(socket = this.socket): void {
    socket.close();
    this.note("close()");
    this.drain();
  }

  set(name: OptionName, value: number, socket = this.socket): void {
    socket.setOption(name, value);
    this.note(`setOption(${name}, ${value})`);
    this.drain();
  }

  // ---------------------------------------------------------------- what is to be seen

  /** Plays lines in order: `<` sends at its time, `>` expects at exactly its time. */
  play(script: string): void {
    for (const line of parseScript(script)) {
      const at = Math.round(line.time * 1e6) + (line.relative ? this.lastTime : this.start);
      if (line.direction === "<") this.inject(line, at);
      else this.expect(line, at);
      this.lastTime = at;
    }
  }

  /** Nothing is sent for `seconds`; the next line's time counts from their end. */
  quiet(seconds: number): void {
    this.runTo(this.lastTime + Math.round(seconds * 1e6));
    this.lastTime = this.clock.now();
    this.nothingLeft(`for ${seconds} s nothing`);
  }

  /** Lets `seconds` pass, whatever is sent, and forgets what was. */
  skip(seconds: number): readonly Wire[] {
    this.runTo(this.lastTime + Math.round(seconds * 1e6));
    this.lastTime = this.clock.now();
    return this.takeAll();
  }

  /** Everything sent and not yet expected, taken. */
  takeAll(): readonly Wire[] {
    const rest: Wire[] = [];
    while (this.taken < this.link.sent.length) {
      this.log.push(this.show(this.taken));
      const wire = decode((this.link.sent[this.taken++] as { packet: Uint8Array }).packet);
      if (wire !== null) rest.push(wire);
    }
    return rest;
  }

  state(name: string, socket = this.socket): void {
    if (socket.state !== name) throw this.failure(`state is ${socket.state}, not ${name}`);
  }

  /** SO_ERROR by name; "" for none. It is cleared. */
  error(socket = this.socket): string {
    const errno = socket.getOption("SO_ERROR") as number;
    return errno === 0 ? "" : errnoName(errno);
  }

  info(name: string, socket = this.socket): number {
    return socket.info()[name] as number;
  }

  counter(name: string): number {
    return this.stack.counters()[name] as number;
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
    this.link.receive([{ packet: icmpPacket(parseAddr("10.0.0.254") as number, OURS, type, code, second, quoted) }]);
    this.drain();
  }

  /** The test's end: everything sent was expected. */
  end(): void {
    this.nothingLeft("nothing more");
  }

  failure(message: string): Error {
    this.takeAll();
    return new Error(`${message}\n--- what was seen, in seconds\n${this.log.join("\n")}`);
  }

  /** Runs what is due now. */
  drain(): void {
    this.clock.runUntil(this.clock.now());
  }

  flowOf(localPort: number, peerPort: number): Flow {
    const key = `${localPort}:${peerPort}`;
    let flow = this.flows.get(key);
    if (flow === undefined) {
      flow = { localPort, peerPort, iss: null, isn: this.options.isn ?? 1_000_000, window: 65535 };
      this.flows.set(key, flow);
    }
    return flow;
  }

  private countOf(socket: Socket): { written: number; read: number } {
    let count = this.counts.get(socket);
    if (count === undefined) {
      count = { written: 0, read: 0 };
      this.counts.set(socket, count);
    }
    return count;
  }

  private note(text: string): void {
    this.log.push(`${this.now.toFixed(6)}  ${text}`);
  }

  private lineFlow(line: Line): Flow {
    if (line.peerPort === null) return this.flow;
    return this.flowOf(line.localPort ?? this.flow.localPort, line.peerPort);
  }

  private runTo(at: number): void {
    if (at < this.clock.now()) throw this.failure(`the script goes back in time, to ${(at - this.start) / 1e6}`);
    this.clock.runUntil(at);
  }

  private blank(flow: Flow): Wire {
    return {
      src: PEER,
      dst: OURS,
      srcPort: flow.peerPort,
      dstPort: flow.localPort,
      seq: 0,
      ack: 0,
      flags: 0,
      window: flow.window,
      urgent: 0,
      options: new Uint8Array(0),
      payload: new Uint8Array(0),
      ttl: 64,
      tos: 0,
      dontFragment: true,
      id: 0,
    };
  }

  private inject(line: Line, at: number): void {
    this.runTo(at);
    this.nothingLeft(line.text);
    const flow = this.lineFlow(line);
    if (line.window !== null) flow.window = line.window;
    const seq = line.seq ?? 0;
    const first = (line.flags & SYN) !== 0 ? seq : seq - 1;
    const wire: Wire = {
      ...this.blank(flow),
      flags: line.flags,
      seq: (flow.isn + seq) >>> 0,
      ack: (line.flags & ACK) !== 0 ? ((flow.iss ?? 0) + (line.ack ?? 0)) >>> 0 : 0,
      options: line.options ?? new Uint8Array(0),
      payload: pattern(first, line.length ?? 0),
    };
    const packet = encode(wire);
    if (line.corrupt) packet[packet.length - 1] = (packet[packet.length - 1] as number) ^ 0x40;
    this.log.push(`${this.now.toFixed(6)}  ${formatSegment(this.shown("<", flow, wire, line.gso ?? 0))}`);
    this.batch.push({ packet, gso: line.gso === null ? 0 : (GSO_TCP4 << 16) | line.gso });
    if (line.batched) return;
    this.link.receive(this.batch);
    this.batch = [];
    this.drain();
  }

  private expect(line: Line, at: number): void {
    if (this.taken === this.link.sent.length) this.runTo(at);
    const sent = this.link.sent[this.taken];
    if (sent === undefined) throw this.mismatch(line, at, "nothing was sent");
    const wire = decode(sent.packet);
    if (wire === null) throw this.mismatch(line, at, "something that is not TCP was sent");
    const flow = this.lineFlow(line);
    const text = this.show(this.taken++);
    this.log.push(text);
    const wrong = sent.at !== at ? "the time" : this.compare(line, flow, wire, sent.gso);
    if (wrong !== "") throw this.mismatch(line, at, wrong);
  }

  private compare(line: Line, flow: Flow, wire: Wire, gso: number): string {
    if (wire.src !== OURS || wire.dst !== PEER) return "the addresses";
    if (wire.srcPort !== flow.localPort || wire.dstPort !== flow.peerPort) return "the ports";
    const s = this.shown(">", flow, wire, gso);
    if (wire.flags !== line.flags) return "the flags";
    if (line.seq !== null && s.seq !== line.seq) return "the sequence number";
    if (line.length !== null && s.length !== line.length) return "the length";
    if (line.ack !== null && s.ack !== line.ack) return "the acknowledgment number";
    if (line.window !== null && wire.window !== line.window) return "the window";
    if (line.options !== null && formatOptions(line.options) !== formatOptions(wire.options)) return "the options";
    if (line.options === null && (wire.flags & SYN) === 0 && wire.options.length > 0) return "the options";
    if ((line.gso ?? 0) !== gso) return "the segment size";
    for (let i = 0; i < wire.payload.length; i++)
      if (wire.payload[i] !== patternAt(s.seq - 1 + i)) return `the payload, from its byte ${i} on`;
    return "";
  }

  private mismatch(line: Line, at: number, wrong: string): Error {
    const time = ((at - this.start) / 1e6).toFixed(6);
    return this.failure(`wrong: ${wrong}\nexpected  ${time}  ${line.text}`);
  }

  private nothingLeft(instead: string): void {
    if (this.taken < this.link.sent.length)
      throw this.failure(`sent and not expected, where the script has: ${instead}`);
  }

  /** Sent packet `index` as a line; learns our initial sequence number from a SYN. */
  private show(index: number): string {
    const { at, packet, gso } = this.link.sent[index] as { at: number; packet: Uint8Array; gso: number };
    const time = ((at - this.start) / 1e6).toFixed(6);
    const wire = decode(packet);
    if (wire === null) return `${time}  > protocol ${packet[9]}, ${packet.length} bytes`;
    const flow = this.flowOf(wire.srcPort, wire.dstPort);
    if ((wire.flags & SYN) !== 0) flow.iss = wire.seq;
    return `${time}  ${formatSegment(this.shown(">", flow, wire, gso))}`;
  }

  private shown(direction: "<" | ">", flow: Flow, wire: Wire, gso: number): Shown {
    const iss = flow.iss ?? 0;
    const own = direction === ">" ? iss : flow.isn;
    const other = direction === ">" ? flow.isn : iss;
    return {
      direction,
      flow: flow === this.flow ? "" : `[${flow.peerPort}>${flow.localPort}] `,
      flags: wire.flags,
      seq: (wire.seq - own) | 0,
      length: wire.payload.length,
      ack: (wire.ack - other) | 0,
      window: wire.window,
      options: wire.options,
      gso,
    };
  }
}

/** A test with a script of its own; at the end nothing unexpected may have been sent. */
export function scripted(name: string, test: (t: Script) => void | Promise<void>, options: TestOptions = {}): void {
  it(name, async () => {
    const t = await Script.create(options);
    await test(t);
    t.end();
    await t.stack.close();
  });
}
