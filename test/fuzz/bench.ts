import { EAGAIN } from "../../src/base/errors.js";
import { IP_TERMINALS } from "../../src/ip/counters.js";
import { impair } from "../../src/link/impair.js";
import type { Link } from "../../src/link/link.js";
import { memoryLinkPair } from "../../src/link/memory.js";
import { NEIGHBOUR_TERMINALS } from "../../src/neighbour/counters.js";
import { NETIF_TERMINALS } from "../../src/netif/counters.js";
import type { Netif } from "../../src/netif/netif.js";
import { SeededRandom } from "../../src/platform/random.js";
import { VirtualClock } from "../../src/platform/virtual-clock.js";
import { SocketEndpoint } from "../../src/socket/endpoint.js";
import { ERROR, HANGUP, type Socket } from "../../src/socket/types.js";
import { createStack, type Stack } from "../../src/stack.js";
import { TCP_TERMINALS } from "../../src/tcp/counters.js";
import { UDP_TERMINALS } from "../../src/udp/counters.js";
import type { Dice } from "../simulation/scenario.js";
import { PEER, US } from "../unit/ip/frames.js";
import { FuzzTap } from "./tap.js";

const SECOND = 1_000_000;
const ECHO = 7;

/** A stack under fire, with services, and conversations going on with a peer that means well. */
export class Bench {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly us: Stack;
  readonly peer: Stack;
  readonly tap: FuzzTap;
  private readonly services: Socket[] = [];
  private readonly talkers = new Set<Socket>();
  /** Those that never read, so that windows shut. */
  private readonly lazy = new Set<Socket>();
  /** The peer's end of the cable. */
  readonly left: Link;
  private readonly dice: Dice;
  private readonly scratch = new Uint8Array(65_536);

  private constructor(dice: Dice) {
    this.dice = dice;
    const config = {
      "net.ipv4.tcp_rmem": "4096 65536 131072",
      "net.ipv4.tcp_wmem": "4096 65536 131072",
      "net.ipv4.tcp_max_syn_backlog": 64,
      "net.ipv4.tcp_max_tw_buckets": 64,
      "net.ipv4.ipfrag_high_thresh": 500_000,
    };
    this.us = createStack({ clock: this.clock, random: new SeededRandom(dice.from(0, 1e9)), memory: 16 << 20, config });
    this.peer = createStack({ clock: this.clock, random: new SeededRandom(dice.from(0, 1e9)), memory: 16 << 20 });
    const [left, right] = memoryLinkPair();
    this.tap = new FuzzTap(right);
    // Half of the time the right frames come late, out of order or not at all as well
    const bad = { loss: 0.03, reorder: 0.05, duplicate: 0.02, delay: 2, jitter: 1 };
    this.left = dice.maybe(0.5) ? left : impair(left, { ...bad, seed: dice.from(0, 1e9) });
  }

  static async create(dice: Dice): Promise<Bench> {
    const bench = new Bench(dice);
    const { us, peer, tap, left } = bench;
    const ours = us.attach(tap, { address: `${US}/24` });
    const theirs = peer.attach(left, { address: `${PEER}/24`, neighbours: { [US]: "02:00:00:00:00:02" } });
    await bench.during(Promise.all([ours, theirs]));
    tap.occupy();
    serve(us, bench.services);
    serve(peer, []);
    bench.wait(120);
    return bench;
  }

  wait(seconds: number): void {
    this.clock.advance(seconds * SECOND);
  }

  async during(promise: Promise<unknown>): Promise<void> {
    let over = false;
    promise.finally(() => {
      over = true;
    });
    for (let i = 0; i < 1000 && !over; i++) {
      await null;
      this.wait(0.1);
    }
    await promise;
  }

  /**
   * Frames counted as received by a link, and packets as delivered by IP, that no further counter knows of: 0 and 0
   * when all is well.
   */
  unaccounted(): { frames: number; delivered: number } {
    const { ip, icmp, udp, tcp, netifs } = this.us;
    const links = (netifs[0] as Netif).counters;
    const arp = ip.neighbours.counters;
    let frames = links.TapstackInFrames + ip.counters.IpReasmOKs;
    for (const name of NETIF_TERMINALS) frames -= links[name];
    for (const name of NEIGHBOUR_TERMINALS) frames -= arp[name];
    for (const name of IP_TERMINALS) frames -= ip.counters[name];
    let delivered = ip.counters.IpInDelivers - icmp.counters.IcmpInMsgs;
    delivered -= ip.counters.TapstackIgmpInMsgs + ip.counters.TapstackIgmpInErrors;
    for (const name of TCP_TERMINALS) delivered -= tcp.context.counters[name];
    for (const name of UDP_TERMINALS) delivered -= udp.counters[name];
    return { frames, delivered };
  }

  /** Something that a well-meaning pair of hosts does: a new conversation, more of one, or the end of one. */
  stir(): void {
    const { dice, talkers } = this;
    for (const socket of talkers) {
      if ((socket.poll() & (ERROR | HANGUP)) !== 0) this.drop(socket);
      else this.talk(socket);
    }
    if (talkers.size < 6) this.begin();
    else if (dice.maybe(0.2)) {
      const socket = dice.of(...talkers);
      if (dice.maybe(0.5)) this.drop(socket);
      else socket.reset();
      talkers.delete(socket);
    }
  }

  /** Ends all conversations and waits until the last trace of them may go. */
  quiet(): void {
    for (const socket of this.talkers) socket.close();
    this.talkers.clear();
    this.lazy.clear();
    this.wait(4000);
  }

  /** What is there that an idle stack does not have: nothing, after {@link quiet}. */
  leftovers(): string[] {
    const { us } = this;
    const { connections, synRecords, timeWaits, tuples, blocked } = us.tcp.context;
    const counts = {
      chunks: us.pool.inUse,
      connections: connections.count,
      "SYN-RECEIVED records": synRecords.count,
      "TIME-WAIT records": timeWaits.count,
      tuples: tuples.size,
      blocked: blocked.length,
      "datagrams in pieces": us.ip.reassembly.count,
      established: us.tcp.context.counters.TcpCurrEstab,
      sockets: us.sockets().length - this.services.length,
    };
    return Object.entries(counts)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${name} ${count}`);
  }

  /** Whether TCP, UDP and ping still answer. Returns what does not. */
  silent(): string[] {
    const failures: string[] = [];
    const message = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 1, 104, 101, 108, 108, 111);
    for (const type of ["tcp", "udp", "icmp"] as const) {
      const socket = this.peer.socket(type);
      const back: number[] = [];
      let sent = false;
      socket.onReady = () => {
        if (!sent) sent = socket.write(message) > 0;
        for (let n = socket.read(this.scratch); n > 0; n = socket.read(this.scratch))
          back.push(...this.scratch.subarray(0, n));
      };
      socket.connect(type === "icmp" ? 0 : ECHO, US);
      this.wait(type === "tcp" ? 200 : 1);
      // The first may meet a neighbour entry that a forged ARP has made.
      for (let i = 0; i < 5 && back.length === 0 && type !== "tcp"; i++) {
        socket.write(message);
        this.wait(30);
      }
      if (back.slice(-5).join() !== "104,101,108,108,111") failures.push(`${type}: ${back.length} bytes came back`);
      socket.close();
    }
    return failures;
  }

  async close(): Promise<string[]> {
    await this.during(Promise.all([this.us.close(), this.peer.close()]));
    const left = {
      timers: this.clock.pendingTimers(),
      chunks: this.us.pool.inUse,
      "peer's chunks": this.peer.pool.inUse,
    };
    return Object.entries(left)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `after close: ${name} ${count}`);
  }

  private begin(): void {
    const { dice, us, peer } = this;
    const outward = dice.maybe(0.4);
    const socket = (outward ? us : peer).socket(dice.of("tcp", "tcp", "tcp", "udp", "icmp"));
    try {
      socket.connect(socket.type === "icmp" ? 0 : ECHO, outward ? PEER : US);
    } catch {
      // A forged message may just have said that there is no way there
      socket.close();
      return;
    }
    this.talkers.add(socket);
    if (dice.maybe(0.2)) this.lazy.add(socket);
  }

  private talk(socket: Socket): void {
    const { scratch, dice } = this;
    // One that does not read fills its buffer, and shuts its window
    for (let n = dice.maybe(0.6) && !this.lazy.has(socket) ? socket.read(scratch) : 0; n > 0; n = socket.read(scratch));
    const length = dice.of(1, 100, 1400, 20_000);
    scratch[0] = 8;
    scratch[1] = 0;
    const n = socket.write(scratch, 0, socket.type === "tcp" ? length : Math.min(length, 3000));
    if (n < 0 && n !== -EAGAIN) this.drop(socket);
    else if (socket.type === "tcp" && dice.maybe(0.05)) socket.shutdown("write");
  }

  private drop(socket: Socket): void {
    this.talkers.delete(socket);
    this.lazy.delete(socket);
    socket.close();
  }
}

/** Echo over TCP and UDP, and a member of a group. */
function serve(stack: Stack, services: Socket[]): void {
  const bytes = new Uint8Array(65_536);
  const listener = stack.socket("tcp");
  listener.bind(ECHO);
  listener.listen(16);
  listener.onReady = () => {
    for (let s = listener.accept(); s !== null; s = listener.accept()) serveEcho(s, bytes);
  };
  const udp = stack.socket("udp");
  udp.bind(ECHO);
  const from = new SocketEndpoint();
  udp.onReady = () => {
    // Not to another small service, whose answer would be echoed for ever
    for (let n = udp.receiveFrom(bytes, from); n >= 0; n = udp.receiveFrom(bytes, from))
      if (from.port >= 1024) udp.sendTo(bytes, from, 0, n);
  };
  const member = stack.socket("udp");
  member.bind(5353);
  member.onReady = () => {
    while (member.read(bytes) >= 0);
  };
  member.setOption("IP_ADD_MEMBERSHIP", "239.1.2.3");
  services.push(listener, udp, member);
}

/** Sends back what comes, and keeps what does not go until it does. A connection in which nothing moves is given up. */
function serveEcho(socket: Socket, bytes: Uint8Array): void {
  socket.setOption("SO_KEEPALIVE", 1);
  socket.setOption("TCP_KEEPIDLE", 60);
  socket.setOption("TCP_KEEPINTVL", 10);
  socket.setOption("TCP_KEEPCNT", 3);
  socket.setOption("TCP_USER_TIMEOUT", 120_000);
  const act = (): void => {
    for (;;) {
      const n = socket.peek(bytes, 0, 16_384);
      if (n === 0 || (n < 0 && n !== -EAGAIN)) {
        socket.close();
        return;
      }
      const taken = n > 0 ? socket.write(bytes, 0, n) : n;
      if (taken === -EAGAIN) return;
      if (taken <= 0) {
        socket.close();
        return;
      }
      socket.skip(taken);
    }
  };
  socket.onReady = act;
  // What came with the handshake is here already
  act();
}
