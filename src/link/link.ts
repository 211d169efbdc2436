import type { ChunkPool } from "../base/chunks.js";
import type { SystemError } from "../base/errors.js";
import type { Memory } from "../base/memory.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { TxQueue } from "./tx-queue.js";

/** Columns of a received row. */
export const RX_FRAME = 0; // memory offset of the frame's first byte (2 modulo 4 on "ethernet", 0 on "ip")
export const RX_LENGTH = 1; // bytes
export const RX_FLAGS = 2; // RX_* below
export const RX_GSO = 3; // GSO_* kind << 16 | gso_size of a frame that stands for several; 0 otherwise
export const RX_STRIDE = 4;

/** The link vouches for the L4 checksum (VIRTIO_NET_HDR_F_DATA_VALID). */
export const RX_CSUM_VALID = 1;
/** The L4 checksum field holds only the pseudo-header sum; the frame never left this machine (F_NEEDS_CSUM). */
export const RX_CSUM_PARTIAL = 2;

/** What a link can take off the stack's hands when it sends. */
export const LINK_CSUM = 1;
/** TCP over IPv4 frames of up to 64 KB with a segment size. Implies LINK_CSUM. */
export const LINK_TSO4 = 2;
/** UDP over IPv4, likewise. */
export const LINK_USO4 = 4;

/** What a link is given when it is attached: where to put what it receives, and whom to tell. */
export interface LinkHost {
  /** Receive slots are reserved here; every row, in or out, holds offsets into it. */
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly clock: Clock;
  readonly random: Random;
  /** False: the link must deliver and take plain frames only (single segments, complete checksums). */
  readonly offload: boolean;
  /**
   * A batch: `count` rows of RX_STRIDE columns. The frames are borrowed for the length of the call. Never called
   * from inside transmit() or open().
   */
  receive(rows: Int32Array, count: number): void;
  /** Rows that transmit() left behind can be tried again. */
  writable(): void;
  /** The link is gone for good. */
  down(error: SystemError): void;
}

/** What frames come from and go to. A link is attached to one stack at a time. */
export interface Link {
  readonly layer: "ethernet" | "ip";
  /** Largest IP packet, in bytes. */
  readonly mtu: number;
  /** 6 bytes, on "ethernet" links that have an address of their own to suggest for the stack's side. */
  readonly mac?: Uint8Array;
  /** What the link is called in listings and errors, `tap0`. */
  readonly name: string;
  /** LINK_* bits; meaningful once open() has returned. */
  readonly features: number;
  /** Starts delivering. Throws a SystemError when it cannot. */
  open(host: LinkHost): void;
  /**
   * Takes rows [queue.taken, queue.count) in order.
   * @returns how many it took (sent or dropped); the caller then calls queue.take(). Fewer than all: writable()
   * follows
   */
  transmit(queue: TxQueue): number;
  /** Stops delivering and lets go of what it holds. Idempotent. */
  close(): void | Promise<void>;
  /** Frames the link itself lost, by counter name; shown by nstat. */
  counters?(): Readonly<Record<string, number>>;
}
