import { impair } from "../../src/link/impair.js";
import { memoryLinkPair } from "../../src/link/memory.js";
import { openTap, type TapLink } from "../../src/link/tap/index.js";
import { RealClock } from "../../src/platform/clock.js";
import { SystemRandom } from "../../src/platform/random.js";
import { createStack, type Stack } from "../../src/stack.js";
import { formatMac } from "../../src/wire/address.js";
import { Bridge } from "./bridge.js";
import { BUFFERS, type Cell } from "./cells.js";
import { ip, netnsPath } from "./netns.js";
import { OurSink, OurSource } from "./ours.js";
import { Peer, type SenderReport } from "./peer.js";
import type { FlowResult, Role } from "./results.js";

/** Where the transfers of a worker take place. */
export interface Stage {
  /** Namespace of the kernel's senders, and of its receivers. */
  readonly a: string;
  readonly b: string;
  /** The compiled peer.c. */
  readonly program: string;
  readonly algorithm: string;
}

export interface FlowSpec {
  readonly cell: Cell;
  readonly role: Role;
  readonly seed: number;
}

/** Bytes of each of our stacks' memory. */
const MEMORY = 64 << 20;
/** Seconds over and above a transfer's own until it is given up. */
const PATIENCE = 75;
/** Of the end that sends, of the end that receives, in pair(). */
const MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02"] as const;

/** What it takes to make a namespace's side of a TAP an interface whose neighbour is known. */
export interface Lines {
  readonly a: string[];
  readonly b: string[];
}

/**
 * One transfer: its devices, its impairment and its two ends. The data go from `.1` to `.2` of a network of its own, and
 * meet the same fates in the same order, whoever sends them.
 */
export class Flow {
  readonly spec: FlowSpec;
  private readonly stage: Stage;
  private readonly slot: number;
  private readonly clock = new RealClock();
  private readonly random = new SystemRandom();
  private readonly stacks: Stack[] = [];
  private bridge: Bridge | null = null;
  private sink: Peer | OurSink | null = null;
  private source: Peer | OurSource | null = null;
  private report: SenderReport = { retransmits: 0, segments: 0, timeouts: -1, minRtt: 0, rtt: 0 };

  /** @param slot tells the flows of a stage apart, 0 to 250 */
  constructor(spec: FlowSpec, stage: Stage, slot: number) {
    this.spec = spec;
    this.stage = stage;
    this.slot = slot;
  }

  /** The kernel's ends of its devices, by the namespace that they stand in. */
  get deviceA(): string {
    return `gpa${this.slot}`;
  }

  get deviceB(): string {
    return `gpb${this.slot}`;
  }

  /** Frames that got lost where none may. */
  get lost(): number {
    return this.bridge?.dropped ?? 0;
  }

  /** Makes devices and stacks. What is left to do in the namespaces is added to `lines`. */
  async prepare(lines: Lines): Promise<void> {
    const { role, cell, seed } = this.spec;
    const { forward: tx, reverse: rx } = cell;
    if (role === "kernel") {
      const [a, b] = [await this.tap("a"), await this.tap("b")];
      this.bridge = new Bridge(a, impair(b, { tx, rx, seed }), this.clock, this.random);
      lines.a.push(...this.configure("a", formatMac(b.hostMac)));
      lines.b.push(...this.configure("b", formatMac(a.hostMac)));
    } else if (role === "sender") {
      const b = await this.tap("b");
      lines.b.push(...this.configure("b", formatMac(b.mac)));
      await this.stack(impair(b, { tx, rx, seed }), this.address(1), this.address(2), formatMac(b.hostMac));
    } else if (role === "receiver") {
      const a = await this.tap("a");
      lines.a.push(...this.configure("a", formatMac(a.mac)));
      // Data come in here; the complement of the seed gives them the fates they meet elsewhere on their way out.
      const link = impair(a, { tx: rx, rx: tx, seed: ~seed });
      await this.stack(link, this.address(2), this.address(1), formatMac(a.hostMac));
    } else {
      const [left, right] = memoryLinkPair();
      await this.stack(impair(left, { tx, rx, seed }), this.address(1), this.address(2), MACS[1]);
      await this.stack(right, this.address(2), this.address(1), MACS[0]);
    }
  }

  /** Has the receiver listen. */
  async listen(): Promise<void> {
    const { role, cell } = this.spec;
    const { program, algorithm, b } = this.stage;
    if (role === "kernel" || role === "sender") {
      const peer = new Peer(program, "sink", netnsPath(b), this.address(2), algorithm, cell.seconds);
      this.sink = peer;
      await peer.ready;
    } else this.sink = new OurSink(this.stacks.at(-1) as Stack, this.clock, algorithm, cell.seconds);
  }

  /** The transfer. A connection that fails is a result, too. */
  async run(): Promise<FlowResult> {
    const { cell, role, seed } = this.spec;
    const what = { cell: cell.id, role, seed };
    try {
      const bytes = await within(this.transfer(), cell.seconds + PATIENCE);
      return { ...what, goodput: Math.round((bytes * 8) / cell.seconds), ...this.report, error: "" };
    } catch (error) {
      return { ...what, goodput: 0, ...this.report, error: (error as Error).message };
    }
  }

  async close(): Promise<void> {
    const { source, sink } = this;
    if (source instanceof Peer) source.kill();
    else source?.close();
    if (sink instanceof Peer) sink.kill();
    else sink?.close();
    await Promise.all([...this.stacks.map((stack) => stack.close()), this.bridge?.close()]);
  }

  /** Bytes that arrive in the time there is. */
  private async transfer(): Promise<number> {
    const { role, cell } = this.spec;
    const { program, algorithm, a } = this.stage;
    const { sink } = this;
    if (sink === null) throw new Error("nobody listens");
    if (role === "kernel" || role === "receiver")
      this.source = new Peer(program, "source", netnsPath(a), this.address(2), algorithm, cell.seconds);
    else this.source = new OurSource(this.stacks[0] as Stack, this.clock, algorithm, this.address(2));
    const { source } = this;
    const bytes = await (sink instanceof Peer ? sink.result.then((result) => result.bytes as number) : sink.bytes);
    if (source instanceof OurSource) this.report = source.report();
    if (sink instanceof OurSink) sink.close();
    if (source instanceof Peer) this.report = (await source.result) as unknown as SenderReport;
    return bytes;
  }

  private address(host: 1 | 2): string {
    return `10.100.${this.slot}.${host}`;
  }

  /** A TAP without offloads, so that every frame is a segment, whose kernel's side is in namespace `end`. */
  private async tap(end: "a" | "b"): Promise<TapLink> {
    const name = end === "a" ? this.deviceA : this.deviceB;
    const tap = await openTap({ name, offload: false });
    ip(["link", "set", name, "netns", end === "a" ? this.stage.a : this.stage.b]);
    return tap;
  }

  private configure(end: "a" | "b", neighbour: string): string[] {
    const name = end === "a" ? this.deviceA : this.deviceB;
    const [own, other] = end === "a" ? ([1, 2] as const) : ([2, 1] as const);
    return [
      `address add ${this.address(own)}/24 dev ${name}`,
      `link set ${name} up`,
      `neigh replace ${this.address(other)} lladdr ${neighbour} dev ${name} nud permanent`,
    ];
  }

  private async stack(link: Parameters<Stack["attach"]>[0], own: string, other: string, mac: string): Promise<void> {
    const stack = createStack({ clock: this.clock, memory: MEMORY, config: BUFFERS });
    this.stacks.push(stack);
    await stack.attach(link, { address: `${own}/24`, neighbours: { [other]: mac }, conflictDetection: "off" });
    if (link.features !== 0)
      throw new Error(`${link.name} has offloads, which would hide what is done to the segments`);
  }
}

/** Rejects when it takes longer. */
async function within<T>(promise: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
