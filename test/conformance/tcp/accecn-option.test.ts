import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";
import { tells } from "./flights.js";

/*
 * The AccECN option (RFC 9768 §3.2.3). We send kind 174: bytes that came with ECT(1), CE, ECT(0), the first and the last
 * from 1 on; kind 172, which a peer may send, has them the other way round.
 */

const ECN = { config: { "net.ipv4.tcp_ecn": 1 } };
const O1 = "0xae0b000001000000000001";

const hex = (n: number): string => n.toString(16).padStart(6, "0");
/** Kind 174 with three counters as they stand on the wire. */
const counters = (e1: number, ce: number, e0: number): string => `0xae0b${hex(e1)}${hex(ce)}${hex(e0)}`;
const reversed = (e0: number, ce: number, e1: number): string => `0xac0b${hex(e0)}${hex(ce)}${hex(e1)}`;
/** Ours, with an end to it. */
const ours = (e1: number, ce: number, e0: number): string => `${counters(1 + e1, ce, 1 + e0)},nop`;

/** An active open that ends in AccECN, by a SYN-ACK with this option in it. */
function open(t: Script, option = `${O1},nop`, stamp = "nop,nop", ack = `<${ours(0, 0, 0)}>`): void {
  t.connect();
  t.play(`
    > SEW 0:0(0)
    +0.1 < SW. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,${stamp},nop,wscale 7${option === "" ? "" : `,${option}`}>
    > W. 1:1(0) ack 1 ${ack}`);
}

/** A hundred bytes from `at` on come with a mark, and are answered. */
function marked(t: Script, field: string, at: number, answer: string): void {
  t.play(`
    +0.01 < [${field}] EA. ${at}:${at + 100}(100) ack 1
    > ${answer}`);
}

describe("what it says", () => {
  scripted(
    "bytes by their mark, in every segment",
    (t) => {
      open(t);
      marked(t, "ect0", 1, `EA. 1:1(0) ack 101 <${ours(0, 0, 100)}>`);
      marked(t, "ce", 101, `WA. 1:1(0) ack 201 <${ours(0, 100, 100)}>`);
      marked(t, "ect1", 201, `WA. 1:1(0) ack 301 <${ours(100, 100, 100)}>`);
      marked(t, "noecn", 301, `WA. 1:1(0) ack 401 <${ours(100, 100, 100)}>`);
      t.write(2000);
      t.play(`
        > WA. 1:989(988) ack 401 <${ours(100, 100, 100)}>
        > PWA. 989:1977(988) ack 401 <${ours(100, 100, 100)}>
        > PWA. 1977:2001(24) ack 401 <${ours(100, 100, 100)}>`);
      tells(t, { received_e1_bytes: 100, received_e0_bytes: 100, received_ce_bytes: 100, snd_mss: 1000 });
    },
    ECN,
  );

  scripted(
    "beside timestamps and SACK blocks, as far as there is room for what is new in it",
    (t) => {
      open(t, `${O1},nop`, "TS val 100 ecr 0", `<nop,nop,TS,${ours(0, 0, 0)}>`);
      marked(t, "ect0", 101, `EA. 1:1(0) ack 1 <nop,nop,TS,${ours(0, 0, 100)},nop,nop,sack 101:201>`);
      marked(t, "ect0", 301, "EA. 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 301:401 101:201>");
      // Two counters are enough for CE, but there is an older one that is still to be told
      marked(t, "ce", 501, "WA. 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 501:601 301:401 101:201>");
    },
    ECN,
  );

  scripted(
    "without timestamps the fourth SACK block gives way",
    (t) => {
      open(t);
      marked(t, "ect0", 101, `EA. 1:1(0) ack 1 <${ours(0, 0, 100)},nop,nop,sack 101:201>`);
      marked(t, "ect0", 301, `EA. 1:1(0) ack 1 <${ours(0, 0, 200)},nop,nop,sack 301:401 101:201>`);
      marked(t, "ect0", 501, `EA. 1:1(0) ack 1 <${ours(0, 0, 300)},nop,nop,sack 501:601 301:401 101:201>`);
      marked(t, "ect0", 701, `EA. 1:1(0) ack 1 <${ours(0, 0, 400)},nop,nop,sack 701:801 501:601 301:401>`);
    },
    ECN,
  );

  for (const [field, option] of [
    ["ect1", "0xae08000065000000"],
    ["ce", "0xae08000001000064"],
  ] as const)
    scripted(
      `beside two SACK blocks and timestamps two counters fit: [${field}]`,
      (t) => {
        open(t, `${O1},nop`, "TS val 100 ecr 0", `<nop,nop,TS,${ours(0, 0, 0)}>`);
        marked(t, "noecn", 101, `EA. 1:1(0) ack 1 <nop,nop,TS,${ours(0, 0, 0)},nop,nop,sack 101:201>`);
        // A mark without bytes is no news of bytes
        t.play("+0.01 < [ect0] EA. 1:1(0) ack 1");
        const flags = field === "ce" ? "WA." : "EA.";
        marked(t, field, 301, `${flags} 1:1(0) ack 1 <nop,nop,TS,${option},nop,nop,sack 301:401 101:201>`);
      },
      ECN,
    );
});

describe("when it goes", () => {
  scripted(
    "tcp_ecn_option 0: never",
    (t) => {
      open(t, `${O1},nop`, "nop,nop", "");
      marked(t, "ce", 1, "WA. 1:1(0) ack 101");
      tells(t, { accecn_opt_seen: 2 });
    },
    { config: { ...ECN.config, "net.ipv4.tcp_ecn_option": 0 } },
  );

  scripted(
    "tcp_ecn_option 1: twice after the handshake, and after a mark that changes or CE (§3.2.3.3)",
    (t) => {
      open(t);
      t.write(100);
      t.play(`> PEA. 1:101(100) ack 1 <${ours(0, 0, 0)}>`);
      t.play(`
        +0.01 < [noecn] EA. 1:101(100) ack 1
        > EA. 101:101(0) ack 101
        +0.01 < [ect0] EA. 101:201(100) ack 1
        > EA. 101:101(0) ack 201 <${ours(0, 0, 100)}>
        +0.01 < [ect0] EA. 201:301(100) ack 1
        > EA. 101:101(0) ack 301 <${ours(0, 0, 200)}>
        +0.01 < [ect0] EA. 301:401(100) ack 1
        > EA. 101:101(0) ack 401
        +0.01 < [ce] EA. 401:501(100) ack 1
        > WA. 101:101(0) ack 501 <${ours(0, 100, 300)}>
        +0.01 < [ce] EA. 501:601(100) ack 1
        > EWA. 101:101(0) ack 601 <${ours(0, 200, 300)}>
        +0.01 < [ect0] EA. 601:701(100) ack 1
        > EWA. 101:101(0) ack 701 <${ours(0, 200, 400)}>
        +0.01 < [ect0] EA. 701:801(100) ack 1
        > EWA. 101:101(0) ack 801 <${ours(0, 200, 500)}>
        +0.01 < [ect0] EA. 801:901(100) ack 1
        > EWA. 101:101(0) ack 901`);
    },
    { config: { ...ECN.config, "net.ipv4.tcp_ecn_option": 1, "net.ipv4.tcp_ecn_option_beacon": 0 } },
  );

  scripted(
    "tcp_ecn_option 1: a row of segments has one option, and all segments of a flight have left room for it",
    (t) => {
      open(t);
      t.play(`
        +0.01 < [ce] EA. 1:101(100) ack 1
        > WA. 1:1(0) ack 101 <${ours(0, 100, 0)}>`);
      t.write(6000);
      t.play(`
        > WA. 1:989(988) ack 101 <${ours(0, 100, 0)}>
        > PWA. 989:1977(988) ack 101 <${ours(0, 100, 0)}>
        > WA. 1977:2965(988) ack 101
        > PWA. 2965:3953(988) ack 101
        > WA. 3953:4941(988) ack 101
        > PWA. 4941:5929(988) ack 101
        > PWA. 5929:6001(72) ack 101`);
    },
    { config: { ...ECN.config, "net.ipv4.tcp_ecn_option": 1, "net.ipv4.tcp_ecn_option_beacon": 0 } },
  );

  scripted(
    "tcp_ecn_option_beacon: so often a round trip at least",
    (t) => {
      open(t);
      t.write(100);
      t.play(`
        > PEA. 1:101(100) ack 1 <${ours(0, 0, 0)}>
        +0.025 < [noecn] EA. 1:101(100) ack 1
        > EA. 101:101(0) ack 101
        +0.04 < [noecn] EA. 101:201(100) ack 1
        > EA. 101:101(0) ack 201 <${ours(0, 0, 0)}>
        +0.025 < [noecn] EA. 201:301(100) ack 1
        > EA. 101:101(0) ack 301
        +0.04 < [noecn] EA. 301:401(100) ack 1
        > EA. 101:101(0) ack 401 <${ours(0, 0, 0)}>`);
    },
    { config: { ...ECN.config, "net.ipv4.tcp_ecn_option": 1, "net.ipv4.tcp_ecn_option_beacon": 2 } },
  );

  scripted(
    "only once the peer has sent one (§3.2.3.2.1)",
    (t) => {
      open(t, "", "nop,nop", "");
      marked(t, "ect0", 1, "EA. 1:1(0) ack 101");
      t.write(100);
      t.play(`
        > PEA. 1:101(100) ack 101
        # It may have been overtaken: it acknowledges nothing
        +0.01 < [ect0] EA. 101:101(0) ack 1 <0xae02,nop,nop>`);
      tells(t, { accecn_opt_seen: 0 });
      t.play(`
        +0.01 < [ect0] EA. 101:101(0) ack 101 <0xae02,nop,nop>`);
      tells(t, { accecn_opt_seen: 1 });
      t.write(100);
      t.play(`
        > PEA. 101:201(100) ack 101 <${ours(0, 0, 100)}>
        +0.01 < EA. 101:101(0) ack 201 <0xae05000001,nop,nop,nop>`);
      tells(t, { accecn_opt_seen: 2 });
    },
    ECN,
  );
});

/** Sends `bytes`, of which an ACK with this option (and the ACE field 5 + marks) says what became of them. */
function told(t: Script, from: number, bytes: number, option: string, flags = "EA."): void {
  t.write(bytes);
  t.takeAll();
  t.play(`+0.05 < ${flags} 1:1(0) ack ${from + bytes} <${option},nop>`);
}

describe("what the peer's says", () => {
  for (const [name, option] of [
    ["kind 174", counters] as const,
    ["kind 172", (e1: number, ce: number, e0: number) => reversed(e0, ce, e1)] as const,
  ])
    scripted(
      `bytes delivered by their mark: ${name}`,
      (t) => {
        open(t);
        told(t, 1, 500, option(1, 0, 501));
        tells(t, { delivered_e0_bytes: 500, delivered_ce_bytes: 0, delivered_e1_bytes: 0 });
        told(t, 501, 300, option(101, 200, 501), "WA.");
        tells(t, { delivered_e0_bytes: 500, delivered_ce_bytes: 200, delivered_e1_bytes: 100, delivered_ce: 1 });
      },
      ECN,
    );

  scripted(
    "where it has fewer counters, those",
    (t) => {
      open(t);
      t.write(300);
      t.play(`
        > PEA. 1:301(300) ack 1 <${ours(0, 0, 0)}>
        +0.05 < WA. 1:1(0) ack 301 <0xae08000065000064>`);
      tells(t, { delivered_e1_bytes: 100, delivered_ce_bytes: 100, delivered_e0_bytes: 0 });
    },
    ECN,
  );

  scripted(
    "an ACK without one delivers what the last change said",
    (t) => {
      open(t);
      told(t, 1, 500, counters(1, 0, 501));
      t.write(300);
      t.takeAll();
      t.play("+0.05 < EA. 1:1(0) ack 801");
      tells(t, { delivered_e0_bytes: 800 });
    },
    ECN,
  );

  for (const [where, option] of [
    ["ECT(1) first", "0xae0b000000000000000001"],
    ["ECT(1) last", "0xac0b000001000000000000"],
    ["all", "0xae0b000000000000000000"],
  ] as const)
    scripted(
      `zeroed in the SYN-ACK, ${where}: it is not looked at any more, but ours go on (§3.2.3.2.4)`,
      (t) => {
        open(t, `${option},nop`);
        tells(t, { accecn_fail_mode: 8, accecn_opt_seen: 3 });
        told(t, 1, 500, counters(1, 0, 501));
        tells(t, { delivered_e0_bytes: 0, accecn_fail_mode: 8, accecn_opt_seen: 3 });
        marked(t, "ect0", 1, `EA. 501:501(0) ack 101 <${ours(0, 0, 100)}>`);
      },
      ECN,
    );

  scripted(
    "zeroed later: it is taken for what it says that once",
    (t) => {
      open(t, "", "nop,nop", "");
      told(t, 1, 100, "0xae0b000000000000000000");
      tells(t, { delivered_e1_bytes: 2 ** 32 - 1, delivered_e0_bytes: 2 ** 32 - 1, delivered_ce_bytes: 0 });
      tells(t, { accecn_fail_mode: 8, accecn_opt_seen: 3 });
      told(t, 101, 100, counters(1, 0, 201));
      tells(t, { delivered_e0_bytes: 2 ** 32 - 1, accecn_fail_mode: 8 });
    },
    ECN,
  );

  scripted(
    "an empty one in the SYN-ACK says nothing yet",
    (t) => {
      open(t, "0xae02,nop,nop");
      tells(t, { accecn_fail_mode: 0, accecn_opt_seen: 1 });
      told(t, 1, 500, counters(1, 0, 501));
      tells(t, { delivered_e0_bytes: 500, accecn_opt_seen: 2 });
    },
    ECN,
  );
});

describe("whether an ACE field has wrapped (RFC 9768 appendix A.2.2)", () => {
  /** Ten segments of 988 bytes out, after one that was delivered. */
  function tenOut(t: Script): void {
    open(t);
    t.write(40_000);
    t.takeAll();
    t.play(`+0.05 < EA. 1:1(0) ack 989 <${counters(1, 0, 989)},nop>`);
    t.skip(0.01);
  }

  // Nine segments of 988 bytes: 8892
  for (const [flags, ceBytes, marks] of [
    // None of the bytes was marked: it has not wrapped
    ["EA.", 0, 0],
    ["EA.", 988, 8],
    ["EA.", 8000, 8],
    ["WA.", 988, 1],
    ["WA.", 4000, 9],
    ["EWA.", 1976, 2],
  ] as const)
    scripted(
      `nine segments, ${ceBytes} bytes with CE, ${flags} in the field: ${marks} marks`,
      (t) => {
        tenOut(t);
        t.play(`+0.05 < ${flags} 1:1(0) ack ${989 + 8892} <${counters(1, ceBytes, 989 + 8892 - ceBytes)},nop>`);
        t.skip(0.01);
        tells(t, { delivered_ce: marks });
      },
      ECN,
    );
});
