import { ChunkPool } from "../../../src/base/chunks.js";
import type { SystemError } from "../../../src/base/errors.js";
import { Memory } from "../../../src/base/memory.js";
import type { Link, LinkHost } from "../../../src/link/link.js";
import { TxQueue } from "../../../src/link/tx-queue.js";
import type { Clock } from "../../../src/platform/clock.js";
import { SystemRandom } from "../../../src/platform/random.js";

const ETHERNET = 14;
const IP = 20;
const ICMP = 8;
/** Of the datagram that was too big: its header and the first 8 octets of its payload (RFC 792). */
const QUOTED = 28;

function checksum(view: DataView, from: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += view.getUint16(from + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A router that is there only to say that a packet was too big for what lies behind it. */
export class Router implements LinkHost {
  readonly memory = new Memory(4 << 20);
  readonly pool = new ChunkPool(this.memory, 1);
  readonly random = new SystemRandom();
  readonly offload = false;
  readonly clock: Clock;
  private readonly link: Link;
  private readonly mac: Uint8Array;
  private readonly out: TxQueue;

  /** @param mac of who is told */
  constructor(link: Link, mac: Uint8Array, clock: Clock) {
    this.link = link;
    this.mac = mac;
    this.clock = clock;
    this.out = new TxQueue(this.memory, this.pool);
    link.open(this);
  }

  receive(): void {}

  writable(): void {}

  down(error: SystemError): void {
    throw error;
  }

  /** RFC 1191 §4: fragmentation needed, and the MTU of the next hop. @param frame what was too big */
  tooBig(frame: Uint8Array, source: string, mtu: number): void {
    const bytes = new Uint8Array(ETHERNET + IP + ICMP + QUOTED);
    const view = new DataView(bytes.buffer);
    bytes.set(this.mac, 0);
    bytes.set([2, 0, 0, 0, 0, 9, 8, 0, 0x45], 6);
    view.setUint16(ETHERNET + 2, IP + ICMP + QUOTED);
    bytes.set([64, 1], ETHERNET + 8);
    bytes.set(source.split(".").map(Number), ETHERNET + 12);
    bytes.set(frame.subarray(ETHERNET + 12, ETHERNET + 16), ETHERNET + 16);
    view.setUint16(ETHERNET + 10, checksum(view, ETHERNET, IP));
    const icmp = ETHERNET + IP;
    bytes.set([3, 4], icmp);
    view.setUint16(icmp + 6, mtu);
    bytes.set(frame.subarray(ETHERNET, ETHERNET + QUOTED), icmp + ICMP);
    view.setUint16(icmp + 2, checksum(view, icmp, ICMP + QUOTED));
    const at = this.out.begin(bytes.length);
    this.memory.write(at, bytes, 0, bytes.length);
    this.out.commit(at, bytes.length, bytes.length, 0, 0, 0);
    this.out.take(this.link.transmit(this.out));
  }

  async close(): Promise<void> {
    await this.link.close();
  }
}
