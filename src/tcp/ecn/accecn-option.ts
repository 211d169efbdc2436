import { OPT_ACCECN_0, OPT_ACCECN_1, OPT_NOP, OPTIONS_MAX, TS_SPACE } from "../../wire/tcp.js";
import type { Connection } from "../connection.js";
import type { TcpContext } from "../context.js";
import {
  type AccEcn,
  CE,
  ECT_0,
  ECT_1,
  FAIL_OPTION_RECV,
  NOT_ECT,
  OPTION_COUNTS,
  OPTION_EMPTY,
  OPTION_ZEROED,
} from "./accecn.js";

/*
 * The AccECN option (RFC 9768 §3.2.3): up to three counters of payload bytes, 24 bits each, by the mark they came with.
 * Kind 172 has them in the order ECT(0), CE, ECT(1), kind 174, which we send, the other way round.
 */

const FIELD = 3;
const FIELDS_MAX = 3;
const BASE = 2;
const MASK = 0xffffff;
/** §3.2.1: what the counters of ECT bytes begin with on the wire, so that zeroing shows. */
const START = 1;
const SACK_BASE = 4;
const SACK_BLOCK = 8;
/** tcp_ecn_option: in every segment that has room. */
const ALWAYS = 2;

/** The fields that the option in hand has room for; -1: it does not go. */
let fields = -1;
/** SACK blocks beside it. */
let blocks = 0;
/** Two bytes of it that stand in the place of padding before the next option. */
export let spareHigh = OPT_NOP;
export let spareLow = OPT_NOP;

/**
 * How much of the option fits: all three counters if possible, those that are new at least; a third SACK block gives way.
 * @param saving bytes of padding of another option that it may use
 * @returns bytes that it takes
 */
function fitInto(least: number, room: number, sacks: number, saving: number): number {
  blocks = sacks;
  for (;;) {
    for (fields = FIELDS_MAX; fields >= least; fields--) {
      const size = BASE + FIELD * fields;
      const taken = (size & 3) > saving ? (size + 3) & ~3 : size & ~3;
      if (taken <= room + SACK_BLOCK * (sacks - blocks)) return taken;
    }
    if (blocks <= 2 || least === 0) break;
    blocks--;
  }
  blocks = sacks;
  fields = -1;
  return 0;
}

/**
 * The same for a SYN-ACK.
 * @param used bytes of its other options
 */
export function fitSynAck(used: number, ts: boolean, sackOk: boolean, scaled: boolean): number {
  const room = OPTIONS_MAX - used;
  if (room < BASE) {
    fields = -1;
    return 0;
  }
  return fitInto(0, room, 0, sackOk && !ts ? 2 : scaled ? 1 : 0);
}

/** Whether the next segment is to carry the option (§3.2.3.3, and Linux's tcp_ecn_option). */
function due(c: Connection, a: AccEcn): boolean {
  const { settings, time } = c.tcp;
  if (settings.ecnOption === 0 || a.optionSeen === 0) return false;
  if (settings.ecnOption >= ALWAYS || a.demand > 0) return true;
  const beacon = settings.ecnOptionBeacon;
  return beacon > 0 && ((time.us - a.optionUs) >>> 0) * beacon >= c.srtt >> 3;
}

/** Bytes of options in a segment that is no SYN, of a connection with AccECN. @param sacks blocks that would go without it */
export function accEcnOptionBytes(c: Connection, a: AccEcn, sacks: number): number {
  const used = (c.tsOk ? TS_SPACE : 0) + (sacks > 0 ? SACK_BASE + SACK_BLOCK * sacks : 0);
  fields = -1;
  blocks = sacks;
  if (!due(c, a)) return used;
  const taken = fitInto(a.leastFields, OPTIONS_MAX - used, sacks, sacks > 0 ? 2 : 0);
  return used + taken - SACK_BLOCK * (sacks - blocks);
}

/** SACK blocks that go beside the option that was made to fit last. */
export function sacksBeside(): number {
  return blocks;
}

/**
 * Writes the option that was made to fit last, of a connection or (null) of a SYN-ACK. Where it ends inside a word, the
 * rest waits in spareHigh and spareLow.
 * @returns bytes written
 */
export function writeAccEcn(tcp: TcpContext, at: number, a: AccEcn | null): number {
  spareHigh = OPT_NOP;
  spareLow = OPT_NOP;
  if (fields < 0) return 0;
  const { dv } = tcp.memory;
  const e1 = (a === null ? START : a.receivedE1 + START) & MASK;
  const ce = (a === null ? 0 : a.receivedCeBytes) & MASK;
  const e0 = (a === null ? START : a.receivedE0 + START) & MASK;
  const length = BASE + FIELD * fields;
  if (fields > 0) dv.setInt32(at, (OPT_ACCECN_1 << 24) | (length << 16) | (e1 >>> 8));
  if (fields > 1) dv.setInt32(at + 4, (e1 << 24) | ce);
  if (fields > 2) dv.setInt32(at + 8, (e0 << 8) | OPT_NOP);
  if (fields === 1) spareHigh = e1 & 0xff;
  else if (fields === 0) {
    spareHigh = OPT_ACCECN_1;
    spareLow = length;
  }
  if (a !== null && !a.inRow) {
    a.leastFields = 0;
    a.optionUs = tcp.time.us;
    if (a.demand > 0) a.demand--;
  }
  return fields * 4;
}

// ---------------------------------------------------------------- what the peer's says

/** §3.2.3.2.4: the first option, and whether its counters were zeroed on the way. */
export function noteOption(tcp: TcpContext, a: AccEcn, at: number): void {
  if (a.optionSeen >= OPTION_COUNTS) return;
  a.optionSeen = firstOption(tcp, at);
  if (a.optionSeen === OPTION_ZEROED) a.failMode |= FAIL_OPTION_RECV;
}

function firstOption(tcp: TcpContext, at: number): number {
  const length = (tcp.memory.u8[at + 1] as number) - BASE;
  if (length < FIELD) return OPTION_EMPTY;
  if (counterAt(tcp, at + BASE) === 0) return OPTION_ZEROED;
  return length >= FIELD * FIELDS_MAX && counterAt(tcp, at + BASE + 2 * FIELD) === 0 ? OPTION_ZEROED : OPTION_COUNTS;
}

function counterAt(tcp: TcpContext, at: number): number {
  return tcp.memory.dv.getInt32(at - 1) & MASK;
}

/**
 * Takes what an ACK's option says of the bytes we sent; without an option they are thought to have had the mark that was
 * last seen to change.
 * @param at where the option stands, or 0
 * @returns whether that is known at all, and beyond doubt
 */
export function takeCounters(c: Connection, a: AccEcn, at: number, delivered: number): boolean {
  if ((a.failMode & FAIL_OPTION_RECV) !== 0) return false;
  if (at === 0) {
    if (a.estimate === NOT_ECT) return false;
    addDelivered(a, a.estimate, delivered);
    return true;
  }
  const { tcp } = c;
  // The option that shows the zeros is taken for what it says once more, as by Linux
  noteOption(tcp, a, at);
  const { u8 } = tcp.memory;
  const first = u8[at] === OPT_ACCECN_0 ? ECT_0 : ECT_1;
  const count = Math.min(FIELDS_MAX, Math.floor(((u8[at + 1] as number) - BASE) / FIELD));
  const before = a.estimate;
  let sure = before !== NOT_ECT;
  let doubtful = false;
  let changed = false;
  for (let i = 0; i < count; i++) {
    const field = i === 1 ? CE : i === 0 ? first : ECT_0 + ECT_1 - first;
    const delta = move(a, field, counterAt(tcp, at + BASE + i * FIELD));
    if (delta === 0) continue;
    if (delta < 0) doubtful = true;
    if (field === before) continue;
    if (changed) doubtful = true;
    else {
      a.estimate = field;
      changed = true;
    }
  }
  if (doubtful) {
    a.estimate = NOT_ECT;
    sure = false;
  }
  return sure;
}

/** A counter moves to what 24 bits of it say. @returns by how much, which may be less than nothing */
function move(a: AccEcn, field: number, wire: number): number {
  const start = field === CE ? 0 : START;
  const known = field === CE ? a.deliveredCeBytes : field === ECT_0 ? a.deliveredE0 : a.deliveredE1;
  const delta = ((wire - start - known) << 8) >> 8;
  addDelivered(a, field, delta);
  return delta;
}

function addDelivered(a: AccEcn, field: number, bytes: number): void {
  if (field === CE) a.deliveredCeBytes = (a.deliveredCeBytes + bytes) | 0;
  else if (field === ECT_0) a.deliveredE0 = (a.deliveredE0 + bytes) | 0;
  else a.deliveredE1 = (a.deliveredE1 + bytes) | 0;
}
