import type { ChunkPool } from "../base/chunks.js";
import { StreamBuffer } from "../base/stream-buffer.js";
import {
  TX_CSUM,
  TX_GSO,
  TX_HEAD,
  TX_HEAD_LENGTH,
  TX_L4,
  TX_LENGTH,
  TX_PIECE,
  TX_PIECES,
  TX_STRIDE,
  type TxQueue,
} from "../link/tx-queue.js";
import type { Netif } from "../netif/netif.js";

/** What is kept of a row beside its bytes. */
interface Row {
  readonly length: number;
  readonly gso: number;
  readonly csum: number;
  readonly headers: number;
}

/** Frames that wait for their neighbour's address: whole copies, one behind the other, oldest first. */
export class WaitingFrames {
  /** Bytes of all frames. */
  bytes = 0;
  private readonly buffer: StreamBuffer;
  private readonly rows: Row[] = [];

  constructor(pool: ChunkPool) {
    this.buffer = new StreamBuffer(pool);
  }

  get count(): number {
    return this.rows.length;
  }

  /** The oldest frame's length; there must be one. */
  get firstLength(): number {
    return (this.rows[0] as Row).length;
  }

  /** Appends a copy of row `index`. False: there is no memory for it. */
  add(queue: TxQueue, index: number): boolean {
    const { rows, pieces } = queue;
    const row = index * TX_STRIDE;
    const length = rows[row + TX_LENGTH] as number;
    if (this.buffer.ensure(this.bytes, length) < length) return false;
    let at = this.bytes;
    const headLength = rows[row + TX_HEAD_LENGTH] as number;
    this.buffer.writeFrom(at, rows[row + TX_HEAD] as number, headLength);
    at += headLength;
    const first = rows[row + TX_PIECE] as number;
    for (let p = first; p < first + (rows[row + TX_PIECES] as number); p++) {
      const n = pieces[2 * p + 1] as number;
      this.buffer.writeFrom(at, pieces[2 * p] as number, n);
      at += n;
    }
    this.bytes = at;
    this.rows.push({
      length,
      gso: rows[row + TX_GSO] as number,
      csum: rows[row + TX_CSUM] as number,
      headers: rows[row + TX_L4] as number,
    });
    return true;
  }

  /** Copies the first `length` bytes of the oldest frame to `to`. */
  peek(to: number, length: number): void {
    this.buffer.readTo(0, to, length);
  }

  /** Everything goes out, in order, to a MAC address. Returns how many found no room and are lost. */
  sendAll(netif: Netif, macHigh: number, macLow: number): number {
    const { tx } = netif;
    let lost = 0;
    while (this.rows.length > 0) {
      const { length, gso, csum, headers } = this.rows[0] as Row;
      let at = tx.begin(length);
      if (at < 0) {
        netif.flush();
        at = tx.begin(length);
      }
      if (at >= 0) {
        this.peek(at, length);
        tx.memory.dv.setInt16(at, macHigh);
        tx.memory.dv.setInt32(at + 2, macLow);
        netif.commit(at, length, length, gso, csum, headers);
      } else lost++;
      this.drop();
    }
    return lost;
  }

  /** Forgets the oldest frame. */
  drop(): void {
    const { length } = this.rows.shift() as Row;
    this.bytes -= length;
    this.buffer.drop(length);
    if (this.bytes === 0) this.buffer.clear();
  }

  clear(): void {
    this.rows.length = 0;
    this.bytes = 0;
    this.buffer.clear();
  }
}
