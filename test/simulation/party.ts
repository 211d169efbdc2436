import { EAGAIN } from "../../src/base/errors.js";
import type { VirtualClock } from "../../src/platform/virtual-clock.js";
import { ERROR, type Socket } from "../../src/socket/types.js";

/** How a party behaves at its end of a connection. */
export interface Manner {
  /** Bytes that it writes in one call, and reads. */
  readonly writeSize: number;
  readonly readSize: number;
  /** Milliseconds that it rests after a read and after a write; 0: goes on as long as it can. */
  readonly readRest: number;
  readonly writeRest: number;
  /**
   * "orderly": shuts its sending side when all is written, closes at the end of the other's stream. "last": shuts its
   * own only after that. "eager": closes as soon as all is written and all is read, without waiting for the end.
   * "abort": resets when half of what it expects is read.
   */
  readonly ending: "orderly" | "last" | "eager" | "abort";
}

/** An application at one end of a connection: sends one stream, and expects another. */
export class Party {
  readonly name: string;
  /** It has let go of its socket. */
  over = false;
  /** The first thing that went wrong; "" when nothing did. */
  trouble = "";
  /** The connection may be reset by the other side. */
  tolerant = false;
  written = 0;
  received = 0;
  private readonly clock: VirtualClock;
  private readonly outgoing: Uint8Array;
  private readonly expected: Uint8Array;
  private readonly manner: Manner;
  private readonly target: Uint8Array;
  private shut = false;
  private ended = false;
  private resting = { read: false, write: false };
  private socket: Socket | null = null;

  constructor(name: string, clock: VirtualClock, outgoing: Uint8Array, expected: Uint8Array, manner: Manner) {
    this.name = name;
    this.clock = clock;
    this.outgoing = outgoing;
    this.expected = expected;
    this.manner = manner;
    this.target = new Uint8Array(manner.readSize);
  }

  /** Takes hold of a connection, or of an attempt at one. */
  take(socket: Socket): void {
    this.socket = socket;
    socket.onReady = () => this.act();
    this.act();
  }

  /** Where it stands, for messages. */
  get standing(): string {
    const { socket, outgoing, expected } = this;
    const counts = `${this.written} of ${outgoing.length} written, ${this.received} of ${expected.length} read`;
    return `${this.name}: ${this.over ? "over" : (socket?.state ?? "no connection")}, ${counts}${this.trouble && `, ${this.trouble}`}`;
  }

  private act(): void {
    const { socket } = this;
    if (socket === null || this.over) return;
    if ((socket.poll() & ERROR) !== 0) {
      this.fail(`error ${socket.getOption("SO_ERROR")}`);
      return;
    }
    this.receive(socket);
    if (!this.over) this.send(socket);
    if (!this.over) this.finish(socket);
  }

  private receive(socket: Socket): void {
    const { target, manner } = this;
    while (!this.ended && !this.resting.read) {
      const n = socket.read(target);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail(`read: ${n}`);
        return;
      }
      if (n === 0) {
        this.ended = true;
        if (this.received < this.expected.length) this.fail(`the stream ended after ${this.received} bytes`);
        return;
      }
      if (!this.isExpected(n)) {
        this.fail(`wrong bytes in [${this.received}, ${this.received + n})`);
        return;
      }
      this.received += n;
      if (manner.ending === "abort" && this.received * 2 >= this.expected.length) {
        socket.reset();
        this.over = true;
        return;
      }
      this.rest("read", manner.readRest);
    }
  }

  private isExpected(n: number): boolean {
    const { expected, target, received } = this;
    if (received + n > expected.length) return false;
    return Buffer.compare(target.subarray(0, n), expected.subarray(received, received + n)) === 0;
  }

  private send(socket: Socket): void {
    const { outgoing, manner } = this;
    while (this.written < outgoing.length && !this.resting.write) {
      const n = socket.write(outgoing, this.written, Math.min(manner.writeSize, outgoing.length - this.written));
      if (n === -EAGAIN) return;
      if (n <= 0) {
        this.fail(`write: ${n}`);
        return;
      }
      this.written += n;
      this.rest("write", manner.writeRest);
    }
  }

  private finish(socket: Socket): void {
    const { manner, outgoing, expected, ended } = this;
    if (this.written < outgoing.length || socket.state === "SYN-SENT") return;
    const all = this.received === expected.length;
    if (ended || (manner.ending === "eager" && all)) {
      this.over = true;
      socket.close();
    } else if (manner.ending === "orderly" && !this.shut) {
      this.shut = true;
      socket.shutdown("write");
    }
  }

  private rest(what: "read" | "write", ms: number): void {
    if (ms === 0) return;
    this.resting[what] = true;
    this.clock.setTimer(this.clock.now() + ms * 1000, () => {
      this.resting[what] = false;
      this.act();
    });
  }

  private fail(trouble: string): void {
    if (!this.tolerant) this.trouble ||= trouble;
    this.over = true;
    this.socket?.close();
  }
}
