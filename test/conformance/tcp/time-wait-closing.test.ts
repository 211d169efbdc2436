import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/** FIN-WAIT-2, closed by the application. */
function finWait2(t: Script): void {
  t.passive();
  t.close();
  t.play(`
    > F. 1:1(0) ack 1
    < . 1:1(0) ack 2`);
}

describe("FIN-WAIT-2 that nobody holds (RFC 9293 §3.10.7.4; its timeout is BSD's)", () => {
  scripted("the peer's FIN is acknowledged, and TIME-WAIT begins", (t) => {
    finWait2(t);
    t.play(`
      +1 < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    expect(t.count("timeWaits")).toBe(1);
    t.play(`
      +1 < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
  });

  scripted("data is reset (RFC 1122 §4.2.2.13), and there is nothing left", (t) => {
    finWait2(t);
    t.play(`
      < P. 1:101(100) ack 2
      > R 2:2(0) win 0
      < . 101:101(0) ack 2
      > R 2:2(0) win 0`);
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("data with FIN as well", (t) => {
    finWait2(t);
    t.play(`
      < FP. 1:101(100) ack 2
      > R 2:2(0) win 0`);
  });

  scripted("RST ends it", (t) => {
    finWait2(t);
    t.play(`
      < R 1:1(0)
      < . 1:1(0) ack 2
      > R 2:2(0) win 0`);
  });

  scripted("out of the window: an ACK; an ACK in order: nothing", (t) => {
    finWait2(t);
    t.play(`
      < . 1:1(0) ack 2
      < . 500000:500000(0) ack 2
      > . 2:2(0) ack 1`);
  });

  scripted(
    "after tcp_fin_timeout it is forgotten",
    (t) => {
      finWait2(t);
      t.quiet(2.5);
      t.play(`
        < F. 1:1(0) ack 2
        > R 2:2(0) win 0`);
    },
    { config: { "net.ipv4.tcp_fin_timeout": 2 } },
  );

  scripted("TCP_LINGER2 says how long", (t) => {
    t.passive("win 65535 <mss 1460>", { TCP_LINGER2: 3 });
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    t.quiet(2.5);
    expect(t.counter("TcpExtTW")).toBe(0);
    t.quiet(2);
    t.play(`
      < F. 1:1(0) ack 2
      > R 2:2(0) win 0`);
  });

  scripted("TCP_LINGER2 below 0: no FIN-WAIT-2; the ACK of the FIN is reset", (t) => {
    t.passive();
    t.set("TCP_LINGER2", -1);
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      > R 2:2(0) win 0`);
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("TCP_LINGER2 below 0, closed in FIN-WAIT-2: reset", (t) => {
    t.passive();
    t.set("TCP_LINGER2", -1);
    t.shutdown("write");
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    t.close();
    t.play("> R. 2:2(0) ack 1");
    expect(t.counter("TcpExtTCPAbortOnLinger")).toBe(1);
  });

  scripted(
    "more than a minute: the connection waits, a record the last minute",
    (t) => {
      finWait2(t);
      t.quiet(100);
      t.play(`
        < F. 1:1(0) ack 2
        > . 2:2(0) ack 2`);
    },
    { config: { "net.ipv4.tcp_fin_timeout": 120 } },
  );

  scripted("FIN with the ACK of ours: TIME-WAIT at once", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    expect(t.count("timeWaits")).toBe(1);
  });

  scripted("data with the ACK of our FIN: reset", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < P. 1:11(10) ack 2
      > R 2:2(0) win 0`);
    expect(t.counter("TcpExtTCPAbortOnData")).toBe(1);
  });
});

describe("close that loses data (RFC 2525 §2.17, RFC 9293 §3.6.1)", () => {
  scripted("what came is unread: RST", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
    t.close();
    t.play("> R. 1:1(0) ack 11");
    expect(t.counter("TcpExtTCPAbortOnClose")).toBe(1);
  });

  scripted("SO_LINGER with 0 seconds: RST", (t) => {
    t.passive();
    t.set("SO_LINGER", 0);
    t.close();
    t.play("> R. 1:1(0) ack 1");
    expect(t.counter("TcpExtTCPAbortOnData")).toBe(1);
  });

  scripted(
    "too many orphans: RST",
    (t) => {
      t.passive();
      t.close();
      t.play(`
        > F. 1:1(0) ack 1
        > R. 2:2(0) ack 1`);
      expect(t.counter("TcpExtTCPAbortOnMemory")).toBe(1);
    },
    { config: { "net.ipv4.tcp_max_orphans": 0 }, linux: "tcp_max_orphans is the whole machine's" },
  );

  scripted(
    "too many TIME-WAITs: none",
    (t) => {
      finWait2(t);
      expect(t.counter("TcpExtTCPTimeWaitOverflow")).toBe(1);
      expect(t.count("timeWaits")).toBe(0);
    },
    { config: { "net.ipv4.tcp_max_tw_buckets": 0 } },
  );
});

describe("connect in the place of a TIME-WAIT (RFC 6191 §3)", () => {
  function closed(t: Script, options: string): void {
    t.connect(80, {});
    t.play(`
      > S 0:0(0)
      < S. 0:0(0) ack 1 win 65535 <${options}>
      > . 1:1(0) ack 1`);
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
  }

  const ONE_PORT = { "net.ipv4.ip_local_port_range": "40000 40000" };

  scripted(
    "tcp_tw_reuse=1, with timestamps, a second later: above the old sequence numbers, echoing its timestamp",
    (t) => {
      closed(t, "mss 1460,sackOK,TS val 700,nop,wscale 7");
      const before = t.flow.iss as number;
      t.quiet(1.1);
      t.connect();
      t.play("> S 0:0(0) <mss 1460,sackOK,TS ecr 700,nop,wscale 7>");
      expect(((t.flow.iss as number) - before) | 0).toBe(2 + 65537);
      expect(t.counter("TcpExtTWRecycled")).toBe(1);
    },
    { config: { ...ONE_PORT, "net.ipv4.tcp_tw_reuse": 1 } },
  );

  scripted(
    "not within tcp_tw_reuse_delay",
    (t) => {
      closed(t, "mss 1460,sackOK,TS val 700,nop,wscale 7");
      t.quiet(0.5);
      expect(() => t.connect()).toThrow(/EADDRNOTAVAIL|requested address/);
    },
    { config: { ...ONE_PORT, "net.ipv4.tcp_tw_reuse": 1 } },
  );

  scripted(
    "not without timestamps",
    (t) => {
      closed(t, "mss 1460");
      t.quiet(2);
      expect(() => t.connect()).toThrow(/EADDRNOTAVAIL|requested address/);
    },
    { config: { ...ONE_PORT, "net.ipv4.tcp_tw_reuse": 1 } },
  );

  scripted(
    "tcp_tw_reuse=2: on loopback only",
    (t) => {
      closed(t, "mss 1460,sackOK,TS val 700,nop,wscale 7");
      t.quiet(2);
      expect(() => t.connect()).toThrow(/EADDRNOTAVAIL|requested address/);
    },
    { config: { ...ONE_PORT, "net.ipv4.tcp_tw_reuse": 2 } },
  );
});

describe("resets of ours (RFC 9293 §3.10.5, RFC 1122 §4.2.2.13)", () => {
  scripted("their window is that of any other segment", (t) => {
    t.passive();
    t.play(`
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 11 win 64230`);
    t.close();
    t.play("> R. 1:1(0) ack 11 win 64230");
  });

  scripted("data after shutdown of both ways: the answer is the data's reset", (t) => {
    t.passive();
    t.shutdown("both");
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      < P. 1:11(10) ack 2
      > R 2:2(0) win 0`);
    expect(t.error()).toBe("ECONNRESET");
  });

  scripted("an orphan in FIN-WAIT-1 that gets data, too", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < P. 1:11(10) ack 1
      > R 1:1(0) win 0`);
    expect(t.counter("TcpExtTCPAbortOnData")).toBe(1);
  });
});
