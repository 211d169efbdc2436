import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";
import { counts, tells } from "./flights.js";

const SACK = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";

/** Segments of `size` bytes from `from` on to `to`, 4 ms apart; what is sent meanwhile is forgotten. */
function small(t: Script, from: number, to: number, size: number): void {
  for (let seq = from; seq < to; seq += size) {
    t.play(`+0.004 < P. ${seq}:${seq + size}(${size}) ack 1`);
    t.takeAll();
  }
}

describe("memory for what is received (Linux's sk_rcvbuf and truesize)", () => {
  scripted("what there is no room for shuts the window that was offered", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 4000);
    small(t, 1, 6301, 700);
    tells(t, { bytes_received: 6300, rcv_ssthresh: 2406 });
    counts(t, { TcpExtTCPRcvQDrop: 0, TcpExtTCPRcvCoalesce: 4 });
    t.play(`
      +0.004 < P. 6301:7001(700) ack 1
      > . 1:1(0) ack 6301 win 0
      +0.004 < P. 7001:7701(700) ack 1
      > . 1:1(0) ack 6301 win 0`);
    tells(t, { bytes_received: 6300, rcv_wnd: 0 });
    counts(t, { TcpExtTCPRcvQDrop: 1, TcpExtPruneCalled: 1, TcpExtRcvPruned: 1, TcpExtBeyondWindow: 1 });
    t.read(6300);
    t.play("> . 1:1(0) ack 6301 win 19");
    counts(t, { TcpExtTCPFromZeroWindowAdv: 1, TcpExtTCPToZeroWindowAdv: 0 });
  });

  scripted("small segments are put together when they cost too much, and then there is room", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 4000);
    // Three of them fit into the memory of one: what costs 1280 bytes has room for 600
    small(t, 1, 3841, 160);
    counts(t, { TcpExtTCPRcvCoalesce: 16, TcpExtTCPRcvCollapsed: 0, TcpExtPruneCalled: 0 });
    small(t, 3841, 4161, 160);
    counts(t, { TcpExtTCPRcvCollapsed: 9, TcpExtPruneCalled: 1, TcpExtTCPRcvQDrop: 0 });
    tells(t, { bytes_received: 4160, rcv_ssthresh: 2920 });
    t.read(4160);
    t.skip(0.05);
  });

  scripted("out of order: what there is no room for is dropped in silence, and gives way to what is in order", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 5000);
    small(t, 1001, 6001, 1000);
    t.skip(0.01);
    tells(t, { rcv_ooopack: 5 });
    t.play(`
      +0.004 < P. 6001:7001(1000) ack 1
      +0.004 < P. 7001:8001(1000) ack 1`);
    tells(t, { rcv_ooopack: 5, rcv_ssthresh: 2920 });
    counts(t, { TcpExtTCPOFODrop: 2, TcpExtPruneCalled: 2, TcpExtRcvPruned: 2, TcpExtOfoPruned: 0 });
    // The last of them goes, an eighth of the buffer being enough, and the SACKs with it
    t.play(`
      +0.004 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 5001 win 463`);
    tells(t, { bytes_received: 5000 });
    counts(t, { TcpExtOfoPruned: 1, TcpExtPruneCalled: 3, TcpExtRcvPruned: 2 });
    t.read(5000);
    t.skip(0.05);
  });

  scripted("out of order: small segments are put together", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 5000);
    small(t, 101, 1401, 100);
    counts(t, { TcpExtTCPRcvCollapsed: 0, TcpExtPruneCalled: 0 });
    small(t, 1401, 1501, 100);
    counts(t, { TcpExtTCPRcvCollapsed: 13, TcpExtPruneCalled: 1, TcpExtTCPOFODrop: 0 });
    t.play("+0.004 < . 1:101(100) ack 1");
    t.takeAll();
    t.read(1500);
    t.skip(0.05);
  });

  scripted("header prediction asks for no room while a page has it, but not after a hole", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 2000);
    small(t, 1, 401, 200);
    small(t, 401, 1001, 600);
    small(t, 1601, 2201, 600);
    small(t, 1001, 1601, 600);
    tells(t, { bytes_received: 2200 });
    t.play(`
      +0.004 < P. 2201:2801(600) ack 1
      > . 1:1(0) ack 2201 win 0`);
    counts(t, { TcpExtTCPRcvQDrop: 1 });
  });

  scripted("a segment gives its memory back when all of it has been read", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 10_000 });
    small(t, 1, 8761, 1460);
    t.skip(0.1);
    tells(t, { rcv_wnd: 2920 });
    t.read(1459);
    t.quiet(0.02);
    t.read(1461);
    t.play("> . 1:1(0) ack 8761 win 5840");
  });

  /** 2101:2102 lies within 1001:2201, which had room for what came last. */
  function within(t: Script): void {
    t.play("+0.01 < . 1001:2001(1000) ack 1");
    t.skip(0.01);
    t.play("+0.01 < . 2101:2102(1) ack 1");
    t.skip(0.01);
    t.play("+0.01 < . 2001:2201(200) ack 1");
    t.skip(0.01);
  }

  scripted("what ends last need not begin last: a reset there is one behind all that was SACKed", (t) => {
    t.passive(SACK);
    within(t);
    t.play("+0.01 < R 2201:2201(0)");
    t.quiet(0.02);
    t.state("CLOSED");
  });

  scripted("nor when it is put together to make room", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    within(t);
    for (let seq = 2301; seq < 2391; seq += 10) {
      t.play(`+0.01 < . ${seq}:${seq + 1}(1) ack 1`);
      t.skip(0.01);
    }
    counts(t, { TcpExtPruneCalled: 0 });
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 2201`);
    counts(t, { TcpExtPruneCalled: 1 });
  });

  scripted("... and what lies within what was put together still costs something", (t) => {
    t.passive("win 65535 <mss 1460,sackOK>", { SO_RCVBUF: 5000 });
    within(t);
    for (let seq = 2301; seq < 2391; seq += 10) {
      t.play(`+0.01 < . ${seq}:${seq + 1}(1) ack 1`);
      t.skip(0.01);
    }
    t.play("+0.01 < . 2391:2392(1) ack 1");
    t.quiet(0.01);
    counts(t, { TcpExtPruneCalled: 1, TcpExtTCPRcvCollapsed: 1, TcpExtTCPOFODrop: 1 });
    t.play(`
      +0.01 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 2201`);
    counts(t, { TcpExtPruneCalled: 2, TcpExtTCPRcvCollapsed: 2, TcpExtOfoPruned: 1 });
  });
});

describe("the window that was offered", () => {
  scripted("is rounded up to its unit again with each ACK, so that nothing is taken back", (t) => {
    t.active(SACK);
    t.set("SO_RCVBUF", 8000);
    t.play(`
      +0.009 < P. 1:501(500) ack 1
      > . 1:1(0) ack 501 win 499
      +0.006 < . 501:1001(500) ack 1
      > . 1:1(0) ack 1001 win 496
      +0.006 < P. 1001:1501(500) ack 1
      > . 1:1(0) ack 1501 win 493`);
  });

  scripted("TCP_INFO tells it as it was with the last ACK; a segment beyond it does not move it", (t) => {
    t.passive("win 65535 <mss 1460>", { TCP_WINDOW_CLAMP: 100 });
    tells(t, { rcv_wnd: 1152, rcv_ssthresh: 1152 });
    t.play(`
      +0.01 < P. 1:1461(1460) ack 1
      > . 1:1(0) ack 1461 win 2920`);
    tells(t, { rcv_wnd: 2920, rcv_ssthresh: 4072 });
    t.set("TCP_QUICKACK", 0);
    t.play("+0.01 < P. 1461:1471(10) ack 1");
    tells(t, { rcv_wnd: 2920 });
    t.play("+0.04 > . 1:1(0) ack 1471 win 2920");
  });

  scripted("does not open for what came twice out of order", (t) => {
    t.passive(SACK);
    t.play(`
      +0.01 < P. 1461:2921(1460) ack 1
      > . 1:1(0) ack 1 win 525 <nop,nop,sack 1461:2921>
      +0.01 < P. 1461:2921(1460) ack 1
      > . 1:1(0) ack 1 win 525 <nop,nop,sack 1461:2921 1461:2921>`);
    counts(t, { TcpExtTCPOFOMerge: 1, TcpExtTCPOFOQueue: 2 });
  });
});

describe("what the receiver measures", () => {
  scripted("a FIN out of order is queued like data", (t) => {
    t.passive(SACK);
    t.play(`
      +0.01 < F. 11:11(0) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 11:12>`);
    tells(t, { rcv_ooopack: 1 });
    counts(t, { TcpExtTCPOFOQueue: 1 });
  });

  scripted("... and comes twice like data; where nothing can be read any more it resets", (t) => {
    t.passive(SACK);
    t.play(`
      +0.01 < P. 11:21(10) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 11:21>
      +0.01 < F. 11:11(0) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 11:12 11:21>`);
    t.shutdown("both");
    t.play(`
      > F. 1:1(0) ack 1 <nop,nop,sack 11:21>
      +0.01 < F. 31:31(0) ack 1
      > R 1:1(0) win 0`);
    t.state("CLOSED");
    counts(t, { TcpExtTCPAbortOnData: 1 });
  });

  scripted("how much is read in a round trip: asked when the first segment of a read has been read", (t) => {
    t.passive("win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>", { SO_RCVBUF: 5000 });
    t.play(`
      +0.006 < . 1:1449(1448) ack 1
      > . 1:1(0) ack 1449`);
    small(t, 1449, 4345, 1448);
    t.skip(0.1);
    // All but the first of them were unread when it was asked
    t.read(4344);
    t.takeAll();
    tells(t, { rcv_space: 3552 });
  });

  scripted("the first segment answers the SYN-ACK, the ACK that established does not", (t) => {
    t.passive("win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>");
    t.play(`
      +0.02 < . 1:1449(1448) ack 1 <nop,nop,TS val 220 ecr 0>
      > . 1:1(0) ack 1449`);
    t.about("rcv_rtt", 120_000);
  });
});
