import type { Random } from "../platform/random.js";
import type { Addr } from "../wire/address.js";
import { PortBitmap } from "./port-bitmap.js";
import { TupleTable } from "./tuple-table.js";

/** Connections to one destination from which on its local ports are kept in a bitmap. */
const MANY = 64;

/**
 * Which local ports are in use towards one (local address, remote address, remote port). Few are found by
 * asking the demultiplexer; from {@link MANY} on there is a bitmap, so that choosing the last free port costs what
 * choosing the first did.
 */
export class Destinations {
  private readonly index: TupleTable;
  private counts = new Int32Array(64);
  private readonly bitmaps: (PortBitmap | null)[] = [];
  private readonly free: number[] = [];

  constructor(random: Random) {
    this.index = new TupleTable(random);
  }

  /** Destinations with connections. */
  get size(): number {
    return this.index.size;
  }

  add(local: Addr, localPort: number, remote: Addr, remotePort: number): void {
    let i = this.index.find(local, 0, remote, remotePort);
    if (i < 0) {
      i = this.free.pop() ?? this.bitmaps.push(null) - 1;
      if (i >= this.counts.length) this.widen();
      this.counts[i] = 0;
      this.index.insert(local, 0, remote, remotePort, i);
    }
    this.counts[i] = (this.counts[i] as number) + 1;
    (this.bitmaps[i] as PortBitmap | null)?.add(localPort);
  }

  remove(local: Addr, localPort: number, remote: Addr, remotePort: number): void {
    const i = this.index.find(local, 0, remote, remotePort);
    if (i < 0) return;
    (this.bitmaps[i] as PortBitmap | null)?.remove(localPort);
    const count = (this.counts[i] as number) - 1;
    this.counts[i] = count;
    if (count > 0) return;
    this.index.remove(local, 0, remote, remotePort);
    this.bitmaps[i] = null;
    this.free.push(i);
  }

  /**
   * The ports in use towards a destination, or null while they are few.
   * @param table the demultiplexer: where the ports used so far are found when a bitmap is first made
   */
  bitmap(local: Addr, remote: Addr, remotePort: number, table: TupleTable): PortBitmap | null {
    const i = this.index.find(local, 0, remote, remotePort);
    if (i < 0 || (this.counts[i] as number) < MANY) return null;
    let bitmap = this.bitmaps[i] as PortBitmap | null;
    if (bitmap !== null) return bitmap;
    bitmap = new PortBitmap();
    for (let port = 1; port < 65536; port++) if (table.find(local, port, remote, remotePort) >= 0) bitmap.add(port);
    this.bitmaps[i] = bitmap;
    return bitmap;
  }

  private widen(): void {
    const wider = new Int32Array(this.counts.length * 2);
    wider.set(this.counts);
    this.counts = wider;
  }
}
