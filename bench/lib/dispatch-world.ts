import { RX_STRIDE } from "../../src/link/link.js";
import type { Clock } from "../../src/platform/clock.js";
import { SeededRandom } from "../../src/platform/random.js";
import { SocketEndpoint } from "../../src/socket/endpoint.js";
import type { Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";
import { formatAddr } from "../../src/wire/address.js";
import { ACK, SYN } from "../../src/wire/tcp.js";
import { SinkLink } from "./sink-link.js";
import { SteppedClock } from "./stepped-clock.js";
import {
  BATCH,
  BATCHES,
  GATEWAY_MAC,
  GATEWAY_TEXT,
  GROUP,
  LOCAL_TEXT,
  type Protocol,
  remoteOf,
  remotePortOf,
  TCP_PORT,
  Traffic,
  udpPortOf,
} from "./traffic.js";

const FEW = 8;

/** A clock that may be told of each batch. */
export interface BatchClock extends Clock {
  step?(micros: number): void;
  /** Everything is set up. */
  run?(): void;
}

/** A stack on a sink link, with connections made by handshakes that came as frames, and a reader on every socket. */
export class DispatchWorld {
  readonly stack: Stack;
  readonly link: SinkLink;
  private readonly clock: BatchClock;
  readonly traffic: Record<Protocol, Traffic>;
  /** Bytes that the reader took. */
  read = 0;
  private readonly target: Uint8Array;
  private readonly from = new SocketEndpoint();
  private readonly keep: Socket[] = [];
  private readonly streams: Socket[] = [];

  private constructor(stack: Stack, clock: BatchClock, link: SinkLink, traffic: Record<Protocol, Traffic>) {
    this.stack = stack;
    this.clock = clock;
    this.link = link;
    this.traffic = traffic;
    // In the stack's own memory: reads into it make no garbage.
    this.target = stack.alloc(131072);
  }

  /**
   * @param connections how many of each protocol
   * @param size bytes of a frame
   * @param software checksums are left to the stack
   * @param stamped TCP with timestamps
   */
  static async make(
    connections: number,
    size: number,
    software: boolean,
    clock: BatchClock = new SteppedClock(),
    stamped = false,
  ): Promise<DispatchWorld> {
    const stack = createStack({ clock, random: new SeededRandom(1) });
    const link = new SinkLink(!software);
    await stack.attach(link, {
      address: LOCAL_TEXT,
      gateway: GATEWAY_TEXT,
      neighbours: { [GATEWAY_TEXT]: GATEWAY_MAC },
      conflictDetection: "off",
    });
    const { host } = link;
    if (host === null) throw new Error("the link was not opened");
    const make = (protocol: Protocol): Traffic => new Traffic(host, protocol, connections, size, software, stamped);
    const world = new DispatchWorld(stack, clock, link, { tcp: make("tcp"), udp: make("udp") });
    await world.connectTcp(connections);
    await world.connectUdp(connections);
    world.settleDown();
    clock.run?.();
    return world;
  }

  /** Feeds batch `b` of the traffic prepared. */
  receive(traffic: Traffic, b: number): void {
    this.clock.step?.(traffic.batchMicros);
    this.link.host?.receive(traffic.batches[b] as Int32Array, BATCH);
  }

  /** Feeds all of it. */
  receiveGroup(traffic: Traffic): void {
    for (let b = 0; b < BATCHES; b++) this.receive(traffic, b);
  }

  private async connectTcp(connections: number): Promise<void> {
    const { link, stack } = this;
    const { tcp } = this.traffic;
    const listener = stack.socket("tcp");
    listener.bind(TCP_PORT);
    listener.listen(65535);
    link.onFrame = (frame) => tcp.takeSynAck(frame);
    for (let first = 0; first < connections; first += GROUP) {
      for (const flags of [SYN, ACK]) {
        const n = tcp.handshake(first, connections, flags);
        for (let b = 0; b * BATCH < n; b++)
          link.host?.receive(tcp.batches[b] as Int32Array, Math.min(BATCH, n - b * BATCH));
      }
      for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
        socket.onReady = this.readStream;
        this.keep.push(socket);
        this.streams.push(socket);
      }
      await turn();
    }
    link.onFrame = null;
    this.keep.push(listener);
    if (this.keep.length !== connections + 1)
      throw new Error(`${this.keep.length - 1} of ${connections} connections were made`);
    tcp.reset("hit");
    this.openWindows();
  }

  /** The first frames come a few at a time: the window of a SYN-ACK is 64 KiB at most, and opens with the first ACK. */
  private openWindows(): void {
    const { tcp } = this.traffic;
    tcp.prepare();
    for (const rows of tcp.batches)
      for (let k = 0; k < BATCH; k += FEW)
        this.link.host?.receive(rows.slice(k * RX_STRIDE, (k + FEW) * RX_STRIDE), FEW);
  }

  /**
   * As if every connection were past the quick ACKs with which it begins, or begins again after a silence. Set-up takes
   * so long that delayed ACKs went meanwhile: after one of those a connection is in no pingpong mode any more.
   */
  private settleDown(): void {
    for (const socket of this.streams) socket.setOption("TCP_QUICKACK", 0);
  }

  private async connectUdp(connections: number): Promise<void> {
    for (let i = 0; i < connections; i++) {
      const socket = this.stack.socket("udp");
      socket.setOption("SO_REUSEADDR", 1);
      socket.bind(udpPortOf(i));
      socket.connect(remotePortOf(i), formatAddr(remoteOf(i)));
      socket.onReady = this.readDatagrams;
      this.keep.push(socket);
      if (i % GROUP === 0) await turn();
    }
    this.traffic.udp.reset("hit");
  }

  private readonly readStream = (socket: Socket): void => {
    const n = socket.read(this.target);
    if (n > 0) this.read += n;
  };

  private readonly readDatagrams = (socket: Socket): void => {
    for (;;) {
      const n = socket.receiveFrom(this.target, this.from);
      if (n < 0) return;
      this.read += n;
    }
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
