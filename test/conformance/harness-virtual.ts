import { GSO_TCP4 } from "../../src/link/tx-queue.js";
import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";
import { ScriptLink, type Sent } from "./harness-link.js";
import type { TestOptions } from "./harness-player.js";
import type { Injected, Subject, Table } from "./harness-subject.js";

/** Our stack in virtual time; its only link leads to the script. */
export class VirtualSubject implements Subject {
  readonly exact = true;
  readonly clock: VirtualClock;
  readonly stack: Stack;
  readonly link: ScriptLink;
  readonly sent: Sent[];

  private constructor(options: TestOptions) {
    this.clock = new VirtualClock(Date.UTC(2026, 10, 21), Math.round((options.start ?? 0) * 1e6));
    this.stack = createStack({
      clock: this.clock,
      random: new SeededRandom(options.seed ?? 1),
      memory: options.memory ?? 8 * 1024 * 1024,
      config: options.config ?? {},
    });
    this.link = new ScriptLink(options.mtu ?? 1500, options.offload ?? false);
    this.sent = this.link.sent;
  }

  static async create(options: TestOptions): Promise<VirtualSubject> {
    const subject = new VirtualSubject(options);
    const attached = subject.stack.attach(subject.link, { address: "10.0.0.2/24", conflictDetection: "off" });
    subject.clock.advance(1000);
    await attached;
    subject.drain();
    return subject;
  }

  now(): number {
    return this.clock.now();
  }

  acted(): number {
    return this.clock.now();
  }

  runTo(at: number): void {
    this.clock.runUntil(at);
  }

  runToPacket(at: number, taken: number): void {
    if (this.sent.length <= taken) this.clock.runUntil(at);
  }

  inject(packets: readonly Injected[]): void {
    this.link.receive(packets.map(({ packet, gso }) => ({ packet, gso: gso === 0 ? 0 : (GSO_TCP4 << 16) | gso })));
  }

  socket(): Socket {
    return this.stack.socket("tcp");
  }

  counter(name: string): number {
    return this.stack.counters()[name] as number;
  }

  count(table: Table): number {
    return this.stack.tcp.context[table].count;
  }

  drain(): void {
    this.clock.runUntil(this.clock.now());
  }

  async close(): Promise<void> {
    await this.stack.close();
  }
}
