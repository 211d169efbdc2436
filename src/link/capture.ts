import {
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
  PCAPNG_INBOUND,
  PCAPNG_OUTBOUND,
  pcapngHeader,
  pcapngPacketSize,
  writePcapngPacket,
} from "../wire/pcapng.js";
import { InnerHost, type LinkWrapper } from "./inner-host.js";
import { type Link, type LinkHost, RX_FRAME, RX_LENGTH, RX_STRIDE } from "./link.js";
import { readRow } from "./row.js";
import { TX_LENGTH, TX_STRIDE, type TxQueue } from "./tx-queue.js";

/** Where a capture goes: Node's fs.WriteStream, or anything that takes bytes in order and keeps them. */
export interface CaptureSink {
  write(bytes: Uint8Array): unknown;
  end?(): void;
}

export interface CaptureOptions {
  /**
   * Record what passes between stack and link as it is: frames of up to 64 KB that stand for several, and checksums
   * left to the device, which readers call wrong. Default false: the link is opened without offloads, and every
   * frame is recorded as it stands on the wire.
   */
  readonly raw?: boolean;
  /** Bytes recorded of each frame at most; default 262144, which is all. */
  readonly snaplen?: number;
}

/** As tcpdump and Wireshark have it. */
const WHOLE_FRAMES = 262144;

/**
 * A link that behaves as `link` does and writes what passes to `sink` as a pcapng file, stamped with the clock's wall
 * time. close() ends the sink.
 */
export function capture(link: Link, sink: CaptureSink, options: CaptureOptions = {}): CaptureLink {
  return new CaptureLink(link, sink, options);
}

export class CaptureLink implements Link, LinkWrapper {
  private readonly inner: Link;
  private readonly sink: CaptureSink;
  private readonly raw: boolean;
  private readonly snaplen: number;
  private host: LinkHost | null = null;
  private frames = 0;
  private closed = false;

  constructor(inner: Link, sink: CaptureSink, options: CaptureOptions) {
    this.inner = inner;
    this.sink = sink;
    this.raw = options.raw ?? false;
    this.snaplen = options.snaplen ?? WHOLE_FRAMES;
  }

  get layer(): "ethernet" | "ip" {
    return this.inner.layer;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get mac(): Uint8Array | undefined {
    return this.inner.mac;
  }

  get name(): string {
    return this.inner.name;
  }

  get features(): number {
    return this.raw ? this.inner.features : 0;
  }

  open(host: LinkHost): void {
    const linkType = this.layer === "ethernet" ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
    this.inner.open(new InnerHost(host, this, this.raw && host.offload));
    this.host = host;
    this.closed = false;
    this.sink.write(pcapngHeader(linkType, this.name, this.snaplen, "tapstack"));
  }

  transmit(queue: TxQueue): number {
    const from = queue.taken;
    // A link that lowers a large row cuts it down as it goes, so such are recorded before it sees them.
    const before = this.raw ? this.sentBlocks(queue, from, queue.count) : null;
    const taken = this.inner.transmit(queue);
    if (this.host === null || taken === 0) return taken;
    this.frames += taken;
    if (before === null) this.sink.write(this.sentBlocks(queue, from, from + taken));
    else this.sink.write(taken === queue.count - from ? before : leading(before, taken));
    return taken;
  }

  close(): void | Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.host = null;
    // Also when it was never opened: the link may hold a device, and the sink a file.
    const closing = this.inner.close();
    if (closing === undefined) return this.sink.end?.();
    return closing.finally(() => this.sink.end?.());
  }

  /** Those of the link captured, and TapstackCaptureFrames: frames written. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.inner.counters?.(), TapstackCaptureFrames: this.frames };
  }

  /** A batch from the inner link; for its {@link InnerHost}. */
  receiveInner(rows: Int32Array, count: number): void {
    const { host } = this;
    if (host === null) return;
    this.frames += count;
    this.sink.write(this.receivedBlocks(host, rows, count));
    host.receive(rows, count);
  }

  /** The inner link has room again. */
  writableInner(): void {
    this.host?.writable();
  }

  private receivedBlocks(host: LinkHost, rows: Int32Array, count: number): Uint8Array {
    const { snaplen } = this;
    let size = 0;
    for (let i = 0; i < count; i++)
      size += pcapngPacketSize(Math.min(snaplen, rows[i * RX_STRIDE + RX_LENGTH] as number));
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const wallTime = host.clock.wallTime();
    for (let i = 0, at = 0; i < count; i++) {
      const length = rows[i * RX_STRIDE + RX_LENGTH] as number;
      const captured = Math.min(snaplen, length);
      const data = writePcapngPacket(view, at, wallTime, captured, length, PCAPNG_INBOUND);
      host.memory.read(rows[i * RX_STRIDE + RX_FRAME] as number, bytes, data, captured);
      at += pcapngPacketSize(captured);
    }
    return bytes;
  }

  /** The blocks of rows [from, end). */
  private sentBlocks(queue: TxQueue, from: number, end: number): Uint8Array {
    const { snaplen } = this;
    const { rows } = queue;
    let size = 0;
    for (let i = from; i < end; i++)
      size += pcapngPacketSize(Math.min(snaplen, rows[i * TX_STRIDE + TX_LENGTH] as number));
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const wallTime = this.host?.clock.wallTime() ?? 0;
    for (let i = from, at = 0; i < end; i++) {
      const length = rows[i * TX_STRIDE + TX_LENGTH] as number;
      const captured = Math.min(snaplen, length);
      const data = writePcapngPacket(view, at, wallTime, captured, length, PCAPNG_OUTBOUND);
      readRow(queue, i, bytes, data, captured);
      at += pcapngPacketSize(captured);
    }
    return bytes;
  }
}

/** The first `count` blocks of `blocks`. */
function leading(blocks: Uint8Array, count: number): Uint8Array {
  const view = new DataView(blocks.buffer);
  let end = 0;
  for (let i = 0; i < count; i++) end += view.getUint32(end + 4, true);
  return blocks.subarray(0, end);
}
