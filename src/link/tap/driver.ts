import type { LinkHost } from "../link.js";
import type { TxQueue } from "../tx-queue.js";

/** The system calls that opening and configuring a TAP takes. Each returns its result, or the negated errno. */
export interface Sys {
  open(path: string, flags: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** The argument is an integer, or bytes that are read and written. */
  ioctl(fd: number, request: number, argument: Uint8Array | number): number;
  read(fd: number, bytes: Uint8Array): number;
  write(fd: number, bytes: Uint8Array): number;
  close(fd: number): number;
}

/** Where a port puts the frames it receives. */
export interface SlotLayout {
  /** Memory offset of the first slot. */
  readonly base: number;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  readonly slots: number;
  /** One byte more than the largest frame: a frame that fills it was cut short. */
  readonly room: number;
}

/** What a port tells its link. */
export interface PortEvents {
  /** `count` rows of the port's row array are filled in. */
  batch(count: number): void;
  /** Rows that transmit() left behind can be tried again. */
  writable(): void;
  /** The device is gone; at most once. */
  down(errno: number): void;
}

/** Moves frames between a TAP's file descriptor, which it owns, and the stack's memory. */
export interface FramePort {
  /** By COUNT_* of port.ts. */
  readonly counts: Float64Array;
  /** Receives from now on: rows of RX_STRIDE columns. `spin` in microseconds. */
  start(host: LinkHost, layout: SlotLayout, rows: Int32Array, spin: number): void;
  /** Sends rows [queue.taken, queue.count); returns how many it took. */
  transmit(queue: TxQueue): number;
  /** Whether it keeps the process alive. */
  hold(on: boolean): void;
  /** Idempotent. */
  close(): void | Promise<void>;
}

/** A way to the TAP device's system calls and frames. */
export interface TapDriver {
  readonly name: TapDriverName;
  readonly sys: Sys;
  /** It can put vnet headers before frames, so offloads can be used. */
  readonly vnet: boolean;
  /** @param header bytes of vnet header before each frame, 0 or 12 */
  port(fd: number, header: number, events: PortEvents): FramePort;
}

export type TapDriverName = "native" | "ffi-napi" | "tuntap2";
