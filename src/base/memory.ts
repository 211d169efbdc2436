import { ENOMEM, SystemError } from "./errors.js";
import { MEMORY_WASM } from "./memory-wasm.js";

interface Kernels {
  sum(at: number, length: number): number;
  copy(to: number, from: number, length: number): void;
}

/** What a WebAssembly page holds; memories are whole numbers of them. */
const PAGE = 65536;
const ALIGN = 64;
/** Up to here a loop is faster than making a view, and allocates nothing (measured: they meet at about 250 bytes). */
const LOOP_COPY = 256;
/** Up to here a loop over bytes is the fastest copy between an application's array and the memory. */
const SMALL_COPY = 16;

let compiled: WebAssembly.Module | null = null;

/** The compiled kernels are immutable, so every memory shares them. */
function kernels(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(MEMORY_WASM), (c) => c.charCodeAt(0)));
  return compiled;
}

/** Regions are whole multiples of ALIGN; not by masks, since a size may pass 2^31 before it is refused. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN;
}

function copyWords(target: Memory, to: number, source: Memory, from: number, length: number): void {
  const words = length & ~3;
  for (let i = 0; i < words; i += 4) target.dv.setInt32(to + i, source.dv.getInt32(from + i, true), true);
  for (let i = words; i < length; i++) target.u8[to + i] = source.u8[from + i] as number;
}

/**
 * The one block of bytes of a stack: receive slots, transmit space and payload chunks all stand in it, and an
 * integer offset is the only pointer there is. It is a WebAssembly.Memory of fixed size (never grown, so views stay
 * valid) because its SIMD checksum then needs no copy; pages nobody touched cost nothing.
 */
export class Memory {
  readonly buffer: ArrayBuffer;
  readonly size: number;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly dv: DataView;
  private readonly kernels: Kernels;
  /** The arrays last seen to lie in this memory, and not to. */
  private inside: Uint8Array | null = null;
  private insideAt = 0;
  private outside: Uint8Array | null = null;
  private top = ALIGN;
  private readonly released = new Map<number, number[]>();

  /** @param bytes size, rounded up to 64 KiB; at most 4 GiB - 64 KiB (offsets stay below 2^31 in practice: 2 GiB) */
  constructor(bytes: number) {
    const pages = Math.ceil(bytes / PAGE);
    if (!(pages >= 1 && pages <= 32767))
      throw new RangeError(`memory of ${bytes} bytes: give 65536 to ${32767 * PAGE} bytes`);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const instance = new WebAssembly.Instance(kernels(), { tapstack: { memory } });
    this.kernels = instance.exports as unknown as Kernels;
    this.buffer = memory.buffer as ArrayBuffer;
    this.size = pages * PAGE;
    this.u8 = new Uint8Array(this.buffer);
    this.i32 = new Int32Array(this.buffer);
    this.dv = new DataView(this.buffer);
  }

  /** Bytes not yet reserved. */
  get available(): number {
    return this.size - this.top;
  }

  /** Sets aside a region aligned to 64 bytes, for good or until {@link release}. Throws ENOMEM. */
  reserve(bytes: number): number {
    const size = aligned(bytes);
    const again = this.released.get(size)?.pop();
    if (again !== undefined) return again;
    if (size > this.available) throw new SystemError(ENOMEM, "reserve");
    const at = this.top;
    this.top += size;
    return at;
  }

  /**
   * Gives a region back: for anybody once everything above it has been given back too, and until then for somebody
   * who wants the same size.
   */
  release(at: number, bytes: number): void {
    const size = aligned(bytes);
    if (at + size !== this.top) {
      const list = this.released.get(size);
      if (list === undefined) this.released.set(size, [at]);
      else list.push(at);
      return;
    }
    this.top = at;
    while (this.lowerTop()) {}
  }

  /** Takes a released region that ends where the unreserved bytes begin back into them. */
  private lowerTop(): boolean {
    for (const [size, list] of this.released) {
      const index = list.indexOf(this.top - size);
      if (index < 0) continue;
      list.splice(index, 1);
      this.top -= size;
      return true;
    }
    return false;
  }

  /** The RFC 1071 sum of [at, at+length), folded to 16 bits, not complemented; at most 512 KiB. */
  sum(at: number, length: number): number {
    return this.kernels.sum(at, length);
  }

  /** memmove within the memory. */
  copy(to: number, from: number, length: number): void {
    this.kernels.copy(to, from, length);
  }

  /** Copies [from, from+length) of another stack's memory (or of this one) to `to`. */
  copyFrom(to: number, source: Memory, from: number, length: number): void {
    if (source === this) this.copy(to, from, length);
    else if (length > LOOP_COPY) this.u8.set(source.u8.subarray(from, from + length), to);
    else copyWords(this, to, source, from, length);
  }

  /** Copies `length` bytes of `source` from `start` into the memory at `to`. */
  write(to: number, source: Uint8Array, start: number, length: number): void {
    if (length > SMALL_COPY && this.within(source)) this.copy(to, this.insideAt + start, length);
    else if (length <= 64) {
      const u8 = this.u8;
      for (let i = 0; i < length; i++) u8[to + i] = source[start + i] as number;
    } else if (start === 0 && length === source.length) this.u8.set(source, to);
    else this.u8.set(source.subarray(start, start + length), to);
  }

  /** Copies [from, from+length) out into `target` at `start`. */
  read(from: number, target: Uint8Array, start: number, length: number): void {
    if (length > SMALL_COPY && this.within(target)) this.copy(this.insideAt + start, from, length);
    else if (length <= 64) {
      const u8 = this.u8;
      for (let i = 0; i < length; i++) target[start + i] = u8[from + i] as number;
    } else target.set(this.u8.subarray(from, from + length), start);
  }

  /** Whether `array` lies in this memory; at `insideAt`, then. Asking an array for its buffer costs more than a small copy. */
  private within(array: Uint8Array): boolean {
    if (array === this.inside) return true;
    if (array === this.outside) return false;
    if (array.buffer !== this.buffer) {
      this.outside = array;
      return false;
    }
    this.inside = array;
    this.insideAt = array.byteOffset;
    return true;
  }
}
