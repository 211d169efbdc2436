import { SYN_SENT } from "../../src/tcp/constants.js";
import { ACK, FIN, RST, SYN } from "../../src/wire/tcp.js";
import { CONNECTION, type View } from "./inspect.js";
import type { Life, Tuple } from "./life.js";
import { findOption, malformed, matches } from "./wire.js";
import type { World } from "./world.js";

/*
 * Every packet that leaves the stack is looked at here, against what the walk knows of its connection.
 */

/** A packet of the stack's. @param complete its checksum is not left to the link */
export function readSegment(w: World, b: Buffer, length: number, gso: number, complete: boolean): void {
  const wrong = malformed(b, length, complete && (w.step & 7) === 0);
  if (wrong !== null) w.fail(`the stack sent a packet that is none: ${wrong}`);
  if (b[9] !== 6) return;
  const tuple = w.tupleOf(b.readUInt16BE(20), b.readUInt16BE(22));
  const flags = b[33] as number;
  const seq = b.readInt32BE(24);
  const ack = b.readInt32BE(28);
  const header = 20 + ((b[32] as number) >> 4) * 4;
  const payload = length - header;
  const window = b.readUInt16BE(34);
  if (w.trace !== null) w.note(show(tuple, flags, seq, payload, ack, window, gso));
  if ((flags & RST) !== 0) {
    if (w.reset === tuple && !w.link.behind) w.fail("a RST is answered by a RST", tuple);
    return;
  }
  if ((flags & SYN) !== 0 && tuple.next !== null) {
    tuple.life = tuple.next;
    tuple.next = null;
  }
  const { life } = tuple;
  if (life === null) w.fail("a segment for a connection that never was", tuple);
  if (life.mixed) return;
  if ((flags & SYN) !== 0) readSyn(w, tuple, life, b, flags, seq, payload);
  else readOther(w, tuple, life, b, flags, seq, payload, header);
  if (payload > 0 && !matches(b, header, payload, life.outSalt, (seq - life.iss - ((flags & SYN) !== 0 ? 0 : 1)) | 0))
    w.fail(`${payload} bytes at ${(seq - life.iss) | 0} are not what was written`, tuple);
  if ((flags & ACK) !== 0) readAck(w, tuple, life, ack, window, (flags & SYN) !== 0);
}

function readSyn(w: World, tuple: Tuple, life: Life, b: Buffer, flags: number, seq: number, payload: number): void {
  if (life.issSeen && seq !== life.iss) w.fail(`a SYN with another initial number: ${seq}, not ${life.iss}`, tuple);
  if (!life.issSeen) {
    life.issSeen = true;
    life.iss = seq;
    life.wireMax = (seq + 1 + payload) | 0;
    if (life.passive) life.rightEdge = (life.rightEdge + seq) | 0;
  }
  if (((seq + 1 + payload - life.wireMax) | 0) > 0) life.wireMax = (seq + 1 + payload) | 0;
  if ((flags & FIN) !== 0) w.fail("a SYN with a FIN", tuple);
  const scale = findOption(b, 3);
  if (scale === -2) w.fail("options that make no sense", tuple);
  life.ourScale = scale >= 0 ? (b[scale + 2] as number) : -1;
  life.ourTimestamps = findOption(b, 8) >= 0;
}

function readOther(
  w: World,
  tuple: Tuple,
  life: Life,
  b: Buffer,
  flags: number,
  seq: number,
  payload: number,
  header: number,
): void {
  const end = (seq + payload + ((flags & FIN) !== 0 ? 1 : 0)) | 0;
  if ((flags & ACK) === 0) w.fail("neither SYN nor RST nor ACK", tuple);
  if (life.finSeen && ((end - life.finSeq - 1) | 0) > 0) w.fail("something is sent behind the FIN", tuple);
  if ((flags & FIN) !== 0) {
    const at = (end - 1) | 0;
    if (life.finSeen && at !== life.finSeq) w.fail("the FIN has moved", tuple);
    if (((at - life.iss - 1) | 0) !== life.written) w.fail("the FIN does not stand behind all that was written", tuple);
    life.finSeen = true;
    life.finSeq = at;
  }
  if (((seq - life.iss) | 0) < 0) w.fail(`a segment before the SYN: ${(seq - life.iss) | 0}`, tuple);
  if (end !== seq) {
    // RFC 9293 §3.8.6: never past the largest right edge offered, but for a FIN or a probe
    if (((end - life.rightEdge) | 0) > 1) w.fail(`sent ${(end - life.rightEdge) | 0} past the right edge`, tuple);
    if (((end - life.wireMax) | 0) > 0) {
      if (((seq - life.wireMax) | 0) > 0 && !life.doubted) w.fail("a gap in what is sent", tuple);
      life.wireMax = end;
    }
  } else if (w.passing && isProbe(tuple.before) && seq !== ((tuple.before.sndUna - 1) | 0) && !life.doubted)
    w.fail("time has sent what asks for no answer", tuple);
  else if (((seq - life.wireMax) | 0) > 0 && !life.doubted) w.fail("an ACK with a number never sent", tuple);
  if (header <= 40) return;
  const stamp = findOption(b, 8);
  if (stamp === -2) w.fail("options that make no sense", tuple);
  if (stamp >= 0) life.tsRecent = b.readInt32BE(stamp + 2);
}

/** What time alone sends without text is a probe (RFC 9293 §3.8.4, §3.8.6.1), if no ACK was owed. */
function isProbe(before: View): boolean {
  return before.kind === CONNECTION && !before.ackOwed && !before.blocked && before.state !== SYN_SENT;
}

function readAck(w: World, tuple: Tuple, life: Life, ack: number, field: number, syn: boolean): void {
  if (!life.isnKnown) w.fail("an ACK of a peer that has sent no SYN", tuple);
  if (life.ackSeen && ((ack - life.ack) | 0) < 0 && !life.doubted) w.fail("the ACK moves back", tuple);
  const shift = syn ? 0 : life.shift;
  const edge = (ack + (field << shift)) | 0;
  // RFC 9293 §3.8.6.2.2: never back, but by less than a unit of the scale (RFC 7323 §2.4). TIME-WAIT's is all that is left.
  // The window of a SYN is never scaled: it cannot say more.
  // Where there was no memory for what came the window is shut, as Linux does
  const shut = field === 0 && !syn;
  if (shut && life.ackSeen) life.edge = edge;
  if (life.ackSeen && !life.doubted && !syn && !life.shrunk && ((edge - life.edge) | 0) <= -(1 << shift))
    w.fail(`the offered right edge moves back by ${(life.edge - edge) | 0}`, tuple);
  if (syn && life.ackSeen && ((edge - life.edge) | 0) < 0) life.shrunk = true;
  if (!life.ackSeen || ((edge - life.edge) | 0) > 0) life.edge = edge;
  life.ackSeen = true;
  life.ack = ack;
}

const LETTERS = ["F", "S", "R", "P", ".", "U", "E", "W"];

export function flagText(flags: number): string {
  let text = "";
  for (let i = 0; i < 8; i++) if ((flags & (1 << i)) !== 0) text += LETTERS[i];
  return text === "" ? "0" : text;
}

function show(t: Tuple, flags: number, seq: number, length: number, ack: number, window: number, gso: number): string {
  const s = t.life === null ? seq : (seq - t.life.iss) | 0;
  const a = t.life === null || !t.life.isnKnown ? ack : (ack - t.life.isn) | 0;
  const run = gso > 0 ? ` gso ${gso}` : "";
  return `  > ${t.localPort}:${t.peerPort} ${flagText(flags)} ${s}(${length}) ack ${a} win ${window}${run}`;
}
