import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import type { Socket } from "../../../src/socket/types.js";
import { createStack, SETTINGS, type Stack } from "../../../src/stack.js";
import type { ScriptLink, Sent } from "../harness-link.js";
import type { TestOptions } from "../harness-player.js";
import { type Injected, NotPortable, type Subject, type Table } from "../harness-subject.js";
import { LinuxSocket } from "./linux-socket.js";
import type { Puppet, Reply } from "./puppet.js";

const SYN_RECV = 3;
const TIME_WAIT = 6;
const CLOSE = 7;
const LISTEN = 10;

/** Thrown when a script takes longer than it may. */
export class TooLong extends Error {}

/** The kernel of this machine in real time, in a network namespace of its own. */
export class LinuxSubject implements Subject {
  readonly exact = false;
  readonly sent: Sent[];
  /** What the script asked for that only our stack has; "": nothing. */
  unportable = "";
  private readonly puppet: Puppet;
  private readonly congestion: string;
  private readonly end: number;
  private lastActed: number;

  /** @param limit seconds of real time after which a script is left to another run */
  constructor(options: TestOptions, puppet: Puppet, limit: number) {
    if (options.offload === true) throw new NotPortable("offload");
    if (options.start !== undefined) throw new NotPortable("a time at which to start");
    const { settings, congestion } = settingsOf(options);
    const refused = puppet.begin(options.mtu ?? 1500, settings);
    this.puppet = puppet;
    this.congestion = congestion;
    this.sent = puppet.sent;
    this.lastActed = this.now();
    this.end = this.now() + limit * 1e6;
    const wanted = Object.keys(options.config ?? {}).find(
      (name) => refused.some((setting) => setting.startsWith(`${name}=`)) && !name.endsWith("_control"),
    );
    if (wanted === undefined) return;
    puppet.end();
    throw new NotPortable(`a namespace has no ${wanted} of its own`);
  }

  get stack(): Stack {
    const only = { socket: () => this.socket(), sysctl: (name: string) => this.sysctl(name) };
    return this.pretend("t.stack", only) as Stack;
  }

  get clock(): VirtualClock {
    return this.pretend("t.clock", {}) as VirtualClock;
  }

  get link(): ScriptLink {
    return this.pretend("t.link", { sent: this.sent }) as ScriptLink;
  }

  now(): number {
    return Number(process.hrtime.bigint() / 1000n);
  }

  acted(): number {
    return this.lastActed;
  }

  runTo(at: number): void {
    this.inTime(at);
    this.puppet.request(`wait ${at.toFixed(0)}`);
  }

  runToPacket(at: number, taken: number): void {
    this.inTime(at);
    if (this.sent.length <= taken) this.puppet.request(`wait ${at.toFixed(0)} 1`);
  }

  inject(packets: readonly Injected[], at: number): void {
    this.inTime(at);
    if (packets.some(({ gso }) => gso !== 0)) throw this.refuse("a run of segments");
    const hex = packets.map(({ packet }) => Buffer.from(packet).toString("hex"));
    this.act(`inject ${at.toFixed(0)} ${hex.join(" ")}`);
  }

  socket(): Socket {
    const socket = new LinuxSocket(this, this.act("socket").result);
    socket.setOption("TCP_CONGESTION", this.congestion);
    const took = socket.getOption("TCP_CONGESTION");
    if (took !== this.congestion) throw new Error(`congestion control is ${took}, not ${this.congestion}`);
    return socket;
  }

  counter(name: string): number {
    for (const file of ["netstat", "snmp"]) {
      const lines = this.file(`/proc/net/${file}`).split("\n");
      for (let i = 0; i + 1 < lines.length; i += 2) {
        const [group, ...names] = (lines[i] as string).split(" ") as [string, ...string[]];
        const at = names.findIndex((each) => group.slice(0, -1) + each === name);
        if (at >= 0) return Number((lines[i + 1] as string).split(" ")[at + 1]);
      }
    }
    throw this.refuse(`counter ${name}`);
  }

  count(table: Table): number {
    const states = this.table().map(({ state }) => state);
    if (table === "timeWaits") return states.filter((state) => state === TIME_WAIT).length;
    if (table === "synRecords") return states.filter((state) => state === SYN_RECV).length;
    return states.filter((state) => ![SYN_RECV, TIME_WAIT, CLOSE, LISTEN].includes(state)).length;
  }

  /** The state of a connection that no descriptor refers to, by its ports. */
  stateOf(localPort: number, remotePort: number): number {
    return this.table().find((e) => e.local === localPort && e.remote === remotePort)?.state ?? CLOSE;
  }

  drain(): void {}

  /** A request that the kernel's timers may run from. */
  act(line: string): Reply {
    const reply = this.puppet.request(line);
    this.lastActed = reply.acted;
    return reply;
  }

  ask(line: string): Reply {
    return this.puppet.request(line);
  }

  async close(): Promise<void> {
    this.puppet.end();
  }

  private inTime(at: number): void {
    if (at > this.end) throw new TooLong();
  }

  private sysctl(name: string): string {
    return this.file(`/proc/sys/${name.replaceAll(".", "/")}`).trim();
  }

  private file(path: string): string {
    const { result, words } = this.ask(`file ${path}`);
    if (result < 0) throw this.refuse(path);
    return Buffer.from(words[0] as string, "hex").toString("latin1");
  }

  private table(): { local: number; remote: number; state: number }[] {
    const port = (address: string): number => Number.parseInt(address.split(":")[1] as string, 16);
    return this.file("/proc/net/tcp")
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/) as [string, string, string, string])
      .map(([, local, remote, state]) => ({
        local: port(local),
        remote: port(remote),
        state: Number.parseInt(state, 16),
      }));
  }

  private refuse(what: string): NotPortable {
    this.unportable = what;
    return new NotPortable(what);
  }

  /** An object of our stack that has no more than `parts`. */
  private pretend(name: string, parts: Record<string, unknown>): unknown {
    return new Proxy(parts, {
      get: (_, key) => {
        if (typeof key === "string" && key in parts) return parts[key];
        throw this.refuse(`${name}.${String(key)}`);
      },
      set: (_, key) => {
        throw this.refuse(`${name}.${String(key)}`);
      },
    });
  }
}

/** Every TCP setting that our stack would play the script with, for the kernel to have the same. */
function settingsOf(options: TestOptions): { settings: string[]; congestion: string } {
  const stack = createStack({ clock: new VirtualClock(), memory: 4 << 20, config: options.config ?? {} });
  const given = Object.keys(options.config ?? {});
  const names = SETTINGS.map(({ name }) => name).filter((name) => name.includes(".tcp_") || given.includes(name));
  const settings = names.map((name) => `${name}=${stack.sysctl(name)}`);
  const congestion = stack.sysctl("net.ipv4.tcp_congestion_control");
  void stack.close();
  return { settings, congestion };
}
