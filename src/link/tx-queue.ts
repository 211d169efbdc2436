import type { ChunkPool } from "../base/chunks.js";
import type { Memory } from "../base/memory.js";

/** Columns of a row; a row is one frame to send. */
export const TX_HEAD = 0; // memory offset of the frame's first byte
export const TX_HEAD_LENGTH = 1; // bytes that stand there: headers, and payload copied behind them
export const TX_PIECE = 2; // index of the first payload piece that follows the head
export const TX_PIECES = 3; // how many pieces
export const TX_LENGTH = 4; // bytes of the whole frame
export const TX_GSO = 5; // GSO_* kind << 16 | gso_size; 0 for a single segment
export const TX_CSUM = 6; // csum_start << 16 | csum_offset, from the frame's first byte; 0: checksum complete
export const TX_L4 = 7; // length of all headers (vnet hdr_len)
export const TX_STRIDE = 8;

export const GSO_NONE = 0;
export const GSO_TCP4 = 1;
export const GSO_UDP4 = 2;

const ROWS = 1024;
const PIECES = 8192;
/** Space for heads and copied payload of one batch: a 64th of the stack's memory, within these bounds. */
const ARENA_MOST = 2 * 1024 * 1024;
const ARENA_LEAST = 144 * 1024;

/**
 * The frames of one batch, written in place and handed to the link in one call.
 *
 * A frame is begun (its head gets room in the arena), written, given pieces of chunk memory that follow it, and
 * committed. Nothing is copied and nothing allocated. Whatever an uncommitted or unflushed row refers to stays as
 * it is: the arena is reused only when every row has gone, and chunks are pinned in their pool until then.
 */
export class TxQueue {
  readonly memory: Memory;
  /** Rows of TX_STRIDE columns; [taken, count) are unsent. */
  readonly rows = new Int32Array(ROWS * TX_STRIDE);
  /** Pairs of memory offset and length. */
  readonly pieces = new Int32Array(PIECES * 2);
  /** Rows committed since the queue was last empty. */
  count = 0;
  /** Rows that the link has taken. */
  taken = 0;
  private readonly pool: ChunkPool;
  private readonly arena: number;
  private readonly arenaSize: number;
  private used = 0;
  private pieceCount = 0;
  /** Pieces of committed rows. */
  private pieceBase = 0;
  private open = 0;
  private pinned = false;

  constructor(
    memory: Memory,
    pool: ChunkPool,
    arenaSize = Math.max(ARENA_LEAST, Math.min(memory.size >> 6, ARENA_MOST)),
  ) {
    this.memory = memory;
    this.pool = pool;
    this.arenaSize = arenaSize;
    this.arena = memory.reserve(arenaSize);
  }

  /** Rows not yet taken by the link. */
  get pending(): number {
    return this.count - this.taken;
  }

  /**
   * Begins a frame of which up to `length` bytes will be written in place.
   * @returns memory offset of the frame's first byte, 2 modulo 4 (so that what follows an Ethernet header is
   * aligned), or -1: no room until the link takes rows
   */
  begin(length: number): number {
    const at = ((this.used + 3) & ~3) + 2;
    if (this.count === ROWS || at + length > this.arenaSize) return -1;
    this.open = this.arena + at;
    this.pieceCount = this.pieceBase;
    return this.open;
  }

  /** Appends [at, at+length) of chunk memory to the frame begun. False: too many pieces; give the frame up. */
  piece(at: number, length: number): boolean {
    const n = this.pieceCount;
    if (n === PIECES) return false;
    this.pieces[2 * n] = at;
    this.pieces[2 * n + 1] = length;
    this.pieceCount = n + 1;
    return true;
  }

  /**
   * Commits the frame begun at `head` with `headLength` bytes there, followed by its pieces.
   * @param head the offset that begin() returned, or one a little past it when less headroom was needed
   * @param length bytes of the whole frame
   * @param gso kind << 16 | size, or 0
   * @param csum start << 16 | offset from the frame's first byte, or 0
   * @param headers length of all headers
   */
  commit(head: number, headLength: number, length: number, gso: number, csum: number, headers: number): void {
    const rows = this.rows;
    const row = this.count * TX_STRIDE;
    const pieces = this.pieceCount - this.pieceBase;
    rows[row + TX_HEAD] = head;
    rows[row + TX_HEAD_LENGTH] = headLength;
    rows[row + TX_PIECE] = this.pieceBase;
    rows[row + TX_PIECES] = pieces;
    rows[row + TX_LENGTH] = length;
    rows[row + TX_GSO] = gso;
    rows[row + TX_CSUM] = csum;
    rows[row + TX_L4] = headers;
    this.count++;
    this.used = head + headLength - this.arena;
    this.pieceBase = this.pieceCount;
    if (pieces > 0 && !this.pinned) {
      this.pinned = true;
      this.pool.pin();
    }
  }

  /** The link has taken `n` more rows; when all are gone everything they referred to is free again. */
  take(n: number): void {
    this.taken += n;
    if (this.taken === this.count) this.reset();
  }

  /** Takes back the rows from `count` on (at least `taken`), as if they had never been committed. */
  truncate(count: number): void {
    if (count >= this.count) return;
    const row = count * TX_STRIDE;
    this.used = (this.rows[row + TX_HEAD] as number) - this.arena;
    this.pieceBase = this.rows[row + TX_PIECE] as number;
    this.count = count;
    if (count === this.taken) this.reset();
  }

  /** Forgets every row. */
  reset(): void {
    this.count = 0;
    this.taken = 0;
    this.used = 0;
    this.pieceCount = 0;
    this.pieceBase = 0;
    if (this.pinned) {
      this.pinned = false;
      this.pool.unpin();
    }
  }

  /** Copies row `index` (0 to count-1) as one run of TX_LENGTH bytes to `to` in the memory. */
  copyRow(index: number, to: number): void {
    const { rows, pieces, memory } = this;
    const row = index * TX_STRIDE;
    const headLength = rows[row + TX_HEAD_LENGTH] as number;
    memory.copy(to, rows[row + TX_HEAD] as number, headLength);
    let at = to + headLength;
    const first = rows[row + TX_PIECE] as number;
    const end = first + (rows[row + TX_PIECES] as number);
    for (let p = first; p < end; p++) {
      const n = pieces[2 * p + 1] as number;
      memory.copy(at, pieces[2 * p] as number, n);
      at += n;
    }
  }

  /** Gives the arena back to the memory; the queue is of no use afterwards. */
  close(): void {
    this.reset();
    this.memory.release(this.arena, this.arenaSize);
  }
}
