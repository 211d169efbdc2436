import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/platform/random.js";
import type { Socket } from "../../src/socket/types.js";
import { ADDRESS_B, World } from "./world.js";

/*
 * Accurate ECN between two of ours, over a cable that marks: what one end counts is what the other is told (RFC 9768).
 */

const PORT = 7;
const TOS = 1;
const CE = 3;
const CHECKSUM = 10;
const HEADER = 20;
const STEP = 1000;
/** Marks at the end of which the sender has not been told. */
const UNTOLD = 3;

/** What the cable has marked of what comes from A, or from B. */
class Marks {
  segments = 0;
  bytes = 0;

  /** What it is now: closing is not looked at. */
  get now(): { segments: number; bytes: number } {
    return { segments: this.segments, bytes: this.bytes };
  }

  /** Sets CE in an IPv4 packet, whose checksum follows (RFC 1624). */
  mark(packet: Uint8Array): void {
    const dv = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const before = dv.getUint16(0);
    packet[TOS] = (packet[TOS] as number) | CE;
    const sum = (~dv.getUint16(CHECKSUM) & 0xffff) + (~before & 0xffff) + dv.getUint16(0);
    dv.setUint16(CHECKSUM, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    this.segments++;
    this.bytes += packet.length - HEADER - ((packet[HEADER + 12] as number) >> 4) * 4;
  }
}

interface Case {
  seed: number;
  /** Share of ECN-capable segments that is marked, in 256ths. */
  share: number;
  loss?: number;
  config?: Record<string, number>;
}

interface Result {
  a: Record<string, number>;
  b: Record<string, number>;
  marks: readonly { segments: number; bytes: number }[];
  received: number;
}

/** Ends of a connection from A to B over which A sends `size` bytes and B answers each piece with a few. */
class Ends {
  readonly client: Socket;
  server: Socket | null = null;
  received = 0;
  private readonly listener: Socket;
  private sent = 0;
  private readonly size: number;
  private readonly piece = new Uint8Array(5000);

  constructor(world: World, size: number) {
    this.size = size;
    this.listener = world.b.socket("tcp");
    this.listener.bind(PORT);
    this.listener.listen();
    this.client = world.a.socket("tcp");
    this.client.connect(PORT, ADDRESS_B);
  }

  /** Whatever can be done now. @returns whether all has arrived */
  step(): boolean {
    this.server ??= this.listener.accept();
    if (this.client.state === "ESTABLISHED" && this.sent < this.size) {
      const n = this.client.write(this.piece.subarray(0, Math.min(this.piece.length, this.size - this.sent)));
      if (n > 0) this.sent += n;
    }
    while (this.client.read(this.piece) > 0);
    if (this.server !== null) {
      const n = this.server.read(this.piece);
      if (n > 0) {
        this.received += n;
        this.server.write(this.piece.subarray(0, 100));
      }
    }
    return this.received === this.size;
  }
}

async function transfer({ seed, share, loss = 0, config = {} }: Case, size = 400_000): Promise<Result> {
  const chance = new SeededRandom(1000 + seed);
  const marks = [new Marks(), new Marks()] as const;
  const filter = (frame: Uint8Array, direction: "tx" | "rx"): "pass" => {
    if (((frame[TOS] as number) & CE) === 2 && (chance.int32() & 255) < share)
      marks[direction === "tx" ? 0 : 1].mark(frame);
    return "pass";
  };
  const settings = Object.entries({ tcp_ecn: 3, ...config }).map(([name, value]) => [`net.ipv4.${name}`, value]);
  const impairment = { filter, delay: 5, loss };
  const world = await World.create({ seed, layer: "ip", impairment, config: Object.fromEntries(settings) });
  const ends = new Ends(world, size);
  for (let i = 0; i < 60_000 && !ends.step(); i++) world.clock.advance(STEP);
  // What was sent last is acknowledged
  for (let i = 0; i < 1000; i++) world.clock.advance(STEP);
  ends.step();
  const result = {
    a: { ...ends.client.info() },
    b: { ...(ends.server as Socket).info() },
    marks: marks.map((each) => each.now),
    received: ends.received,
  };
  for (const socket of [ends.client, ends.server as Socket]) socket.close();
  world.clock.advance(10_000_000);
  await world.close();
  return result;
}

describe("accurate ECN between two of ours over a cable that marks", () => {
  const configs: Record<string, number>[] = [
    {},
    { tcp_ecn_option: 1 },
    { tcp_ecn_option: 0 },
    { tcp_timestamps: 0 },
    { tcp_sack: 0, tcp_ecn_option: 1, tcp_ecn_option_beacon: 0 },
  ];
  for (const [i, config] of configs.entries())
    for (const share of [10, 40, 128])
      it(`${JSON.stringify(config)}, ${share} of 256 marked: each is told, once`, async () => {
        const { a, b, marks, received } = await transfer({ seed: 10 * i + share, share, config });
        expect(received).toBe(400_000);
        expect(marks[0].segments).toBeGreaterThan(0);
        expect(b).toMatchObject({ received_ce: marks[0].segments, received_ce_bytes: marks[0].bytes });
        expect(a).toMatchObject({ received_ce: marks[1].segments, received_ce_bytes: marks[1].bytes });
        // The last marks were on ACKs that nothing has answered. Without the option a field may seem to have wrapped
        const untold = (b.received_ce as number) - (a.delivered_ce as number);
        expect(config.tcp_ecn_option === 0 ? untold & 7 : untold).toBeLessThanOrEqual(UNTOLD);
        if (config.tcp_ecn_option !== 0) expect(untold).toBeGreaterThanOrEqual(0);
        expect(a.accecn_fail_mode).toBe(0);
        expect(b.accecn_fail_mode).toBe(0);
        if (config.tcp_ecn_option !== 0)
          expect(a).toMatchObject({ delivered_ce_bytes: marks[0].bytes, accecn_opt_seen: 2 });
      });

  it("where segments are lost, too, nothing is told that was not marked", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { a, b, marks, received } = await transfer({ seed, share: 20, loss: 0.02 });
      expect(received).toBe(400_000);
      expect(b.received_ce).toBeLessThanOrEqual(marks[0].segments);
      expect(a.delivered_ce_bytes).toBeLessThanOrEqual(marks[0].bytes);
      // ACKs were lost: what they told the next did, but for a field that seemed to have wrapped
      expect(Math.abs((a.delivered_ce as number) - (b.received_ce as number))).toBeLessThan(16);
    }
  });
});
