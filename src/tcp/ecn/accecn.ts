import { AE, CWR, ECE } from "../../wire/tcp.js";

/*
 * Accurate ECN (RFC 9768): what a connection counts and is told, and the tables of the handshake. Its counters are kept
 * from zero, as Linux keeps them; only on the wire do they begin at 5 and at 1 (§3.2.1).
 */

/** The ECN field of an IP header (RFC 3168 §5). */
export const NOT_ECT = 0;
export const ECT_1 = 1;
export const ECT_0 = 2;
export const CE = 3;

/** The three flags that are the ACE field once AccECN is agreed (§3.2.2), and how far up it stands. */
export const ACE_FLAGS = AE | CWR | ECE;
const ACE_SHIFT = 6;
/** §3.2.1: what the counter of CE-marked packets begins with on the wire, so that zeroing shows. */
const CEP_START = 5;

/** Bits of {@link AccEcn.failMode}, as in Linux's tcpi_accecn_fail_mode: the ACE field of the handshake made no sense. */
export const FAIL_ACE_RECV = 2;
/** The option was zeroed on its way. */
export const FAIL_OPTION_RECV = 8;

/** {@link AccEcn.optionSeen}, as tcpi_accecn_opt_seen: no option has come; one without counters, with, or with zeros. */
export const OPTION_NOT_SEEN = 0;
export const OPTION_EMPTY = 1;
export const OPTION_COUNTS = 2;
export const OPTION_ZEROED = 3;

/** What is kept of a connection's ECN marks: made with AccECN, or by the first mark. */
export class AccEcn {
  /** Segments with CE that have come (r.cep), and how many of them no ACE field has told yet. */
  receivedCe = 0;
  pendingCe = 0;
  /** Payload that came with each mark (r.e1b, r.e0b, r.ceb). */
  receivedE1 = 0;
  receivedE0 = 0;
  receivedCeBytes = 0;
  /** The ECN field of the last segment. */
  prevField = NOT_ECT;
  /** The mark changed: the next ACK does not wait (§3.2.2.5.1). */
  edge = false;
  /** Fields that the next option must have to tell what is new; segments that still have to carry one; when one went. */
  leastFields = 0;
  demand = 0;
  optionUs = 0;
  /** More segments of the same row follow, and have the same options. */
  inRow = false;
  /** What the peer's options say of our payload (s.e1b, s.e0b, s.ceb), and the mark that it seems to have just now. */
  deliveredE1 = 0;
  deliveredE0 = 0;
  deliveredCeBytes = 0;
  estimate = NOT_ECT;
  optionSeen = OPTION_NOT_SEEN;
  failMode = 0;
  /** The ECN field that the peer's SYN or SYN-ACK came with. */
  synField = NOT_ECT;
}

/** The ACE field among a segment's flags. */
export function aceOf(flags: number): number {
  return (flags & ACE_FLAGS) >> ACE_SHIFT;
}

/** The flags that say how many CE-marked packets have been counted (§3.2.2.3). */
export function aceFlags(cep: number): number {
  return ((cep + CEP_START) & 7) << ACE_SHIFT;
}

/** How many CE-marked packets an ACE field tells beyond those known of, modulo 8. */
export function aceDelta(flags: number, known: number): number {
  return (aceOf(flags) - CEP_START - known) & 7;
}

// ---------------------------------------------------------------- the handshake

/** What a SYN asks for, or the answer to it agrees on. */
export const ECN_NONE = 0;
export const ECN_CLASSIC = 1;
export const ECN_ACCURATE = 2;

/** Table of tcp_ecn, by its value: what is agreed to when a SYN asks, what ours asks for. */
const AGREES = [ECN_NONE, ECN_CLASSIC, ECN_CLASSIC, ECN_ACCURATE, ECN_ACCURATE, ECN_ACCURATE] as const;
const ASKS = [ECN_NONE, ECN_CLASSIC, ECN_NONE, ECN_ACCURATE, ECN_CLASSIC, ECN_NONE] as const;

/** RFC 3168 §6.1.1, RFC 9768 §3.1.1: the flags of a SYN, by what it asks for. */
const SYN_ASKS = [0, ECE | CWR, AE | ECE | CWR] as const;
/** Table 2, first block: how a SYN-ACK, or the ACK of one, tells the ECN field that the other's SYN came with. */
const REFLECTED = [CWR, CWR | ECE, AE, AE | CWR] as const;
/** The same read backwards; what has no meaning is read as Linux reads it. */
const REFLECTS = [ECT_0, ECT_1, NOT_ECT, ECT_1, ECT_0, ECT_1, CE, ECT_1] as const;

/** What our SYN asks for. */
export function asksFor(setting: number): number {
  return ASKS[setting] as number;
}

export function synFlags(asked: number): number {
  return SYN_ASKS[asked] as number;
}

/** The flags by which a SYN-ACK or its ACK tells with what ECN field `field` the SYN before it came. */
export function reflection(field: number): number {
  return REFLECTED[field & 3] as number;
}

/**
 * What a SYN-ACK agrees to.
 * @param flags of the SYN
 * @param field the ECN field of its IP header
 */
export function agreesTo(setting: number, flags: number, field: number): number {
  const most = AGREES[setting] as number;
  const ace = aceOf(flags);
  // RFC 9768 §3.1.2: whatever is neither no ECN nor RFC 3168's is taken for AccECN
  if (most === ECN_ACCURATE && ace !== 0 && ace !== 3) return ECN_ACCURATE;
  if (most === ECN_NONE || (flags & (ECE | CWR)) !== (ECE | CWR)) return ECN_NONE;
  // RFC 3168 §6.1.1: an ECN-setup SYN is not ECN-capable itself; as one for AccECN it may be (RFC 9768 §2.5)
  return field === NOT_ECT || (flags & AE) !== 0 ? ECN_CLASSIC : ECN_NONE;
}

/**
 * What a SYN-ACK says that was agreed on (RFC 9768 table 2). Linux takes an AccECN SYN-ACK for what it says even where the
 * SYN asked for RFC 3168's ECN; so do we, but for the one that may be no more than our own flags sent back.
 * @param asked by our SYN, and not nothing
 */
export function agreedBy(asked: number, flags: number): number {
  const ace = aceOf(flags);
  // No ECN, or a server that sends back what it was sent
  if (ace === 0 || ace === 7) return ECN_NONE;
  if (ace === 1) return ECN_CLASSIC;
  // RFC 3168 §6.1.1: both flags are what it was sent, reflected
  if (ace === 3 && asked === ECN_CLASSIC) return ECN_NONE;
  // §3.1.2: reserved; a server that speaks of nonces (RFC 3540) knows no AccECN
  if (ace === 5) return asked === ECN_ACCURATE ? ECN_CLASSIC : asked;
  return ECN_ACCURATE;
}

/** Whether an ECN field may have changed on its way from `sent` to `seen` (§3.2.2.3): congestion is only added. */
function mayBecome(sent: number, seen: number): boolean {
  return seen === sent || (sent !== NOT_ECT && seen !== NOT_ECT && sent !== CE);
}

/** §3.2.2.2: whether what the handshake tells of our SYN's ECN field can be. If not, ours is not set any more. */
export function reflectionIsSound(a: AccEcn, ace: number, sent: number, fallback: boolean): boolean {
  if (!fallback || mayBecome(sent, REFLECTS[ace] as number)) return true;
  a.failMode |= FAIL_ACE_RECV;
  return false;
}

/**
 * §3.2.2.1, table 3: the ACK of our SYN-ACK, when it is a server's first segment.
 * @param plain it has no data and was not seen before
 * @returns whether it says that the SYN-ACK was marked CE
 */
export function thirdAckSaysCe(a: AccEcn, flags: number, plain: boolean, fallback: boolean): boolean {
  const ace = aceOf(flags);
  if (ace === 0) {
    a.failMode |= FAIL_ACE_RECV;
    return false;
  }
  if (!plain || ace === 1 || ace === 5 || ace === 7) return false;
  return reflectionIsSound(a, ace, NOT_ECT, fallback) && REFLECTS[ace] === CE;
}

/** §5.1: the SYN of a cookie had asked for ECN; which, its ACK tells: RFC 3168's says nothing in this field. */
export function ecnOfCookie(setting: number, flags: number): number {
  const most = AGREES[setting] as number;
  return most === ECN_ACCURATE && aceOf(flags) < 2 ? ECN_CLASSIC : most;
}
