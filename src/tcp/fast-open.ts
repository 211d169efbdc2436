import { sipHash8 } from "../base/siphash.js";
import type { Random } from "../platform/random.js";
import type { StackTime } from "../platform/time.js";
import type { Addr } from "../wire/address.js";
import type { Connection } from "./connection.js";
import { FastOpenCache } from "./fast-open-cache.js";
import type { TcpSettings } from "./settings.js";
import type { SynRecord } from "./syn-record.js";

/*
 * TCP Fast Open (RFC 7413): data in the SYN, for a peer that has shown by a cookie that it is where it says.
 */

/** Bits of tcp_fastopen. */
export const FASTOPEN_CLIENT = 1;
export const FASTOPEN_SERVER = 2;
export const FASTOPEN_CLIENT_NO_COOKIE = 4;
export const FASTOPEN_SERVER_NO_COOKIE = 0x200;
export const FASTOPEN_ALL_LISTENERS = 0x400;

/** Linux's cookies have 8 bytes. */
export const COOKIE_BYTES = 8;
/** After the n-th blackhole no fast open for 2^(n-1) times the setting, at most 2^6 times. */
const BLACKHOLE_DOUBLINGS = 6;

/** What a connection that uses fast open remembers besides. */
export class FastOpenState {
  /** Client: connect has returned, and the SYN waits for the first write. */
  deferred = false;
  /** The cookie for the next SYN; its length is 0 to ask for one, -1 for no option at all. */
  cookie: Uint8Array | null = null;
  cookieLength = -1;
  /** A SYN with the option was sent. */
  offered = false;
  /** Bytes of the SYN's data not yet known to have arrived. */
  synBytes = 0;
  /** The SYN with them has been sent: those after it are without. */
  sent = false;
  /** Server: the request whose SYN-ACK has no answer yet. */
  request: SynRecord | null = null;
}

/** The fast open of a whole stack: the server's keys, the client's cookies, and whether a middlebox swallows it all. */
export class FastOpen {
  readonly cache = new FastOpenCache();
  /** The cookie that the SYN-ACK about to be sent gives, or null. */
  answer: Uint8Array | null = null;
  private readonly settings: TcpSettings;
  private readonly time: StackTime;
  private readonly random: Int32Array;
  /** The setting that the keys were read from, the first key, and one still accepted. */
  private readFrom = "";
  private key: Int32Array;
  private oldKey: Int32Array | null = null;
  private readonly work = new Int32Array(8);
  private readonly made = new Uint8Array(COOKIE_BYTES);
  private blackholes = 0;
  private blackholeAt = 0;

  constructor(random: Random, time: StackTime, settings: TcpSettings) {
    this.settings = settings;
    this.time = time;
    this.random = Int32Array.from({ length: 4 }, () => random.int32());
    this.key = this.random;
  }

  /** The cookie for a client, under the first key; overwritten by the next. */
  cookieFor(client: Addr, server: Addr): Uint8Array {
    this.readKeys();
    return this.make(this.key, client, server);
  }

  /** RFC 7413 §4.1.2: 1 for a cookie of the first key, 2 of the one before it, 0 for neither. */
  match(bytes: Uint8Array, at: number, length: number, client: Addr, server: Addr): number {
    if (length !== COOKIE_BYTES) return 0;
    this.readKeys();
    if (same(this.make(this.key, client, server), bytes, at)) return 1;
    if (this.oldKey !== null && same(this.make(this.oldKey, client, server), bytes, at)) return 2;
    return 0;
  }

  /** A middlebox seems to swallow SYNs with data (RFC 7413 §7.1): let us do without for a while. */
  blackhole(): boolean {
    if (this.settings.fastOpenBlackhole === 0) return false;
    this.blackholes++;
    this.blackholeAt = this.time.clock.now();
    return true;
  }

  /** That while is not over. */
  get disabled(): boolean {
    if (this.blackholes === 0) return false;
    const times = 2 ** Math.min(this.blackholes - 1, BLACKHOLE_DOUBLINGS);
    return this.time.clock.now() < this.blackholeAt + times * this.settings.fastOpenBlackhole * 1e6;
  }

  /** Fast open has worked again. */
  worked(): void {
    this.blackholes = 0;
  }

  private readKeys(): void {
    const text = this.settings.fastOpenKey;
    if (text === this.readFrom) return;
    this.readFrom = text;
    const [first, second] = text.split(",");
    this.key = parseKey(first) ?? this.random;
    this.oldKey = parseKey(second);
  }

  /** As Linux makes them: SipHash of both addresses as they stand in the header, read from the low byte on. */
  private make(key: Int32Array, client: Addr, server: Addr): Uint8Array {
    const { work, made } = this;
    sipHash8(key, swapped(client), swapped(server), work);
    for (let i = 0; i < COOKIE_BYTES; i++) made[i] = (work[i >> 2] as number) >> (8 * (i & 3));
    return made;
  }
}

function swapped(n: number): number {
  return (n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
}

function same(cookie: Uint8Array, bytes: Uint8Array, at: number): boolean {
  let unlike = 0;
  for (let i = 0; i < COOKIE_BYTES; i++) unlike |= (cookie[i] as number) ^ (bytes[at + i] as number);
  return unlike === 0;
}

/** `a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4`, as sysctl has it; null: that is no key. */
export function parseKey(text: string | undefined): Int32Array | null {
  const words = (text ?? "").trim().split("-");
  if (words.length !== 4 || !words.every((word) => /^[0-9a-f]{1,8}$/i.test(word))) return null;
  return Int32Array.from(words, (word) => Number.parseInt(word, 16) | 0);
}

/**
 * The handshake of a connection opened by fast open is over, well or ill: its request no longer counts.
 * @param reset by the peer's RST: it counts for a while yet, as Linux has it if it was accepted already
 */
export function releaseRequest(c: Connection, reset: boolean): void {
  const request = c.fastOpen === null ? null : c.fastOpen.request;
  if (c.fastOpen === null || request === null) return;
  c.fastOpen.request = null;
  request.listener.fastOpenPending--;
  if (reset && !c.embryonic) request.listener.holdReset();
}

/** A passive fast open whose handshake is not complete (Linux's tcp_passive_fastopen): data may be sent all the same. */
export function opensFast(c: Connection): boolean {
  return c.fastOpen !== null && c.fastOpen.request !== null;
}

/** An active open whose SYN had the option, or data. */
export function offersFastOpen(c: Connection): boolean {
  return c.fastOpen?.offered === true;
}

/** An active open whose SYN waits for the first write. */
export function awaitsWrite(c: Connection): boolean {
  return c.fastOpen?.deferred === true;
}
