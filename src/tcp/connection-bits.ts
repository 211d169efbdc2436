import { TimerNode } from "../platform/timer-wheel.js";
import type { TcpContext } from "./context.js";

export const READ_SHUT = 0x1;
export const RCV_FIN = 0x2;
export const DSACK_DUE = 0x4;
export const TS_OK = 0x8;
const FIN_QUEUED = 0x10;
const FIN_SENT = 0x20;
const NO_SPACE = 0x80;
const URGENT_MODE = 0x100;
const NO_MEMORY = 0x200;
export const SLOW_PATH = 0x400;
const ACK_HELD = 0x800;
const PATH_SHRANK = 0x1000;
export const LOWAT = 0x2000;
const FRONT_CUT = 0x4000;

/**
 * What is hardly ever so of a connection, or never changes, though every segment has to ask: one word of bits, that one
 * test tells all from, instead of as many fields of eight bytes in as many cache lines.
 */
export abstract class ConnectionBits extends TimerNode {
  bits = 0;
  readonly tcp: TcpContext;

  constructor(tcp: TcpContext) {
    super();
    // Here, that it stands in front: a subclass's fields come in between a constructor's super() and the rest of it
    this.tcp = tcp;
  }

  /** The application reads no more: what comes is a reason to reset. */
  get readShut(): boolean {
    return (this.bits & READ_SHUT) !== 0;
  }
  set readShut(on: boolean) {
    this.bits = on ? this.bits | READ_SHUT : this.bits & ~READ_SHUT;
  }

  /** The peer's FIN was seen, at rcvFinSeq, perhaps ahead of missing data. */
  get rcvFin(): boolean {
    return (this.bits & RCV_FIN) !== 0;
  }
  set rcvFin(on: boolean) {
    this.bits = on ? this.bits | RCV_FIN : this.bits & ~RCV_FIN;
  }

  /** A duplicate, from dsackStart, is to be reported in front of the other blocks (RFC 2883 §4). */
  get dsackDue(): boolean {
    return (this.bits & DSACK_DUE) !== 0;
  }
  set dsackDue(on: boolean) {
    this.bits = on ? this.bits | DSACK_DUE : this.bits & ~DSACK_DUE;
  }

  /** Timestamps are in use (RFC 7323): every segment carries them. */
  get tsOk(): boolean {
    return (this.bits & TS_OK) !== 0;
  }
  set tsOk(on: boolean) {
    this.bits = on ? this.bits | TS_OK : this.bits & ~TS_OK;
  }

  /** The application has closed its sending side; a FIN follows what is queued. */
  get finQueued(): boolean {
    return (this.bits & FIN_QUEUED) !== 0;
  }
  set finQueued(on: boolean) {
    this.bits = on ? this.bits | FIN_QUEUED : this.bits & ~FIN_QUEUED;
  }

  /** A FIN has been sent at least once; it occupies sequence number iss + 1 + all bytes. */
  get finSent(): boolean {
    return (this.bits & FIN_SENT) !== 0;
  }
  set finSent(on: boolean) {
    this.bits = on ? this.bits | FIN_SENT : this.bits & ~FIN_SENT;
  }

  /** The application found the send buffer full: tell it when there is room. */
  get noSpace(): boolean {
    return (this.bits & NO_SPACE) !== 0;
  }
  set noSpace(on: boolean) {
    this.bits = on ? this.bits | NO_SPACE : this.bits & ~NO_SPACE;
  }

  /** What came could not be queued: the next segment shuts the window. */
  get noMemory(): boolean {
    return (this.bits & NO_MEMORY) !== 0;
  }
  set noMemory(on: boolean) {
    this.bits = on ? this.bits | NO_MEMORY : this.bits & ~NO_MEMORY;
  }

  /** Something came out of order, or the window was shut: header prediction waits for data in order, and for room. */
  get slowPath(): boolean {
    return (this.bits & SLOW_PATH) !== 0;
  }
  set slowPath(on: boolean) {
    this.bits = on ? this.bits | SLOW_PATH : this.bits & ~SLOW_PATH;
  }

  /** The peer has not acknowledged all of what is urgent, up to sndUp (RFC 6093). */
  get urgentMode(): boolean {
    return (this.bits & URGENT_MODE) !== 0;
  }
  set urgentMode(on: boolean) {
    this.bits = on ? this.bits | URGENT_MODE : this.bits & ~URGENT_MODE;
  }

  /** What is owed at the end of this batch is put off already (the ACK of a handshake, for data to go with). */
  get ackHeld(): boolean {
    return (this.bits & ACK_HELD) !== 0;
  }
  set ackHeld(on: boolean) {
    this.bits = on ? this.bits | ACK_HELD : this.bits & ~ACK_HELD;
  }

  /** A router said that the path MTU is less than it was, which is pathBefore. */
  get pathShrank(): boolean {
    return (this.bits & PATH_SHRANK) !== 0;
  }
  set pathShrank(on: boolean) {
    this.bits = on ? this.bits | PATH_SHRANK : this.bits & ~PATH_SHRANK;
  }

  /** SO_RCVLOWAT is more than 1: see rcvLowat. */
  get lowat(): boolean {
    return (this.bits & LOWAT) !== 0;
  }
  set lowat(on: boolean) {
    this.bits = on ? this.bits | LOWAT : this.bits & ~LOWAT;
  }

  /** A part of the first segment has been read. */
  get rcvFrontCut(): boolean {
    return (this.bits & FRONT_CUT) !== 0;
  }
  set rcvFrontCut(on: boolean) {
    this.bits = on ? this.bits | FRONT_CUT : this.bits & ~FRONT_CUT;
  }
}
