import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";
import { decode } from "../harness-wire.js";

describe("no connection (RFC 9293 §3.10.7.1)", () => {
  scripted("a segment with ACK is reset at its ACK, without one at 0 with an ACK of all it holds", (t) => {
    t.play(`
      < S 0:0(0) win 65535
      > R. 0:0(0) ack 1 win 0
      < S 0:20(20) win 65535
      > R. 0:0(0) ack 21
      < SF 0:20(20) win 65535
      > R. 0:0(0) ack 22
      < 0 1:11(10)
      > R. 0:0(0) ack 11
      < F 1:1(0)
      > R. 0:0(0) ack 2
      < . 1:1(0) ack 500
      > R 500:500(0) win 0
      < P. 1:11(10) ack 700
      > R 700:700(0)
      < S. 0:0(0) ack 900
      > R 900:900(0)`);
    expect(t.counter("TcpOutRsts")).toBe(8);
  });

  scripted("a reset is never answered", (t) => {
    t.play(`
      < R 0:0(0)
      < R. 0:0(0) ack 1`);
  });

  scripted("a bad checksum is dropped and counted", (t) => {
    t.play("< S 0:0(0) win 65535 bad-checksum");
    expect(t.counter("TcpInCsumErrors")).toBe(1);
  });

  scripted("resets have the stack's TTL and DF", (t) => {
    t.play(`
      < S 0:0(0) win 65535
      > R. 0:0(0) ack 1`);
    const sent = decode((t.link.sent.at(-1) as { packet: Uint8Array }).packet);
    expect([sent?.ttl, sent?.dontFragment, sent?.tos]).toEqual([64, true, 0]);
  });
});

describe("LISTEN (§3.10.7.2)", () => {
  scripted("RST is ignored, ACK is reset, what has neither SYN is dropped", (t) => {
    t.listen();
    t.play(`
      < R 0:0(0)
      < . 1:1(0) ack 77
      > R 77:77(0)
      < S. 0:0(0) ack 78
      > R 78:78(0)
      < 0 1:11(10)
      < F 1:1(0)`);
    expect(t.count("synRecords")).toBe(0);
  });
});

describe("SYN-RECEIVED", () => {
  function half(t: Script): void {
    t.listen();
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1`);
  }

  scripted("RST returns to LISTEN", (t) => {
    half(t);
    t.play("< R 1:1(0)");
    expect(t.count("synRecords")).toBe(0);
    t.quiet(5);
    half2(t);
  });

  scripted("RST elsewhere in the window does not (RFC 5961)", (t) => {
    half(t);
    t.play(`
      < R 100:100(0)
      > . 1:1(0) ack 1`);
    expect(t.count("synRecords")).toBe(1);
    t.play("< . 1:1(0) ack 1");
    t.accept();
  });

  scripted("an ACK of anything but our SYN is reset, and the attempt stays", (t) => {
    half(t);
    t.play(`
      < . 1:1(0) ack 2
      > R 2:2(0)
      < . 1:1(0) ack 0
      > R 0:0(0)
      < . 1:1(0) ack 1`);
    t.accept();
  });

  function half2(t: Script): void {
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1
      < . 1:1(0) ack 1`);
    t.accept();
  }
});

describe("RST in synchronized states (§3.10.7.4, RFC 5961 §3)", () => {
  scripted("the exact number resets: ECONNRESET, and what was received can still be read", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      < R 11:11(0)`);
    t.state("CLOSED");
    t.read(10);
    expect(t.tryRead(1)).toBe(-104);
    expect(t.tryRead(1)).toBe(0);
    expect(t.count("connections")).toBe(0);
    expect(t.counter("TcpEstabResets")).toBe(1);
  });

  scripted("another number in the window is challenged, once in 500 ms", (t) => {
    t.passive();
    t.play(`
      < R 2:2(0)
      > . 1:1(0) ack 1
      < R 1000:1000(0)
      +0.499 < R 1000:1000(0)
      +0.001 < R 1000:1000(0)
      > . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
    expect(t.counter("TcpExtTCPChallengeACK")).toBe(2);
  });

  scripted("a number before the window is dropped silently", (t) => {
    t.passive();
    t.play(`
      < R 0:0(0)
      < R. 0:0(0) ack 1`);
    t.state("ESTABLISHED");
  });

  scripted("with a number still missing before it, it is not the exact one", (t) => {
    t.passive();
    t.play(`
      < . 11:21(10) ack 1
      > . 1:1(0) ack 1
      < R 21:21(0)
      > . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
  });

  scripted("write after a reset: the error once, then EPIPE", (t) => {
    t.passive();
    t.play("< R 1:1(0)");
    expect(t.tryWrite(1)).toBe(-104);
    expect(t.tryWrite(1)).toBe(-32);
  });

  scripted("CLOSE-WAIT: EPIPE", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      > . 1:1(0) ack 2
      < R 2:2(0)`);
    t.state("CLOSED");
    expect(t.error()).toBe("EPIPE");
  });

  scripted("FIN-WAIT-1", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < R 1:1(0)`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
    t.quiet(10, 3);
  });

  scripted("FIN-WAIT-2", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      < R 1:1(0)`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
  });
});

describe("SYN in synchronized states (RFC 5961 §4)", () => {
  scripted("in the window and out of it: a challenge, nothing else", (t) => {
    t.passive();
    t.play(`
      < S 100:100(0) win 65535 <mss 1460>
      > . 1:1(0) ack 1
      +0.5 < S 0:0(0) win 65535 <mss 1460>
      > . 1:1(0) ack 1
      +0.5 < S 900000:900000(0) win 65535 <mss 1460>
      > . 1:1(0) ack 1
      +0.1 < S 1:1(0)`);
    t.state("ESTABLISHED");
    expect(t.info("snd_mss")).toBe(1460);
  });

  scripted("a peer that has forgotten the connection resets it after the challenge", (t) => {
    t.passive();
    t.play(`
      < S 500000:500000(0) win 65535 <mss 1460>
      > . 1:1(0) ack 1
      < R 1:1(0)`);
    t.state("CLOSED");
    t.play(`
      < S 500000:500000(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 500001`);
  });
});

describe("acknowledgments (§3.10.7.4, RFC 5961 §5)", () => {
  scripted("of what was never sent: answered, dropped, data and all", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 2
      > . 1:1(0) ack 1`);
    expect(t.tryRead(10)).toBe(-11);
  });

  scripted("much too old: challenged, at most once in 500 ms", (t) => {
    t.passive("win 5000 <mss 1460>");
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      < . 1:1(0) ack 1001
      < P. 1:11(10) ack -5000
      > . 1001:1001(0) ack 1
      < P. 1:11(10) ack -5000`);
    expect(t.tryRead(10)).toBe(-11);
  });

  scripted("a little old: the data counts", (t) => {
    t.passive("win 5000 <mss 1460>");
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      < . 1:1(0) ack 1001
      < P. 1:11(10) ack 1
      > . 1001:1001(0) ack 11`);
    t.read(10);
  });

  scripted("a segment without ACK is dropped", (t) => {
    t.passive();
    t.play("< P 1:11(10)");
    expect(t.tryRead(10)).toBe(-11);
  });
});

describe("resets of ours", () => {
  scripted("close with unread data (RFC 2525 §2.17)", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.close();
    t.play("> R. 1:1(0) ack 11");
    expect(t.count("connections")).toBe(0);
    expect(t.counter("TcpExtTCPAbortOnClose")).toBe(1);
  });

  scripted("data after close (RFC 1122 §4.2.2.13)", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      < P. 1:11(10) ack 2
      > R 2:2(0)
      < P. 1:11(10) ack 2
      > R 2:2(0)`);
  });

  scripted("data after shutdown of both ways", (t) => {
    t.passive();
    t.shutdown("both");
    t.play(`
      > F. 1:1(0) ack 1
      < P. 1:11(10) ack 2
      > R 2:2(0)`);
  });

  scripted("shutdown of reading alone ends the stream; what comes all the same can be read", (t) => {
    t.passive();
    t.shutdown("read");
    expect(t.tryRead(1)).toBe(0);
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.read(10);
    expect(t.tryRead(1)).toBe(0);
    t.write(5);
    t.play("> P. 1:6(5) ack 11");
  });

  scripted("shutdown of reading keeps what was out of order, as Linux does", (t) => {
    t.passive();
    t.play(`
      < P. 2001:3001(1000) ack 1
      > . 1:1(0) ack 1`);
    t.shutdown("read");
    t.play(`
      < P. 1:2001(2000) ack 1
      > . 1:1(0) ack 3001`);
    t.read(3000);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("reset()", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.socket.reset();
    t.drain();
    t.play("> R. 101:101(0) ack 1");
    expect(t.count("connections")).toBe(0);
    expect(t.stack.pool.inUse).toBe(0);
  });

  scripted("close with SO_LINGER 0", (t) => {
    t.passive();
    t.set("SO_LINGER", 0);
    t.close();
    t.play("> R. 1:1(0) ack 1");
  });

  scripted("reset() in CLOSING and LAST-ACK just forgets (§3.10.5)", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      > . 1:1(0) ack 2`);
    t.shutdown();
    t.play("> F. 1:1(0) ack 2");
    t.socket.reset();
    t.drain();
    t.quiet(10, 3);
    expect(t.count("connections")).toBe(0);
  });

  scripted("a listener that closes resets those nobody accepted and forgets the half open", (t) => {
    t.listen();
    t.handshake();
    t.play(`
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      < [40001] S 0:0(0) win 65535
      > [40001] S. 0:0(0) ack 1
      < [40002] S 0:0(0) win 65535
      > [40002] S. 0:0(0) ack 1
      < [40002] P. 1:101(100) ack 1
      > [40002] . 1:1(0) ack 101
      < [40002] R 101:101(0)`);
    t.close(t.listener);
    t.play(`
      > R. 1:1(0) ack 101
      < [40001] . 1:1(0) ack 1
      > [40001] R 1:1(0)`);
    expect(t.stack.pool.inUse).toBe(0);
    expect(t.stack.tcp.context.ports.size).toBe(0);
  });
});
