import { parseAddr } from "../../src/wire/address.js";
import type { Flow } from "./harness-flow.js";
import type { Line, Shown } from "./harness-notation.js";
import { type Option, parseOptions, sameOptions } from "./harness-options.js";
import type { Wire } from "./harness-wire.js";

export const OURS = parseAddr("10.0.0.2") as number;
export const PEER_ADDRESS = "10.0.0.1";
export const PEER = parseAddr(PEER_ADDRESS) as number;

const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const STAMPED = parseOptions("nop,nop,TS");

/** A segment that was sent. */
export interface Comparison {
  wire: Wire;
  shown: Shown;
  /** By how many milliseconds a timestamp may be off. */
  stampSlack: number;
  /** Timestamps were agreed upon: a line that names no options wants them, whatever they are. */
  anyStamp: boolean;
}

/** What of a segment is not as the line has it; "": nothing. */
export function compareSegment(line: Line, flow: Flow, seen: Comparison, patternAt: (i: number) => number): string {
  const { wire, shown } = seen;
  if (wire.src !== OURS || wire.dst !== PEER) return "the addresses";
  if (wire.srcPort !== flow.localPort || wire.dstPort !== flow.peerPort) return "the ports";
  if (((wire.flags ^ line.flags) & ~(line.anyPush ? PSH : 0)) !== 0) return "the flags";
  const unlike = (want: number | null, got: number): boolean => want !== null && want !== got;
  if (unlike(line.seq, shown.seq)) return "the sequence number";
  if (unlike(line.length, shown.length)) return "the length";
  if (unlike(line.ack, shown.ack)) return "the acknowledgment number";
  if (unlike(line.window, wire.window)) return "the window";
  if (unlike(line.urgent, wire.urgent)) return "the urgent pointer";
  if (unlike(line.ecn, wire.tos & 3)) return "the ECN bits";
  if (unlike(line.tos, wire.tos & 0xfc)) return "the type of service";
  if (unlike(line.ttl, wire.ttl)) return "the TTL";
  if (unlike(line.df, wire.dontFragment ? 1 : 0)) return "the DF bit";
  if (!optionsMatch(line, seen)) return "the options";
  if ((line.gso ?? 0) !== shown.gso) return "the segment size";
  const first = (wire.flags & SYN) !== 0 ? shown.seq : shown.seq - 1;
  for (let i = 0; i < wire.payload.length; i++)
    if (wire.payload[i] !== patternAt(first + i)) return `the payload, from its byte ${i} on`;
  return "";
}

function optionsMatch({ options, flags }: Line, { shown, stampSlack, anyStamp }: Comparison): boolean {
  const seen: readonly Option[] = shown.options;
  if (options !== null) return sameOptions(options, seen, stampSlack);
  if ((flags & SYN) !== 0) return true;
  if (anyStamp && sameOptions(STAMPED, seen, 0)) return true;
  return seen.length === 0 && (!anyStamp || (flags & RST) !== 0);
}
