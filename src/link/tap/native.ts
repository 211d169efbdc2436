import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ENOENT, SystemError } from "../../base/errors.js";
import type { LinkHost } from "../link.js";
import type { TxQueue } from "../tx-queue.js";
import type { FramePort, PortEvents, SlotLayout, Sys, TapDriver } from "./driver.js";
import { COUNTS } from "./port.js";

/** native/port.c */
interface AddonPort {
  start(
    memory: ArrayBuffer,
    base: number,
    stride: number,
    slots: number,
    room: number,
    rows: Int32Array,
    spinNs: number,
  ): void;
  queue(rows: Int32Array, pieces: Int32Array): void;
  transmit(from: number, to: number): number;
  hold(on: boolean): void;
  close(): void;
}

interface Addon extends Sys {
  readonly Port: new (
    fd: number,
    header: number,
    counts: Float64Array,
    onBatch: (count: number) => void,
    onWritable: () => void,
    onDown: (errno: number) => void,
  ) => AddonPort;
}

/** Two levels up from src/link/tap and from dist/link/tap alike. */
const ADDON = fileURLToPath(new URL("../../../native/build/tap.node", import.meta.url));

function loadAddon(): Addon {
  try {
    return createRequire(import.meta.url)(ADDON) as Addon;
  } catch (error) {
    const reason = existsSync(ADDON)
      ? `does not load here (${(error as Error).message.split("\n")[0]})`
      : "was not built when tapstack was installed";
    const sentence =
      `the native TAP driver ${reason}; it takes a C compiler: apt-get install gcc libc6-dev && npm rebuild tapstack ` +
      "(in a clone of tapstack: node native/build.mjs)";
    throw new SystemError(ENOENT, "openTap", { sentence });
  }
}

class NativePort implements FramePort {
  readonly counts = new Float64Array(COUNTS);
  private readonly port: AddonPort;
  private rows: Int32Array | null = null;
  private closed = false;

  constructor(addon: Addon, fd: number, header: number, events: PortEvents) {
    this.port = new addon.Port(
      fd,
      header,
      this.counts,
      (count) => events.batch(count),
      () => events.writable(),
      (errno) => events.down(errno),
    );
  }

  start(host: LinkHost, layout: SlotLayout, rows: Int32Array, spin: number): void {
    const { base, stride, slots, room } = layout;
    this.port.start(host.memory.buffer, base, stride, slots, room, rows, Math.round(spin * 1000));
  }

  transmit(queue: TxQueue): number {
    if (this.rows !== queue.rows) {
      this.rows = queue.rows;
      this.port.queue(queue.rows, queue.pieces);
    }
    return this.port.transmit(queue.taken, queue.count);
  }

  hold(on: boolean): void {
    if (!this.closed) this.port.hold(on);
  }

  close(): void {
    this.closed = true;
    this.port.close();
  }
}

/** The addon in native/: batches, offloads, no copies. Throws a SystemError that says how to build it. */
export function nativeDriver(): TapDriver {
  const addon = loadAddon();
  return {
    name: "native",
    sys: addon,
    vnet: true,
    port: (fd, header, events) => new NativePort(addon, fd, header, events),
  };
}
