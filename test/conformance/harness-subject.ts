import type { VirtualClock } from "../../src/platform/virtual-clock.js";
import type { Socket } from "../../src/socket/types.js";
import type { Stack } from "../../src/stack.js";
import type { ScriptLink, Sent } from "./harness-link.js";

/** A packet for the subject, and the segment size of a run of segments. */
export interface Injected {
  packet: Uint8Array;
  gso: number;
}

export type Table = "connections" | "timeWaits" | "synRecords";

/** What a script is played against: our stack in virtual time, or the kernel in real time. Times are microseconds. */
export interface Subject {
  /** Times are virtual and must agree to the microsecond. */
  readonly exact: boolean;
  /** Everything it sent, in order. */
  readonly sent: Sent[];
  /** These three are our stack's; those of another subject throw {@link NotPortable} for what it has not. */
  readonly stack: Stack;
  readonly clock: VirtualClock;
  readonly link: ScriptLink;
  now(): number;
  /** When the last call on a socket, or the last injection, happened. */
  acted(): number;
  /** Lets time pass until `at`. */
  runTo(at: number): void;
  /** The same, but until something more than `taken` packets has been sent, if that is sooner. */
  runToPacket(at: number, taken: number): void;
  /** Packets arrive in one batch, not before `at`. */
  inject(packets: readonly Injected[], at: number): void;
  socket(): Socket;
  counter(name: string): number;
  /** How many entries TCP keeps. */
  count(table: Table): number;
  /** Lets it do what is due now. */
  drain(): void;
  close(): Promise<void>;
}

/** Thrown where a script asks for something that only our stack has. */
export class NotPortable extends Error {
  constructor(what: string) {
    super(`not portable: ${what}`);
  }
}

/** How far from its time, in microseconds, a segment may come in real time: early, late. */
export interface Slack {
  early: number;
  late: number;
}

/**
 * A jiffy is 4 ms, and the kernel's timer wheel is up to an eighth late with timers from a quarter second on.
 * @param interval microseconds since what may have started the timer
 * @param own what the line says itself, in seconds
 */
export function slackOf(interval: number, own: number | null): Slack {
  const wheel = interval >= 200_000 ? interval * 0.13 : 0;
  const more = own === null ? 0 : own * 1e6;
  return { early: Math.max(6_000 + interval * 0.01, more), late: Math.max(15_000 + wheel, more) };
}

export const EXACT: Slack = { early: 0, late: 0 };
