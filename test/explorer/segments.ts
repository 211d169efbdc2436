import { SYN_RECEIVED, SYN_SENT } from "../../src/tcp/constants.js";
import { ACK, FIN, PSH, RST, SYN, URG } from "../../src/wire/tcp.js";
import { icmpMoves } from "./calls-model.js";
import { CONNECTION, frontDropped, NOTHING, SYN_RECORD, TIME_WAIT_RECORD, type View } from "./inspect.js";
import { Life, type Tuple } from "./life.js";
import { acceptable, NO, PIECES, segmentMoves, YES } from "./model.js";
import { flagText } from "./observe.js";
import { compose } from "./peer.js";
import { build, buildIcmp, packet, place, type Segment } from "./wire.js";
import type { World } from "./world.js";

/** The step that sends a segment (or a few in one batch that come to the same), and what the walk notes of it. */
export function segmentStep(w: World, tuple: Tuple, odd: number): void {
  const { segment: s, moves } = w;
  const v = tuple.before;
  const copies = compose(w, tuple, odd) ? w.dice.between(2, 6) : 1;
  tuple.next = null;
  if (s.broken) moves.none();
  else {
    segmentMoves(v, s, tuple.life, w.survey(tuple), moves);
    noteSyn(w, tuple, v, s);
    if (tuple.life !== null && v.kind !== NOTHING) noteText(tuple.life, v, s);
    if ((s.flags & RST) !== 0) w.reset = tuple;
  }
  if (w.trace !== null) w.note(`< ${show(tuple, s)}; may ${moves}`);
  if (copies > 1 && w.trace !== null) w.note(`  ... ${copies} times`);
  for (let n = 1; n < copies; n++) w.link.add(packet, build(s), !s.checksummed, 0);
  send(w, tuple, v, s);
  // As Linux: one that stands next to be read when another is announced is none of the stream
  if ((s.flags & URG) !== 0 && tuple.life !== null && frontDropped(v)) tuple.life.read++;
}

function show(t: Tuple, s: Segment): string {
  const life = t.next ?? t.life;
  const seq = life?.isnKnown ? (s.seq - life.isn) | 0 : s.seq;
  const ack = life?.issSeen ? (s.ack - life.iss) | 0 : s.ack;
  const options = s.optionsLength > 0 ? ` <${s.options.slice(0, s.optionsLength).join(" ")}>` : "";
  const broken = s.broken ? " broken" : "";
  return `${t.localPort}:${t.peerPort} ${flagText(s.flags)} ${seq}(${s.length}) ack ${ack} win ${s.window}${options}${broken}`;
}

/** The SYN options that the walk itself must understand. */
function peerOptions(life: Life, s: Segment, now: number): void {
  life.peerScale = -1;
  life.peerTimestamps = false;
  for (let i = 0; i < s.optionsLength; ) {
    const kind = s.options[i] as number;
    const length = kind < 2 ? 1 : (s.options[i + 1] as number);
    if (kind === 0 || length < 1 || (kind > 1 && length < 2) || i + length > s.optionsLength) return;
    if (kind === 3 && length === 3) life.peerScale = s.options[i + 2] as number;
    if (kind === 8 && length === 10) {
      life.peerTimestamps = true;
      const o = s.options;
      const value = ((o[i + 2] as number) << 24) | ((o[i + 3] as number) << 16) | ((o[i + 4] as number) << 8);
      life.tsSent = ((value | (o[i + 5] as number)) - Math.floor(now / 1000)) | 0;
    }
    i += length;
  }
}

function noteSyn(w: World, tuple: Tuple, v: View, s: Segment): void {
  if (w.moves.count === 0 || (s.flags & SYN) === 0) return;
  const now = w.clock.now();
  if (v.kind === NOTHING || v.kind === TIME_WAIT_RECORD) {
    const life = new Life(true, w.dice.int32(), now);
    life.takeIsn(s.seq);
    peerOptions(life, s, now);
    life.edgeKnown = true;
    // Beyond our initial number, which is not known yet
    life.rightEdge = 1 + s.window;
    life.doubted = w.link.room >= 0;
    life.mixed = w.link.behind;
    tuple.next = life;
  } else if (v.kind === CONNECTION && v.state === SYN_SENT && tuple.life !== null) {
    tuple.life.takeIsn(s.seq);
    peerOptions(tuple.life, s, now);
    if ((s.flags & ACK) === 0) offer(tuple.life, (v.iss + 1) | 0, s.window);
    noteData(tuple.life, s);
    s.payload = place(tuple.life.inSalt, 0);
  }
}

function offer(life: Life, ack: number, window: number): void {
  const edge = (ack + window) | 0;
  if (!life.edgeKnown || ((edge - life.rightEdge) | 0) > 0) life.rightEdge = edge;
  life.edgeKnown = true;
}

function noteText(life: Life, v: View, s: Segment): void {
  const inRecord = v.kind === SYN_RECORD;
  if (v.kind !== CONNECTION && !inRecord) {
    // TIME-WAIT: the peer's FIN again
    return;
  }
  if (v.state !== SYN_SENT && !figure8(v, s) && acceptable(v, s, life) === NO) return;
  if ((s.flags & RST) !== 0) return;
  if ((s.flags & ACK) !== 0) {
    const max = inRecord ? (v.iss + 1) | 0 : v.sndNxt;
    const una = inRecord ? max : v.sndUna;
    const opening = v.state === SYN_SENT || figure8(v, s);
    if (((s.ack - una) | 0) >= 0 && ((s.ack - max) | 0) <= 0)
      offer(life, s.ack, opening ? s.window : s.window << life.scale);
    life.window = s.window;
  }
  if (v.state !== SYN_SENT) noteData(life, s);
}

/** RFC 9293 §3.5, figure 8: the SYN-ACK of a simultaneous open. */
function figure8(v: View, s: Segment): boolean {
  return v.state === SYN_RECEIVED && (s.flags & (SYN | ACK)) === (SYN | ACK) && s.seq === v.irs;
}

function noteData(life: Life, s: Segment): void {
  const start = (s.seq - life.isn - 1 + ((s.flags & SYN) !== 0 ? 1 : 0)) | 0;
  const end = start + s.length;
  if (s.length > 0 && end > 0) life.received(Math.max(0, start), end);
  if ((s.flags & FIN) !== 0 && end >= 0 && !life.fins.includes(end)) life.fins.push(end);
  const next = (life.isn + 1 + end) | 0;
  if (((next - life.peerNxt) | 0) > 0 && start <= ((life.peerNxt - life.isn - 1) | 0)) life.peerNxt = next;
  if ((s.flags & FIN) === 0 || life.peerFin) return;
  life.peerFin = true;
  life.peerFinSeq = next;
}

function send(w: World, tuple: Tuple, v: View, s: Segment): void {
  const { link, dice, moves } = w;
  const plain = !s.broken && (s.flags & ~(PSH | FIN)) === ACK && v.kind === CONNECTION && s.seq === v.rcvNxt;
  if (plain && s.length > 1 && tuple.life !== null && acceptable(v, s, tuple.life) === YES && dice.chance(25)) {
    if (w.trace !== null) w.note("  ... in pieces");
    pieces(w, s, dice.between(2, PIECES));
    return;
  }
  const gso = plain && s.length > 1000 && dice.chance(40) ? dice.pick([536, 1000]) : 0;
  link.add(packet, build(s), !s.checksummed, gso);
  if (v.kind === TIME_WAIT_RECORD && moves.stay && !s.broken && tuple.life !== null) {
    // TIME-WAIT begins anew with what has an ACK, whatever else it is (Linux), and with some that have none: old ones
    tuple.life.waitingPerhaps = w.clock.now();
    if (moves.count === 0 && (s.flags & (ACK | RST | SYN)) === ACK && !tuple.life.timestamps)
      tuple.life.waitingSince = w.clock.now();
  }
  link.deliver();
}

/** The same text as several segments of one batch. */
function pieces(w: World, s: Segment, n: number): void {
  const { length, flags, payload, seq } = s;
  const size = Math.ceil(length / n);
  for (let at = 0; at < length; at += size) {
    const last = at + size >= length;
    s.seq = (seq + at) | 0;
    s.payload = payload + at;
    s.length = last ? length - at : size;
    s.flags = last ? flags : ACK;
    w.link.add(packet, build(s), !s.checksummed, 0);
  }
  s.seq = seq;
  s.length = length;
  s.flags = flags;
  s.payload = payload;
  w.link.deliver();
}

const ICMP_KINDS = [
  [3, 0],
  [3, 1],
  [3, 2],
  [3, 3],
  [3, 4],
  [3, 10],
  [3, 13],
  [4, 0],
  [11, 0],
  [12, 0],
] as const;

/** The step of an ICMP error about a segment of ours, real or invented. */
export function icmpStep(w: World, tuple: Tuple): void {
  const { dice, moves } = w;
  const v = tuple.before;
  const [type, code] = dice.pick(ICMP_KINDS);
  const flight = v.kind === CONNECTION ? (v.sndNxt - v.sndUna) | 0 : 0;
  const seq = dice.chance(80) ? (v.sndUna + dice.below(flight + 1)) | 0 : dice.int32();
  icmpMoves(v, type, code, seq, moves);
  const mtu = code === 4 ? dice.pick([0, 68, 296, 576, 1000, 1400, 1500]) : 0;
  if (w.trace !== null) w.note(`ICMP ${type}/${code} about ${tuple.localPort}:${tuple.peerPort} ${(seq - v.iss) | 0}`);
  w.link.add(packet, buildIcmp(type, code, mtu, tuple.localPort, tuple.peerPort, seq), true, 0);
  w.link.deliver();
}
