import { ChunkPool } from "../../../src/base/chunks.js";
import { Config, type SettingValue } from "../../../src/base/config.js";
import { Memory } from "../../../src/base/memory.js";
import { Icmp } from "../../../src/icmp/icmp.js";
import { ICMP_SETTINGS } from "../../../src/icmp/settings.js";
import { IP_TERMINALS } from "../../../src/ip/counters.js";
import { Ipv4 } from "../../../src/ip/ipv4.js";
import { IP_SETTINGS } from "../../../src/ip/settings.js";
import { IcmpReport, type Transport } from "../../../src/ip/transport.js";
import type { Link, LinkHost } from "../../../src/link/link.js";
import { loopbackLink } from "../../../src/link/loopback.js";
import { TX_CSUM, TX_GSO, TX_LENGTH, TX_STRIDE, type TxQueue } from "../../../src/link/tx-queue.js";
import { NEIGHBOUR_TERMINALS } from "../../../src/neighbour/counters.js";
import { NEIGHBOUR_SETTINGS } from "../../../src/neighbour/settings.js";
import { NETIF_TERMINALS, NetifCounters } from "../../../src/netif/counters.js";
import type { Environment } from "../../../src/netif/environment.js";
import { Netif } from "../../../src/netif/netif.js";
import type { RxPacket } from "../../../src/netif/packet.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { StackTime } from "../../../src/platform/time.js";
import { TimerWheel } from "../../../src/platform/timer-wheel.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { formatAddr, parseMac } from "../../../src/wire/address.js";
import { addr, describe, macParts, OUR_MAC, PEER, PEER_MAC, prefix, US } from "./frames.js";

export * from "./frames.js";

/** A frame that the stack sent, with what it left to the link. */
export interface Sent {
  readonly bytes: Uint8Array;
  readonly gso: number;
  readonly csum: number;
  /** Virtual milliseconds. */
  readonly at: number;
}

/** A link whose other end is the test. */
export class TestLink implements Link {
  readonly layer: "ethernet" | "ip";
  mtu = 1500;
  readonly mac?: Uint8Array;
  readonly name: string;
  features = 0;
  readonly sent: Sent[] = [];
  /** Rows that it takes per transmit. */
  takes = Number.POSITIVE_INFINITY;
  closed = false;
  private host: LinkHost | null = null;

  constructor(layer: "ethernet" | "ip" = "ethernet", name = "test0") {
    this.layer = layer;
    this.name = name;
    if (layer === "ethernet") this.mac = parseMac(OUR_MAC) as Uint8Array;
  }

  open(host: LinkHost): void {
    this.host = host;
  }

  transmit(queue: TxQueue): number {
    const { memory, clock } = this.host as LinkHost;
    const n = Math.min(queue.pending, this.takes);
    const at = memory.reserve(70_000);
    for (let i = queue.taken; i < queue.taken + n; i++) {
      const row = i * TX_STRIDE;
      const length = queue.rows[row + TX_LENGTH] as number;
      queue.copyRow(i, at);
      const bytes = memory.u8.slice(at, at + length);
      const gso = queue.rows[row + TX_GSO] as number;
      this.sent.push({ bytes, gso, csum: queue.rows[row + TX_CSUM] as number, at: clock.now() / 1000 });
    }
    memory.release(at, 70_000);
    return n;
  }

  close(): void {
    this.closed = true;
  }
}

/** The bottom half of a stack, on a test link and a loopback, in virtual time. */
export class Lab {
  readonly clock = new VirtualClock();
  readonly env: Environment;
  readonly ipv4: Ipv4;
  readonly icmp: Icmp;
  readonly netifCounters = new NetifCounters();
  readonly link: TestLink;
  readonly netif: Netif;
  readonly lo: Netif;
  private readonly slot: number;
  private readonly host: LinkHost;
  private nextIndex = 1;

  constructor(options: { settings?: Record<string, SettingValue>; link?: TestLink; address?: string | null } = {}) {
    const memory = new Memory(24 << 20);
    const time = new StackTime(this.clock);
    this.env = {
      memory,
      pool: new ChunkPool(memory, 1024),
      time,
      wheel: new TimerWheel(this.clock, () => this.turn()),
      random: new SeededRandom(7),
      config: new Config([...IP_SETTINGS, ...ICMP_SETTINGS, ...NEIGHBOUR_SETTINGS], options.settings),
    };
    this.slot = memory.reserve(70_000);
    this.host = this.makeHost();
    this.ipv4 = new Ipv4(this.env);
    this.icmp = new Icmp(this.env, this.ipv4);
    this.lo = this.attach(loopbackLink() as Link, true);
    this.ipv4.addAddress(this.lo, prefix("127.0.0.1/8"));
    this.link = options.link ?? new TestLink();
    this.netif = this.attach(this.link);
    if (options.address !== null) this.ipv4.addAddress(this.netif, prefix(options.address ?? `${US}/24`));
  }

  attach(link: Link, loopback = false): Netif {
    const netif = new Netif(this.env, link, this.nextIndex++, this.netifCounters, undefined, loopback);
    let current: Netif = netif;
    netif.open({
      ...this.host,
      receive: (rows, count) => {
        this.env.time.refresh();
        current.receive(rows, count);
        this.flush();
      },
      writable: () => current.flush(),
    });
    current = netif;
    // As the stack does outside a batch: whatever is begun goes out before time moves.
    netif.onPending = () => this.clock.defer(() => netif.flush());
    this.ipv4.attach(netif);
    return netif;
  }

  /** One frame from the wire, and all that comes of it. */
  inject(frame: Uint8Array, flags = 0, gso = 0, netif = this.netif): void {
    this.env.time.refresh();
    const at = this.slot + (netif.ethernet ? 2 : 0);
    this.env.memory.u8.fill(0xee, this.slot, this.slot + 70_000);
    this.env.memory.u8.set(frame, at);
    netif.input(at, frame.length, flags, gso);
    this.settle();
  }

  /** Lets `ms` pass. */
  wait(ms: number): void {
    // Millisecond by millisecond where something happens, as the stack keeps its own time.
    const end = this.clock.now() + ms * 1000;
    for (;;) {
      const next = Math.min(this.clock.nextDeadline(), end);
      this.clock.runUntil(next);
      this.settle();
      if (next >= end) return;
    }
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    this.settle();
    return this.link.sent.splice(0);
  }

  /** What was sent, each as one line of text. */
  lines(): string[] {
    return this.take().map((sent) => describe(sent.bytes, this.link.layer));
  }

  flush(): void {
    for (const netif of this.ipv4.netifs) netif.flush();
  }

  /** What the stack does when a timer is due. */
  private turn(): void {
    this.env.time.refresh();
    this.env.wheel.advanceTo(this.env.time.ms);
    this.flush();
  }

  settle(): void {
    this.env.time.refresh();
    this.flush();
    this.clock.advance(0);
    this.flush();
  }

  /** Makes the peer known, as if it had answered, and clears the record. */
  meetPeer(ip = PEER, mac = PEER_MAC): void {
    const [high, low] = macParts(mac);
    this.ipv4.neighbours.setPermanent(this.netif, addr(ip), high, low);
    this.take();
  }

  /** Frames received less the sum of everything that they may have come to: 0 unless one was lost or counted twice. */
  unaccounted(): number {
    let sum = this.netifCounters.TapstackInFrames + this.ipv4.counters.IpReasmOKs;
    for (const name of NETIF_TERMINALS) sum -= this.netifCounters[name];
    for (const name of NEIGHBOUR_TERMINALS) sum -= this.ipv4.neighbours.counters[name];
    for (const name of IP_TERMINALS) sum -= this.ipv4.counters[name];
    return sum;
  }

  private makeHost(): LinkHost {
    const { memory, pool, random } = this.env;
    return {
      memory,
      pool,
      clock: this.clock,
      random,
      offload: true,
      receive: () => {},
      writable: () => {},
      down: () => {},
    };
  }
}

/** A protocol that keeps what it is given. */
export class Recorder implements Transport {
  readonly packets: { src: string; dst: string; to: number; data: Uint8Array; reassembled: boolean; tos: number }[] =
    [];
  readonly reports: IcmpReport[] = [];
  credible = true;
  private readonly lab: Lab;

  constructor(lab: Lab, protocol: number) {
    this.lab = lab;
    lab.ipv4.register(protocol, this);
  }

  input(packet: RxPacket): void {
    const data = this.lab.env.memory.u8.slice(packet.l4, packet.l4 + packet.l4Length);
    const { to, reassembled, tos } = packet;
    this.packets.push({ src: formatAddr(packet.src), dst: formatAddr(packet.dst), to, data, reassembled, tos });
  }

  report(report: IcmpReport): void {
    this.reports.push(Object.assign(new IcmpReport(), report));
    report.credible = this.credible;
  }
}
