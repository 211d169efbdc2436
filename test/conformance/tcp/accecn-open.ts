import type { Script } from "../harness.js";

/*
 * AccECN is got from the kernel as accecn.test.ts says: by an AccECN SYN-ACK to its RFC 3168 SYN. Without an AccECN option
 * in that none is sent.
 */

/** The kernel's SYN that can be answered so. */
export const ECN = { config: { "net.ipv4.tcp_ecn": 1 } };

/** An active open that ends in AccECN. */
export function open(t: Script, more = "nop,nop"): void {
  t.connect();
  t.play(`
    > SEW 0:0(0)
    +0.1 < SW. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,${more},nop,wscale 7>
    > [ect0] W. 1:1(0) ack 1`);
}

/** Counts from `from` in an ACE field, as flags. */
export const ace = (n: number): string => ["", "E", "W", "EW", "A", "EA", "WA", "EWA"][n & 7] as string;

/** New data that tells of no marks. */
export function sends(t: Script, from: number, to: number): void {
  for (let seq = from; seq < to; seq += 1000) t.play(`> [ect0] pEA. ${seq}:${seq + 1000}(1000) ack 1`);
}
