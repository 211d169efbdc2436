import { LINK_CSUM, type Link, type LinkHost } from "../../src/link/link.js";
import { TX_HEAD, TX_STRIDE, type TxQueue } from "../../src/link/tx-queue.js";

/** A link that frames are put into from memory, and that takes and drops whatever is sent. */
export class SinkLink implements Link {
  readonly layer = "ethernet";
  readonly mtu = 1500;
  readonly name = "bench0";
  readonly mac = Uint8Array.of(2, 0x77, 0, 0, 0, 2);
  readonly features: number;
  host: LinkHost | null = null;
  /** Frames taken. */
  sent = 0;
  /** Shown each frame taken, by its memory offset, while connections are being made. */
  onFrame: ((frame: number) => void) | null = null;

  /** @param offload the link verifies and fills in transport checksums, as a TAP with a vnet header does */
  constructor(offload: boolean) {
    this.features = offload ? LINK_CSUM : 0;
  }

  open(host: LinkHost): void {
    this.host = host;
  }

  transmit(queue: TxQueue): number {
    const pending = queue.count - queue.taken;
    this.sent += pending;
    if (this.onFrame !== null)
      for (let i = queue.taken; i < queue.count; i++) this.onFrame(queue.rows[i * TX_STRIDE + TX_HEAD] as number);
    return pending;
  }

  close(): void {}
}
