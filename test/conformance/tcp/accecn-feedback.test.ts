import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";
import { ace, ECN, open } from "./accecn-open.js";
import { tells } from "./flights.js";

/*
 * The ACE field (RFC 9768 §3.2.2): what it tells the peer. What is made of the peer's stands in accecn-told.test.ts.
 */

describe("what we tell (RFC 9768 §3.2.2.3)", () => {
  scripted(
    "segments with CE, from 5 on and modulo 8; in pure ACKs, in data, in what is sent again",
    (t) => {
      open(t);
      for (let i = 0; i < 11; i++)
        t.play(`
          +0.01 < [ce] EA. ${1 + 100 * i}:${101 + 100 * i}(100) ack 1
          > [ect0] ${ace(6 + i)}. 1:1(0) ack ${101 + 100 * i}`);
      tells(t, { received_ce: 11, received_ce_bytes: 1100, delivered_ce: 0 });
      t.write(100);
      t.play(`
        > [ect0] P. 1:101(100) ack 1101
        +0.3~0.1 > [ect0] P. 1:101(100) ack 1101
        +0.1 < [ce] EA. 1101:1101(0) ack 101`);
      t.shutdown();
      t.play("> [ect0] FE. 101:101(0) ack 1101");
    },
    ECN,
  );

  scripted(
    "a mark that changes is told at once, though the ACK could wait (§3.2.2.5.1)",
    (t) => {
      open(t);
      let seq = 1;
      for (let i = 0; i < 40; i++) {
        t.play(`+0.001 < [ect0] EA. ${seq}:${seq + 1000}(1000) ack 1`);
        t.skip(0.001);
        t.read(1000);
        seq += 1000;
      }
      t.skip(0.1);
      const next = (field: string, flags: string): void => {
        t.play(`
          +0.005 < [${field}] EA. ${seq}:${seq + 1000}(1000) ack 1
          > [ect0] ${flags} 1:1(0) ack ${seq + 1000}`);
        t.read(1000);
        seq += 1000;
      };
      next("ce", "WA.");
      next("ect0", "WA.");
      next("ect1", "WA.");
    },
    ECN,
  );

  /** The application answers what it reads: an ACK waits for that. */
  function pingpong(t: Script): void {
    open(t);
    t.play(`
      +0.01 < [ect0] PEA. 1:101(100) ack 1
      > [ect0] EA. 1:1(0) ack 101`);
    t.write(100);
    t.play(`
      > [ect0] PEA. 1:101(100) ack 101
      +0.1 < [ect0] EA. 101:101(0) ack 101
      +0.01 < [ect0] PEA. 101:201(100) ack 101`);
    t.quiet(0.02);
  }

  scripted(
    "an ACK with another mark sends the one that waits",
    (t) => {
      pingpong(t);
      t.play(`
        < [ce] EA. 201:201(0) ack 101 win 60000
        > [ect0] WA. 101:101(0) ack 201`);
    },
    ECN,
  );

  scripted(
    "but not one that header prediction knows: it waits on",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ect0] PEA. 1:101(100) ack 1
        > [ect0] EA. 1:1(0) ack 101`);
      t.write(100);
      t.play(`
        > [ect0] PEA. 1:101(100) ack 101
        +0.01 < [ect0] PEA. 101:201(100) ack 1
        +0.005 < [ce] EA. 201:201(0) ack 101`);
      t.quiet(0.02);
      t.play("+0.015~0.01 > [ect0] WA. 101:101(0) ack 201");
    },
    ECN,
  );

  for (const [marks, waits] of [
    [4, true],
    [5, false],
  ] as const)
    scripted(
      `${1 + marks} marks that nothing has told: an ACK that waits ${waits ? "waits on" : "goes with the next"} (§3.2.2.5.1)`,
      (t) => {
        open(t);
        t.play(`
          +0.01 < [ce] PEA. 1:101(100) ack 1
          > [ect0] WA. 1:1(0) ack 101`);
        t.write(100);
        t.play(`
          > [ect0] PWA. 1:101(100) ack 101
          +0.01 < [ce] PEA. 101:201(100) ack 1`);
        for (let i = 1; i < marks; i++) t.play("+0.001 < [ce] EA. 201:201(0) ack 1");
        t.play("+0.001 < [ce] EA. 201:201(0) ack 101 win 60000");
        if (waits) t.quiet(0.01);
        t.play(`${waits ? "+0.026~0.015" : ""} > [ect0] ${ace(7 + marks)}. 101:101(0) ack 201`);
      },
      ECN,
    );

  scripted(
    "what comes after such an ACK is answered at once",
    (t) => {
      pingpong(t);
      t.write(100);
      t.play(`
        > [ect0] PEA. 101:201(100) ack 201
        +0.01 < [ect1] EA. 201:201(0) ack 201`);
      t.quiet(0.01);
      t.play(`
        +0.01 < [ect1] PEA. 201:301(100) ack 201
        > [ect0] EA. 201:201(0) ack 301`);
    },
    ECN,
  );

  scripted(
    "marks on bare ACKs count, and are not answered",
    (t) => {
      open(t);
      for (let i = 0; i < 9; i++) t.play("+0.005 < [ce] EA. 1:1(0) ack 1");
      t.quiet(0.1);
      tells(t, { received_ce: 9, received_ce_bytes: 0 });
      t.write(100);
      t.play("> [ect0] PWA. 1:101(100) ack 1".replace("PWA", `P${ace(5 + 9)}`));
    },
    ECN,
  );

  scripted(
    "only what is acceptable counts, whatever becomes of it",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ce] EA. 1:101(100) ack 1
        > [ect0] WA. 1:1(0) ack 101
        # sent again: a segment, and bytes, once more
        +0.01 < [ce] EA. 1:101(100) ack 1
        > [ect0] EWA. 1:1(0) ack 101 <nop,nop,sack 1:101>`);
      tells(t, { received_ce: 2, received_ce_bytes: 200 });
      t.play(`
        # of what was never sent
        +0.01 < [ce] EA. 101:101(0) ack 5000
        > [ect0] . 1:1(0) ack 101`);
      tells(t, { received_ce: 3 });
      t.play(`
        # outside the window
        +0.01 < [ce] EA. 90101:90201(100) ack 1
        > [ect0] . 1:1(0) ack 101
        +0.7 < [ce] REA. 150:150(0) ack 1
        > [ect0] . 1:1(0) ack 101
        +0.01 < [ce] PEA 101:201(100)`);
      tells(t, { received_ce: 3 });
      t.shutdown();
      t.play(`
        > [ect0] F. 1:1(0) ack 101
        +0.01 < [ce] EA. 101:101(0) ack 2
        # from FIN-WAIT on nothing counts
        +0.01 < [ce] EA. 101:201(100) ack 2
        > [ect0] . 2:2(0) ack 201`);
      tells(t, { received_ce: 3, received_ce_bytes: 200 });
    },
    ECN,
  );

  scripted(
    "TIME-WAIT's ACKs say nothing of ECN",
    (t) => {
      open(t);
      t.shutdown();
      t.play(`
        > [ect0] FEA. 1:1(0) ack 1
        +0.01 < EA. 1:1(0) ack 2
        +0.01 < FEA. 1:1(0) ack 2
        > [ect0] EA. 2:2(0) ack 2
        +0.7 < [ce] FEA. 1:1(0) ack 2
        > [noecn] . 2:2(0) ack 2`);
    },
    ECN,
  );

  scripted(
    "a reset bears the field, too",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ect0] EA. 1:101(100) ack 1
        > [ect0] EA. 1:1(0) ack 101`);
      t.close();
      t.play("> [ect0] REA. 1:1(0) ack 101");
    },
    ECN,
  );

  scripted("marks are counted without ECN agreed on, and mean nothing", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    t.play(`
      +0.01 < [ect0] . 1:101(100) ack 1
      > [noecn] . 1:1(0) ack 101
      +0.01 < [ce] . 101:101(0) ack 1
      +0.01 < [ect1] . 101:301(200) ack 1
      > [noecn] . 1:1(0) ack 301`);
    tells(t, { options: 22, received_ce: 1, received_e0_bytes: 100, received_e1_bytes: 200, received_ce_bytes: 0 });
  });

  scripted("header prediction counts them, too", (t) => {
    t.passive("win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    for (let i = 0; i < 3; i++) {
      t.play(`
        +0.01 < [ect0] . ${1 + 100 * i}:${101 + 100 * i}(100) ack 1
        > . 1:1(0) ack ${101 + 100 * i}`);
      t.read(100);
    }
    tells(t, { received_e0_bytes: 300 });
  });
});

describe("runs of segments", () => {
  scripted(
    "a run with CE is as many marks as it has segments",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ce] pEA. 1:3001(3000) ack 1 gso 1000
        > [ect0] . 1:1(0) ack 3001`);
      tells(t, { received_ce: 3, received_ce_bytes: 3000 });
    },
    ECN,
  );

  scripted(
    "a field with CWR in it stands on each segment of a run, which goes as segments",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ce] EA. 1:101(100) ack 1
        > [ect0] WA. 1:1(0) ack 101`);
      t.write(4000);
      t.play(`
        > [ect0] pWA. 1:1001(1000) ack 101
        > [ect0] pWA. 1001:2001(1000) ack 101
        > [ect0] pWA. 2001:3001(1000) ack 101
        > [ect0] PWA. 3001:4001(1000) ack 101`);
    },
    { ...ECN, offload: true, linux: "a device that takes runs" },
  );
});
