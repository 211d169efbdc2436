const PORTS = 65536;
const WORDS = PORTS >> 5;

/**
 * A set of ports. Two levels: a summary bit per word says that the word is full, so that the next free port is found
 * in a bounded number of steps however full the set is.
 */
export class PortBitmap {
  /** Ports in the set. */
  size = 0;
  /** One bit a port. */
  readonly words = new Int32Array(WORDS);
  /** One bit a word: all of its ports are in the set. */
  private readonly full = new Int32Array(WORDS >> 5);

  has(port: number): boolean {
    return (((this.words[port >> 5] as number) >>> (port & 31)) & 1) !== 0;
  }

  add(port: number): void {
    const word = port >> 5;
    const before = this.words[word] as number;
    const after = before | (1 << (port & 31));
    if (after === before) return;
    this.words[word] = after;
    this.size++;
    if (after === -1) this.full[word >> 5] = (this.full[word >> 5] as number) | (1 << (word & 31));
  }

  remove(port: number): void {
    const word = port >> 5;
    const before = this.words[word] as number;
    const after = before & ~(1 << (port & 31));
    if (after === before) return;
    this.words[word] = after;
    this.size--;
    this.full[word >> 5] = (this.full[word >> 5] as number) & ~(1 << (word & 31));
  }

  /** The first port in [from, to] that is in none of the sets given, or -1. */
  nextFree(from: number, to: number, also: PortBitmap, also2: PortBitmap): number {
    const { words } = this;
    for (let word = from >> 5, last = to >> 5; word <= last; word++) {
      word = this.skipFull(word, last);
      if (word > last) return -1;
      let free = ~((words[word] as number) | (also.words[word] as number) | (also2.words[word] as number));
      if (word === from >> 5) free &= -1 << (from & 31);
      if (free === 0) continue;
      const port = (word << 5) + 31 - Math.clz32(free & -free);
      return port <= to ? port : -1;
    }
    return -1;
  }

  /** The first word at or after `word` that is not full; past `last` when all are. */
  private skipFull(word: number, last: number): number {
    for (let at = word; at <= last; at = (at | 31) + 1) {
      const open = ~((this.full[at >> 5] as number) >>> (at & 31)) & (-1 >>> (at & 31));
      if (open !== 0) return at + 31 - Math.clz32(open & -open);
    }
    return last + 1;
  }
}

/** The empty set; nobody adds to it. */
export const NO_PORTS: PortBitmap = new PortBitmap();
