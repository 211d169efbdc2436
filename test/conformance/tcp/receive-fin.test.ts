import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";
import { counts } from "./flights.js";

const SACK = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";

/** Segments of 1000 bytes from `from` on to `to`, 4 ms apart; what is sent meanwhile is forgotten. */
function take(t: Script, from: number, to: number): void {
  for (let seq = from; seq < to; seq += 1000) {
    t.play(`+0.004 < P. ${seq}:${seq + 1000}(1000) ack 1`);
    t.takeAll();
  }
}

describe("a FIN in order, and what came from behind it (RFC 9293 §3.10.7.4)", () => {
  scripted("that is thrown away, which fills no hole: the ACK is delayed", (t) => {
    t.passive(SACK);
    take(t, 1, 2001);
    take(t, 3001, 6001);
    t.play(`
      +0.03 < F. 2001:2501(500) ack 1
      +0.04 > . 1:1(0) ack 2502 win 485`);
    t.state("CLOSE-WAIT");
    counts(t, { TcpExtPruneCalled: 0, TcpExtOfoPruned: 0 });
  });

  scripted("a FIN that had come before, alone, is no hole either when it comes with what was missing", (t) => {
    t.passive(SACK);
    take(t, 1, 2001);
    t.play(`
      +0.01 < F. 2501:2501(0) ack 1
      > . 1:1(0) ack 2001 <nop,nop,sack 2501:2502>
      +0.03 < F. 2001:2501(500) ack 1
      +0.04 > . 1:1(0) ack 2502`);
    t.state("CLOSE-WAIT");
  });

  scripted("... but it is one where that comes without it", (t) => {
    t.passive(SACK);
    take(t, 1, 2001);
    t.play(`
      +0.01 < F. 2501:2501(0) ack 1
      > . 1:1(0) ack 2001 <nop,nop,sack 2501:2502>
      +0.03 < . 2001:2501(500) ack 1
      > . 1:1(0) ack 2502`);
    t.state("CLOSE-WAIT");
  });

  scripted("room is made before it is taken, and the FIN throws nothing away before that", (t) => {
    t.passive(SACK);
    t.set("SO_RCVBUF", 5000);
    take(t, 1, 2001);
    take(t, 3001, 6001);
    counts(t, { TcpExtPruneCalled: 0 });
    t.play(`
      +0.03 < F. 2001:2501(500) ack 1
      +0.04 > . 1:1(0) ack 2502 win 485`);
    t.state("CLOSE-WAIT");
    counts(t, { TcpExtPruneCalled: 1, TcpExtOfoPruned: 1, TcpExtRcvPruned: 0 });
  });
});

/** 1001:2001 is missing, and other bytes between what has come; for what comes next there is room, then none. */
function holes(t: Script): void {
  t.passive(SACK);
  t.set("SO_RCVBUF", 5000);
  take(t, 1, 1001);
  take(t, 2001, 3001);
  take(t, 3101, 4101);
  take(t, 4201, 5201);
}

/** Room is made; then everything comes that was thrown away, but the FIN. */
function comeAgain(t: Script): void {
  t.play(`
    +0.03 < . 1001:2001(1000) ack 1
    > . 1:1(0) ack 3001`);
  t.read(3000);
  t.play(`
    +0.01 < . 3001:3101(100) ack 1
    > . 1:1(0) ack 4101`);
  t.read(1100);
  t.play("+0.01 < . 4101:5301(1200) ack 1");
  t.skip(0.05);
  t.play("+0.01 < . 5301:5401(100) ack 1");
  t.skip(0.05);
}

describe("a FIN out of order when there is no room", () => {
  scripted("it is thrown away with its segment: where it stood more may follow", (t) => {
    holes(t);
    t.play("+0.004 < F. 5301:5401(100) ack 1");
    t.skip(0.02);
    comeAgain(t);
    counts(t, { TcpExtOfoPruned: 1 });
    t.state("ESTABLISHED");
    t.play(`
      +0.01 < F. 5401:5501(100) ack 1
      +0.04 > . 1:1(0) ack 5502`);
    t.state("CLOSE-WAIT");
    t.read(1400);
  });

  scripted("alone it needs room as data does", (t) => {
    holes(t);
    t.play("+0.004 < . 5301:5401(100) ack 1");
    t.skip(0.02);
    t.play("+0.004 < F. 5401:5401(0) ack 1");
    t.quiet(0.02);
    counts(t, { TcpExtTCPOFODrop: 1 });
    comeAgain(t);
    t.state("ESTABLISHED");
  });
});

describe("a FIN and duplicates (RFC 2883 §4; Linux's tcp_fin forgets them)", () => {
  scripted("what comes with a FIN in order reports none, though its front is old", (t) => {
    t.passive(SACK);
    take(t, 1, 1001);
    t.skip(0.1);
    t.play(`
      +0.01 < F. 501:1501(1000) ack 1
      +0.04 > . 1:1(0) ack 1502`);
  });

  scripted("nor where all of it is old but the FIN", (t) => {
    t.passive(SACK);
    take(t, 1, 1001);
    t.skip(0.1);
    t.play(`
      +0.01 < F. 501:1001(500) ack 1
      +0.04 > . 1:1(0) ack 1002`);
  });

  scripted("nor where the FIN came before", (t) => {
    t.passive(SACK);
    take(t, 1, 1001);
    t.skip(0.1);
    t.play(`
      +0.01 < F. 2001:2501(500) ack 1
      > . 1:1(0) ack 1001 <nop,nop,sack 2001:2502>
      +0.01 < . 1001:2101(1100) ack 1
      > . 1:1(0) ack 2502`);
  });

  scripted("without a FIN it is reported", (t) => {
    t.passive(SACK);
    take(t, 1, 1001);
    t.skip(0.1);
    t.play(`
      +0.01 < . 501:1501(1000) ack 1
      > . 1:1(0) ack 1501 <nop,nop,sack 501:1001>`);
  });
});
