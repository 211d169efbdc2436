import { FrameRing } from "../../src/link/frame-ring.js";
import { LINK_CSUM, LINK_TSO4, type Link, type LinkHost } from "../../src/link/link.js";
import { rowBytes } from "../../src/link/row.js";
import { TX_CSUM, TX_GSO, TX_STRIDE, type TxQueue } from "../../src/link/tx-queue.js";
import { checksum } from "./harness-wire.js";

/** A packet that the stack handed to the link. */
export interface Sent {
  /** Microseconds of the clock. */
  at: number;
  packet: Uint8Array;
  /** Segment size of a run of segments, or 0. */
  gso: number;
}

/** A link double of layer "ip" whose other end is a script. */
export class ScriptLink implements Link {
  readonly layer = "ip";
  readonly name = "script0";
  readonly mtu: number;
  readonly features: number;
  readonly sent: Sent[] = [];
  /** Takes no more rows, as a full device; see {@link unblock}. */
  blocked = false;
  host: LinkHost | null = null;
  private ring: FrameRing | null = null;

  constructor(mtu: number, offload: boolean) {
    this.mtu = mtu;
    this.features = offload ? LINK_CSUM | LINK_TSO4 : 0;
  }

  open(host: LinkHost): void {
    this.host = host;
    this.ring = new FrameRing(host.memory, "ip", 64, 256 * 1024);
  }

  transmit(queue: TxQueue): number {
    if (this.blocked || this.host === null) return 0;
    const at = this.host.clock.now();
    for (let i = queue.taken; i < queue.count; i++) {
      const packet = rowBytes(queue, i);
      const csum = queue.rows[i * TX_STRIDE + TX_CSUM] as number;
      if (csum !== 0) complete(packet, csum);
      this.sent.push({ at, packet, gso: (queue.rows[i * TX_STRIDE + TX_GSO] as number) & 0xffff });
    }
    return queue.count - queue.taken;
  }

  /** Packets arrive, all in one batch. */
  receive(packets: readonly { packet: Uint8Array; gso?: number; flags?: number }[]): void {
    const { host, ring } = this;
    if (host === null || ring === null) throw new Error("the link is not open");
    for (const { packet, gso = 0, flags = 0 } of packets) {
      const at = ring.add(packet.length, flags, gso);
      if (at < 0) throw new Error("too much in one batch");
      host.memory.write(at, packet, 0, packet.length);
    }
    while (ring.count > 0) ring.deliver(host);
  }

  /** The device has room again. */
  unblock(): void {
    this.blocked = false;
    this.host?.writable();
  }

  close(): void {
    this.ring?.close();
    this.ring = null;
    this.host = null;
  }
}

/** Does what the device does for a partial checksum: the field holds the pseudo-header's sum. */
function complete(packet: Uint8Array, csum: number): void {
  const start = csum >>> 16;
  const at = start + (csum & 0xffff);
  new DataView(packet.buffer, packet.byteOffset).setUint16(at, checksum(packet.subarray(start)));
}
