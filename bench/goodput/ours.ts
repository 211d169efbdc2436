import type { Clock, TimerHandle } from "../../src/platform/clock.js";
import type { Socket } from "../../src/socket/types.js";
import type { Stack } from "../../src/stack.js";
import { PORT, type SenderReport } from "./peer.js";

const SAMPLE = 100_000;

/** Our end that accepts one connection and counts what comes in `seconds` from then on. */
export class OurSink {
  readonly bytes: Promise<number>;
  /** The same once the time is over; -1 before. */
  total = -1;
  private readonly listener: Socket;
  private readonly clock: Clock;
  private timer: TimerHandle | null = null;
  private server: Socket | null = null;
  /** Bytes so far. */
  count = 0;

  constructor(stack: Stack, clock: Clock, algorithm: string, seconds: number) {
    this.clock = clock;
    const listener = stack.socket("tcp");
    this.listener = listener;
    listener.setOption("TCP_CONGESTION", algorithm);
    listener.bind(PORT);
    listener.listen(1);
    this.bytes = new Promise((resolve) => {
      listener.onReady = () => {
        const server = listener.accept();
        if (server === null) return;
        this.server = server;
        server.onReady = () => this.drain(server);
        this.drain(server);
        this.timer = clock.setTimer(clock.now() + seconds * 1e6, () => {
          this.total = this.count;
          resolve(this.count);
        });
      };
    });
  }

  close(): void {
    if (this.timer !== null) this.clock.clearTimer(this.timer);
    this.timer = null;
    this.server?.reset();
    this.server = null;
    this.listener.close();
  }

  private drain(server: Socket): void {
    for (let n = server.skip(1 << 20); n > 0; n = server.skip(1 << 20)) this.count += n;
  }
}

/** Our end that sends as much as it can until it is closed. */
export class OurSource {
  private readonly socket: Socket;
  private readonly clock: Clock;
  private readonly block = new Uint8Array(65_536);
  private readonly rtts: number[] = [];
  private timer: TimerHandle | null = null;
  private last: Readonly<Record<string, number>> = {};

  constructor(stack: Stack, clock: Clock, algorithm: string, address: string) {
    this.clock = clock;
    const socket = stack.socket("tcp");
    this.socket = socket;
    socket.setOption("TCP_CONGESTION", algorithm);
    if (socket.getOption("TCP_CONGESTION") !== algorithm) throw new Error(`${algorithm} was not taken`);
    socket.onReady = () => {
      if (this.timer === null) this.sample();
      while (socket.write(this.block) > 0);
    };
    socket.connect(PORT, address);
  }

  /** What it knows; to be asked while the transfer goes on. */
  report(): SenderReport {
    const { last, rtts } = this;
    const sorted = rtts.sort((a, b) => a - b);
    return {
      retransmits: last.total_retrans ?? -1,
      segments: last.data_segs_out ?? -1,
      timeouts: last.total_rto ?? -1,
      minRtt: last.min_rtt ?? 0,
      rtt: sorted[sorted.length >> 1] ?? 0,
    };
  }

  close(): void {
    if (this.timer !== null) this.clock.clearTimer(this.timer);
    this.socket.reset();
  }

  private sample(): void {
    if (this.socket.state === "ESTABLISHED") {
      this.last = this.socket.info();
      this.rtts.push(this.last.rtt ?? 0);
    }
    this.timer = this.clock.setTimer(this.clock.now() + SAMPLE, () => this.sample());
  }
}
