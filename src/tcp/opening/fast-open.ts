import { sipHash8 } from "../../base/siphash.js";
import type { Random } from "../../platform/random.js";
import type { StackTime } from "../../platform/time.js";
import type { Addr } from "../../wire/address.js";
import type { Connection } from "../connection.js";
import { ESTABLISHED } from "../constants.js";
import type { TcpSettings } from "../settings.js";
import { FastOpenCache } from "./fast-open-cache.js";
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

/** Linux's tcp_fastopen_client_fail: there was no cookie, the SYN's data was not taken, the SYN had to go again. */
export const FAIL_NONE = 0;
export const FAIL_NO_COOKIE = 1;
export const FAIL_NOT_ACKED = 2;
export const FAIL_RETRANSMITTED = 3;

/** What cookies are made with: the key of new ones, and one whose cookies are still accepted. */
export class FastOpenKeys {
  readonly first: Int32Array;
  readonly second: Int32Array | null;

  constructor(first: Int32Array, second: Int32Array | null) {
    this.first = first;
    this.second = second;
  }
}

/** What a connection that uses fast open remembers besides. */
export class FastOpenState {
  /** Client: connect has returned, and the SYN waits for the first write. */
  deferred = false;
  /** The cookie for the next SYN; its length is 0 to ask for one, -1 for no option at all. */
  cookie: Uint8Array | null = null;
  cookieLength = -1;
  /** The option is the experimental one. */
  exp = false;
  /** A SYN with the option was sent; ... or with data. */
  asked = false;
  offered = false;
  /** Active opens have been fast again after a blackhole: this one may show that they may stay so. */
  proves = false;
  /** Why it was not fast: TCP_INFO's fastopen_client_fail. */
  fail = FAIL_NONE;
  /** Bytes of the SYN's data not yet known to have arrived. */
  synBytes = 0;
  /** The SYN with them has been sent: those after it are without. */
  sent = false;
  /** Server: made of a SYN. */
  child = false;
  /** Server: the request whose SYN-ACK has no answer yet. */
  request: SynRecord | null = null;
}

/** The fast open of a whole stack: the server's keys, the client's cookies, and whether a middlebox swallows it all. */
export class FastOpen {
  readonly cache = new FastOpenCache();
  /** The cookie that the SYN-ACK about to be sent gives, or null. */
  answer: Uint8Array | null = null;
  /** ... in the experimental option, in which it was asked for. */
  answerExp = false;
  private readonly settings: TcpSettings;
  private readonly time: StackTime;
  private readonly random: FastOpenKeys;
  /** The setting that the keys were read from, and what it said. */
  private readFrom = "";
  private keys: FastOpenKeys;
  private readonly work = new Int32Array(8);
  private readonly made = new Uint8Array(COOKIE_BYTES);
  private blackholes = 0;
  private blackholeAt = 0;

  constructor(random: Random, time: StackTime, settings: TcpSettings) {
    this.settings = settings;
    this.time = time;
    const key = Int32Array.from({ length: 4 }, () => random.int32());
    this.random = new FastOpenKeys(key, null);
    this.keys = this.random;
  }

  /** The cookie for a client, under the first key; overwritten by the next. @param own the listener's keys, or null */
  cookieFor(own: FastOpenKeys | null, client: Addr, server: Addr): Uint8Array {
    return this.make((own ?? this.stackKeys()).first, client, server);
  }

  /**
   * RFC 7413 §4.1.2: 1 for a cookie of the first key, 2 of the one before it, 0 for neither.
   * @param bytes of the option, `at` and so many of them
   */
  match(own: FastOpenKeys | null, bytes: Uint8Array, at: number, length: number, client: Addr, server: Addr): number {
    if (length !== COOKIE_BYTES) return 0;
    const { first, second } = own ?? this.stackKeys();
    if (same(this.make(first, client, server), bytes, at)) return 1;
    if (second !== null && same(this.make(second, client, server), bytes, at)) return 2;
    return 0;
  }

  /** A middlebox seems to swallow SYNs with data (RFC 7413 §7.1): let us do without for a while. */
  blackhole(): boolean {
    if (this.settings.fastOpenBlackhole === 0) return false;
    this.blackholes++;
    this.blackholeAt = this.time.clock.now();
    return true;
  }

  /** There was one since fast open last worked. */
  get suspected(): boolean {
    return this.blackholes > 0 && this.settings.fastOpenBlackhole !== 0;
  }

  /** That while is not over. */
  get disabled(): boolean {
    if (!this.suspected) return false;
    const times = 2 ** Math.min(this.blackholes - 1, BLACKHOLE_DOUBLINGS);
    return this.time.clock.now() < this.blackholeAt + times * this.settings.fastOpenBlackhole * 1e6;
  }

  /** Fast open has worked again. */
  worked(): void {
    this.blackholes = 0;
  }

  private stackKeys(): FastOpenKeys {
    const text = this.settings.fastOpenKey;
    if (text === this.readFrom) return this.keys;
    this.readFrom = text;
    this.keys = parseKeys(text) ?? this.random;
    return this.keys;
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

/** One key, or two with a comma between; null: that is none. */
export function parseKeys(text: string): FastOpenKeys | null {
  const [first, second, ...rest] = text.split(",").map(parseKey);
  if (first === undefined || first === null || second === null || rest.length > 0) return null;
  return new FastOpenKeys(first, second ?? null);
}

/** The reverse of {@link parseKeys}. */
export function formatKeys({ first, second }: FastOpenKeys): string {
  return [first, ...(second === null ? [] : [second])]
    .map((key) => Array.from(key, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("-"))
    .join();
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

/** A middlebox is thought to swallow what fast open sends (Linux's tcp_fastopen_active_disable). */
export function blame(c: Connection): void {
  if (c.tcp.fastOpen.blackhole()) c.tcp.counters.TcpExtTCPFastOpenBlackhole++;
}

/** A reset in the window, but not in order: before any data came it may be a middlebox's (RFC 7413 §7.1). */
export function suspectReset(c: Connection): void {
  if (c.fastOpen?.asked === true && c.dataSegsIn === 0 && c.state === ESTABLISHED) blame(c);
}

/**
 * The connection is gone, and nobody holds it any more (Linux's tcp_fastopen_active_disable_ofo_check): all that ever came was a FIN out of order, as
 * where a middlebox lets nothing else through; or data did come, and fast open works again.
 */
export function fastOpenOver(c: Connection): void {
  const state = c.fastOpen;
  if (state === null || !state.asked) return;
  if (c.dataSegsIn > 0) {
    if (state.proves) c.tcp.fastOpen.worked();
  } else if (c.rcvFin && ((c.rcvFinSeq - c.rcvNxt) | 0) > 0) blame(c);
}

/** What a socket that is used again keeps of its options; a listener's children have none of these. */
export function keepFastOpen(from: Connection, to: Connection): void {
  to.fastOpenKeys = from.fastOpenKeys;
  to.fastOpenQueue = from.fastOpenQueue;
  to.fastOpenConnect = from.fastOpenConnect;
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
