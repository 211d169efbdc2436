import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

describe("both open at once", () => {
  scripted(
    "the SYN-ACK offers all that the SYN did; the peer's is acknowledged, as a duplicate (RFC 9293 §3.5)",
    (t) => {
      t.connect();
      t.play(`
      > S 0:0(0)
      < S 0:0(0) win 1000 <mss 1460,sackOK>
      > S. 0:0(0) ack 1 <mss 1460,sackOK,TS,nop,wscale 7>
      +0.1 < S. 0:0(0) ack 1 win 1000 <mss 1460,sackOK>
      > . 1:1(0) ack 1 <nop,nop,sack 0:1>`);
      t.state("ESTABLISHED");
    },
  );

  scripted("an ACK alone ends it, too (RFC 9293 §3.10.7.4)", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S 0:0(0) win 1000 <mss 1460>
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
  });

  scripted("a reset: ECONNRESET (RFC 9293 §3.10.7.4)", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S 0:0(0) win 1000 <mss 1460>
      > S. 0:0(0) ack 1
      < R. 1:1(0) ack 1`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
  });

  scripted("a SYN without options after segments with some offers nothing (RFC 9293 §3.7.1)", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S 0:0(0) win 1000
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1`);
    expect(t.info("snd_mss")).toBe(500);
  });
});

describe("FIN and what is behind it", () => {
  scripted("in order it is the end, whatever came before from behind it (RFC 9293 §3.10.7.4, eighth)", (t) => {
    t.passive();
    t.play(`
      < P. 101:201(100) ack 1
      > . 1:1(0) ack 1
      < F. 1:151(150) ack 1
      +0.04 > . 1:1(0) ack 152`);
    t.state("CLOSE-WAIT");
    t.read(150);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("out of order, and text in order that goes beyond it: it was none (RFC 9293 §3.10.7.4, eighth)", (t) => {
    t.passive();
    t.play(`
      < F. 11:11(0) ack 1
      > . 1:1(0) ack 1
      < P. 1:31(30) ack 1
      > . 1:1(0) ack 31`);
    t.state("ESTABLISHED");
    t.read(30);
    expect(t.tryRead(1)).toBe(-11);
  });

  scripted("out of order it waits (RFC 9293 §3.10.7.4, eighth)", (t) => {
    t.passive();
    t.play(`
      < F. 11:11(0) ack 1
      > . 1:1(0) ack 1
      < P. 1:11(10) ack 1
      +0~0.1 > . 1:1(0) ack 12`);
    t.state("CLOSE-WAIT");
  });

  scripted("it may stand right behind the window (RFC 9293 §3.4)", (t) => {
    t.listen(80, 4, { SO_RCVBUF: 3000 });
    t.handshake();
    t.accept();
    t.play(`
      < P. 1:1001(1000) ack 1
      > . 1:1(0) ack 1001
      < F. 1001:2921(1920) ack 1
      +0.04~0.1 > . 1:1(0) ack 2922 win 0`);
    t.state("CLOSE-WAIT");
  });
});

describe("the peer's window", () => {
  scripted("is taken from an ACK that moves SND.UNA, though its text is old (RFC 9293 §3.10.7.4)", (t) => {
    t.passive("win 4000 <mss 1000>");
    t.play(`
      < P. 101:201(100) ack 1 win 4000
      > . 1:1(0) ack 1`);
    t.write(10_000);
    t.play(`
      > p. 1:1001(1000) ack 1
      > p. 1001:2001(1000) ack 1
      > p. 2001:3001(1000) ack 1
      > p. 3001:4001(1000) ack 1
      +0.1 < P. 1:101(100) ack 4001 win 1000
      > p. 4001:5001(1000) ack 201`);
    t.quiet(0.1);
    t.takeAll();
  });

  scripted("may shrink: what is in flight beyond it is sent again inside it (RFC 9293 §3.8.6)", (t) => {
    t.passive("win 10000 <mss 1000>");
    t.write(20_000);
    for (let i = 0; i < 10; i++) t.play(`> p. ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1`);
    t.play(`
      +0.1 < . 1:1(0) ack 2001 win 3000
      +0.3~0.05 > . 2001:3001(1000) ack 1
      +0.6~0.1 > . 2001:3001(1000) ack 1
      +0.1 < . 1:1(0) ack 5001 win 0
      > . 5001:6001(1000) ack 1
      +1.2~0.2 > . 5001:6001(1000) ack 1
      +0.1 < . 1:1(0) ack 10001 win 10000
      > p. 10001:11001(1000) ack 1`);
    t.takeAll();
  });

  scripted("parts of a segment acknowledged one by one open cwnd by one segment (RFC 3465 §2.3)", (t) => {
    t.passive();
    t.write(20_000);
    for (let i = 0; i < 10; i++) t.play(`> p. ${1 + i * 1460}:${1461 + i * 1460}(1460) ack 1`);
    t.play(`
      +0.1 < . 1:1(0) ack 100
      < . 1:1(0) ack 200
      < . 1:1(0) ack 1000`);
    expect(t.info("snd_cwnd")).toBe(10);
    t.play("< . 1:1(0) ack 1461");
    expect(t.info("snd_cwnd")).toBe(11);
    t.takeAll();
  });
});

describe("read of nothing", () => {
  scripted("leaves an error for whom it concerns (RFC 9293 §3.10.3)", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      < R 11:11(0)`);
    expect(t.tryRead(0)).toBe(0);
    t.read(10);
    expect(t.tryRead(1)).toBe(-104);
  });
});
