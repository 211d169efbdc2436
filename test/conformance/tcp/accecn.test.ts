import { describe } from "vitest";
import { type Script, scripted, type TestOptions } from "../harness.js";
import { tells } from "./flights.js";

/*
 * Who agrees on Accurate ECN, and on what else (RFC 9768 §3.1). The kernel of 6.18 knows AccECN but takes tcp_ecn 0 to 2
 * only, so that it neither asks for it nor agrees; but it takes an AccECN SYN-ACK in answer to its RFC 3168 SYN.
 */

const SYN = "win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>";
const PLAIN = 6;
const WITH_ECN = 14;

/** Options of a script with these sysctls below net.ipv4. */
function sysctl(values: Record<string, number>): TestOptions {
  const config = Object.fromEntries(Object.entries(values).map(([name, value]) => [`net.ipv4.${name}`, value]));
  const accurate = (values.tcp_ecn as number) > 2;
  return accurate ? { config, linux: "this kernel takes tcp_ecn 0 to 2 only" } : { config };
}

describe("what is agreed to (RFC 9768 §3.1.1, RFC 3168 §6.1.1)", () => {
  const answers: [setting: number, field: string, syn: string, answer: string][] = [
    // As up to now
    [0, "noecn", "SEWA", "S."],
    [1, "noecn", "SEWA", "SE."],
    [2, "noecn", "SEWA", "SE."],
    [2, "noecn", "SEW", "SE."],
    [2, "noecn", "SA", "S."],
    [2, "noecn", "SEA", "S."],
    [2, "noecn", "SWA", "S."],
    // An AccECN SYN may be ECN-capable (RFC 9768 §2.5), an ECN-setup SYN may not
    [2, "ect0", "SEW", "S."],
    [2, "ect0", "SEWA", "SE."],
    [2, "ce", "SEWA", "SE."],
    // Table 2: the answer tells how the SYN was marked
    [3, "noecn", "SEWA", "SW."],
    [3, "ect1", "SEWA", "SEW."],
    [3, "ect0", "SEWA", "SA."],
    [3, "ce", "SEWA", "SWA."],
    [4, "noecn", "SEWA", "SW."],
    [5, "noecn", "SEWA", "SW."],
    // §3.1.2: any combination but 000 and 011
    [3, "noecn", "SE", "SW."],
    [3, "noecn", "SW", "SW."],
    [3, "noecn", "SA", "SW."],
    [3, "noecn", "SEA", "SW."],
    [3, "noecn", "SWA", "SW."],
    [3, "noecn", "SEW", "SE."],
    [3, "ect0", "SEW", "S."],
    [3, "noecn", "S", "S."],
    [3, "ce", "S", "S."],
  ];
  for (const [setting, field, syn, answer] of answers)
    scripted(
      `tcp_ecn ${setting}: to [${field}] ${syn} the answer is ${answer}`,
      (t) => {
        t.listen();
        t.play(`
          < [${field}] ${syn} 0:0(0) ${SYN}
          > [noecn] ${answer} 0:0(0) ack 1`);
      },
      sysctl({ tcp_ecn: setting }),
    );

  scripted(
    "the SYN-ACK that is sent again says so too, without the option (§3.2.3.2.2)",
    (t) => {
      t.listen();
      t.play(`
        < [ect0] SEWA 0:0(0) ${SYN}
        > [noecn] SA. 0:0(0) ack 1 <mss 1460,0xae0b000001000000000001,nop,nop,nop,sackOK,nop,wscale 7>
        +1 > [noecn] SA. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>
        +0.1 < W. 1:1(0) ack 1`);
      t.accept();
      t.write(100);
      t.play("> [ect0] PEA. 1:101(100) ack 1");
      tells(t, { options: WITH_ECN, accecn_opt_seen: 0, delivered_ce: 0 });
    },
    sysctl({ tcp_ecn: 3 }),
  );

  scripted(
    "the third SYN-ACK has no ECN flags; a peer that knows of no other does without (§3.2.3.2.2)",
    (t) => {
      t.listen();
      t.play(`
        < SEWA 0:0(0) ${SYN}
        > SW. 0:0(0) ack 1
        +1 > SW. 0:0(0) ack 1
        +2 > S. 0:0(0) ack 1
        +0.1 < . 1:1(0) ack 1`);
      t.accept();
      t.write(100);
      t.play("> [noecn] PEA. 1:101(100) ack 1");
      tells(t, { accecn_fail_mode: 2 });
    },
    sysctl({ tcp_ecn: 3 }),
  );

  scripted(
    "tcp_ecn_fallback 0: all SYN-ACKs have them",
    (t) => {
      t.listen();
      t.play(`
        < SEWA 0:0(0) ${SYN}
        > SW. 0:0(0) ack 1
        +1 > SW. 0:0(0) ack 1
        +2 > SW. 0:0(0) ack 1`);
    },
    sysctl({ tcp_ecn: 3, tcp_ecn_fallback: 0 }),
  );
});

describe("what is asked for", () => {
  const asks: [setting: number, syn: string][] = [
    [0, "S"],
    [1, "SEW"],
    [2, "S"],
    [3, "SEWA"],
    [4, "SEW"],
    [5, "S"],
  ];
  for (const [setting, syn] of asks)
    scripted(
      `tcp_ecn ${setting}: by ${syn}`,
      (t) => {
        t.connect();
        t.play(`> [noecn] ${syn} 0:0(0)`);
      },
      sysctl({ tcp_ecn: setting }),
    );

  scripted(
    "tcp_ecn 3: once more by the SYN that is sent again, and no more by the next (§3.1.4.1)",
    (t) => {
      t.connect();
      t.play(`
        > SEWA 0:0(0)
        +1 > SEWA 0:0(0)
        +2 > S 0:0(0)`);
    },
    sysctl({ tcp_ecn: 3 }),
  );

  scripted(
    "tcp_ecn 3 and tcp_ecn_fallback 0: by all",
    (t) => {
      t.connect();
      t.play(`
        > SEWA 0:0(0)
        +1 > SEWA 0:0(0)
        +2 > SEWA 0:0(0)`);
    },
    sysctl({ tcp_ecn: 3, tcp_ecn_fallback: 0 }),
  );
});

/** Asks, is answered by a SYN-ACK with these flags, and sends a segment. */
function answered(t: Script, asks: string, flags: string, ack: string, data: string, field = "noecn"): void {
  t.connect();
  t.play(`
    > ${asks} 0:0(0)
    +0.1 < [${field}] ${flags} 0:0(0) ack 1 ${SYN}
    > ${ack} 1:1(0) ack 1`);
  t.write(100);
  t.play(`> ${data} 1:101(100) ack 1`);
}

describe("what a SYN-ACK says was agreed on (RFC 9768 table 2)", () => {
  const NONE = ["[noecn] .", "[noecn] P."] as const;
  const CLASSIC = ["[noecn] .", "[ect0] P."] as const;
  // The ACK tells that the SYN-ACK was Not-ECT; the next begins to count at 5
  const ACCURATE = ["[ect0] W.", "[ect0] PEA."] as const;
  const rows: [flags: string, to: readonly [string, string], options: number][] = [
    ["S.", NONE, PLAIN],
    ["SE.", CLASSIC, WITH_ECN],
    ["SW.", ACCURATE, WITH_ECN],
    ["SEW.", ACCURATE, WITH_ECN],
    ["SA.", ACCURATE, WITH_ECN],
    ["SEA.", CLASSIC, WITH_ECN],
    ["SWA.", ACCURATE, WITH_ECN],
    ["SEWA.", NONE, PLAIN],
  ];
  for (const setting of [1, 3])
    for (const [flags, [ack, data], options] of rows.filter(([flags]) => setting === 3 || flags !== "SEW."))
      scripted(
        `tcp_ecn ${setting}: ${flags}`,
        (t) => {
          answered(t, setting === 1 ? "SEW" : "SEWA", flags, ack, data);
          tells(t, { options });
        },
        sysctl({ tcp_ecn: setting }),
      );
  scripted(
    "tcp_ecn 1: SEW. is what was asked, sent back (RFC 3168 §6.1.1)",
    (t) => {
      answered(t, "SEW", "SEW.", ...NONE);
      tells(t, { options: PLAIN });
    },
    { ...sysctl({ tcp_ecn: 1 }), linux: "6.18 takes ECE and CWR in a SYN-ACK for Accurate ECN" },
  );

  scripted("tcp_ecn 2: nothing was asked for", (t) => {
    answered(t, "S", "SW.", "[noecn] .", "[noecn] P.");
    tells(t, { options: PLAIN });
  });

  const told: [field: string, ack: string, data: string, received: number][] = [
    ["noecn", "W.", "PEA.", 0],
    ["ect1", "EW.", "PEA.", 0],
    ["ect0", "A.", "PEA.", 0],
    ["ce", "WA.", "PWA.", 1],
  ];
  for (const [field, ack, data, received] of told)
    scripted(
      `the ACK of a SYN-ACK with [${field}] is ${ack} (§3.2.2.1)`,
      (t) => {
        answered(t, "SEW", "SW.", `[ect0] ${ack}`, `[ect0] ${data}`, field);
        tells(t, { received_ce: received, delivered_ce: 0 });
      },
      sysctl({ tcp_ecn: 1 }),
    );

  scripted(
    "a SYN that is challenged is told the same again (§3.1.5)",
    (t) => {
      answered(t, "SEW", "SW.", "[ect0] A.", "[ect0] PEA.", "ect0");
      t.play(`
        +0.02 < S. 0:0(0) ack 1
        > [ect0] A. 101:101(0) ack 1`);
    },
    sysctl({ tcp_ecn: 1 }),
  );
});

/** A passive open with AccECN, whose handshake ends in an ACK with these flags. */
function agreed(t: Script, ack: string, field = "noecn", fallback = ""): void {
  t.listen();
  t.play(`
    < [${field}] SEWA 0:0(0) ${SYN}
    > [noecn] ${fallback || "SW."} 0:0(0) ack 1
    +0.1 < ${ack} 1:1(0) ack 1`);
  t.accept();
}

describe("the ACK of a SYN-ACK (RFC 9768 §3.2.2.1, table 3)", () => {
  const rows: [ack: string, sent: string, fail: number, marked: number][] = [
    // We sent it Not-ECT
    ["W.", "[ect0] PEA.", 0, 0],
    // What cannot have become of it: no more ECT is sent, but what comes is counted on
    ["EW.", "[noecn] PEA.", 2, 0],
    ["A.", "[noecn] PEA.", 2, 0],
    ["WA.", "[noecn] PEA.", 2, 0],
    [".", "[noecn] PEA.", 2, 0],
    // Unused, but a count that began elsewhere
    ["E.", "[ect0] PEA.", 0, 0],
    ["EA.", "[ect0] PEA.", 0, 0],
    ["EWA.", "[ect0] PEA.", 0, 0],
  ];
  for (const [ack, sent, fail, marked] of rows)
    scripted(
      `${ack}: the next is ${sent}`,
      (t) => {
        agreed(t, ack);
        t.write(100);
        t.play(`> ${sent} 1:101(100) ack 1`);
        tells(t, { options: WITH_ECN, accecn_fail_mode: fail, delivered_ce: marked });
      },
      sysctl({ tcp_ecn: 3 }),
    );

  scripted(
    "tcp_ecn_fallback 0: believed, whatever it says (§3.2.2.2)",
    (t) => {
      agreed(t, "WA.");
      t.write(100);
      t.play("> [ect0] PEA. 1:101(100) ack 1");
      tells(t, { accecn_fail_mode: 0, delivered_ce: 1 });
    },
    sysctl({ tcp_ecn: 3, tcp_ecn_fallback: 0 }),
  );

  scripted(
    "tcp_ecn_fallback 0: but a field of zeros is none",
    (t) => {
      agreed(t, ".");
      t.write(100);
      t.play("> [noecn] PEA. 1:101(100) ack 1");
      tells(t, { accecn_fail_mode: 2 });
    },
    sysctl({ tcp_ecn: 3, tcp_ecn_fallback: 0 }),
  );

  scripted(
    "with data it counts already, and its mark is counted",
    (t) => {
      t.listen();
      t.play(`
        < SEWA 0:0(0) ${SYN}
        > SW. 0:0(0) ack 1
        +0.1 < [ce] PEA. 1:101(100) ack 1
        > [ect0] WA. 1:1(0) ack 101`);
      t.accept();
      tells(t, { received_ce: 1, received_ce_bytes: 100, accecn_fail_mode: 0 });
    },
    sysctl({ tcp_ecn: 3 }),
  );
});

describe("a simultaneous open", () => {
  const rows: [syn: string, answer: string, data: string][] = [
    ["SEWA", "SW.", "[ect0] PEA."],
    ["SEW", "SE.", "[ect0] P."],
    ["S", "S.", "[noecn] P."],
  ];
  for (const [syn, answer, data] of rows)
    scripted(
      `tcp_ecn 3: SEWA crosses ${syn}`,
      (t) => {
        t.connect();
        t.play(`
          > SEWA 0:0(0)
          +0.05 < ${syn} 0:0(0) ${SYN}
          > ${answer} 0:0(0) ack 1
          +0.05 < ${answer} 0:0(0) ack 1 ${SYN}`);
        t.takeAll();
        t.write(100);
        t.play(`> ${data} 1:101(100) ack 1`);
      },
      sysctl({ tcp_ecn: 3 }),
    );
});

describe("SYN cookies (RFC 9768 §5.1)", () => {
  const STAMPED = "win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>";
  const rows: [ack: string, data: string][] = [
    ["W.", "[ect0] PEA."],
    // A client that asked for RFC 3168's ECN sends nothing there
    [".", "[ect0] P."],
  ];
  for (const [ack, data] of rows)
    scripted(
      `the ACK ${ack} tells what was asked for`,
      (t) => {
        t.listen();
        t.play(`
          < SEWA 0:0(0) ${STAMPED}
          > SW. 0:0(0) ack 1
          +0.1 < ${ack} 1:1(0) ack 1 <nop,nop,TS>`);
        t.accept();
        t.write(100);
        t.play(`> ${data} 1:101(100) ack 1 <nop,nop,TS>`);
      },
      sysctl({ tcp_ecn: 3, tcp_syncookies: 2 }),
    );

  scripted(
    "without timestamps there is nowhere to keep it: no ECN",
    (t) => {
      t.listen();
      t.play(`
        < SEWA 0:0(0) ${SYN}
        > S. 0:0(0) ack 1`);
    },
    sysctl({ tcp_ecn: 3, tcp_syncookies: 2 }),
  );
});
