import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RX_CSUM_VALID } from "../../../src/link/link.js";
import { SeededRandom } from "../../../src/platform/random.js";
import { VirtualClock } from "../../../src/platform/virtual-clock.js";
import type { TcpSocket } from "../../../src/socket/tcp-socket.js";
import type { Socket } from "../../../src/socket/types.js";
import { createStack, type Stack } from "../../../src/stack.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { parseAddr } from "../../../src/wire/address.js";
import { ACK, FIN, PSH, SYN, URG } from "../../../src/wire/tcp.js";
import { ScriptLink } from "../../conformance/harness-link.js";
import { encode } from "../../conformance/harness-wire.js";

const OURS = parseAddr("10.0.0.2") as number;
const PEER = parseAddr("10.0.0.1") as number;
const ISN = 0xffff_ff00;

/** One stack with one connection, which a batch of segments comes to. */
class World {
  readonly clock = new VirtualClock();
  readonly stack: Stack = createStack({ clock: this.clock, random: new SeededRandom(1), memory: 8 << 20 });
  readonly link = new ScriptLink(1500, true);
  socket: Socket | null = null;
  iss = 0;
  /** Every segment carries timestamps. */
  private readonly stamped: boolean;
  /** Our timestamp, as the SYN-ACK had it. */
  private echo = 0;

  constructor(stamped = false) {
    this.stamped = stamped;
  }

  async open(): Promise<this> {
    const attached = this.stack.attach(this.link, { address: "10.0.0.2/24", conflictDetection: "off" });
    this.clock.advance(1000);
    await attached;
    const listener = this.stack.socket("tcp");
    // A small window, so that segments run into its edge.
    listener.setOption("SO_RCVBUF", 4608);
    listener.bind(80);
    listener.listen();
    this.receive([{ seq: ISN - 1, flags: SYN, ack: 0 }]);
    const synAck = this.link.sent[this.link.sent.length - 1]?.packet as Uint8Array;
    this.iss = new DataView(synAck.buffer).getUint32(24) + 1;
    if (this.stamped) this.echo = new DataView(synAck.buffer).getUint32(48);
    this.receive([{ seq: ISN, flags: ACK, ack: this.iss }]);
    this.socket = listener.accept();
    return this;
  }

  receive(segments: readonly Piece[]): void {
    this.link.receive(
      segments.map(({ seq, ack, flags, window = 65535, length = 0, vouched = true, spoilt = false, stamp = 1 }) => {
        const payload = Uint8Array.from({ length }, (_, i) => seq + i);
        const options = this.stamped ? stamps(stamp, this.echo) : new Uint8Array(0);
        const wire = { src: PEER, dst: OURS, srcPort: 999, dstPort: 80, seq, ack, flags, window, urgent: 0, options };
        const packet = encode({ ...wire, payload, ttl: 64, tos: 0, dontFragment: true, id: 0 });
        if (spoilt) packet[packet.length - 1] = (packet[packet.length - 1] as number) ^ 1;
        return { packet, flags: vouched ? RX_CSUM_VALID : 0 };
      }),
    );
    this.clock.advance(0);
  }

  /** The sequence number that comes next, whatever became of what was sent. */
  get expected(): number {
    const { rcvNxt } = (this.socket as unknown as { connection: Connection }).connection;
    return ISN + ((rcvNxt - ISN) | 0);
  }

  /** Everything that can be told from outside. */
  show(): unknown {
    const data = new Uint8Array(1 << 16);
    const n = this.socket?.read(data) ?? 0;
    this.clock.advance(0);
    const sent = this.link.sent.splice(0).map(({ at, packet }) => [at, [...packet]]);
    const { state } = this.socket as Socket;
    return {
      sent,
      n,
      data: n > 0 ? [...data.subarray(0, n)] : [],
      // Linux does not count a predicted segment of data as an ACK
      info: { ...this.socket?.info(), last_ack_recv: 0 },
      state,
      // What is predicted is counted, of course
      counters: { ...this.stack.counters(), TcpExtTCPHPHits: 0 },
    };
  }
}

/** `nop,nop,TS`; a stamp below 0 is of a segment that has none. */
function stamps(value: number, echo: number): Uint8Array {
  if (value < 0) return new Uint8Array(0);
  const bytes = new Uint8Array(12);
  const dv = new DataView(bytes.buffer);
  dv.setUint32(0, 0x0101080a);
  dv.setUint32(4, value);
  dv.setUint32(8, echo);
  return bytes;
}

interface Piece {
  seq: number;
  ack: number;
  flags: number;
  window?: number;
  length?: number;
  vouched?: boolean;
  spoilt?: boolean;
  stamp?: number;
}

const step = fc.record({
  /** Mostly the next in order. */
  ahead: fc.constantFrom(0, 0, 0, 0, 0, 0, -10, 10, 100, -1, 3000),
  length: fc.constantFrom(10, 10, 1, 0, 500, 1460),
  flags: fc.constantFrom(ACK, ACK, ACK, ACK | PSH, ACK | PSH, ACK, ACK, ACK, ACK, ACK | URG, ACK | FIN, PSH, ACK | SYN),
  ack: fc.constantFrom(0, 0, 0, 0, 0, 1, -1, 70000),
  window: fc.constantFrom(65535, 65535, 65535, 1000, 0),
  vouched: fc.boolean(),
  spoilt: fc.constantFrom(false, false, false, false, true),
  wait: fc.constantFrom(0, 0, 0, 0, 0, 50_000, 2_000_000),
  read: fc.constantFrom(true, true, false),
  shut: fc.constantFrom(false, false, false, false, false, false, false, false, false, true),
  /** Later than the last timestamp by so much; null: no timestamp. */
  later: fc.constantFrom(0, 0, 1, 1, 5, 1000, -1, -2, -1000, null),
});

describe("takeNext", () => {
  it.each([false, true])("leaves everything exactly as the long way would, stamped: %s", async (stamped) => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), async (steps) => {
      const short = await new World(stamped).open();
      const long = await new World(stamped).open();
      // Nothing is ever predicted.
      long.stack.tcp.takeNext = () => false;
      let next = ISN;
      let last = 1;
      for (const { ahead, length, flags, ack, window, vouched, spoilt, wait, read, shut, later } of steps) {
        const stamp = later === null ? -1 : Math.max(last + later, 1);
        // An ACK from ahead says which windows are old; Linux forgets that with the next segment it predicts
        const seq = length === 0 ? Math.min(next + ahead, short.expected) : next + ahead;
        const segment = { seq, ack: short.iss + ack, flags, window, length, vouched, spoilt, stamp };
        if (stamp > last && !(spoilt && !vouched)) last = stamp;
        for (const world of [short, long]) {
          world.receive([segment]);
          if (shut && world.socket?.state === "ESTABLISHED") world.socket.shutdown("read");
          world.clock.advance(wait);
        }
        if (ahead === 0 && !(spoilt && !vouched) && (flags & ACK) !== 0) next += length;
        if (read) expect(short.show()).toEqual(long.show());
      }
      expect(short.show()).toEqual(long.show());
    });
    await fc.assert(property, { numRuns: 60 });
  });

  /** A world, and how many segments were taken at once. */
  async function counted(stamped = false): Promise<{ world: World; taken: () => number }> {
    const world = await new World(stamped).open();
    const { tcp } = world.stack;
    const takeNext = tcp.takeNext.bind(tcp);
    let taken = 0;
    tcp.takeNext = (...args) => {
      const result = takeNext(...args);
      if (result) taken++;
      return result;
    };
    return { world, taken: () => taken };
  }

  it("takes data in order, whoever vouches for its checksum, and nothing that is wrong", async () => {
    const { world, taken } = await counted();
    const next = (seq: number, more: Partial<Piece> = {}): Piece => ({
      seq,
      ack: world.iss,
      flags: ACK,
      length: 100,
      ...more,
    });
    world.receive([next(ISN), next(ISN + 100, { vouched: false }), next(ISN + 200, { flags: ACK | PSH })]);
    expect(taken()).toBe(3);
    world.receive([next(ISN + 300, { vouched: false, spoilt: true })]);
    expect([taken(), world.stack.counters().TcpInCsumErrors]).toEqual([3, 1]);
    world.receive([next(ISN + 400), next(ISN + 200), next(ISN + 300, { window: 1 })]);
    world.receive([next(ISN + 500, { flags: ACK | FIN })]);
    expect([taken(), world.socket?.read(new Uint8Array(2000))]).toEqual([3, 600]);
  });

  it("takes what ends a silence, and leaves what runs over the window to the long way", async () => {
    const { world, taken } = await counted();
    const socket = world.socket as Socket;
    let seq = ISN;
    const send = (length: number): boolean => {
      const before = taken();
      world.receive([{ seq, ack: world.iss, flags: ACK, length }]);
      const took = taken() > before;
      if (took) seq += length;
      return took;
    };
    expect([send(100), send(100)]).toEqual([true, true]);
    world.clock.advance(2_000_000);
    expect([send(100), send(100)]).toEqual([true, true]);
    for (;;) {
      const room = (socket as TcpSocket).connection.rcvWnd;
      if (room === 0) break;
      expect(send(Math.min(room, 1460))).toBe(true);
    }
    expect(send(1)).toBe(false);
  });

  it("takes timestamps that are not old, and leaves a segment without them", async () => {
    const { world, taken } = await counted(true);
    const next = (seq: number, stamp: number): void =>
      world.receive([{ seq, ack: world.iss, flags: ACK, length: 100, stamp }]);
    next(ISN, 5);
    next(ISN + 100, 5);
    next(ISN + 200, 9);
    expect(taken()).toBe(3);
    next(ISN + 300, 7);
    next(ISN + 300, -1);
    expect(taken()).toBe(3);
  });
});
