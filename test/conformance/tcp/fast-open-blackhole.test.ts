import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const COOKIE = "0123456789abcdef";
const ASK = "mss 1460,sackOK,TS ecr 0,nop,wscale 7";
const WATCH = { config: { "net.ipv4.tcp_fastopen": 1, "net.ipv4.tcp_fastopen_blackhole_timeout_sec": 1 } };

/** The cookie is learnt. */
function learn(t: Script): void {
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
  t.play(`
    > S 0:0(0) <${ASK},FO,nop,nop>
    +0.05 < S. 0:0(0) ack 1 win 65535 <mss 1460,FO ${COOKIE},nop,nop>
    > . 1:1(0) ack 1
    +0.05 < R 1:1(0)`);
}

/** A fast open whose data the server takes. */
function fast(t: Script): void {
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
  t.write(10);
  t.play(`
    > S 0:10(10) <${ASK},FO ${COOKIE},nop,nop>
    +0.05 < S. 0:0(0) ack 11 win 65535 <mss 1460>
    > . 11:11(0) ack 1`);
}

/** A connect that is not fast, since a blackhole is suspected. */
function slow(t: Script): void {
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
  t.play(`
    > S 0:0(0) <${ASK}>
    < R. 0:0(0) ack 1`);
}

/** A reset in the window, not in order, then one that is believed. */
function strangeReset(t: Script): void {
  t.play(`
    +0.05 < R 100:100(0)
    > . 11:11(0) ack 1
    +0.05 < R 1:1(0)`);
}

const blackholes = (t: Script): number => t.counter("TcpExtTCPFastOpenBlackhole");

describe("middleboxes that swallow fast open (RFC 7413 §7.1)", () => {
  scripted(
    "a reset out of order before any data: fast open is off for tcp_fastopen_blackhole_timeout_sec",
    (t) => {
      learn(t);
      fast(t);
      strangeReset(t);
      expect(blackholes(t)).toBe(1);
      slow(t);
      t.quiet(1, 1.1);
      fast(t);
    },
    WATCH,
  );

  scripted(
    "after data it is a reset like any other",
    (t) => {
      learn(t);
      fast(t);
      t.play(`
        < P. 1:11(10) ack 11
        > . 11:11(0) ack 11
        +0.05 < R 100:100(0)
        > . 11:11(0) ack 11
        +0.05 < R 11:11(0)`);
      expect(blackholes(t)).toBe(0);
    },
    WATCH,
  );

  scripted(
    "all that ever came was a FIN out of order",
    (t) => {
      learn(t);
      fast(t);
      t.play(`
        +0.05 < F. 100:100(0) ack 11
        > . 11:11(0) ack 1
        +0.05 < R. 1:1(0) ack 11`);
      t.close();
      expect(blackholes(t)).toBe(1);
      slow(t);
    },
    WATCH,
  );

  scripted(
    "a FIN in order is no sign of one",
    (t) => {
      learn(t);
      fast(t);
      t.play(`
        +0.05 < F. 1:1(0) ack 11
        > . 11:11(0) ack 2
        +0.05 < R 2:2(0)`);
      t.close();
      expect(blackholes(t)).toBe(0);
      fast(t);
    },
    WATCH,
  );

  scripted(
    "a timeout that ends the attempt",
    (t) => {
      learn(t);
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1, TCP_USER_TIMEOUT: 500 });
      t.write(10);
      t.play(`
        > S 0:10(10) <${ASK},FO ${COOKIE},nop,nop>
        +1 > S 0:0(0) <${ASK}>`);
      t.quiet(0.1);
      t.state("CLOSED");
      expect([blackholes(t), t.counter("TcpExtTCPFastOpenActiveFail")]).toEqual([1, 1]);
      slow(t);
    },
    WATCH,
  );

  scripted(
    "each one doubles the time, until data has come again",
    (t) => {
      learn(t);
      fast(t);
      strangeReset(t);
      t.quiet(1, 1.1);
      fast(t);
      strangeReset(t);
      t.quiet(1.2);
      slow(t);
      t.quiet(0.8, 0.9);
      fast(t);
      t.play(`
        < P. 1:11(10) ack 11
        > . 11:11(0) ack 11
        +0.05 < R 11:11(0)`);
      t.close();
      fast(t);
      strangeReset(t);
      t.quiet(1, 1.1);
      fast(t);
    },
    WATCH,
  );

  scripted(
    "is not looked for by default",
    (t) => {
      learn(t);
      fast(t);
      strangeReset(t);
      expect(blackholes(t)).toBe(0);
      fast(t);
    },
    { config: { "net.ipv4.tcp_fastopen": 1 } },
  );
});
