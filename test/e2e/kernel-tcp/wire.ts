import { type Direction, type ImpairedLink, type ImpairOptions, impair } from "../../../src/link/impair.js";
import type { Link } from "../../../src/link/link.js";

/** Milliseconds each way: enough that what a busy machine adds does not matter. */
export const DELAY = 20;
/** Ports of the flows. */
export const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;

const ETHERNET = 14;
const TCP = 6;
const [FIN, SYN, RST, ACK] = [0x01, 0x02, 0x04, 0x10];

/** A segment on its way. */
export interface Seg {
  /** It goes from the end that sends the data to the one that receives them. */
  readonly forward: boolean;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  /** Bytes of payload, and the offset of the first in what this side sends. */
  readonly length: number;
  readonly offset: number;
  /** The window as it stands in the header. */
  readonly window: number;
  /** The same was on its way so many times before; of segments without payload and SYN or FIN: with the same flags. */
  readonly again: number;
  /** Milliseconds since the first payload of this side; 0 before. */
  readonly since: number;
}

/** Tells who sent a frame that it was too big. */
export type Teller = (frame: Uint8Array) => void;

/** What becomes of it; "too big": it is lost, and a router says why; a number: it comes so many milliseconds later than what was sent with it. */
export type Fate = "pass" | "drop" | "too big" | "twice" | "corrupt" | number;
export type Judge = (seg: Seg) => Fate;

/** A connection that is watched. */
class Watched {
  hits = 0;
  private readonly judge: Judge;
  /** The data go in this direction. */
  private readonly forward: Direction;
  private readonly isn = new Map<Direction, number>();
  private readonly first = new Map<Direction, number>();
  private readonly seen = new Map<string, number>();

  constructor(judge: Judge, forward: Direction) {
    this.judge = judge;
    this.forward = forward;
  }

  fate(frame: Uint8Array, tcp: number, direction: Direction): Fate {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const flags = frame[tcp + 13] as number;
    const seq = view.getUint32(tcp + 4);
    const length = ETHERNET + view.getUint16(ETHERNET + 2) - tcp - ((frame[tcp + 12] as number) >> 4) * 4;
    if ((flags & SYN) !== 0) this.isn.set(direction, seq);
    const offset = (seq - (this.isn.get(direction) ?? seq) - ((flags & SYN) !== 0 ? 0 : 1)) | 0;
    const now = performance.now();
    if (length > 0 && !this.first.has(direction)) this.first.set(direction, now);
    const counts = length > 0 || (flags & (SYN | FIN)) !== 0;
    const end = offset + length + (flags & FIN);
    const key = counts ? `${direction} ${flags & SYN} ${end}` : `${direction} ${flags & RST}`;
    const again = this.seen.get(key) ?? 0;
    this.seen.set(key, again + 1);
    const fate = this.judge({
      forward: direction === this.forward,
      syn: (flags & SYN) !== 0,
      ack: (flags & ACK) !== 0,
      fin: (flags & FIN) !== 0,
      rst: (flags & RST) !== 0,
      length,
      offset,
      window: view.getUint16(tcp + 14),
      again,
      since: now - (this.first.get(direction) ?? now),
    });
    if (fate !== "pass") this.hits++;
    return fate;
  }
}

/** A link on which each flow meets the fates that its script names, and {@link DELAY}. */
export class Wire {
  readonly link: ImpairedLink;
  private readonly flows = new Map<number, Watched>();
  private readonly usual: ImpairOptions = { delay: DELAY, filter: (frame, direction) => this.filter(frame, direction) };
  private special = false;

  private readonly tell: Readonly<Record<Direction, Teller>>;

  constructor(link: Link, tell: Readonly<Record<Direction, Teller>>) {
    this.tell = tell;
    this.link = impair(link, this.usual);
  }

  watch(port: number, judge: Judge, forward: Direction): void {
    this.flows.set(port, new Watched(judge, forward));
  }

  /** Segments of the flow that did not just pass. */
  hits(port: number): number {
    return this.flows.get(port)?.hits ?? 0;
  }

  private filter(frame: Uint8Array, direction: Direction): "pass" | "drop" {
    if (this.special) this.link.change(this.usual);
    this.special = false;
    const fate = this.fate(frame, direction);
    if (fate === "too big") this.tell[direction](frame);
    if (fate === "drop" || fate === "too big") return "drop";
    // The last byte is payload, where there is any, and else of the TCP header
    if (fate === "corrupt") frame[frame.length - 1] = (frame[frame.length - 1] as number) ^ 1;
    if (fate === "twice") this.once({ duplicate: 1 }, direction);
    if (typeof fate === "number") this.once({ delay: DELAY + fate, reorder: 1, reorderBy: 0 }, direction);
    return "pass";
  }

  /** What is to be done to this frame only: chance looks at it after the filter has. */
  private once(impairment: ImpairOptions, direction: Direction): void {
    this.special = true;
    this.link.change({ ...this.usual, [direction]: impairment });
  }

  private fate(frame: Uint8Array, direction: Direction): Fate {
    if (frame[12] !== 8 || frame[13] !== 0 || frame[ETHERNET + 9] !== TCP) return "pass";
    const tcp = ETHERNET + ((frame[ETHERNET] as number) & 15) * 4;
    const from = ((frame[tcp] as number) << 8) | (frame[tcp + 1] as number);
    const to = ((frame[tcp + 2] as number) << 8) | (frame[tcp + 3] as number);
    const port = from >= FIRST_PORT && from <= LAST_PORT ? from : to;
    return this.flows.get(port)?.fate(frame, tcp, direction) ?? "pass";
  }
}
