import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SYN = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";
const STAMPED = "win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>";

/** Segments of 1000 bytes out of order, the ACKs of which are not looked at; the first byte is missing. */
function ahead(t: Script, ...from: number[]): void {
  for (const seq of from) {
    t.play(`+0.002 < . ${seq}:${seq + 1000}(1000) ack 1`);
    t.skip(0.002);
  }
}

describe("SACK blocks (RFC 2018 §4)", () => {
  scripted("each segment out of order is answered at once, and its block grows", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 2001:3001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:3001>
      +0.01 < . 3001:4001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:4001>`);
    expect(t.info("rcv_ooopack")).toBe(3);
  });

  scripted("the block that changed last comes first", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:2001>
      +0.01 < . 3001:4001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 3001:4001 1001:2001>
      +0.01 < . 5001:6001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 5001:6001 3001:4001 1001:2001>
      +0.01 < . 2001:2501(500) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:2501 5001:6001 3001:4001>`);
  });

  scripted("four blocks fit, and a fifth drives the oldest out", (t) => {
    t.passive(SYN);
    ahead(t, 2001, 4001, 6001);
    t.play(`
      +0.01 < . 8001:9001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 8001:9001 6001:7001 4001:5001 2001:3001>
      +0.01 < . 10001:11001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 10001:11001 8001:9001 6001:7001 4001:5001>`);
  });

  scripted("three beside timestamps", (t) => {
    t.passive(STAMPED);
    ahead(t, 2001, 4001, 6001);
    t.play(`
      +0.01 < . 8001:9001(1000) ack 1
      +0.001 > . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 8001:9001 6001:7001 4001:5001>`);
  });

  scripted("what joins two blocks makes one of them", (t) => {
    t.passive(SYN);
    ahead(t, 2001, 4001, 6001);
    t.play(`
      +0.01 < . 3001:4001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2001:5001 6001:7001>`);
  });

  scripted("a hole that is filled takes its block along, the others stay", (t) => {
    t.passive(SYN);
    ahead(t, 1001, 3001, 5001);
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 2001 <nop,nop,sack 5001:6001 3001:4001>
      +0.01 < . 2001:3001(1000) ack 1
      > . 1:1(0) ack 4001 <nop,nop,sack 5001:6001>
      +0.01 < . 4001:5001(1000) ack 1
      > . 1:1(0) ack 6001`);
  });

  scripted("part of a hole filled: the blocks stay as they are", (t) => {
    t.passive(SYN);
    ahead(t, 2001);
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001 <nop,nop,sack 2001:3001>`);
  });

  scripted("a block that was driven out comes back when it grows", (t) => {
    t.passive(SYN);
    ahead(t, 2001, 4001, 6001, 8001, 10001);
    t.play(`
      +0.01 < . 3001:3501(500) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 3001:3501 10001:11001 8001:9001 6001:7001>`);
  });

  scripted("without SACK each is answered by an ACK that says no more", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.play(`
      +0.01 < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 1 win 502
      +0.01 < . 2001:3001(1000) ack 1
      > . 1:1(0) ack 1 win 502`);
  });

  scripted("a FIN that came too early is part of its block", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < FP. 1001:2001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:2002>
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 2002`);
    t.state("CLOSE-WAIT");
  });

  scripted("so is one by itself", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < F. 1001:1001(0) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 1001:1002>
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1002`);
    t.state("CLOSE-WAIT");
  });
});

describe("duplicates reported (RFC 2883 §4)", () => {
  scripted("a segment that came twice", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001 <nop,nop,sack 1:1001>
      +0.01 < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 2001`);
    expect([t.counter("TcpExtDelayedACKLost"), t.counter("TcpExtTCPDSACKOldSent")]).toEqual([1, 1]);
  });

  scripted("is told with the blocks, in front of them", (t) => {
    t.passive(SYN);
    ahead(t, 1, 2001);
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001 <nop,nop,sack 1:1001 2001:3001>
      +0.01 < . 3001:4001(1000) ack 1
      > . 1:1(0) ack 1001 <nop,nop,sack 2001:4001>`);
  });

  scripted("the front of a segment that came before", (t) => {
    t.passive(SYN);
    ahead(t, 1);
    t.play(`
      +0.01 < . 501:1501(1000) ack 1
      > . 1:1(0) ack 1501 <nop,nop,sack 501:1001>`);
  });

  scripted("out of order, all of it", (t) => {
    t.passive(SYN);
    ahead(t, 2001, 4001);
    t.play(`
      +0.01 < . 2001:3001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2001:3001 2001:3001 4001:5001>`);
    expect([t.counter("TcpExtTCPDSACKOfoSent"), t.counter("TcpExtTCPOFOMerge")]).toEqual([1, 1]);
  });

  scripted("out of order, its front", (t) => {
    t.passive(SYN);
    ahead(t, 2001);
    t.play(`
      +0.01 < . 2501:3501(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2501:3001 2001:3501>`);
  });

  scripted("out of order, its end", (t) => {
    t.passive(SYN);
    ahead(t, 2001);
    t.play(`
      +0.01 < . 1501:2501(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2001:2501 1501:3001>`);
  });

  scripted("out of order, its middle", (t) => {
    t.passive(SYN);
    t.play(`
      +0.01 < . 2001:2501(500) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2001:2501>
      +0.01 < . 1501:2901(1400) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 2001:2501 1501:2901>`);
  });

  scripted("what fills a hole and more", (t) => {
    t.passive(SYN);
    ahead(t, 1001);
    t.play(`
      +0.01 < . 1:1401(1400) ack 1
      > . 1:1(0) ack 2001 <nop,nop,sack 1001:1401>`);
  });

  scripted("it takes the place of the last of four blocks", (t) => {
    t.passive(SYN);
    ahead(t, 2001, 4001, 6001, 8001);
    t.play(`
      +0.01 < . 4001:5001(1000) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 4001:5001 4001:5001 8001:9001 6001:7001>`);
  });

  scripted("... and of three beside timestamps", (t) => {
    t.passive(STAMPED);
    ahead(t, 2001, 4001, 6001, 8001);
    t.play(`
      +0.01 < . 4001:5001(1000) ack 1
      +0.001 > . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 4001:5001 4001:5001 8001:9001>`);
  });

  scripted(
    "tcp_dsack 0: not at all",
    (t) => {
      t.passive(SYN);
      ahead(t, 1);
      t.play(`
        +0.01 < . 1:1001(1000) ack 1
        > . 1:1(0) ack 1001`);
      expect(t.counter("TcpExtTCPDSACKOldSent")).toBe(0);
    },
    { config: { "net.ipv4.tcp_dsack": 0 } },
  );
});

/** A connection with a round trip of 60 ms, no quick ACKs left, and everything read. @returns the next number */
function settled(t: Script): number {
  t.listen();
  t.handshake(STAMPED, 0.06);
  t.accept();
  let seq = 1;
  for (let i = 0; i < 36; i++) {
    // What it answers is 60 ms old
    t.play(`+0.001 < . ${seq}:${seq + 1448}(1448) ack 1 <nop,nop,TS val ${100 + i} ecr ${2 * i + 1}>`);
    t.skip(0.001);
    t.read(1448);
    seq += 1448;
  }
  // A segment out of order opens the window by the little that is left to open
  t.play(`+0.1 < . ${seq + 1448}:${seq + 2896}(1448) ack 1 <nop,nop,TS val 150 ecr 70>`);
  t.skip(0.001);
  t.play(`< . ${seq}:${seq + 1448}(1448) ack 1 <nop,nop,TS val 150 ecr 70>`);
  t.skip(0.001);
  t.read(2896);
  seq += 2896;
  t.skip(0.1);
  return seq;
}

/** A buffer that stays as it is: where the window moves, the next ACK goes at once. */
const FIXED = { "net.ipv4.tcp_moderate_rcvbuf": 0 };
const AHEAD_STAMP = 200;

/** `n` segments in one batch. */
const far = (seq: number, n: number): string =>
  Array.from({ length: n }, (_, i) => {
    const at = seq + i * 1448;
    return `<${i < n - 1 ? "&" : ""} . ${at}:${at + 1448}(1448) ack 1 <nop,nop,TS val ${AHEAD_STAMP} ecr 70>`;
  }).join("\n");

describe("SACKs that wait for each other (Linux's compressed ACKs; RFC 5681 §4.2)", () => {
  scripted(
    "the first three duplicates go at once, the others together after 1 ms",
    (t) => {
      const seq = settled(t);
      const s = (k: number): number => seq + k * 1448;
      t.play(`${far(s(1), 10)}
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(3)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(4)}>
      +0.001 > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(11)}>`);
      expect(t.counter("TcpExtTCPAckCompressed")).toBe(6);
    },
    { config: FIXED },
  );

  scripted(
    "filling the hole ends the wait",
    (t) => {
      const seq = settled(t);
      const s = (k: number): number => seq + k * 1448;
      t.play(`${far(s(1), 5)}
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(3)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(4)}>
      < . ${seq}:${s(1)}(1448) ack 1 <nop,nop,TS val 201 ecr 70>
      > . 1:1(0) ack ${s(6)}`);
      t.quiet(0.02);
    },
    { config: FIXED, linux: "1 ms is too short for a script in real time" },
  );

  scripted(
    "a third block is told of before what changes next, which waits for another ACK",
    (t) => {
      const seq = settled(t);
      const s = (k: number): number => seq + k * 1448;
      t.play(`<& . ${s(1)}:${s(2)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
      <& . ${s(3)}:${s(4)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
      <& . ${s(5)}:${s(6)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
      <& . ${s(5) + 1448}:${s(7)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
      < . ${s(9)}:${s(10)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(3)}:${s(4)} ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(5)}:${s(6)} ${s(3)}:${s(4)} ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(5)}:${s(7)} ${s(3)}:${s(4)} ${s(1)}:${s(2)}>`);
      t.quiet(0.05);
      t.play(`< . ${s(10)}:${s(11)}(1448) ack 1 <nop,nop,TS val 200 ecr 70>
        +0.001 > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(9)}:${s(11)} ${s(5)}:${s(7)} ${s(3)}:${s(4)}>`);
    },
    { config: FIXED },
  );

  scripted(
    "tcp_comp_sack_nr 0: none waits",
    (t) => {
      const seq = settled(t);
      const s = (k: number): number => seq + k * 1448;
      t.play(far(s(1), 8));
      for (let k = 2; k <= 9; k++) t.play(`> . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(k)}>`);
      t.quiet(0.02);
    },
    { config: { ...FIXED, "net.ipv4.tcp_comp_sack_nr": 0 } },
  );

  scripted(
    "at most so many wait",
    (t) => {
      const seq = settled(t);
      const s = (k: number): number => seq + k * 1448;
      t.play(`${far(s(1), 6)}
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(2)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(3)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(4)}>
      > . 1:1(0) ack ${seq} <nop,nop,TS,nop,nop,sack ${s(1)}:${s(7)}>`);
    },
    { config: { ...FIXED, "net.ipv4.tcp_comp_sack_nr": 2 } },
  );
});
