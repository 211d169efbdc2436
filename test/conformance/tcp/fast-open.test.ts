import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SERVER = {
  config: { "net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_key": "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4" },
};
const FREE = { config: { "net.ipv4.tcp_fastopen": 0x203 } };
const OPTIONS = "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7";
const ANSWER = "mss 1460,sackOK,TS ecr 100,nop,wscale 7";

/** Asks for a cookie, so that `FO cookie` stands for it. */
function ask(t: Script, port = 40000): void {
  t.play(`
    < [${port}] S 0:0(0) win 65535 <${OPTIONS},FO,nop,nop>
    > [${port}] S. 0:0(0) ack 1 <${ANSWER},FO cookie,nop,nop>
    < [${port}] R 1:1(0)`);
}

/** A SYN with `n` bytes and a good cookie, answered. */
function open(t: Script, n: number): void {
  t.listen(80, undefined, { TCP_FASTOPEN: 5 });
  ask(t);
  t.play(`
    < S 0:${n}(${n}) win 65535 <${OPTIONS},FO cookie,nop,nop>
    > S. 0:0(0) ack ${n + 1} win 65160 <${ANSWER}>`);
}

describe("the server: asking for a cookie (RFC 7413 §4.1.2)", () => {
  scripted(
    "the SYN-ACK gives it",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      ask(t);
      expect(t.counter("TcpExtTCPFastOpenCookieReqd")).toBe(1);
    },
    SERVER,
  );

  scripted(
    "it is the same for one address at another port",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      const cookies = new Set<string>();
      for (const port of [40001, 40002]) {
        t.play(`< [${port}] S 0:0(0) win 65535 <mss 1460,FO,nop,nop>`);
        const [wire] = t.takeAll();
        cookies.add(String(wire?.options.slice(6, 14)));
      }
      expect(cookies.size).toBe(1);
    },
    SERVER,
  );

  scripted(
    "it is what Linux makes of that key",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:0(0) win 65535 <mss 1460,FO,nop,nop>
      > S. 0:0(0) ack 1 <mss 1460,FO b65b7897f70bf77d,nop,nop>`);
    },
    SERVER,
  );

  scripted(
    "a listener without TCP_FASTOPEN gives none",
    (t) => {
      t.listen();
      t.play(`
      < S 0:0(0) win 65535 <${OPTIONS},FO,nop,nop>
      > S. 0:0(0) ack 1 <${ANSWER}>`);
    },
    SERVER,
  );

  scripted(
    "nor does one where tcp_fastopen lacks the server's bit",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:0(0) win 65535 <${OPTIONS},FO,nop,nop>
      > S. 0:0(0) ack 1 <${ANSWER}>`);
    },
    { config: { "net.ipv4.tcp_fastopen": 1 } },
  );

  scripted(
    "tcp_fastopen=0x403: every listener does",
    (t) => {
      t.listen();
      ask(t);
    },
    { config: { "net.ipv4.tcp_fastopen": 0x403 } },
  );

  scripted(
    "a SYN-ACK that is sent again has no option",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:0(0) win 65535 <${OPTIONS},FO,nop,nop>
      > S. 0:0(0) ack 1 <${ANSWER},FO cookie,nop,nop>
      1 > S. 0:0(0) ack 1 <${ANSWER}>`);
    },
    SERVER,
  );
});

describe("the server: a SYN with data (RFC 7413 §4.2.2)", () => {
  scripted(
    "it can be accepted and read before the handshake is complete",
    (t) => {
      open(t, 100);
      t.accept();
      t.state("SYN-RECEIVED");
      t.read(100);
      t.play("+0.05 < . 101:101(0) ack 1 win 500");
      t.state("ESTABLISHED");
      t.about("rtt", 50_000);
      expect(t.counter("TcpExtTCPFastOpenPassive")).toBe(1);
    },
    SERVER,
  );

  scripted(
    "and answered",
    (t) => {
      open(t, 100);
      t.accept();
      t.write(200);
      t.play(`
      > P. 1:201(200) ack 101
      +0.05 < . 101:101(0) ack 201 win 500`);
      t.state("ESTABLISHED");
    },
    SERVER,
  );

  scripted(
    "as much as the initial window lets out",
    (t) => {
      open(t, 100);
      t.accept();
      t.write(15_000);
      const sent = t.skip(0.2);
      expect(sent.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(14_480);
      t.play(`
        < . 101:101(0) ack 14481 win 500
        > P. 14481:15001(520) ack 101`);
    },
    SERVER,
  );

  scripted(
    "a cookie without data: the connection is there all the same",
    (t) => {
      open(t, 0);
      t.accept();
      t.write(10);
      t.play("> P. 1:11(10) ack 1");
    },
    SERVER,
  );

  scripted(
    "a cookie that is none: only the SYN is acknowledged, and a good one given",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:100(100) win 65535 <${OPTIONS},FO 0011223344556677,nop,nop>
      > S. 0:0(0) ack 1 <${ANSWER},FO cookie,nop,nop>
      < P. 1:101(100) ack 1 win 500
      > . 1:1(0) ack 101`);
      t.accept();
      t.read(100);
      expect(t.counter("TcpExtTCPFastOpenPassiveFail")).toBe(1);
    },
    SERVER,
  );

  scripted(
    "data without a cookie is not acknowledged, either",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:100(100) win 65535 <${OPTIONS}>
      > S. 0:0(0) ack 1 <${ANSWER}>`);
    },
    SERVER,
  );

  scripted(
    "tcp_fastopen=0x203: unless none is needed",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:100(100) win 65535 <${OPTIONS}>
      > S. 0:0(0) ack 101 <${ANSWER}>`);
      t.accept();
      t.read(100);
    },
    FREE,
  );

  scripted(
    "the SYN-ACK goes again after 1, 3, 7 s, and nothing else does",
    (t) => {
      open(t, 100);
      t.accept();
      t.write(10);
      t.play(`
      0 > P. 1:11(10) ack 101
      1 > S. 0:0(0) ack 101 <${ANSWER}>
      3 > S. 0:0(0) ack 101 <${ANSWER}>
      7 > S. 0:0(0) ack 101 <${ANSWER}>
      7.1 < . 101:101(0) ack 11 win 500`);
      t.state("ESTABLISHED");
    },
    SERVER,
  );

  scripted(
    "the SYN again: the SYN-ACK at once",
    (t) => {
      open(t, 100);
      t.play(`
      0.3 < S 0:100(100) win 65535 <${OPTIONS},FO cookie,nop,nop>
      0.3 > S. 0:0(0) ack 101 <${ANSWER}>`);
    },
    SERVER,
  );

  scripted(
    "more data before the handshake is complete",
    (t) => {
      open(t, 100);
      t.accept();
      t.play(`
      < P. 101:201(100) ack 1 win 500
      > . 1:1(0) ack 201`);
      t.read(200);
      t.state("ESTABLISHED");
    },
    SERVER,
  );

  scripted(
    "RST: the connection is gone, and says so",
    (t) => {
      open(t, 100);
      t.accept();
      t.play("< R 101:101(0)");
      t.read(100);
      expect(t.tryRead(1)).toBe(-104);
    },
    SERVER,
  );

  scripted(
    "closed early: the FIN does not wait",
    (t) => {
      open(t, 100);
      t.accept();
      t.read(100);
      t.close();
      t.play(`
      > F. 1:1(0) ack 101
      < . 101:101(0) ack 2 win 500
      < F. 101:101(0) ack 2 win 500
      > . 2:2(0) ack 102`);
      expect(t.count("timeWaits")).toBe(1);
    },
    SERVER,
  );

  scripted(
    "closed unread: RST",
    (t) => {
      open(t, 100);
      t.accept();
      t.close();
      t.play("> R. 1:1(0) ack 101");
      expect(t.count("connections")).toBe(0);
    },
    SERVER,
  );
});

describe("the server: requests pending (RFC 7413 §5.1)", () => {
  const syn = (port: number, ack: number): string => `
    < [${port}] S 0:10(10) win 65535 <mss 1460>
    > [${port}] S. 0:0(0) ack ${ack}`;

  scripted(
    "no more than TCP_FASTOPEN says; the next is an ordinary SYN",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 2 });
      t.play(syn(40001, 11) + syn(40002, 11) + syn(40003, 1));
      expect(t.counter("TcpExtTCPFastOpenListenOverflow")).toBe(1);
      t.play(`< [40001] . 11:11(0) ack 1${syn(40004, 11)}`);
    },
    FREE,
  );

  scripted(
    "one that was reset once it was accepted counts for another minute",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 1 });
      t.play(syn(40001, 11));
      t.accept();
      t.play(`
      < [40001] R 11:11(0)
      0.5 < [40002] S 0:10(10) win 65535 <mss 1460>
      0.5 > [40002] S. 0:0(0) ack 1
      0.5 < [40002] R 1:1(0)
      61 < [40003] S 0:10(10) win 65535 <mss 1460>
      61 > [40003] S. 0:0(0) ack 11`);
    },
    FREE,
  );

  scripted(
    "with the accept queue full there is no SYN-ACK at all",
    (t) => {
      t.listen(80, 0, { TCP_FASTOPEN: 5 });
      t.play(`${syn(40001, 11)}
      < [40002] S 0:10(10) win 65535 <mss 1460>`);
      t.quiet(0.1);
    },
    FREE,
  );

  scripted(
    "SYN cookies know no fast open (RFC 7413 §6.2)",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(syn(40001, 1));
    },
    { config: { ...FREE.config, "net.ipv4.tcp_syncookies": 2 } },
  );
});

const CLIENT = { config: { "net.ipv4.tcp_fastopen": 1 } };
const OURS = "mss 1460,sackOK,TS ecr 0,nop,wscale 7";
const THEIRS = "mss 1460,sackOK,TS val 700,nop,wscale 7";
const COOKIE = "0123456789abcdef";

/** A first connection, in which the cookie is learnt; then a second connect, which waits for data. */
function learn(t: Script, mss = 1460): void {
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
  t.play(`
    > S 0:0(0) <${OURS},FO,nop,nop>
    < S. 0:0(0) ack 1 win 65535 <mss ${mss},sackOK,TS val 700,nop,wscale 7,FO ${COOKIE},nop,nop>
    > . 1:1(0) ack 1`);
  t.close();
  t.play(`
    > F. 1:1(0) ack 1
    < R. 1:1(0) ack 2`);
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
}

describe("the client: TCP_FASTOPEN_CONNECT (RFC 7413 §4.1.3, §4.2.1)", () => {
  scripted(
    "without a cookie: the SYN goes at connect, and asks for one",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.play(`> S 0:0(0) win 64240 <${OURS},FO,nop,nop>`);
      expect(t.tryWrite(10)).toBe(-11);
      t.play("+1 > S 0:0(0) <mss 1460,sackOK,TS ecr 0,nop,wscale 7>");
    },
    CLIENT,
  );

  scripted(
    "with one: the SYN waits for data, takes it along, and the server has it",
    (t) => {
      learn(t);
      t.quiet(0.1);
      expect(t.socket.poll() & 4).toBe(4);
      t.write(100);
      t.play(`
      > S 0:100(100) win 64240 <${OURS},FO ${COOKIE},nop,nop>
      +0.05 < S. 0:0(0) ack 101 win 65535 <${THEIRS}>
      > . 101:101(0) ack 1`);
      t.state("ESTABLISHED");
      expect(t.counter("TcpExtTCPFastOpenActive")).toBe(1);
      // SYN and data came in one segment
      expect(t.info("delivered")).toBe(1);
      t.write(50);
      t.play("> P. 101:151(50) ack 1");
    },
    CLIENT,
  );

  scripted(
    "the server did not take it: it goes again",
    (t) => {
      learn(t);
      t.write(100);
      t.play(`
      > S 0:100(100) <${OURS},FO ${COOKIE},nop,nop>
      +0.05 < S. 0:0(0) ack 1 win 65535 <${THEIRS}>
      > P. 1:101(100) ack 1
      +0.05 < . 1:1(0) ack 101 win 500`);
      t.state("ESTABLISHED");
      expect(t.counter("TcpExtTCPFastOpenActiveFail")).toBe(1);
    },
    CLIENT,
  );

  scripted(
    "the SYN is lost: the next is without cookie and data",
    (t) => {
      learn(t);
      t.write(100);
      t.play(`
      > S 0:100(100) <${OURS},FO ${COOKIE},nop,nop>
      +1 > S 0:0(0) <mss 1460,sackOK,TS ecr 0,nop,wscale 7>
      +0.05 < S. 0:0(0) ack 1 win 65535 <${THEIRS}>
      > P. 1:101(100) ack 1`);
    },
    CLIENT,
  );

  scripted(
    "a SYN-ACK with data",
    (t) => {
      learn(t);
      t.write(100);
      t.play(`
      > S 0:100(100) <${OURS},FO ${COOKIE},nop,nop>
      +0.05 < S. 0:50(50) ack 101 win 65535 <${THEIRS}>
      > . 101:101(0) ack 51`);
      t.read(50);
    },
    CLIENT,
  );

  scripted(
    "no more goes with the SYN than fits beside all options",
    (t) => {
      learn(t, 1000);
      expect(t.tryWrite(5000)).toBe(960);
      t.play(`> S 0:960(960) <${OURS},FO ${COOKIE},nop,nop>`);
    },
    CLIENT,
  );

  scripted(
    "a server that needs none gives a new cookie",
    (t) => {
      learn(t);
      t.write(10);
      t.play(`
      > S 0:10(10) <${OURS},FO ${COOKIE},nop,nop>
      < S. 0:0(0) ack 1 win 65535 <${THEIRS},FO fedcba9876543210,nop,nop>
      > P. 1:11(10) ack 1
      < R. 1:1(0) ack 11`);
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.write(10);
      t.play(`> S 0:10(10) <${OURS},FO fedcba9876543210,nop,nop>`);
    },
    CLIENT,
  );

  scripted(
    "tcp_fastopen=5: no cookie is needed, and none asked for",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.write(100);
      t.play(`
      > S 0:100(100) <${OURS}>
      < S. 0:0(0) ack 101 win 65535 <${THEIRS}>
      > . 101:101(0) ack 1`);
    },
    { config: { "net.ipv4.tcp_fastopen": 5 } },
  );

  scripted(
    "closed before anything was written: nothing is sent",
    (t) => {
      learn(t);
      t.close();
      t.quiet(0.1);
    },
    CLIENT,
  );

  scripted(
    "an unsolicited cookie is not for keeping",
    (t) => {
      t.connect();
      t.play(`
      > S 0:0(0) <${OURS}>
      < S. 0:0(0) ack 1 win 65535 <${THEIRS},FO ${COOKIE},nop,nop>
      > . 1:1(0) ack 1`);
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.play(`> S 0:0(0) <${OURS},FO,nop,nop>`);
    },
    CLIENT,
  );

  scripted(
    "three timeouts: fast open is off for a while (RFC 7413 §7.1)",
    (t) => {
      learn(t);
      t.write(10);
      t.play(`
        > S 0:10(10) <${OURS},FO ${COOKIE},nop,nop>
        +1 > S 0:0(0) <${OURS}>
        +2 > S 0:0(0) <${OURS}>
        +4 > S 0:0(0) <${OURS}>`);
      expect(t.counter("TcpExtTCPFastOpenBlackhole")).toBe(1);
      t.close();
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.play(`> S 0:0(0) <${OURS}>`);
    },
    { config: { ...CLIENT.config, "net.ipv4.tcp_fastopen_blackhole_timeout_sec": 60 } },
  );
});
