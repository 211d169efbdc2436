import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

describe("RST in synchronized states", () => {
  scripted(
    "the window is that of the last ACK: its right edge is challenged, one beyond is not (RFC 5961 §3.2)",
    (t) => {
      t.passive();
      t.play(`
      < R 64240:64240(0)
      > . 1:1(0) ack 1
      +0.6 < R 64241:64241(0)
      > . 1:1(0) ack 1
      +0.6 < R 64242:64242(0)
      +0.6 < R 65536:65536(0)
      +0.6 < R 0:0(0)`);
      t.state("ESTABLISHED");
      expect(t.counter("TcpExtTCPChallengeACK")).toBe(2);
    },
  );

  scripted("text in it does not make it exact (RFC 5961 §3.2)", (t) => {
    t.passive();
    t.play(`
      < P. 1:101(100) ack 1
      > . 1:1(0) ack 101
      < R. 51:151(100) ack 1
      > . 1:1(0) ack 101`);
    t.state("ESTABLISHED");
  });

  scripted("the end of what was SACKed counts as exact (RFC 5961 §3.2)", (t) => {
    t.passive("win 65535 <mss 1460,sackOK>");
    t.play(`
      < P. 101:201(100) ack 1
      > . 1:1(0) ack 1 <nop,nop,sack 101:201>
      < R 201:201(0)`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
  });

  scripted("the number before is that of a FIN taken: CLOSE-WAIT (RFC 9293 §3.10.7.4)", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      +0~0.1 > . 1:1(0) ack 2
      < R 1:1(0)`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "EPIPE"]);
  });

  for (const number of [1, 2])
    scripted(`LAST-ACK: RST ${number} ends it with ECONNRESET (RFC 9293 §3.10.7.4)`, (t) => {
      t.passive();
      t.play(`
        < F. 1:1(0) ack 1
        +0~0.1 > . 1:1(0) ack 2`);
      t.shutdown();
      t.play(`
        > F. 1:1(0) ack 2
        < R ${number}:${number}(0)`);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
    });

  scripted("CLOSING: ECONNRESET (RFC 9293 §3.10.7.4)", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 1
      > . 2:2(0) ack 2
      < R 2:2(0)`);
    expect([t.socket.state, t.error()]).toEqual(["CLOSED", "ECONNRESET"]);
  });
});

describe("SYN in synchronized states", () => {
  for (const [what, seq] of [
    ["the exact number", 1],
    ["an old one", 0],
    ["one in the window", 100],
    ["one beyond", 900_000],
  ])
    scripted(`${what} (RFC 5961 §4.2)`, (t) => {
      t.passive();
      t.play(`
        < S ${seq}:${seq}(0) win 65535 <mss 500>
        > . 1:1(0) ack 1`);
      t.state("ESTABLISHED");
      expect([t.info("snd_mss"), t.counter("TcpExtTCPSYNChallenge")]).toEqual([1460, 1]);
    });

  scripted("its ACK, text and FIN are not taken (RFC 5961 §4.2)", (t) => {
    t.passive();
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 1
      < SF. 0:100(100) ack 11
      > . 11:11(0) ack 1
      < . 1:1(0) ack 11`);
    t.state("ESTABLISHED");
    expect(t.tryRead(10)).toBe(-11);
  });
});

describe("acknowledgments out of range", () => {
  scripted("of what was never sent: challenged, and nothing is taken (RFC 9293 §3.10.7.4, RFC 5961 §5.2)", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 2
      > . 1:1(0) ack 1
      +0.6 < . 1:1(0) ack 2
      > . 1:1(0) ack 1`);
    expect(t.tryRead(10)).toBe(-11);
    expect(t.counter("TcpExtTCPChallengeACK")).toBe(2);
  });

  scripted("CLOSE-WAIT: likewise (RFC 5961 §5.2)", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      +0~0.1 > . 1:1(0) ack 2
      < . 2:2(0) ack 2
      > . 1:1(0) ack 2`);
    t.state("CLOSE-WAIT");
  });

  scripted("FIN-WAIT-1: likewise (RFC 5961 §5.2)", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 3
      > . 2:2(0) ack 1`);
    t.state("FIN-WAIT-1");
    t.play("< . 1:1(0) ack 2");
    t.state("FIN-WAIT-2");
  });

  scripted("older than any window: challenged, the text is not taken (RFC 5961 §5.2)", (t) => {
    t.passive("win 5000 <mss 1460>");
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      < . 1:1(0) ack 1001
      < P. 1:11(10) ack 0
      > . 1001:1001(0) ack 1`);
    expect(t.tryRead(10)).toBe(-11);
  });

  scripted("as old as the window is wide: the text is taken (RFC 5961 §5.2)", (t) => {
    t.passive("win 5000 <mss 1460>");
    t.write(1000);
    t.play(`
      > P. 1:1001(1000) ack 1
      < . 1:1(0) ack 1001
      < P. 1:11(10) ack 1
      > . 1001:1001(0) ack 11`);
    t.read(10);
  });
});

describe("how often", () => {
  scripted("one challenge in 500 ms, whatever for; text out of window is always answered (RFC 5961 §7)", (t) => {
    t.passive();
    t.play(`
      < R 100:100(0)
      > . 1:1(0) ack 1
      < S 100:100(0) win 65535
      < . 1:1(0) ack 2
      < . 0:0(0) ack 1
      < P. 100000:100010(10) ack 1
      > . 1:1(0) ack 1
      < P. 100000:100010(10) ack 1
      > . 1:1(0) ack 1
      +0.6 < S 100:100(0) win 65535
      > . 1:1(0) ack 1`);
    expect(t.counter("TcpExtTCPACKSkippedChallenge")).toBe(2);
    expect(t.counter("TcpExtTCPACKSkippedSeq")).toBe(1);
  });

  scripted(
    "tcp_invalid_ratelimit 0: each (RFC 5961 §7)",
    (t) => {
      t.passive();
      t.play(`
        < R 100:100(0)
        > . 1:1(0) ack 1
        < R 100:100(0)
        > . 1:1(0) ack 1
        < S 100:100(0) win 65535
        > . 1:1(0) ack 1`);
    },
    { config: { "net.ipv4.tcp_invalid_ratelimit": 0 } },
  );

  scripted("one connection's challenges are not counted against another's (RFC 5961 §7)", (t) => {
    t.passive();
    t.play(`
      < [40001] S 0:0(0) win 65535
      > [40001] S. 0:0(0) ack 1
      < [40001] . 1:1(0) ack 1
      < R 100:100(0)
      > . 1:1(0) ack 1
      < [40001] R 100:100(0)
      > [40001] . 1:1(0) ack 1`);
  });

  scripted(
    "tcp_challenge_ack_limit bounds those of the whole stack, by a number that cannot be told (RFC 5961 §7)",
    (t) => {
      t.passive();
      const perSecond = (): number => {
        const before = t.counter("TcpExtTCPChallengeACK");
        for (let i = 0; i < 40; i++) {
          t.play("< R 100:100(0)");
          t.takeAll();
        }
        return t.counter("TcpExtTCPChallengeACK") - before;
      };
      const seen = new Set<number>();
      for (let i = 0; i < 8; i++) {
        t.skip(1);
        const n = perSecond();
        expect(n).toBeGreaterThanOrEqual(5);
        expect(n).toBeLessThan(15);
        seen.add(n);
      }
      expect(seen.size).toBeGreaterThan(1);
    },
    {
      config: { "net.ipv4.tcp_invalid_ratelimit": 0, "net.ipv4.tcp_challenge_ack_limit": 10 },
      linux: "its seconds do not begin with the script's",
    },
  );
});
