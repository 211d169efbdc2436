import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const ALWAYS = { config: { "net.ipv4.tcp_syncookies": 2 } };

/** A SYN with `options`; the ACK of its SYN-ACK, which is a cookie. */
function cookie(t: Script, options: string, answer: string, window: number, ack = ""): void {
  t.listen();
  t.play(`
    < S 0:0(0) win 65535 <${options}>
    > S. 0:0(0) ack 1 <${answer}>`);
  expect(t.count("synRecords")).toBe(0);
  t.play(`+0.05 < . 1:1(0) ack 1 win ${window} ${ack}`);
}

describe("SYN cookies (RFC 4987 §3.6)", () => {
  const sizes: [offered: string, kept: number][] = [
    ["mss 1460", 1460],
    ["mss 1459", 1440],
    ["mss 1400", 1300],
    ["mss 1299", 536],
    ["mss 100", 536],
    ["", 536],
    ["mss 9000", 1460],
  ];
  for (const [offered, kept] of sizes)
    scripted(
      `of an offer of <${offered}> an MSS of ${kept} is remembered`,
      (t) => {
        cookie(t, offered, "mss 1460", 65_535);
        t.accept();
        t.state("ESTABLISHED");
        expect(t.info("snd_mss")).toBe(kept);
        expect([t.counter("TcpExtSyncookiesSent"), t.counter("TcpExtSyncookiesRecv")]).toEqual([1, 1]);
      },
      ALWAYS,
    );

  scripted(
    "without timestamps the other options are lost",
    (t) => {
      cookie(t, "mss 1460,nop,nop,sackOK,nop,wscale 7", "mss 1460", 500);
      t.accept();
      expect(t.info("snd_wnd")).toBe(500);
    },
    ALWAYS,
  );

  scripted(
    "with them they stand in the low bits of the timestamp: SACK, and a window scale of 9",
    (t) => {
      cookie(
        t,
        "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 9",
        "mss 1460,sackOK,TS ecr 100,nop,wscale 7",
        500,
        "<nop,nop,TS val 110>",
      );
      t.accept();
      expect([t.info("snd_wnd"), t.info("snd_mss")]).toEqual([500 << 9, 1448]);
      // A hole is reported, so SACK was agreed
      t.play(`
        < P. 101:201(100) ack 1 win 500
        > . 1:1(0) ack 1 <nop,nop,TS,nop,nop,sack 101:201>`);
    },
    ALWAYS,
  );

  scripted(
    "the peer had no window scale",
    (t) => {
      cookie(t, "mss 1460,sackOK,TS val 100 ecr 0", "mss 1460,sackOK,TS ecr 100", 500, "<nop,nop,TS val 110>");
      t.accept();
      expect(t.info("snd_wnd")).toBe(500);
    },
    ALWAYS,
  );

  scripted(
    "ECN is agreed upon with timestamps ...",
    (t) => {
      t.listen();
      t.play(`
        < SEW 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        > SE. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 500 <nop,nop,TS val 110>`);
      t.accept();
      t.write(100);
      t.play("> [ect0] P. 1:101(100) ack 1");
    },
    ALWAYS,
  );

  scripted(
    "... and not without",
    (t) => {
      t.listen();
      t.play(`
        < SEW 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1`);
    },
    ALWAYS,
  );

  scripted(
    "data with the ACK is taken",
    (t) => {
      t.listen();
      t.play(`
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1
        < P. 1:101(100) ack 1
        > . 1:1(0) ack 101`);
      t.accept();
      t.read(100);
    },
    ALWAYS,
  );

  scripted(
    "a SYN-ACK that is a cookie is not sent again",
    (t) => {
      t.listen();
      t.play(`
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1`);
      t.quiet(4);
    },
    ALWAYS,
  );

  for (const ack of [2, 1000, -1000, 1 << 25])
    scripted(
      `an ACK off by ${ack - 1} is no cookie: reset`,
      (t) => {
        t.listen();
        t.play(`
          < S 0:0(0) win 65535 <mss 1460>
          > S. 0:0(0) ack 1
          < . 1:1(0) ack ${ack}
          > R ${ack}:${ack}(0) win 0`);
        expect(t.counter("TcpExtSyncookiesFailed")).toBe(1);
      },
      ALWAYS,
    );

  scripted(
    "that of another sequence number is none, either",
    (t) => {
      t.listen();
      t.play(`
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1
        < . 2000:2000(0) ack 1
        > R 1:1(0) win 0`);
      expect(t.counter("TcpExtSyncookiesFailed")).toBe(1);
    },
    ALWAYS,
  );

  scripted(
    "one is good for a minute, and no longer than two",
    (t) => {
      t.listen();
      t.play(`
        0 < [40001] S 0:0(0) win 65535 <mss 1460>
        0 > [40001] S. 0:0(0) ack 1
        0 < [40002] S 0:0(0) win 65535 <mss 1460>
        0 > [40002] S. 0:0(0) ack 1
        59 < [40001] . 1:1(0) ack 1
        100 < [40003] S 0:0(0) win 65535 <mss 1460>
        100 > [40003] S. 0:0(0) ack 1
        125 < [40002] . 1:1(0) ack 1
        125 > [40002] R 1:1(0) win 0`);
      t.accept();
      expect(t.socket.remotePort).toBe(40001);
    },
    ALWAYS,
  );

  scripted(
    "no cookie was sent for two minutes: no ACK is looked at as one",
    (t) => {
      t.listen();
      t.play(`
        0 < S 0:0(0) win 65535 <mss 1460>
        0 > S. 0:0(0) ack 1
        122 < . 1:1(0) ack 1
        122 > R 1:1(0) win 0`);
      expect(t.counter("TcpExtSyncookiesFailed")).toBe(0);
    },
    ALWAYS,
  );

  scripted("tcp_syncookies=1: when more than the backlog are half open", (t) => {
    t.listen(80, 1);
    t.play(`
      < [40001] S 0:0(0) win 65535 <mss 1460,nop,wscale 7>
      > [40001] S. 0:0(0) ack 1 <mss 1460,nop,wscale 7>
      < [40002] S 0:0(0) win 65535 <mss 1460,nop,wscale 7>
      > [40002] S. 0:0(0) ack 1 <mss 1460,nop,wscale 7>
      < [40003] S 0:0(0) win 65535 <mss 1460,nop,wscale 7>
      > [40003] S. 0:0(0) ack 1 <mss 1460>
      < [40003] . 1:1(0) ack 1`);
    expect(t.count("synRecords")).toBe(2);
    expect(t.counter("TcpExtTCPReqQFullDoCookies")).toBe(1);
    t.accept();
    expect(t.socket.remotePort).toBe(40003);
  });

  scripted("with the accept queue full even cookies are not sent", (t) => {
    t.listen(80, 0);
    t.play(`
      < [40001] S 0:0(0) win 65535 <mss 1460>
      > [40001] S. 0:0(0) ack 1
      < [40001] . 1:1(0) ack 1
      < [40002] S 0:0(0) win 65535 <mss 1460>`);
    t.quiet(0.2);
    expect(t.counter("TcpExtListenOverflows")).toBe(1);
  });

  scripted(
    "the cookie comes back when the accept queue is full: nothing, until there is room",
    (t) => {
      t.listen(80, 0);
      t.play(`
        < [40001] S 0:0(0) win 65535 <mss 1460>
        > [40001] S. 0:0(0) ack 1
        < [40002] S 0:0(0) win 65535 <mss 1460>
        > [40002] S. 0:0(0) ack 1
        < [40001] . 1:1(0) ack 1
        < [40002] . 1:1(0) ack 1`);
      t.quiet(0.1);
      t.accept();
      t.play("< [40002] . 1:1(0) ack 1");
      t.accept();
      expect(t.socket.remotePort).toBe(40002);
    },
    ALWAYS,
  );

  scripted(
    "a flood costs the answers, and no record",
    (t) => {
      t.listen();
      const { cookies } = t.stack.tcp.context;
      const borrow = cookies.borrow.bind(cookies);
      const records = new Set<unknown>();
      cookies.borrow = (listener) => {
        const record = borrow(listener);
        records.add(record);
        return record;
      };
      for (let port = 40_001; port <= 40_100; port++)
        t.play(`
        < [${port}] S 0:0(0) win 65535 <mss ${port % 2 === 0 ? 1460 : 536}>
        > [${port}] S. 0:0(0) ack 1 <mss 1460>`);
      t.play("< [40100] . 1:1(0) ack 1");
      expect([records.size, t.count("synRecords"), t.count("connections")]).toEqual([1, 0, 1]);
      t.accept();
      expect(t.info("snd_mss")).toBe(1460);
    },
    { config: { "net.ipv4.tcp_syncookies": 2 } },
  );
});
