import { EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS, SystemError } from "../../base/errors.js";
import type { TimerHandle } from "../../platform/clock.js";
import { type LinkHost, RX_FLAGS, RX_FRAME, RX_GSO, RX_LENGTH, RX_STRIDE } from "../link.js";
import { TX_HEAD, TX_LENGTH, TX_PIECES, TX_STRIDE, type TxQueue } from "../tx-queue.js";
import type { FramePort, PortEvents, SlotLayout, Sys, TapDriver } from "./driver.js";
import { exportOf, loadOptional } from "./modules.js";
import * as counts from "./port.js";

type Call = ((...args: unknown[]) => number) & {
  async(...args: [...unknown[], (error: Error | null, result: number) => void]): void;
};

/** libc, as ffi-napi sees it. ioctl is declared twice: its last argument is a number or a pointer. */
interface Libc {
  open: Call;
  socket: Call;
  ioctlNumber: Call;
  ioctlBytes: Call;
  read: Call;
  write: Call;
  close: Call;
  poll: Call;
  eventfd: Call;
  errno(): number;
}

type Library = (name: null, functions: Record<string, [string, string[]]>) => Record<string, Call>;

const POLLIN = 1;
const POLLOUT = 4;
const EFD_NONBLOCK = 0o4000;
const BATCHES_PER_WAKEUP = 8;
/** How often an unref'd port looks, in microseconds: a waiting thread would keep the process alive. */
const UNHELD_INTERVAL = 1000;
/** struct pollfd: int fd, short events, short revents */
const POLLFD = 8;

function bindLibc(ffi: unknown): Libc {
  const library = exportOf<Library>(ffi, "Library");
  const errno = exportOf<() => number>(ffi, "errno");
  if (library === undefined || errno === undefined)
    throw new SystemError(EINVAL, "openTap", { sentence: "the package ffi-napi is not as version 4 is" });
  const bind = (name: string, args: string[]): Call => library(null, { [name]: ["int", args] })[name] as Call;
  return {
    open: bind("open", ["string", "int"]),
    socket: bind("socket", ["int", "int", "int"]),
    ioctlNumber: bind("ioctl", ["int", "ulong", "ulong"]),
    ioctlBytes: bind("ioctl", ["int", "ulong", "pointer"]),
    // Frames are far below 2 GiB, so an int holds the result.
    read: bind("read", ["int", "pointer", "size_t"]),
    write: bind("write", ["int", "pointer", "size_t"]),
    close: bind("close", ["int"]),
    poll: bind("poll", ["pointer", "ulong", "int"]),
    eventfd: bind("eventfd", ["uint", "int"]),
    errno,
  };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

class FfiSys implements Sys {
  readonly libc: Libc;

  constructor(libc: Libc) {
    this.libc = libc;
  }

  open(path: string, flags: number): number {
    return this.outcome(this.libc.open(path, flags));
  }

  socket(domain: number, type: number, protocol: number): number {
    return this.outcome(this.libc.socket(domain, type, protocol));
  }

  ioctl(fd: number, request: number, argument: Uint8Array | number): number {
    const { libc } = this;
    if (typeof argument === "number") return this.outcome(libc.ioctlNumber(fd, request, argument));
    return this.outcome(libc.ioctlBytes(fd, request, bufferOf(argument)));
  }

  read(fd: number, bytes: Uint8Array): number {
    return this.outcome(this.libc.read(fd, bufferOf(bytes), bytes.length));
  }

  write(fd: number, bytes: Uint8Array): number {
    return this.outcome(this.libc.write(fd, bufferOf(bytes), bytes.length));
  }

  close(fd: number): number {
    return this.outcome(this.libc.close(fd));
  }

  /** errno is the thread's; ffi-napi reads it before anything else can run. */
  outcome(result: number): number {
    return result < 0 ? -this.libc.errno() : result;
  }
}

/**
 * Frames by foreign function calls: one read(2) or write(2) each, and a poll(2) that waits on a thread of libuv's pool
 * (an eventfd in the same set ends the wait). Unref'd, it looks once a millisecond by the stack's clock instead.
 */
class FfiPort implements FramePort {
  readonly counts = new Float64Array(counts.COUNTS);
  private readonly sys: FfiSys;
  private readonly fd: number;
  private readonly wake: number;
  private readonly events: PortEvents;
  private readonly pollfds = Buffer.alloc(2 * POLLFD);
  private host: LinkHost | null = null;
  private rows: Int32Array = new Int32Array(0);
  private slots: Buffer[] = [];
  private layout: SlotLayout | null = null;
  private held = true;
  private waiting = false;
  private blocked = false;
  private ended = false;
  private finished: (() => void) | null = null;
  private timer: TimerHandle | null = null;
  private readonly onTimer = (): void => {
    this.timer = null;
    this.look();
  };

  constructor(sys: FfiSys, fd: number, events: PortEvents) {
    this.sys = sys;
    this.fd = fd;
    this.events = events;
    this.wake = sys.outcome(sys.libc.eventfd(0, EFD_NONBLOCK));
    if (this.wake < 0) throw new SystemError(this.wake, "eventfd");
  }

  start(host: LinkHost, layout: SlotLayout, rows: Int32Array): void {
    this.host = host;
    this.layout = layout;
    this.rows = rows;
    this.slots = [];
    for (let i = 0; i < layout.slots; i++)
      this.slots.push(Buffer.from(host.memory.buffer, this.frameAt(i), layout.room));
    this.wait();
  }

  transmit(queue: TxQueue): number {
    const { rows } = queue;
    const from = queue.taken;
    let index = from;
    for (; index < queue.count; index++) {
      const row = index * TX_STRIDE;
      const length = rows[row + TX_LENGTH] as number;
      // Slots bound what can be put together; a larger frame than the MTU allows is nobody's to send anyhow.
      let result = length > (this.layout as SlotLayout).room ? -EMSGSIZE : -EINTR;
      while (result === -EINTR) {
        const at = rows[row + TX_PIECES] === 0 ? (rows[row + TX_HEAD] as number) : this.gather(queue, index);
        result = this.sys.write(this.fd, queue.memory.u8.subarray(at, at + length));
      }
      if (result === -EAGAIN || result === -ENOBUFS) {
        this.block();
        break;
      }
      this.count(
        result >= 0 ? counts.COUNT_TX_FRAMES : result === -EIO ? counts.COUNT_TX_DOWN : counts.COUNT_TX_ERRORS,
      );
    }
    return index - from;
  }

  hold(on: boolean): void {
    if (on === this.held) return;
    this.held = on;
    this.interrupt();
  }

  close(): void | Promise<void> {
    this.ended = true;
    if (!this.waiting) return this.release();
    // The waiting thread has a hold on the device; the file descriptors are closed when it has let go.
    return new Promise((resolve) => {
      this.finished = () => {
        this.release();
        resolve();
      };
      this.interrupt();
    });
  }

  private release(): void {
    if (this.timer !== null) this.host?.clock.clearTimer(this.timer);
    this.timer = null;
    this.host = null;
    this.sys.close(this.fd);
    this.sys.close(this.wake);
  }

  private frameAt(slot: number): number {
    const { base, stride } = this.layout as SlotLayout;
    return base + slot * stride + counts.FRAME_AT;
  }

  private count(which: number, by = 1): void {
    this.counts[which] = (this.counts[which] as number) + by;
  }

  /** Rows with pieces are put together in the last slot, which is never read into while sending. */
  private gather(queue: TxQueue, index: number): number {
    const layout = this.layout as SlotLayout;
    const at = this.frameAt(layout.slots - 1);
    queue.copyRow(index, at);
    return at;
  }

  private block(): void {
    this.count(counts.COUNT_TX_BLOCKED);
    this.blocked = true;
    this.interrupt();
  }

  /** Ends the wait that is under way, so that the next one sees what has changed. */
  private interrupt(): void {
    if (this.waiting) this.sys.write(this.wake, new Uint8Array(new BigUint64Array([1n]).buffer));
  }

  private wait(): void {
    const { host } = this;
    if (this.ended || host === null || this.waiting) return;
    if (!this.held) {
      this.timer = host.clock.setTimer(host.clock.now() + UNHELD_INTERVAL, this.onTimer);
      return;
    }
    const view = new DataView(this.pollfds.buffer, this.pollfds.byteOffset);
    const native = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
    view.setInt32(0, this.fd, native);
    view.setUint32(4, 0);
    view.setUint16(4, this.blocked ? POLLIN | POLLOUT : POLLIN, native);
    view.setInt32(POLLFD, this.wake, native);
    view.setUint32(POLLFD + 4, 0);
    view.setUint16(POLLFD + 4, POLLIN, native);
    this.waiting = true;
    this.sys.libc.poll.async(this.pollfds, 2, -1, () => {
      this.waiting = false;
      if (this.finished !== null) return this.finished();
      this.sys.read(this.wake, new Uint8Array(8));
      try {
        this.look();
      } catch (error) {
        // An exception that left this callback would end the process in ffi-napi's C++; let Node have it instead.
        setImmediate(() => {
          throw error;
        });
      }
    });
  }

  /** Whatever can be done now, then waits again. */
  private look(): void {
    if (this.ended) return;
    this.count(counts.COUNT_WAKEUPS);
    try {
      if (this.blocked) {
        this.blocked = false;
        this.events.writable();
      }
      for (let batches = 0; batches < BATCHES_PER_WAKEUP && !this.ended; batches++) if (!this.receive()) break;
    } finally {
      // Also when a callback threw: the exception is the process's business, the link goes on.
      this.wait();
    }
  }

  /** One batch. False: there is nothing more now. */
  private receive(): boolean {
    const { room, slots } = this.layout as SlotLayout;
    const { libc } = this.sys;
    let count = 0;
    let errno = 0;
    // The last slot is for sending.
    for (let attempt = 0; attempt < slots - 1 && errno === 0; attempt++) {
      const length = libc.read(this.fd, this.slots[count], room);
      if (length < 0) errno = libc.errno();
      else if (length >= room) this.count(counts.COUNT_RX_TRUNCATED);
      else if (length === 0) this.count(counts.COUNT_RX_ERRORS);
      else this.writeRow(count++, length);
      if (errno === EINTR) errno = 0;
    }
    if (count > 0) {
      this.count(counts.COUNT_RX_FRAMES, count);
      this.count(counts.COUNT_BATCHES);
      this.events.batch(count);
    }
    if (errno !== 0 && errno !== EAGAIN && !this.ended) this.events.down(errno);
    return errno === 0;
  }

  private writeRow(index: number, length: number): void {
    const { rows } = this;
    const row = index * RX_STRIDE;
    rows[row + RX_FRAME] = this.frameAt(index);
    rows[row + RX_LENGTH] = length;
    rows[row + RX_FLAGS] = 0;
    rows[row + RX_GSO] = 0;
  }
}

/** System calls by the optional package ffi-napi: slow, but nothing to compile of ours. Plain frames only. */
export async function ffiDriver(modulePath: string | null): Promise<TapDriver> {
  const sys = new FfiSys(bindLibc(await loadOptional("ffi-napi", modulePath)));
  return { name: "ffi-napi", sys, vnet: false, port: (fd, _header, events) => new FfiPort(sys, fd, events) };
}
