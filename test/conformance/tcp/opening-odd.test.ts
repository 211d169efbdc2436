import { describe, expect } from "vitest";
import { PEER_ADDRESS, type Script, scripted } from "../harness.js";

const COOKIES = { config: { "net.ipv4.tcp_syncookies": 2 } };

describe("the window after a SYN cookie is in whole segments of what the cookie knows (Linux)", () => {
  const cases: readonly (readonly [mss: number, window: number])[] = [
    [1460, 64_240],
    [1440, 64_800],
    [1400, 65_000],
    [1000, 65_392],
  ];
  for (const [mss, window] of cases)
    scripted(
      `MSS ${mss}: ${window}`,
      (t) => {
        t.listen();
        t.play(`
        < S 0:0(0) win 65535 <mss ${mss}>
        > S. 0:0(0) ack 1 win 64240 <mss 1460>
        +0.1 < P. 1:11(10) ack 1
        > . 1:1(0) ack 11 win ${window - 10}`);
      },
      COOKIES,
    );

  scripted(
    "timestamps take nothing off it",
    (t) => {
      t.listen();
      t.play(`
      < S 0:0(0) win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>
      > S. 0:0(0) ack 1 win 65160
      +0.1 < P. 1:11(10) ack 1 <nop,nop,TS val 200>
      > . 1:1(0) ack 11 win 64230`);
    },
    COOKIES,
  );
});

describe("SYN-RECEIVED", () => {
  scripted("the timestamp of an ACK that completes nothing is not taken (TCP_DEFER_ACCEPT)", (t) => {
    t.listen(80, undefined, { TCP_DEFER_ACCEPT: 1 });
    t.play(`
      < S 0:0(0) win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>
      > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS ecr 100>
      +0.1 < . 1:1(0) ack 1 <nop,nop,TS val 200>
      +0.9 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS ecr 100>`);
  });

  scripted(
    "an ACK of something else is looked at as a cookie",
    (t) => {
      t.listen(80, 0);
      for (const port of [40001, 40002])
        t.play(`< [${port}] S 0:0(0) win 65535 <mss 1460>\n > [${port}] S. 0:0(0) ack 1`);
      t.play(`
      < [40001] . 1:1(0) ack 5
      > [40001] R 5:5(0)`);
      expect(t.counter("TcpExtTCPReqQFullDoCookies")).toBe(1);
      expect(t.counter("TcpExtSyncookiesFailed")).toBe(1);
    },
    { config: { "net.ipv4.tcp_syncookies": 1 } },
  );

  scripted(
    "that a cookie is due is counted even where the accept queue is full",
    (t) => {
      t.listen(80, 0);
      t.play(`
      < [40001] S 0:0(0) win 65535 <mss 1460>
      > [40001] S. 0:0(0) ack 1
      < [40001] . 1:1(0) ack 1
      < [40002] S 0:0(0) win 65535 <mss 1460>`);
      t.quiet(0.05);
      expect(t.counter("TcpExtTCPReqQFullDoCookies")).toBe(2);
      expect(t.counter("TcpExtListenOverflows")).toBe(1);
    },
    COOKIES,
  );
});

describe("an active open that can wait for data saves the ACK of the handshake (Linux)", () => {
  function opened(t: Script, options: Parameters<Script["connect"]>[1]): void {
    t.connect(80, options);
    t.play(`
      > S 0:0(0)
      +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1460>`);
    t.state("ESTABLISHED");
  }

  for (const options of [{ TCP_DEFER_ACCEPT: 1 }, { TCP_QUICKACK: 0 }]) {
    const name = Object.entries(options).join().replace(",", " ");
    scripted(`${name}: for 200 ms`, (t) => {
      opened(t, options);
      t.play("+0.2 > . 1:1(0) ack 1");
    });

    scripted(`${name}: data bears it`, (t) => {
      opened(t, options);
      t.quiet(0.05);
      t.write(10);
      t.play("> P. 1:11(10) ack 1");
    });
  }

  scripted("data that comes is acknowledged at once", (t) => {
    opened(t, { TCP_QUICKACK: 0 });
    t.play(`
      +0.05 < P. 1:11(10) ack 1
      > . 1:1(0) ack 11`);
  });
});

describe("odd answers to our SYN", () => {
  scripted("without an MSS option: TCP_MAXSEG stands, though it is above 536", (t) => {
    t.active("win 65535", { TCP_MAXSEG: 1000 });
    expect(t.info("snd_mss")).toBe(1000);
    t.write(2000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1`);
  });

  scripted("a simultaneous open: what TCP_INFO says, and the round trip from the SYN-ACK on", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      +0.1 < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
      > S. 0:0(0) ack 1`);
    expect([t.info("advmss"), t.info("rcv_mss"), t.info("delivered")]).toEqual([1460, 536, 0]);
    t.play("+0.2 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 300 ecr 100>");
    expect([t.info("advmss"), t.info("delivered")]).toEqual([1448, 2]);
    t.about("rtt", 200_000);
    expect(t.counter("TcpOutSegs")).toBe(1);
  });
});

describe("PAWS (RFC 7323 §5.3)", () => {
  scripted("an old FIN in order is rejected, though an old ACK there is taken", (t) => {
    t.passive("win 65535 <mss 1460,nop,nop,TS val 300 ecr 0>");
    t.play(`
      +0.1 < F. 1:1(0) ack 1 <nop,nop,TS val 200>
      > . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
    expect(t.counter("TcpExtPAWSEstab")).toBe(1);
    t.play("+0.1 < . 1:1(0) ack 1 <nop,nop,TS val 200>");
    expect(t.counter("TcpExtPAWSEstab")).toBe(1);
  });
});

describe("after the peer's FIN (RFC 9293 §3.10.7.4, seventh)", () => {
  /** The peer has closed; with `close`, so have we. */
  function finished(t: Script, close: boolean): void {
    t.passive();
    t.play(`
      +0.1 < F. 1:1(0) ack 1
      > . 1:1(0) ack 2`);
    if (!close) return;
    t.close();
    t.play("> F. 1:1(0) ack 2");
  }

  for (const [state, close] of [
    ["CLOSE-WAIT", false],
    ["LAST-ACK", true],
  ] as const) {
    scripted(`${state}: text and another FIN are ignored`, (t) => {
      finished(t, close);
      t.play(`
        +0.05 < P. 2:12(10) ack 1
        +0.05 < F. 2:12(10) ack 1
        +0.05 < F. 5:5(0) ack 1`);
      t.quiet(0.05);
      if (!close) t.state(state);
    });

    scripted(`${state}: text from before the FIN to behind it is a contradiction: a reset`, (t) => {
      finished(t, close);
      t.play(`
        +0.05 < P. 1:11(10) ack 1
        > R 1:1(0)`);
      expect(t.counter("TcpExtTCPAbortOnData")).toBe(1);
      expect(t.count("connections")).toBe(0);
      if (!close) expect(t.error()).toBe("EPIPE");
    });
  }

  scripted("a read tells of the FIN, not of the reset behind it; the error is SO_ERROR's", (t) => {
    finished(t, false);
    t.play("+0.05 < R 2:2(0)");
    expect([t.tryRead(10), t.error(), t.tryRead(10)]).toEqual([0, "EPIPE", 0]);
  });
});

describe("TIME-WAIT and FIN-WAIT-2 in the counters", () => {
  function closed(t: Script, options: Parameters<Script["passive"]>[1] = {}): void {
    t.passive(undefined, options);
    t.close();
    t.play("> F. 1:1(0) ack 1");
  }

  scripted("TW when it begins", (t) => {
    closed(t);
    t.play(`
      +0.1 < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    expect([t.counter("TcpExtTW"), t.counter("TcpExtTWKilled")]).toEqual([1, 0]);
  });

  scripted("TWKilled where it lasts no more than 4 s", (t) => {
    closed(t, { TCP_LINGER2: 2 });
    t.play("+0.1 < . 1:1(0) ack 2");
    expect([t.counter("TcpExtTW"), t.counter("TcpExtTWKilled")]).toEqual([0, 1]);
  });

  scripted(
    "TCPTimeWaitOverflow where there are tcp_max_tw_buckets",
    (t) => {
      closed(t);
      t.play(`
      +0.1 < F. 1:1(0) ack 2
      > . 2:2(0) ack 2
      +0.1 < F. 1:1(0) ack 2
      > R 2:2(0)`);
      expect(t.counter("TcpExtTCPTimeWaitOverflow")).toBe(1);
    },
    { config: { "net.ipv4.tcp_max_tw_buckets": 0 } },
  );

  scripted("TCPACKSkippedFinWait2: empty segments out of the window, once in 500 ms", (t) => {
    closed(t);
    t.play(`
      +0.1 < . 1:1(0) ack 2
      +0.1 < . 70000:70000(0) ack 2
      > . 2:2(0) ack 1
      +0.1 < . 70000:70000(0) ack 2`);
    expect(t.counter("TcpExtTCPACKSkippedFinWait2")).toBe(1);
  });

  scripted("TCPAbortFailed: the link did not take the reset", (t) => {
    t.passive();
    t.link.blocked = true;
    const other = t.stack.socket("udp");
    let sent = 0;
    for (let i = 0; i < 5000 && sent >= 0; i++)
      sent = other.sendTo(new Uint8Array(8), { address: PEER_ADDRESS, port: 9 });
    expect(sent).toBeLessThan(0);
    t.socket.reset();
    t.drain();
    expect([t.counter("TcpExtTCPAbortFailed"), t.counter("TcpOutRsts")]).toEqual([1, 1]);
    t.takeAll();
  });
});
