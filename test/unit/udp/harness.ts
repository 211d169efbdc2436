import { ChunkPool } from "../../../src/base/chunks.js";
import { Config, type SettingValue } from "../../../src/base/config.js";
import { Memory } from "../../../src/base/memory.js";
import { Icmp } from "../../../src/icmp/icmp.js";
import { ICMP_SETTINGS } from "../../../src/icmp/settings.js";
import { Ipv4 } from "../../../src/ip/ipv4.js";
import { IP_SETTINGS } from "../../../src/ip/settings.js";
import { PROTO_UDP } from "../../../src/ip/transport.js";
import type { Link, LinkHost } from "../../../src/link/link.js";
import { loopbackLink } from "../../../src/link/loopback.js";
import { TX_LENGTH, TX_STRIDE, type TxQueue } from "../../../src/link/tx-queue.js";
import { NEIGHBOUR_SETTINGS } from "../../../src/neighbour/settings.js";
import { NetifCounters } from "../../../src/netif/counters.js";
import { Netif } from "../../../src/netif/netif.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { StackTime } from "../../../src/platform/time.js";
import { TimerWheel } from "../../../src/platform/timer-wheel.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import { PortSpace } from "../../../src/ports/port-space.js";
import { PORT_SETTINGS, PortRange } from "../../../src/ports/settings.js";
import { UDP_TERMINALS } from "../../../src/udp/counters.js";
import type { UdpEndpoint } from "../../../src/udp/endpoint.js";
import { UDP_SETTINGS } from "../../../src/udp/settings.js";
import { Udp } from "../../../src/udp/udp.js";
import { type Addr, LOOPBACK, parseAddr } from "../../../src/wire/address.js";
import { complement, pseudoSum4 } from "../../../src/wire/checksum.js";

export const addr = (text: string): Addr => parseAddr(text) as Addr;
export const US = addr("10.77.0.2");
export const US2 = addr("10.77.0.3");
export const PEER = addr("10.77.0.1");
export const OTHER = addr("10.77.0.9");
export const BROADCAST = addr("10.77.0.255");
export const GROUP = addr("239.1.2.3");

/** An "ip" link that keeps what it is given. `full` says how it refuses. */
class TestLink implements Link {
  readonly layer = "ip";
  readonly name = "test0";
  readonly features = 0;
  readonly mtu: number;
  readonly sent: Uint8Array[] = [];
  full = false;
  host: LinkHost | null = null;

  constructor(mtu: number) {
    this.mtu = mtu;
  }

  open(host: LinkHost): void {
    this.host = host;
  }

  transmit(queue: TxQueue): number {
    if (this.full) return 0;
    const n = queue.count - queue.taken;
    const { memory } = this.host as LinkHost;
    const at = memory.size - 131072;
    for (let i = queue.taken; i < queue.count; i++) {
      queue.copyRow(i, at);
      this.sent.push(memory.u8.slice(at, at + (queue.rows[i * TX_STRIDE + TX_LENGTH] as number)));
    }
    return n;
  }

  close(): void {}
}

export interface Datagram {
  src: Addr;
  srcPort: number;
  dst: Addr;
  dstPort: number;
  data: Uint8Array;
  checksum: number;
  ttl: number;
  tos: number;
  df: boolean;
}

export interface Inject {
  src?: Addr;
  dst?: Addr;
  srcPort?: number;
  dstPort: number;
  data?: Uint8Array | string;
  /** Default: the right one. */
  checksum?: number;
  /** The UDP length field, when it is not to be the right one. */
  length?: number;
  /** Bytes of the IP payload behind the datagram. */
  padding?: number;
  flags?: number;
  gso?: number;
}

/** UDP on a real IP layer, with ICMP, a link whose frames the test writes and reads, and a loopback. */
export class Harness {
  readonly clock = new VirtualClock();
  readonly memory = new Memory(16 << 20);
  readonly pool: ChunkPool;
  readonly config: Config;
  readonly ip: Ipv4;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly ports: PortSpace;
  readonly link: TestLink;
  readonly netif: Netif;
  readonly loopback: Netif;
  private readonly slot: number;

  constructor(overrides: Record<string, SettingValue> = {}, chunks = 512, mtu = 1500) {
    this.pool = new ChunkPool(this.memory, chunks);
    const settings = [...IP_SETTINGS, ...NEIGHBOUR_SETTINGS, ...ICMP_SETTINGS, ...PORT_SETTINGS, ...UDP_SETTINGS];
    this.config = new Config(settings, overrides);
    const { memory, pool, config, clock } = this;
    const random = new SeededRandom(11);
    const env = { memory, pool, config, random, time: new StackTime(clock), wheel: new TimerWheel(clock) };
    this.ip = new Ipv4(env);
    this.icmp = new Icmp(env, this.ip);
    const mayBind = (a: Addr): boolean => this.ip.isLocal(a) || this.ip.isBroadcast(a) || this.ip.isMulticast(a);
    this.ports = new PortSpace({ rules: "udp", random, range: new PortRange(config), mayBind });
    this.udp = new Udp(env, this.ip, this.icmp, this.ports);
    this.ip.register(PROTO_UDP, this.udp);
    this.link = new TestLink(mtu);
    const attach = (link: Link, index: number, loops: boolean): Netif => {
      const netif = new Netif(env, link, index, new NetifCounters(), undefined, loops);
      netif.open({
        ...{ memory, pool, clock, random, offload: loops },
        receive: (rows, count) => netif.receive(rows, count),
        writable: () => netif.flush(),
        down: () => {},
      });
      this.ip.attach(netif);
      return netif;
    };
    this.loopback = attach(loopbackLink(), 1, true);
    this.netif = attach(this.link, 2, false);
    this.ip.addAddress(this.loopback, { addr: LOOPBACK, length: 8 });
    this.ip.addAddress(this.netif, { addr: US, length: 24 });
    this.ip.addAddress(this.netif, { addr: US2, length: 24 });
    this.ip.addRoute({ addr: 0, length: 0 }, PEER, this.netif);
    this.slot = memory.reserve(70_000);
    memory.reserve(131072 + 70_000);
  }

  /** An endpoint, bound unless `port` is undefined. Events are added up in `events`. */
  endpoint(port?: number, at: Addr = 0, set: Partial<UdpEndpoint> = {}): UdpEndpoint & { events: number } {
    const endpoint = this.udp.createEndpoint(null) as UdpEndpoint & { events: number };
    endpoint.events = 0;
    endpoint.owner = {
      readyQueued: false,
      endpointEvent: (events) => {
        endpoint.events |= events;
      },
    };
    Object.assign(endpoint, set);
    if (port !== undefined) this.udp.bind(endpoint, at, port);
    return endpoint;
  }

  /** Writes a frame into the memory and receives it. */
  inject(inject: Inject): void {
    const { dv, u8 } = this.memory;
    const { src = PEER, dst = US, srcPort = 5000, dstPort, padding = 0, flags = 0, gso = 0 } = inject;
    const data =
      typeof inject.data === "string" ? new TextEncoder().encode(inject.data) : (inject.data ?? new Uint8Array());
    const udpLength = 8 + data.length;
    const total = 20 + udpLength + padding;
    const at = this.slot;
    const udp = at + 20;
    dv.setInt32(at, 0x45000000 | total);
    dv.setInt32(at + 4, 0);
    dv.setInt32(at + 8, (64 << 24) | (PROTO_UDP << 16));
    dv.setInt32(at + 12, src);
    dv.setInt32(at + 16, dst);
    dv.setUint16(at + 10, complement(this.memory.sum(at, 20)));
    dv.setUint16(udp, srcPort);
    dv.setUint16(udp + 2, dstPort);
    dv.setUint16(udp + 4, inject.length ?? udpLength);
    dv.setUint16(udp + 6, 0);
    u8.set(data, udp + 8);
    const sum = pseudoSum4(src, dst, PROTO_UDP, udpLength) + this.memory.sum(udp, udpLength);
    dv.setUint16(udp + 6, inject.checksum ?? (complement(sum) || 0xffff));
    this.netif.input(at, total, flags, gso);
    this.settle();
  }

  /** Flushes and delivers until nothing moves. */
  settle(): void {
    for (let i = 0; i < 4; i++) {
      this.netif.flush();
      this.loopback.flush();
      this.clock.advance(0);
    }
  }

  send(endpoint: UdpEndpoint, text: string | Uint8Array, to: Addr = PEER, port = 5000): number {
    const data = typeof text === "string" ? new TextEncoder().encode(text) : text;
    this.udp.autobind(endpoint);
    const sent = this.udp.output.send(endpoint, data, 0, data.length, to, port);
    this.settle();
    return sent;
  }

  /** The datagrams that left through the link, taken off. */
  sent(): Datagram[] {
    return this.link.sent
      .splice(0)
      .filter((f) => f[9] === PROTO_UDP)
      .map(parse);
  }

  /** The ICMP messages that left through the link, as [type, code]. */
  icmpSent(): [number, number][] {
    const frames = this.link.sent.splice(0).filter((f) => f[9] === 1);
    return frames.map((f) => [f[20] as number, f[21] as number]);
  }

  /** Everything waiting, as text. */
  texts(endpoint: UdpEndpoint): string[] {
    const texts: string[] = [];
    const target = new Uint8Array(65536);
    while (endpoint.queue.count > 0) {
      const n = endpoint.queue.read(target, 0, target.length);
      texts.push(new TextDecoder().decode(target.subarray(0, n)));
      endpoint.queue.shift();
    }
    return texts;
  }

  /** Packets that IP handed to UDP, and the sum of the counters each of them is to increment one of. */
  accounted(): { delivered: number; counted: number } {
    const { counters } = this.udp;
    const icmp = this.icmp.counters.IcmpInMsgs;
    return {
      delivered: this.ip.counters.IpInDelivers - icmp,
      counted: UDP_TERMINALS.reduce((sum, name) => sum + counters[name], 0),
    };
  }
}

function parse(frame: Uint8Array): Datagram {
  const dv = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return {
    src: dv.getInt32(12),
    dst: dv.getInt32(16),
    srcPort: dv.getUint16(20),
    dstPort: dv.getUint16(22),
    checksum: dv.getUint16(26),
    data: frame.slice(28, 20 + dv.getUint16(24)),
    ttl: frame[8] as number,
    tos: frame[1] as number,
    df: (dv.getUint16(6) & 0x4000) !== 0,
  };
}
