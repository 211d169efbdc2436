import { ChunkPool } from "../../../src/base/chunks.js";
import type { SystemError } from "../../../src/base/errors.js";
import { Memory } from "../../../src/base/memory.js";
import { type Link, type LinkHost, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "../../../src/link/link.js";
import { TxQueue } from "../../../src/link/tx-queue.js";
import { RealClock } from "../../../src/platform/clock.js";
import { SystemRandom } from "../../../src/platform/random.js";

const ARP = 0x0806;
const IPV4 = 0x0800;
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ECHO_PORT = 7;

/** A frame the peer received, its offload columns included. */
export interface Seen {
  readonly frame: Uint8Array;
  readonly flags: number;
  readonly gso: number;
}

/**
 * What stands in for a stack: answers ARP, ping and UDP echo for one address by turning frames around in place, and
 * hands TCP frames to whoever asks. No more than driver tests and the driver benchmark need.
 */
export class TapPeer implements LinkHost {
  readonly memory = new Memory(16 * 1024 * 1024);
  readonly pool = new ChunkPool(this.memory, 64);
  readonly clock = new RealClock();
  readonly random = new SystemRandom();
  readonly queue = new TxQueue(this.memory, this.pool);
  readonly offload: boolean;
  readonly link: Link;
  readonly mac: Uint8Array;
  readonly address: Uint8Array;
  frames = 0;
  batches = 0;
  largestBatch = 0;
  misplaced = 0;
  readonly downs: SystemError[] = [];
  onTcp: ((seen: Seen) => void) | null = null;
  onFrame: ((length: number) => void) | null = null;

  constructor(link: Link, address: readonly number[], offload = true) {
    this.link = link;
    this.mac = link.mac ?? Uint8Array.of(2, 0, 0, 0, 0, 2);
    this.address = Uint8Array.from(address);
    this.offload = offload;
  }

  receive(rows: Int32Array, count: number): void {
    this.batches++;
    this.largestBatch = Math.max(this.largestBatch, count);
    for (let i = 0; i < count; i++) this.frame(rows, i * RX_STRIDE);
    this.flush();
  }

  writable(): void {
    this.flush();
  }

  down(error: SystemError): void {
    this.downs.push(error);
  }

  /** Sends `head` followed by `pieces` of chunk memory, by one row. */
  send(head: Uint8Array, pieces: readonly (readonly [at: number, length: number])[], gso = 0, csum = 0, l4 = 0): void {
    const at = this.queue.begin(head.length);
    this.memory.write(at, head, 0, head.length);
    let length = head.length;
    for (const [from, size] of pieces) {
      this.queue.piece(from, size);
      length += size;
    }
    this.queue.commit(at, head.length, length, gso, csum, l4);
  }

  flush(): void {
    if (this.queue.pending > 0) this.queue.take(this.link.transmit(this.queue));
  }

  private frame(rows: Int32Array, row: number): void {
    const at = rows[row + RX_FRAME] as number;
    const length = rows[row + RX_LENGTH] as number;
    const { u8, dv } = this.memory;
    this.frames++;
    if ((at & 3) !== 2) this.misplaced++;
    this.onFrame?.(length);
    const type = dv.getUint16(at + 12);
    if (type === ARP) this.arp(at, length);
    if (type !== IPV4) return;
    const protocol = u8[at + 23];
    if (protocol === UDP && dv.getUint16(at + 36) === ECHO_PORT) this.echoUdp(at, length);
    else if (protocol === ICMP && u8[at + 34] === 8) this.echoIcmp(at, length);
    else if (protocol === TCP)
      this.onTcp?.({
        frame: u8.slice(at, at + length),
        flags: rows[row + RX_FLAGS] as number,
        gso: rows[row + RX_GSO] as number,
      });
  }

  private swap(a: number, b: number, length: number): void {
    const { u8 } = this.memory;
    for (let i = 0; i < length; i++) {
      const byte = u8[a + i] as number;
      u8[a + i] = u8[b + i] as number;
      u8[b + i] = byte;
    }
  }

  private arp(at: number, length: number): void {
    const { u8, dv } = this.memory;
    const { mac } = this;
    if (dv.getUint16(at + 20) !== 1) return;
    for (let i = 0; i < 4; i++) if (u8[at + 38 + i] !== this.address[i]) return;
    dv.setUint16(at + 20, 2);
    for (let i = 0; i < 6; i++) {
      u8[at + i] = u8[at + 6 + i] as number;
      u8[at + 32 + i] = u8[at + 22 + i] as number;
      u8[at + 6 + i] = mac[i] as number;
      u8[at + 22 + i] = mac[i] as number;
    }
    this.swap(at + 28, at + 38, 4);
    this.queue.commit(at, length, length, 0, 0, 0);
  }

  /** Turned around, a datagram has the same checksums; one that was left to us (partial) is left to the link. */
  private echoUdp(at: number, length: number): void {
    this.swap(at, at + 6, 6);
    this.swap(at + 26, at + 30, 4);
    this.swap(at + 34, at + 36, 2);
    // RFC 768: no checksum. The kernel leaves it out of a partial one's sum anyhow.
    this.memory.dv.setUint16(at + 40, 0);
    this.queue.commit(at, length, length, 0, 0, 0);
  }

  private echoIcmp(at: number, length: number): void {
    const { dv, u8 } = this.memory;
    this.swap(at, at + 6, 6);
    this.swap(at + 26, at + 30, 4);
    u8[at + 34] = 0;
    // RFC 1624: the type went from 8 to 0.
    const sum = dv.getUint16(at + 36) + 0x0800;
    dv.setUint16(at + 36, (sum & 0xffff) + (sum >>> 16));
    this.queue.commit(at, length, length, 0, 0, 0);
  }
}
