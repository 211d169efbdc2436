import { TX_HEAD, TX_HEAD_LENGTH, TX_LENGTH, TX_PIECE, TX_PIECES, TX_STRIDE, type TxQueue } from "./tx-queue.js";

/** Copies the first `limit` bytes of row `index`, or all when there are fewer, into `target` at `start`. */
export function readRow(queue: TxQueue, index: number, target: Uint8Array, start: number, limit: number): void {
  const { rows, pieces, memory } = queue;
  const row = index * TX_STRIDE;
  let left = limit;
  let at = start;
  let n = Math.min(left, rows[row + TX_HEAD_LENGTH] as number);
  memory.read(rows[row + TX_HEAD] as number, target, at, n);
  const first = rows[row + TX_PIECE] as number;
  const end = first + (rows[row + TX_PIECES] as number);
  for (let p = first; p < end; p++) {
    at += n;
    left -= n;
    n = Math.min(left, pieces[2 * p + 1] as number);
    memory.read(pieces[2 * p] as number, target, at, n);
  }
}

/** A copy of row `index` as an array of its own, for whoever keeps it. */
export function rowBytes(queue: TxQueue, index: number): Uint8Array {
  const length = queue.rows[index * TX_STRIDE + TX_LENGTH] as number;
  const frame = new Uint8Array(length);
  readRow(queue, index, frame, 0, length);
  return frame;
}
