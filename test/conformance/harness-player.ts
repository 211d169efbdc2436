import type { SettingValue } from "../../src/base/config.js";
import { type Comparison, compareSegment, OURS, PEER } from "./harness-compare.js";
import { Flow } from "./harness-flow.js";
import type { Sent } from "./harness-link.js";
import { formatSegment, type Line, parseScript, type Shown } from "./harness-notation.js";
import { encodeOptions, parseOptions } from "./harness-options.js";
import { EXACT, type Injected, type Slack, type Subject, slackOf } from "./harness-subject.js";
import { Trace } from "./harness-trace.js";
import { decode, encode, type Wire } from "./harness-wire.js";

const SYN = 0x02;
const RST = 0x04;
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
  /** Why the script is not for the kernel: it differs on purpose, or the script looks inside our stack. */
  linux?: false | string;
}

/** Byte `i` of every stream: what one side sent is recognised at the other by its place. */
export function patternAt(i: number): number {
  return (i * 7 + (i >> 8) * 13 + (i >> 16) * 29) & 0xff;
}

export function pattern(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => patternAt(from + i));
}

/** Plays lines against a subject: what is sent to it at which time, and what it is expected to send. */
export class Player {
  readonly subject: Subject;
  /** The flow that lines without one mean. */
  flow: Flow;
  readonly trace = new Trace();
  private readonly options: TestOptions;
  /** What is sent is written down, whatever the script expects. */
  private readonly recording: boolean;
  private readonly flows = new Map<string, Flow>();
  private batch: Injected[] = [];
  private taken: number;
  protected readonly start: number;
  /** The last line's time as the script has it, and when it was; the same where time is virtual. */
  private lastTime: number;
  protected lastReal: number;
  /** Seconds of virtual time that real time does without. */
  private spared = 0;
  /** When something last happened that may have started a timer, in the script's time. */
  private lastEvent: number;

  constructor(subject: Subject, options: TestOptions, recording = false) {
    this.subject = subject;
    this.options = options;
    this.recording = recording;
    this.taken = subject.sent.length;
    this.start = subject.now();
    this.lastTime = this.start;
    this.lastReal = this.start;
    this.lastEvent = this.start;
    this.flow = this.flowOf(80, 40000);
  }

  /** Seconds since the test began. */
  get now(): number {
    return (this.subject.now() - this.start) / 1e6;
  }

  /** Seconds that the script takes in real time. */
  get duration(): number {
    return this.now - this.spared;
  }

  /** Plays lines in order: `<` sends at its time, `>` expects at exactly its time. */
  play(script: string): void {
    for (const line of parseScript(script)) {
      const at = Math.round(line.time * 1e6) + (line.relative ? this.lastTime : this.start);
      if (line.direction === "<") this.inject(line, at);
      else this.expect(line, at);
    }
  }

  /**
   * Nothing is sent for `seconds`; the next line's time counts from their end.
   * @param real so many in real time: fewer at the end of a script, more where a timer may be late
   */
  quiet(seconds: number, real = seconds): void {
    if (this.subject.exact) this.spared += seconds - real;
    const at = this.lastTime + Math.round((this.subject.exact ? seconds : real) * 1e6);
    this.runTo(at);
    this.nothingLeft(`for ${seconds} s nothing`, at);
    this.reached(at, this.realOf(at));
  }

  /** Lets `seconds` pass, whatever is sent, and forgets what was. */
  skip(seconds: number): readonly Wire[] {
    const at = this.lastTime + Math.round(seconds * 1e6);
    this.runTo(at);
    this.reached(at, this.realOf(at));
    return this.takeAll();
  }

  /** Everything sent and not yet expected, taken. */
  takeAll(): readonly Wire[] {
    const rest: Wire[] = [];
    while (this.taken < this.subject.sent.length) {
      const { at, text, wire } = this.take();
      this.trace.note((at - this.start) / 1e6, text);
      if (wire !== null) rest.push(wire);
    }
    return rest;
  }

  /** The test's end: everything sent was expected. */
  end(): void {
    if (!this.subject.exact) this.subject.runTo(this.subject.now() + 2000);
    this.nothingLeft("nothing more", Number.POSITIVE_INFINITY);
  }

  failure(message: string): Error {
    this.takeAll();
    return new Error(`${message}\n${this.trace.table()}`);
  }

  /** Runs what is due now. */
  drain(): void {
    this.subject.drain();
  }

  flowOf(localPort: number, peerPort: number): Flow {
    const key = `${localPort}:${peerPort}`;
    let flow = this.flows.get(key);
    if (flow === undefined) {
      flow = new Flow(localPort, peerPort, this.options.isn ?? 1_000_000);
      this.flows.set(key, flow);
    }
    return flow;
  }

  protected note(text: string): void {
    this.trace.note((this.subject.acted() - this.start) / 1e6, text);
  }

  /** A call was made, or a packet injected: timers run from here. */
  protected done(): void {
    this.subject.drain();
    if (!this.subject.exact) this.lastReal = this.subject.acted();
    this.lastEvent = this.lastTime;
  }

  private reached(at: number, real: number): void {
    this.lastTime = at;
    this.lastReal = real;
  }

  /** When the script's time `at` is, counted from the last line. */
  private realOf(at: number): number {
    return this.lastReal + (at - this.lastTime);
  }

  private slackOf(line: Line, at: number): Slack {
    return this.subject.exact ? EXACT : slackOf(at - this.lastEvent, line.tolerance);
  }

  /** By how many of its milliseconds a timestamp of ours may be off. */
  private stampSlack(at: number): number {
    return this.subject.exact ? 0 : 25 + ((at - this.start) / 1000) * 0.15;
  }

  private lineFlow(line: Line): Flow {
    if (line.peerPort === null) return this.flow;
    return this.flowOf(line.localPort ?? this.flow.localPort, line.peerPort);
  }

  private runTo(at: number): void {
    if (at < this.lastTime || (this.subject.exact && at < this.subject.now()))
      throw this.failure(`the script goes back in time, to ${(at - this.start) / 1e6}`);
    this.subject.runTo(this.realOf(at));
  }

  protected blank(flow: Flow): Wire {
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

  private segment(line: Line, flow: Flow, at: number): Wire {
    const seq = line.seq ?? 0;
    const first = (line.flags & SYN) !== 0 ? seq : seq - 1;
    const stamped = flow.timestamps && (line.flags & (SYN | RST)) === 0;
    const options = line.options ?? (stamped ? parseOptions("nop,nop,TS") : []);
    const ms = (at - this.start) / 1000;
    return {
      ...this.blank(flow),
      flags: line.flags,
      seq: (flow.isn + seq) >>> 0,
      ack: (line.flags & ACK) !== 0 ? ((flow.iss ?? 0) + (line.ack ?? 0)) >>> 0 : 0,
      urgent: line.urgent ?? 0,
      options: encodeOptions(flow.absolute(options, line.flags, ms, this.stampSlack(at))),
      payload: pattern(first, line.length ?? 0),
      ttl: line.ttl ?? 64,
      tos: (line.tos ?? 0) | (line.ecn ?? 0),
    };
  }

  private inject(line: Line, at: number): void {
    this.runTo(at);
    this.nothingLeft(line.text, at);
    const flow = this.lineFlow(line);
    if (line.window !== null) flow.window = line.window;
    const wire = this.segment(line, flow, at);
    const packet = encode(wire);
    if (line.corrupt) packet[packet.length - 1] = (packet[packet.length - 1] as number) ^ 0x40;
    this.batch.push({ packet, gso: line.gso ?? 0 });
    const text = formatSegment(this.shown("<", flow, wire, line.gso ?? 0));
    const real = this.realOf(at);
    if (line.batched) {
      this.trace.note((real - this.start) / 1e6, text);
      this.reached(at, real);
      return;
    }
    this.subject.inject(this.batch, real);
    this.batch = [];
    this.reached(at, real);
    this.trace.note((this.subject.acted() - this.start) / 1e6, text);
    this.done();
  }

  private expect(line: Line, at: number): void {
    const slack = this.slackOf(line, at);
    const real = this.realOf(at);
    if (this.taken === this.subject.sent.length) {
      if (this.subject.exact) this.runTo(at);
      else this.subject.runToPacket(real + slack.late, this.taken);
    }
    const time = (real - this.start) / 1e6;
    if (this.taken === this.subject.sent.length) {
      this.trace.compared(time, line.text, "", "nothing was sent");
      if (!this.recording) throw this.failure("wrong: nothing was sent");
      this.reached(at, Math.max(real, this.subject.now()));
      return;
    }
    const flow = this.lineFlow(line);
    const { at: seenAt, text, wire, gso } = this.take();
    const wrong = this.wrongWith(line, flow, wire, gso, seenAt, { at, real, slack });
    this.trace.compared((seenAt - this.start) / 1e6, line.text, text, wrong);
    if (wrong !== "" && !this.recording) throw this.failure(`wrong: ${wrong}`);
    this.reached(at, this.subject.exact ? at : seenAt);
    this.lastEvent = at;
  }

  private wrongWith(
    line: Line,
    flow: Flow,
    wire: Wire | null,
    gso: number,
    seenAt: number,
    due: { at: number; real: number; slack: Slack },
  ): string {
    if (wire === null) return "something that is not TCP was sent";
    // In real time what comes with the line before may come before a call that the script makes between them
    const early = !this.subject.exact && due.at === this.lastTime ? Number.POSITIVE_INFINITY : due.slack.early;
    if (seenAt < due.real - early || seenAt > due.real + due.slack.late)
      return `the time, ${((seenAt - due.real) / 1e6).toFixed(6)} s off`;
    const seen: Comparison = {
      wire,
      shown: this.shown(">", flow, wire, gso),
      stampSlack: this.stampSlack(due.at),
      anyStamp: flow.timestamps,
    };
    return compareSegment(line, flow, seen, patternAt);
  }

  /** Until `at` nothing was sent that is not expected. */
  private nothingLeft(instead: string, at: number): void {
    if (this.recording) {
      this.takeAll();
      return;
    }
    // In real time what falls due with this line may have come a moment before it
    const early = this.subject.exact || at === this.lastTime ? 0 : 6_000;
    const next = this.subject.sent[this.taken];
    if (next === undefined || next.at > this.realOf(at) - early) return;
    throw this.failure(`sent and not expected, where the script has: ${instead}`);
  }

  /** The next packet sent; our initial sequence number and timestamps are learnt from it. */
  private take(): Sent & { text: string; wire: Wire | null } {
    const sent = this.subject.sent[this.taken++] as Sent;
    const { packet, gso } = sent;
    const wire = decode(packet);
    if (wire === null) return { ...sent, wire, text: `> protocol ${packet[9]}, ${packet.length} bytes` };
    const flow = this.flowOf(wire.srcPort, wire.dstPort);
    flow.see(wire);
    return { ...sent, wire, text: formatSegment(this.shown(">", flow, wire, gso)) };
  }

  private shown(direction: "<" | ">", flow: Flow, wire: Wire, gso: number): Shown {
    const iss = flow.iss ?? 0;
    const own = direction === ">" ? iss : flow.isn;
    const other = direction === ">" ? flow.isn : iss;
    return {
      direction,
      flow: flow === this.flow ? "" : `[${flow.peerPort}>${flow.localPort}] `,
      ecn: wire.tos & 3,
      flags: wire.flags,
      seq: (wire.seq - own) | 0,
      length: wire.payload.length,
      ack: (wire.ack - other) | 0,
      window: wire.window,
      urgent: wire.urgent,
      options: flow.relative(direction, wire.options),
      gso,
    };
  }
}
