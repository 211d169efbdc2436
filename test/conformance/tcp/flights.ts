import { expect } from "vitest";
import type { Script } from "../harness.js";

/*
 * What scripts on recovery begin with, and what they look at. The peers take segments of 1000 bytes (988 beside
 * timestamps) and have room for as many as they like.
 */

export const SACK = "win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>";
export const NO_SACK = "win 65535 <mss 1000,nop,wscale 7>";
export const STAMPED = "win 65535 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>";
export const STAMPED_NO_SACK = "win 65535 <mss 1000,nop,nop,TS val 100 ecr 0,nop,wscale 7>";

/** A connection with a round trip of 0.1 s that has `bytes` to send, and the initial window of ten segments out. */
export function tenOut(t: Script, bytes = 10_000, syn = SACK): void {
  t.passive(syn);
  t.write(bytes);
  const mss = syn.includes("TS") ? 988 : 1000;
  for (let i = 0; i < 10; i++)
    t.play(`> ${i % 2 === 0 ? "." : "P."} ${1 + mss * i}:${1 + mss * (i + 1)}(${mss}) ack 1`);
}

/** A passive open in which both sides agree on ECN. */
export function agreed(t: Script): void {
  t.listen();
  t.play(`+0.01 < SEW 0:0(0) ${SACK}
    > SE. 0:0(0) ack 1
    +0.1 < . 1:1(0) ack 1`);
  t.accept();
}

/** Segments [from, to) are sent now. */
export function segments(t: Script, from: number, to: number, size = 1000): void {
  for (let seq = from; seq < to; seq += size) t.play(`> p. ${seq}:${seq + size}(${size}) ack 1`);
}

/** Fields of TCP_INFO. */
export function tells(t: Script, fields: Record<string, number>): void {
  expect(t.socket.info()).toMatchObject(fields);
}

/** Counters by nstat's names. */
export function counts(t: Script, counters: Record<string, number>): void {
  expect(Object.fromEntries(Object.keys(counters).map((name) => [name, t.counter(name)]))).toEqual(counters);
}
