import { ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT } from "../../src/tcp/constants.js";
import { ACK, FIN, PSH, RST, SYN, URG } from "../../src/wire/tcp.js";
import { CONNECTION, NOTHING, SYN_RECORD, TIME_WAIT_RECORD, type View } from "./inspect.js";
import type { Life, Tuple } from "./life.js";
import type { Dice } from "./rng.js";
import { place, type Segment } from "./wire.js";
import type { World } from "./world.js";

/*
 * What the peer sends next: mostly what a peer in its place would, often something near it, sometimes anything.
 */

const ISNS = [0, 1000, 0x7ffffff0, -16, -100_000, 0x7fff0000] as const;
const LENGTHS = [0, 1, 2, 100, 536, 1000, 1460, 2920] as const;

/**
 * Fills in `w.segment` for a tuple.
 * @param odd percent of fields that are not what is to be expected
 * @returns whether it is a duplicate ACK, which comes several times
 */
export function compose(w: World, tuple: Tuple, odd: number): boolean {
  const { segment: s, dice } = w;
  s.localPort = tuple.localPort;
  s.peerPort = tuple.peerPort;
  s.urgent = 0;
  s.optionsLength = 0;
  s.length = 0;
  s.flags = ACK;
  s.ack = 0;
  s.window = windowOf(dice);
  s.broken = dice.chance(0.2);
  s.checksummed = dice.chance(15);
  const v = tuple.before;
  const { life } = tuple;
  let duplicate = false;
  if (life === null || v.kind === NOTHING) cold(s, tuple, dice);
  else if (v.kind === SYN_RECORD || v.state === SYN_RECEIVED) halfOpen(s, v, dice, odd);
  else if (v.state === SYN_SENT) opening(s, v, dice, odd);
  else if (v.kind === TIME_WAIT_RECORD) waiting(s, v, dice);
  else if (v.sndNxt !== v.sndUna && dice.chance(8)) {
    duplicate = true;
    s.seq = v.rcvNxt;
    s.ack = v.sndUna;
    s.window = life.window;
  } else flowing(s, v, life, dice, odd);
  if (!duplicate && dice.chance(odd / 4)) s.flags ^= dice.pick([FIN, SYN, RST, PSH, ACK, URG]);
  // The octet behind which it points is one of the segment's, or near it
  if ((s.flags & URG) !== 0)
    s.urgent = dice.chance(30) ? dice.below(2000) : dice.pick([0, 1, 1, s.length, s.length + 1]);
  const offset = life === null ? s.seq : (s.seq - life.isn - 1 + ((s.flags & SYN) !== 0 ? 1 : 0)) | 0;
  s.payload = place(life === null ? 0 : life.inSalt, offset);
  writeOptions(w, s, life, dice, odd);
  return duplicate;
}

function windowOf(dice: Dice): number {
  switch (dice.weighted([30, 20, 6, 8, 10, 26])) {
    case 0:
      return 65535;
    case 1:
      return 8192;
    case 2:
      return 0;
    case 3:
      return dice.below(600);
    case 4:
      return dice.below(5000);
    default:
      return dice.below(65536);
  }
}

/** Nothing is there: a SYN, or a stray segment. */
function cold(s: Segment, tuple: Tuple, dice: Dice): void {
  s.seq = dice.chance(60) ? dice.pick(ISNS) : dice.int32();
  if (dice.chance(75)) s.flags = SYN;
  else s.flags = dice.pick([ACK, RST, FIN | ACK, SYN | ACK, RST | ACK, SYN | FIN, 0]);
  if ((s.flags & ACK) !== 0) s.ack = tuple.life === null ? dice.int32() : tuple.life.wireMax;
  if (dice.chance(8)) s.length = dice.between(1, 200);
}

/** The handshake's last ACK, with data or a FIN at times; or what comes in its place. */
function halfOpen(s: Segment, v: View, dice: Dice, odd: number): void {
  s.seq = (v.irs + 1) | 0;
  s.ack = (v.iss + 1) | 0;
  s.flags = ACK;
  if (dice.chance(20)) s.length = dice.pick(LENGTHS);
  if (dice.chance(10)) s.flags |= FIN;
  if (v.kind === CONNECTION && dice.chance(30)) {
    s.flags = SYN | ACK;
    s.seq = v.irs;
    s.length = 0;
  }
  if (!dice.chance(Math.max(odd, 12))) return;
  switch (dice.below(8)) {
    case 0:
      s.flags = RST;
      break;
    case 1:
      s.flags = SYN;
      s.seq = v.irs;
      break;
    case 2:
      s.flags = SYN;
      s.seq = (s.seq + dice.below(v.window + 10)) | 0;
      break;
    case 3:
      s.ack = (s.ack + dice.between(-3, 3)) | 0;
      break;
    case 4:
      s.seq = (s.seq + dice.between(-5, 5)) | 0;
      break;
    case 5:
      s.flags = dice.pick([FIN, PSH, RST | ACK, FIN | ACK, 0]);
      break;
    case 6:
      s.seq = (s.seq + dice.below(2 * v.window)) | 0;
      break;
    default:
      s.seq = dice.int32();
  }
}

/** To a SYN: a SYN-ACK, a SYN of its own (both open at once), a refusal, nonsense. */
function opening(s: Segment, v: View, dice: Dice, odd: number): void {
  s.seq = dice.chance(60) ? dice.pick(ISNS) : dice.int32();
  s.ack = (v.iss + 1) | 0;
  switch (dice.weighted([50, 22, 7, 21])) {
    case 0:
      s.flags = SYN | ACK;
      break;
    case 1:
      s.flags = SYN;
      s.ack = 0;
      break;
    case 2:
      s.flags = RST | ACK;
      break;
    default:
      s.flags = dice.pick([ACK, SYN | ACK, RST, FIN | ACK, SYN | FIN, SYN | ACK | FIN, SYN | ACK | RST, 0]);
      if (dice.chance(40)) s.ack = (v.iss + dice.between(-2, 3)) | 0;
  }
  if (dice.chance(odd / 2 + 4)) s.length = dice.pick(LENGTHS);
}

function waiting(s: Segment, v: View, dice: Dice): void {
  s.ack = v.sndNxt;
  s.seq = v.rcvNxt;
  if (v.state === FIN_WAIT_2 && dice.chance(50)) {
    s.flags = FIN | ACK;
    if (dice.chance(20)) s.length = dice.between(1, 50);
    if (dice.chance(10)) s.seq = (v.rcvNxt + dice.between(-40, 40)) | 0;
    return;
  }
  switch (dice.below(7)) {
    case 0:
      s.flags = FIN | ACK;
      s.seq = (v.rcvNxt - 1) | 0;
      break;
    case 1:
    case 2:
      s.flags = SYN;
      s.seq = (v.rcvNxt + (dice.chance(30) ? dice.between(-4, 4) : dice.below(100_000))) | 0;
      break;
    case 3:
      s.flags = dice.chance(50) ? RST : RST | ACK;
      s.seq = (v.rcvNxt + dice.pick([0, 0, 1, -1, 500])) | 0;
      break;
    case 4:
      s.length = dice.below(50);
      s.seq = (v.rcvNxt - dice.below(60)) | 0;
      break;
    default:
      s.seq = (v.rcvNxt + dice.between(-2, 2)) | 0;
      s.ack = (v.sndNxt + dice.between(-2, 2)) | 0;
  }
}

/** A synchronized state. */
function flowing(s: Segment, v: View, life: Life, dice: Dice, odd: number): void {
  const finOdds = v.state === ESTABLISHED ? 2 : 14;
  s.seq = expectedSeq(v, life, dice);
  s.ack = ackOf(v, dice, odd);
  s.length = dice.chance(55) ? dataLength(v, dice) : 0;
  if (dice.chance(45)) s.window = life.window;
  // Something before it was lost
  if (s.length > 0 && dice.chance(9)) s.seq = (v.rcvNxt + dice.pick(LENGTHS)) | 0;
  if (life.peerFin) {
    const left = (life.peerFinSeq - s.seq) | 0;
    if (s.length >= left) {
      s.length = Math.max(0, left);
      if (left >= 0 && dice.chance(70)) s.flags |= FIN;
    }
  } else if (dice.chance(finOdds)) s.flags |= FIN;
  if (s.length > 0 && dice.chance(30)) s.flags |= PSH;
  if (dice.chance(3)) s.flags |= URG;
  if (dice.chance(0.3)) s.flags |= RST;
  if (dice.chance(odd)) bend(s, v, dice);
}

function expectedSeq(v: View, life: Life, dice: Dice): number {
  if (dice.chance(20)) return life.peerNxt;
  return v.rcvNxt;
}

function dataLength(v: View, dice: Dice): number {
  const length = dice.chance(85) ? dice.pick(LENGTHS) : dice.below(20_000);
  return Math.min(length, Math.max(0, v.window));
}

function ackOf(v: View, dice: Dice, odd: number): number {
  const flight = (v.sndNxt - v.sndUna) | 0;
  if (!dice.chance(odd)) {
    // Both close at once: the peer's FIN before it has seen ours
    if (dice.chance(v.state === FIN_WAIT_1 ? 35 : 70)) return v.sndNxt;
    return dice.chance(40) ? v.sndUna : (v.sndUna + dice.below(flight + 1)) | 0;
  }
  switch (dice.below(6)) {
    case 0:
      return (v.sndNxt + dice.between(1, 3)) | 0;
    case 1:
      return (v.sndNxt + dice.below(1 << 30)) | 0;
    case 2:
      return (v.sndUna - dice.between(1, 3)) | 0;
    case 3:
      return (v.sndUna - dice.below(200_000)) | 0;
    case 4:
      return v.iss;
    default:
      return v.sndUna;
  }
}

/** Moves the segment to where it should not be. */
function bend(s: Segment, v: View, dice: Dice): void {
  const { window } = v;
  switch (dice.below(12)) {
    case 0:
      s.seq = (v.rcvNxt - dice.between(1, 3)) | 0;
      break;
    case 1:
      s.seq = (v.rcvNxt - dice.below(4000)) | 0;
      break;
    case 2:
      s.seq = (v.rcvNxt + dice.between(1, 4000)) | 0;
      break;
    case 3:
      s.seq = (v.rcvNxt + dice.below(window + 1)) | 0;
      break;
    case 4:
      s.seq = (v.rcvAdv + dice.between(-2, 2)) | 0;
      break;
    case 5:
      s.seq = (v.rcvAdv + dice.below(100_000)) | 0;
      break;
    case 6:
      if (!dice.chance(40)) break;
      s.flags = dice.pick([RST, RST | ACK]);
      s.length = 0;
      if (!dice.chance(25)) s.seq = (v.rcvNxt + dice.between(-2, 4)) | 0;
      break;
    case 7:
      s.flags |= SYN;
      if (dice.chance(50)) s.seq = v.irs;
      break;
    case 8:
      s.flags &= ~ACK;
      break;
    case 9:
      s.length = dice.below(9000);
      break;
    case 10:
      // The end of what has come, once more, and what is behind it: across the FIN, if there was one
      s.seq = (v.rcvNxt - dice.between(1, 3)) | 0;
      s.length = dice.between(1, 1500);
      break;
    default:
      s.seq = dice.int32();
  }
}

const MALFORMED = [
  [2, 4, 0, 0],
  [2, 3, 1, 0],
  [3, 3, 15, 0],
  [3, 2, 0, 0],
  [8, 0, 0, 0],
  [8, 10, 1, 2],
  [5, 3, 1, 1],
  [5, 40, 0, 0],
  [253, 4, 1, 2],
  [254, 1, 0, 0],
  [0, 2, 4, 5],
  [1, 1, 1, 200],
] as const;

function put16(s: Segment, value: number): void {
  s.options[s.optionsLength++] = value >>> 8;
  s.options[s.optionsLength++] = value;
}

function put32(s: Segment, value: number): void {
  put16(s, value >>> 16);
  put16(s, value & 0xffff);
}

function writeOptions(w: World, s: Segment, life: Life | null, dice: Dice, odd: number): void {
  if ((s.flags & SYN) !== 0) synOptions(s, dice);
  else if (life?.timestamps && !dice.chance(3)) stamp(w, s, life, dice, odd);
  else if (dice.chance(odd / 8)) stamp(w, s, life, dice, odd);
  if (dice.chance(odd / 6) && s.optionsLength <= 20) sackBlocks(s, life, dice);
  if (!dice.chance(odd / 6) || s.optionsLength > 32) return;
  for (const byte of dice.pick(MALFORMED)) s.options[s.optionsLength++] = byte;
}

function synOptions(s: Segment, dice: Dice): void {
  if (dice.chance(85)) {
    put16(s, 0x0204);
    put16(s, dice.chance(80) ? 1460 : dice.pick([0, 1, 48, 88, 536, 9000, 65535]));
  }
  if (dice.chance(60)) {
    put16(s, 0x0103);
    put16(s, 0x0300 | dice.pick([0, 1, 2, 7, 14, 15]));
  }
  if (dice.chance(60)) {
    put16(s, 0x0101);
    put16(s, 0x0402);
  }
  if (!dice.chance(60)) return;
  put16(s, 0x0101);
  put16(s, 0x080a);
  put32(s, dice.int32());
  put32(s, 0);
}

function stamp(w: World, s: Segment, life: Life | null, dice: Dice, odd: number): void {
  const clock = Math.floor(w.clock.now() / 1000) | 0;
  put16(s, 0x0101);
  put16(s, 0x080a);
  put32(s, dice.chance(odd / 4) ? dice.int32() : ((life?.tsSent ?? 0) + clock) | 0);
  put32(s, life === null || dice.chance(odd / 4) ? dice.int32() : life.tsRecent);
}

function sackBlocks(s: Segment, life: Life | null, dice: Dice): void {
  const base = life === null ? 0 : life.iss;
  const reach = life === null ? 1000 : ((life.wireMax - life.iss) | 0) + 3;
  put16(s, 0x0101);
  put16(s, 0x050a);
  const from = dice.below(Math.max(1, reach));
  put32(s, (base + from) | 0);
  put32(s, (base + from + dice.between(-10, 3000)) | 0);
}
