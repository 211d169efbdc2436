import dnsPacket, { type Answer, type OptAnswer } from "dns-packet";
import type { Finding, OwnZones } from "./dns-zone.js";

const { AUTHORITATIVE_ANSWER, RECURSION_DESIRED, TRUNCATED_RESPONSE, decode, encode } = dnsPacket;
const HEADER = 12;
const QR = 0x80;
const OPCODE_SHIFT = 11;
const OPCODE_MASK = 15 << OPCODE_SHIFT;
const RCODE = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
/** RFC 1035 §4.2.1: what fits a datagram without EDNS. */
const PLAIN_LIMIT = 512;
/** What we say we take, and the most we send in a datagram: no path fragments it. */
const EDNS_LIMIT = 1232;

interface Draft {
  readonly flags: number;
  readonly finding: Finding | null;
  readonly edns: boolean;
  /** Upper bits of the response code (RFC 6891 §6.1.3); 1 with a lower part of 0 is BADVERS. */
  readonly extendedRcode: number;
}

/**
 * The answer to one DNS message, or null when it deserves none (it is no query).
 * @param stream over TCP: no limit but the length field's
 */
export function dnsReply(query: Buffer, zones: OwnZones, stream: boolean): Buffer | null {
  if (query.length < HEADER || ((query[2] as number) & QR) !== 0) return null;
  const echoed = query.readUInt16BE(2) & (OPCODE_MASK | RECURSION_DESIRED);
  const bare = (rcode: number): Draft => ({ flags: echoed | rcode, finding: null, edns: false, extendedRcode: 0 });
  if ((echoed & OPCODE_MASK) !== 0) return assemble(query, 0, bare(RCODE.NOTIMP), 0xffff);
  let message: ReturnType<typeof decode>;
  try {
    message = decode(query);
  } catch {
    return assemble(query, 0, bare(RCODE.FORMERR), 0xffff);
  }
  const opts = (message.additionals ?? []).filter((record): record is OptAnswer => record.type === "OPT");
  const question = message.questions?.[0];
  if (question === undefined || message.questions?.length !== 1 || opts.length > 1)
    return assemble(query, 0, bare(RCODE.FORMERR), 0xffff);
  const opt = opts[0];
  const limit = stream ? 0xffff : Math.max(PLAIN_LIMIT, Math.min(EDNS_LIMIT, opt?.udpPayloadSize ?? 0));
  const length = questionLength(query);
  // RFC 6891 §6.1.3
  if (opt !== undefined && opt.ednsVersion > 0)
    return assemble(query, length, { flags: echoed, finding: null, edns: true, extendedRcode: 1 }, limit);
  const finding = zones.find(question);
  const flags = echoed | RCODE[finding.rcode] | (finding.authoritative ? AUTHORITATIVE_ANSWER : 0);
  return assemble(query, length, { flags, finding, edns: opt !== undefined, extendedRcode: 0 }, limit);
}

/**
 * The question goes back byte for byte, whatever the library made of its name and type; the library's records hold no
 * compression pointers, so they can stand anywhere.
 */
function assemble(query: Buffer, questionBytes: number, draft: Draft, limit: number): Buffer {
  const { finding } = draft;
  const make = (flags: number, answers: Answer[], authorities: Answer[]): Buffer => {
    const additionals = draft.edns ? [ourOpt(draft.extendedRcode)] : [];
    const rest = encode({ type: "response", id: query.readUInt16BE(0), flags, answers, authorities, additionals });
    if (questionBytes > 0) rest.writeUInt16BE(1, 4);
    const question = query.subarray(HEADER, HEADER + questionBytes);
    return Buffer.concat([rest.subarray(0, HEADER), question, rest.subarray(HEADER)]);
  };
  const whole = make(draft.flags, finding?.answers ?? [], finding?.authorities ?? []);
  return whole.length <= limit ? whole : make(draft.flags | TRUNCATED_RESPONSE, [], []);
}

function ourOpt(extendedRcode: number): Answer {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: EDNS_LIMIT,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** Bytes of the first question of a message that the library could read. */
function questionLength(query: Buffer): number {
  let at = HEADER;
  while (query[at] !== 0) at += (query[at] as number) + 1;
  return at + 5 - HEADER;
}
