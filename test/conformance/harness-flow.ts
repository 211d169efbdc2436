import { decodeOptions, type Option } from "./harness-options.js";
import type { Wire } from "./harness-wire.js";

const SYN = 0x02;

/** One connection as the script knows it: what its relative numbers are relative to. */
export class Flow {
  readonly localPort: number;
  readonly peerPort: number;
  /** Our initial sequence number, as seen in a SYN. */
  iss: number | null = null;
  /** The peer's. */
  readonly isn: number;
  /** What the peer's segments carry until one says otherwise, as "win". */
  window = 65535;
  /** Both SYNs carried timestamps: a line that says nothing of options carries them too. */
  timestamps = false;
  private oursOffered = false;
  private peerOffered = false;
  /** Our first timestamp, which counts as 0, and the last seen. */
  private firstStamp: number | null = null;
  private readonly stamps: number[] = [];
  /** The peer's first timestamp that was sent, and when: those that a script leaves out go on from there. */
  private peerStamp: number | null = null;
  private peerStampAt = 0;
  private cookie = "";

  constructor(localPort: number, peerPort: number, isn: number) {
    this.localPort = localPort;
    this.peerPort = peerPort;
    this.isn = isn;
  }

  /** Learns from a segment of ours. */
  see(wire: Wire): void {
    const options = decodeOptions(wire.options);
    if ((wire.flags & SYN) !== 0) this.iss = wire.seq;
    const stamp = options.find((o) => o.name === "TS");
    if ((wire.flags & SYN) !== 0) this.oursOffered = stamp !== undefined;
    this.timestamps = this.oursOffered && this.peerOffered;
    const cookie = options.find((o) => o.name === "FO");
    if (cookie !== undefined && cookie.hex !== "") this.cookie = cookie.hex;
    if (stamp === undefined) return;
    this.firstStamp ??= stamp.numbers[0] as number;
    if (this.stamps.at(-1) !== stamp.numbers[0]) this.stamps.push(stamp.numbers[0] as number);
  }

  /** A segment's options with numbers relative as a script has them. */
  relative(direction: "<" | ">", bytes: Uint8Array): Option[] {
    return decodeOptions(bytes).map((o) => {
      if (o.name === "sack") {
        const base = direction === ">" ? this.isn : (this.iss ?? 0);
        return { ...o, numbers: o.numbers.map((n) => ((n as number) - base) | 0) };
      }
      if (o.name !== "TS") return o;
      const [val, ecr] = o.numbers as [number, number];
      return { ...o, numbers: direction === ">" ? [this.fromFirst(val), ecr] : [val, this.fromFirst(ecr)] };
    });
  }

  /** Ours as the script counts it; 0 stands for itself, as in a SYN's TSecr. */
  private fromFirst(stamp: number): number {
    return this.firstStamp === null ? stamp : (stamp - this.firstStamp) | 0;
  }

  /**
   * Options of a segment of the peer's with absolute numbers.
   * @param ms when it is sent
   * @param slack how far from what the script says the timestamp of ours may be that is echoed
   */
  absolute(options: readonly Option[], flags: number, ms: number, slack: number): Option[] {
    if ((flags & SYN) !== 0) this.peerOffered = options.some((o) => o.name === "TS");
    return options.map((o) => {
      if (o.name === "sack") return { ...o, numbers: o.numbers.map((n) => ((this.iss ?? 0) + (n as number)) >>> 0) };
      if (o.name === "FO" && o.hex === "cookie") return { ...o, hex: this.cookie };
      if (o.name !== "TS") return o;
      const val = o.numbers[0] ?? this.nextPeerStamp(ms);
      this.peerStamp = val;
      this.peerStampAt = ms;
      return { ...o, numbers: [val, this.echo(o.numbers[1] ?? null, flags, slack)] };
    });
  }

  private nextPeerStamp(ms: number): number {
    return this.peerStamp === null ? 1 : (this.peerStamp + Math.round(ms - this.peerStampAt)) >>> 0;
  }

  private echo(ecr: number | null, flags: number, slack: number): number {
    const last = this.stamps.at(-1);
    if (last === undefined || this.firstStamp === null || (flags & 0x12) === SYN) return ecr ?? 0;
    if (ecr === null) return last;
    const exact = (this.firstStamp + ecr) >>> 0;
    let best = exact;
    let off = slack;
    for (const stamp of this.stamps)
      if (Math.abs((stamp - exact) | 0) <= off) {
        best = stamp;
        off = Math.abs((stamp - exact) | 0);
      }
    return best;
  }
}
