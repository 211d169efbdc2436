import { describe } from "vitest";
import { scripted } from "../harness.js";
import { ace, ECN, open, sends } from "./accecn-open.js";
import { counts, tells } from "./flights.js";

/*
 * The peer's ACE fields (RFC 9768 §3.2.2): what they say of what we sent.
 */

describe("what we are told (RFC 9768 §3.2.2.3)", () => {
  scripted(
    "a count that grows is congestion: the window comes down once a round trip, and no CWR is sent",
    (t) => {
      open(t);
      t.write(30_000);
      sends(t, 1, 10_001);
      t.play("+0.1 < WA. 1:1(0) ack 2001");
      sends(t, 10_001, 12_001);
      tells(t, { delivered_ce: 1, ca_state: 2, snd_cwnd: 10, snd_ssthresh: 7 });
      t.play("+0.02 < EWA. 1:1(0) ack 4001");
      sends(t, 12_001, 13_001);
      tells(t, { delivered_ce: 2, ca_state: 2, snd_cwnd: 9, snd_ssthresh: 7 });
      t.play("+0.02 < EWA. 1:1(0) ack 10001");
      tells(t, { delivered_ce: 2, ca_state: 2, snd_ssthresh: 7 });
      counts(t, { TcpExtTCPDeliveredCE: 2 });
      t.takeAll();
    },
    ECN,
  );

  scripted(
    "what the ACK before it allowed has gone, in one batch too",
    (t) => {
      open(t);
      t.write(30_000);
      sends(t, 1, 10_001);
      t.play(`
        +0.1 <& EA. 1:1(0) ack 2001
        < WA. 1:1(0) ack 4001`);
      sends(t, 10_001, 16_001);
      t.skip(0.001);
      tells(t, { delivered_ce: 1, ca_state: 2, snd_ssthresh: 8 });
    },
    ECN,
  );

  for (const [told, marks] of [
    [5, 0],
    [6, 1],
    [0, 3],
    [4, 7],
  ] as const)
    scripted(
      `an ACK of 7 segments with ${told} in it: ${marks} marks`,
      (t) => {
        open(t);
        t.write(20_000);
        sends(t, 1, 10_001);
        t.play(`+0.1 < ${ace(told)}. 1:1(0) ack 7001`);
        t.skip(0.01);
        tells(t, { delivered: 8, delivered_ce: marks, ca_state: marks > 0 ? 2 : 0 });
      },
      ECN,
    );

  for (const [acked, told, marks] of [
    [8, 5, 8],
    [8, 6, 1],
    [9, 5, 8],
    [9, 6, 9],
    [9, 7, 2],
    [10, 7, 10],
    [10, 0, 3],
  ] as const)
    scripted(
      `an ACK of ${acked} segments with ${told} in it may have wrapped: ${marks} marks (§3.2.2.5.2)`,
      (t) => {
        open(t);
        t.write(20_000);
        sends(t, 1, 10_001);
        t.play(`+0.1 < ${ace(told)}. 1:1(0) ack ${1 + 1000 * acked}`);
        t.skip(0.01);
        tells(t, { delivered: 1 + acked, delivered_ce: marks });
      },
      ECN,
    );

  scripted(
    "marks that SACKs tell of",
    (t) => {
      open(t);
      t.write(10_000);
      sends(t, 1, 10_001);
      t.play("+0.1 < WA. 1:1(0) ack 1 <nop,nop,sack 1001:2001>");
      tells(t, { delivered: 2, delivered_ce: 1, ca_state: 2 });
      // Its ECE is a bit of a number
      t.play("+0.01 < EWA. 1:1(0) ack 1 <nop,nop,sack 1001:4001>");
      t.skip(0.001);
      tells(t, { delivered: 4, delivered_ce: 2 });
    },
    ECN,
  );

  scripted(
    "an ACK that may have been overtaken says nothing: it delivers nothing, and has no new timestamp",
    (t) => {
      open(t, "TS val 100 ecr 0");
      t.write(100);
      t.play(`
        > [ect0] PEA. 1:101(100) ack 1 <nop,nop,TS>
        +0.01 < WA. 1:1(0) ack 1 <nop,nop,TS val 100>`);
      tells(t, { delivered_ce: 0 });
      t.play("+0.01 < WA. 1:1(0) ack 1 <nop,nop,TS val 101>");
      tells(t, { delivered_ce: 1 });
    },
    ECN,
  );

  scripted(
    "ECE alone is no ECN-Echo, and a count of 0 is a count",
    (t) => {
      open(t);
      t.write(100);
      t.play(`
        > [ect0] PEA. 1:101(100) ack 1
        +0.1 < . 1:1(0) ack 101`);
      tells(t, { delivered_ce: 3, ca_state: 2, accecn_fail_mode: 0 });
      t.write(100);
      t.play(`
        > [ect0] PEA. 101:201(100) ack 1
        +0.1 < E. 1:1(0) ack 201`);
      tells(t, { delivered_ce: 4 });
    },
    ECN,
  );
});
