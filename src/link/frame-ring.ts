import { EINVAL, SystemError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import { type LinkHost, RX_CSUM_PARTIAL, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "./link.js";
import {
  TX_CSUM,
  TX_GSO,
  TX_HEAD,
  TX_HEAD_LENGTH,
  TX_LENGTH,
  TX_PIECE,
  TX_PIECES,
  TX_STRIDE,
  type TxQueue,
} from "./tx-queue.js";

/** Rows handed to a stack in one receive call. */
export const RX_BATCH = 64;

/** What precedes an IP packet in a frame of that layer, in bytes. */
export function linkHeaderLength(layer: "ethernet" | "ip"): number {
  return layer === "ethernet" ? 14 : 0;
}

/**
 * Frames on their way into a stack, in the stack's own memory: a queue of whole frames of any length, bounded in
 * bytes and in frames. A frame stands so that its IP header is 4-byte aligned, and stays until the receive call that
 * it was part of has returned.
 */
export class FrameRing {
  /** Frames held. */
  count = 0;
  private readonly memory: Memory;
  private readonly base: number;
  private readonly size: number;
  private readonly capacity: number;
  /** Where in a word a frame begins: 2 before an Ethernet header of 14 bytes, else 0. */
  private readonly shift: number;
  private readonly rows: Int32Array;
  private readonly batch = new Int32Array(RX_BATCH * RX_STRIDE);
  private first = 0;
  /** Where the next frame would go, in bytes from the base. */
  private write = 0;
  private closed = false;

  /**
   * @param frames how many frames it holds at most
   * @param bytes size of the region reserved; throws ENOMEM when the memory has no such room
   */
  constructor(memory: Memory, layer: "ethernet" | "ip", frames: number, bytes: number) {
    this.memory = memory;
    this.shift = layer === "ethernet" ? 2 : 0;
    this.capacity = frames;
    this.size = bytes;
    this.rows = new Int32Array(frames * RX_STRIDE);
    this.base = memory.reserve(bytes);
  }

  /** Bytes of a region that holds `frames` frames of `length` bytes. */
  static bytesFor(frames: number, length: number): number {
    return frames * ((length + 2 + 3) & ~3);
  }

  /** Throws EINVAL for a ring that could not hold a single frame of `longest` bytes. */
  static check(frames: number, bytes: number, longest: number): void {
    const least = FrameRing.bytesFor(1, longest);
    if (frames >= 1 && bytes >= least) return;
    const sentence = `a queue of ${frames} frames in ${bytes} bytes; give room for 1 frame and ${least} bytes at least`;
    throw new SystemError(EINVAL, "link", { sentence });
  }

  /**
   * Appends a frame of which the caller then writes all `length` bytes.
   * @returns memory offset of its first byte, or -1: no room until frames have been delivered
   */
  add(length: number, flags: number, gso: number): number {
    const need = (this.shift + length + 3) & ~3;
    const start = this.place(need);
    if (start < 0) return -1;
    const at = this.base + start + this.shift;
    const row = ((this.first + this.count) % this.capacity) * RX_STRIDE;
    this.rows[row + RX_FRAME] = at;
    this.rows[row + RX_LENGTH] = length;
    this.rows[row + RX_FLAGS] = flags;
    this.rows[row + RX_GSO] = gso;
    this.write = start + need;
    this.count++;
    return at;
  }

  /** Appends a copy of `frame`. False: no room. */
  addBytes(frame: Uint8Array): boolean {
    const at = this.add(frame.length, 0, 0);
    if (at >= 0) this.memory.write(at, frame, 0, frame.length);
    return at >= 0;
  }

  /** Appends a copy of row `index` of a queue in any memory, with its offload marks. False: no room. */
  addRow(queue: TxQueue, index: number): boolean {
    const { rows, pieces, memory: source } = queue;
    const { memory } = this;
    const row = index * TX_STRIDE;
    const flags = rows[row + TX_CSUM] === 0 ? 0 : RX_CSUM_PARTIAL;
    let at = this.add(rows[row + TX_LENGTH] as number, flags, rows[row + TX_GSO] as number);
    if (at < 0) return false;
    const headLength = rows[row + TX_HEAD_LENGTH] as number;
    memory.copyFrom(at, source, rows[row + TX_HEAD] as number, headLength);
    at += headLength;
    const first = rows[row + TX_PIECE] as number;
    const end = first + (rows[row + TX_PIECES] as number);
    for (let p = first; p < end; p++) {
      const length = pieces[2 * p + 1] as number;
      memory.copyFrom(at, source, pieces[2 * p] as number, length);
      at += length;
    }
    return true;
  }

  /** Gives the oldest frames, RX_BATCH at most, to the stack in one call, and forgets them. */
  deliver(host: LinkHost): void {
    const { rows, batch, capacity } = this;
    const count = Math.min(this.count, RX_BATCH);
    if (count === 0) return;
    for (let i = 0; i < count; i++) {
      const from = ((this.first + i) % capacity) * RX_STRIDE;
      for (let c = 0; c < RX_STRIDE; c++) batch[i * RX_STRIDE + c] = rows[from + c] as number;
    }
    try {
      host.receive(batch, count);
    } finally {
      // Closed from inside the call: nothing is held any more.
      if (!this.closed) {
        this.first = (this.first + count) % capacity;
        this.count -= count;
      }
    }
  }

  /** Forgets every frame and gives the region back. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.count = 0;
    this.memory.release(this.base, this.size);
  }

  /** Where `need` bytes in one run are free, from the base; -1: nowhere. */
  private place(need: number): number {
    if (this.count === 0) return need <= this.size ? 0 : -1;
    if (this.count === this.capacity) return -1;
    const oldest = (this.rows[this.first * RX_STRIDE + RX_FRAME] as number) - this.shift - this.base;
    // The frames held stand from the oldest up to `write`, or from the oldest to the end and from 0 up to `write`.
    if (this.write > oldest) {
      if (this.write + need <= this.size) return this.write;
      return need <= oldest ? 0 : -1;
    }
    return this.write + need <= oldest ? this.write : -1;
  }
}
