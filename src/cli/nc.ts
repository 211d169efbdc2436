import { Command } from "commander";
import type { ControlClient } from "../observe/control-client.js";
import type { ConnectRequest, ListenRequest } from "../observe/protocol.js";
import { RealClock, type TimerHandle } from "../platform/clock.js";
import { decimal, integer, resolveHost, type StackOptions, withStackOptions } from "./arguments.js";
import { CliError, usage } from "./errors.js";
import { serviceNames } from "./names.js";
import { connectToStack } from "./running.js";

interface NcOptions extends StackOptions {
  readonly listen?: boolean;
  readonly udp?: boolean;
  readonly shutdown?: boolean;
  readonly scan?: boolean;
  readonly wait?: number;
  readonly verbose?: boolean;
  readonly source?: string;
  readonly port?: number;
}

export function ncCommand(): Command {
  const command = new Command("nc")
    .summary("connect or listen through the stack, as nc does")
    .description("Read and write connections of the running stack, as OpenBSD's nc does.")
    .argument("<words...>", "HOST PORT; with -l: [ADDRESS] PORT")
    .option("-l, --listen", "wait for a connection")
    .option("-u, --udp", "UDP")
    .option("-N, --shutdown", "shut down sending when the input ends")
    .option("-z, --scan", "only see whether it connects; PORT may be FROM-TO")
    .option("-w, --wait <seconds>", "give up connecting, or when nothing moves, after this long", decimal(0.001, 86400))
    .option("-v, --verbose", "say what happens")
    .option("-s, --source <address>", "source address")
    .option("-p, --port <port>", "source port", integer(1, 65535));
  return withStackOptions(command).action(async (words: string[], options: NcOptions) => {
    const ok = options.listen ? await listen(words, options) : await connect(words, options);
    if (!ok) throw new CliError("", 1);
  });
}

/** Reads `80`, `http` or, when scanning, `20-25`. Throws a usage error. */
export function parsePorts(word: string, ranges: boolean): number[] {
  const range = /^(\d+)-(\d+)$/.exec(word);
  const [from, to] = range !== null && ranges ? [Number(range[1]), Number(range[2])] : [portOf(word), portOf(word)];
  if (from > to || from < 1 || to > 65535) throw usage(`"${word}" is no range of ports`);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function portOf(word: string): number {
  const port = /^\d+$/.test(word) ? Number(word) : serviceNames().port(word);
  if (port === null || port < 1 || port > 65535) throw usage(`"${word}" is neither a port nor a service's name`);
  return port;
}

async function connect(words: readonly string[], options: NcOptions): Promise<boolean> {
  const [host, word, ...more] = words;
  if (host === undefined || word === undefined || more.length > 0) throw usage("give a host and a port");
  const ports = parsePorts(word, options.scan === true);
  const address = await resolveHost(host);
  let ok = true;
  for (const port of ports) ok = (await connectOne(host, address, port, options)) && ok;
  return ok;
}

async function connectOne(host: string, address: string, port: number, options: NcOptions): Promise<boolean> {
  const proto = options.udp ? "udp" : "tcp";
  const request: ConnectRequest = {
    op: "connect",
    proto,
    address,
    port,
    ...(options.source === undefined ? {} : { sourceAddress: options.source }),
    ...(options.port === undefined ? {} : { sourcePort: options.port }),
    owner: `nc,pid=${process.pid}`,
  };
  const label = serviceNames().name(port, proto) ?? "*";
  const run = new NcRun(await connectToStack(options), options, {
    opened: () => `Connection to ${host} ${port} port [${proto}/${label}] succeeded!`,
    failed: (reason) => `connect to ${host} port ${port} (${proto}) failed: ${reason}`,
  });
  return run.run(request);
}

async function listen(words: readonly string[], options: NcOptions): Promise<boolean> {
  const own = options.port === undefined ? words : [...words, String(options.port)];
  const [first = "", second, ...more] = own;
  if (own.length === 0 || more.length > 0 || options.scan)
    throw usage("with -l, give a port, or an address and a port");
  const [port] = parsePorts(second ?? first, false) as [number];
  const address = second === undefined ? undefined : await resolveHost(first);
  const request: ListenRequest = {
    op: "listen",
    proto: options.udp ? "udp" : "tcp",
    ...(address === undefined ? {} : { address }),
    port,
    owner: `nc,pid=${process.pid}`,
  };
  const run = new NcRun(await connectToStack(options), options, {
    opened: (ends) => `Connection received on ${ends.remoteAddress} ${ends.remotePort}`,
    failed: (reason) => reason,
  });
  return run.run(request);
}

interface Sentences {
  opened(ends: { readonly remoteAddress: string; readonly remotePort: number }): string;
  failed(reason: string): string;
}

/** How long UDP's -z waits for a refusal, in seconds. */
const UDP_PROBE = 1;
/** How long a listener whose peer has finished waits for its input to bring more, in seconds. */
const INPUT_GRACE = 0.1;

/** Standard input and output on one connection of the stack. */
class NcRun {
  private readonly client: ControlClient;
  private readonly options: NcOptions;
  private readonly sentences: Sentences;
  private readonly clock = new RealClock();
  private timer: TimerHandle | null = null;
  private finish: (ok: boolean) => void = () => {};
  private peerEnded = false;
  private inputEnded = false;
  private endSent = false;
  private ending: TimerHandle | null = null;
  private opened = false;

  constructor(client: ControlClient, options: NcOptions, sentences: Sentences) {
    this.client = client;
    this.options = options;
    this.sentences = sentences;
  }

  /** @returns whether it went well */
  async run(request: ConnectRequest | ListenRequest): Promise<boolean> {
    const { client, options } = this;
    const ok = await new Promise<boolean>((resolve) => {
      this.finish = resolve;
      client.onClose = () => this.fail("the stack went away");
      client.onData = (body) => this.output(body);
      client.onReply = (reply) => {
        if (reply.error !== undefined) this.fail(reply.error.message);
        if (reply.listening !== undefined)
          this.say(`Listening on ${reply.listening.localAddress} ${reply.listening.localPort}`);
        if (reply.open !== undefined) this.begin(reply.open);
        if (reply.end) this.peerEnd();
        if (reply.done) resolve(true);
      };
      client.send(request);
      // Read ahead: what is there already goes out first, whatever the peer says then.
      if (!options.scan) process.stdin.on("readable", () => this.pump()).on("end", () => this.inputEnd());
      if (request.op === "connect" && options.wait !== undefined) this.arm(() => this.fail("timed out"), options.wait);
    });
    this.disarm();
    if (this.ending !== null) this.clock.clearTimer(this.ending);
    process.stdin.removeAllListeners().destroy();
    client.onClose = () => {};
    client.close();
    return ok;
  }

  private begin(ends: { readonly remoteAddress: string; readonly remotePort: number }): void {
    this.opened = true;
    this.disarm();
    if (this.options.scan) {
      this.probe(() => this.say(this.sentences.opened(ends)));
      return;
    }
    this.say(this.sentences.opened(ends));
    this.moved();
    this.pump();
    this.client.onDrain = () => this.pump();
  }

  /** -z: a TCP connection that opened is proof; with UDP the proof is that no refusal comes. */
  private probe(succeed: () => void): void {
    const done = (): void => {
      succeed();
      this.finish(true);
    };
    if (!this.options.udp) {
      done();
      return;
    }
    this.client.sendData(Buffer.from("X"));
    this.arm(done, this.options.wait ?? UDP_PROBE);
  }

  /** What one read brought is one datagram, if it fits. */
  private pieces(chunk: Buffer): Buffer[] {
    const most = this.options.udp ? 16384 : chunk.length;
    const pieces: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += most) pieces.push(chunk.subarray(at, at + most));
    return pieces;
  }

  /** Sends what standard input has, as far as the stack takes it. */
  private pump(): void {
    if (!this.opened || this.options.scan) return;
    let room = true;
    while (room) {
      const chunk = process.stdin.read() as Buffer | null;
      if (chunk === null) return;
      this.moved();
      for (const piece of this.pieces(chunk)) room = this.client.sendData(piece);
    }
  }

  private inputEnd(): void {
    this.inputEnded = true;
    if (this.options.shutdown || this.peerEnded) this.sendEnd();
  }

  /**
   * The peer has finished. What comes on standard input may still be for it; but a person at a terminal need not say
   * that there is no more, and a listener ends with its peer, as nc's does.
   */
  private peerEnd(): void {
    this.peerEnded = true;
    if (this.inputEnded || process.stdin.isTTY) this.sendEnd();
    else if (this.options.listen)
      this.ending = this.clock.setTimer(this.clock.now() + INPUT_GRACE * 1e6, () => this.sendEnd());
  }

  private sendEnd(): void {
    if (!this.endSent) this.client.send({ end: true });
    this.endSent = true;
  }

  private output(body: Buffer): void {
    this.moved();
    if (process.stdout.write(body)) return;
    this.client.pause();
    process.stdout.once("drain", () => this.client.resume());
  }

  private moved(): void {
    if (this.options.wait !== undefined) this.arm(() => this.finish(true), this.options.wait);
  }

  private say(sentence: string): void {
    if (this.options.verbose) process.stderr.write(`${sentence}\n`);
  }

  private fail(reason: string): void {
    const sentence = this.opened ? reason : this.sentences.failed(reason);
    if (this.options.verbose || !this.options.scan) process.stderr.write(`tapstack nc: ${sentence}\n`);
    this.finish(false);
  }

  private arm(fn: () => void, seconds: number): void {
    this.disarm();
    this.timer = this.clock.setTimer(this.clock.now() + seconds * 1e6, fn);
  }

  private disarm(): void {
    if (this.timer !== null) this.clock.clearTimer(this.timer);
    this.timer = null;
  }
}
