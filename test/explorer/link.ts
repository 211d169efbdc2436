import { FrameRing } from "../../src/link/frame-ring.js";
import { LINK_CSUM, LINK_TSO4, type Link, type LinkHost, RX_CSUM_VALID } from "../../src/link/link.js";
import { readRow } from "../../src/link/row.js";
import { GSO_TCP4, TX_CSUM, TX_GSO, TX_LENGTH, TX_STRIDE, type TxQueue } from "../../src/link/tx-queue.js";

/** A link of layer "ip" whose other end is the walk: nothing is kept, every packet is looked at as it leaves. */
export class WalkLink implements Link {
  readonly layer = "ip";
  readonly name = "walk0";
  readonly mtu: number;
  readonly features: number;
  /** Rows it will still take; below 0: any number. */
  room = -1;
  /** Rows wait that it would not take. */
  behind = false;
  private host: LinkHost | null = null;
  private ring: FrameRing | null = null;
  private readonly frame = Buffer.alloc(66_000);
  private readonly sent: (frame: Buffer, length: number, gso: number, complete: boolean) => void;

  constructor(
    mtu: number,
    offload: boolean,
    sent: (frame: Buffer, length: number, gso: number, complete: boolean) => void,
  ) {
    this.mtu = mtu;
    this.features = offload ? LINK_CSUM | LINK_TSO4 : 0;
    this.sent = sent;
  }

  open(host: LinkHost): void {
    this.host = host;
    this.ring = new FrameRing(host.memory, "ip", 64, 256 * 1024);
  }

  transmit(queue: TxQueue): number {
    let taken = 0;
    for (let i = queue.taken; i < queue.count && this.room !== 0; i++) {
      const row = i * TX_STRIDE;
      const length = queue.rows[row + TX_LENGTH] as number;
      readRow(queue, i, this.frame, 0, length);
      this.sent(this.frame, length, (queue.rows[row + TX_GSO] as number) & 0xffff, queue.rows[row + TX_CSUM] === 0);
      if (this.room > 0) this.room--;
      taken++;
    }
    this.behind = queue.taken + taken < queue.count;
    return taken;
  }

  /** Puts a packet into the batch that {@link deliver} hands over. */
  add(bytes: Buffer, length: number, vouched: boolean, gso: number): void {
    const { host, ring } = this;
    if (host === null || ring === null) return;
    const at = ring.add(length, vouched ? RX_CSUM_VALID : 0, gso === 0 ? 0 : (GSO_TCP4 << 16) | gso);
    if (at < 0) throw new Error("too much in one batch");
    host.memory.write(at, bytes, 0, length);
  }

  deliver(): void {
    const { host, ring } = this;
    while (host !== null && ring !== null && ring.count > 0) ring.deliver(host);
  }

  /** There is room again, for all. */
  unblock(): void {
    this.room = -1;
    this.host?.writable();
  }

  close(): void {
    this.ring?.close();
    this.ring = null;
    this.host = null;
  }
}
