import { describe, expect } from "vitest";
import { PEER_ADDRESS, type Script, scripted } from "../harness.js";
import { counts } from "./flights.js";

const KEY = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";
const OTHER_KEY = "01234567-89abcdef-00112233-44556677";
/** What Linux makes of the first, for the peer and us. */
const COOKIE = "b65b7897f70bf77d";
const SERVER = { config: { "net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_key": KEY } };
const FREE = { config: { "net.ipv4.tcp_fastopen": 0x203 } };

describe("the experimental option (RFC 6994, RFC 7413 appendix B): the server", () => {
  scripted(
    "answers a request in kind",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:0(0) win 65535 <mss 1460,0xfe04f989>
      > S. 0:0(0) ack 1 <mss 1460,0xfe0cf989${COOKIE}>`);
      expect(t.counter("TcpExtTCPFastOpenCookieReqd")).toBe(1);
    },
    SERVER,
  );

  scripted(
    "takes a cookie in it",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460,0xfe0cf989${COOKIE}>
      > S. 0:0(0) ack 11 <mss 1460>`);
      t.accept();
      t.read(10);
    },
    SERVER,
  );

  scripted(
    "gives a good cookie for a bad one in it",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460,0xfe0cf9890011223344556677>
      > S. 0:0(0) ack 1 <mss 1460,0xfe0cf989${COOKIE}>`);
      expect(t.counter("TcpExtTCPFastOpenPassiveFail")).toBe(1);
    },
    SERVER,
  );

  for (const option of ["0xfe04f988", "0xfe05f98900", "0xfd04f989"])
    scripted(
      `${option} is none`,
      (t) => {
        t.listen(80, undefined, { TCP_FASTOPEN: 5 });
        t.play(`
        < S 0:0(0) win 65535 <mss 1460,${option}>
        > S. 0:0(0) ack 1 <mss 1460>`);
      },
      SERVER,
    );
});

describe("keys of cookies", () => {
  scripted(
    "TCP_FASTOPEN_KEY: a listener's own",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5, TCP_FASTOPEN_KEY: KEY });
      t.play(`
      < S 0:0(0) win 65535 <mss 1460,FO,nop,nop>
      > S. 0:0(0) ack 1 <mss 1460,FO ${COOKIE},nop,nop>`);
    },
    { config: { "net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_key": OTHER_KEY } },
  );

  scripted(
    "TCP_FASTOPEN_KEY: the cookies of a second are still taken, and new ones given",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5, TCP_FASTOPEN_KEY: `${OTHER_KEY},${KEY}` });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460,FO ${COOKIE},nop,nop>
      > S. 0:0(0) ack 11 <mss 1460,FO cookie,nop,nop>`);
      expect(t.counter("TcpExtTCPFastOpenPassiveAltKey")).toBe(1);
      expect(t.counter("TcpExtTCPFastOpenPassive")).toBe(1);
    },
    { config: { "net.ipv4.tcp_fastopen": 3 } },
  );

  scripted(
    "tcp_fastopen_key with two",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460,FO ${COOKIE},nop,nop>
      > S. 0:0(0) ack 11 <mss 1460,FO cookie,nop,nop>`);
      expect(t.counter("TcpExtTCPFastOpenPassiveAltKey")).toBe(1);
    },
    { config: { "net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_key": `${OTHER_KEY},${KEY}` } },
  );

  scripted("TCP_FASTOPEN_KEY takes keys only", (t) => {
    const socket = t.subject.socket();
    expect(() => socket.setOption("TCP_FASTOPEN_KEY", "abc")).toThrow(/EINVAL/);
    socket.setOption("TCP_FASTOPEN_KEY", `${KEY},${OTHER_KEY}`);
    expect(t.subject.exact ? socket.getOption("TCP_FASTOPEN_KEY") : `${KEY},${OTHER_KEY}`).toBe(`${KEY},${OTHER_KEY}`);
  });
});

describe("the server's connection before its SYN-ACK is answered", () => {
  scripted(
    "TCP_INFO",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
      > S. 0:0(0) ack 11`);
      t.accept();
      expect([t.info("options"), t.info("advmss"), t.info("delivered")]).toEqual([167, 1460, 0]);
      t.play("+0.1 < . 11:11(0) ack 1");
      expect([t.info("options"), t.info("advmss"), t.info("delivered")]).toEqual([167, 1448, 1]);
      expect([t.info("rcv_space"), t.info("rcv_ssthresh")]).toEqual([14_600, 64_076]);
    },
    FREE,
  );

  scripted(
    "is kept alive (RFC 9293 §3.8.4)",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5, SO_KEEPALIVE: 1, TCP_KEEPIDLE: 2, TCP_KEEPINTVL: 1 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460>
      > S. 0:0(0) ack 11
      1 > S. 0:0(0) ack 11
      2 > . 0:0(0) ack 11`);
      expect(t.counter("TcpExtTCPKeepAlive")).toBe(1);
    },
    FREE,
  );

  scripted(
    "the second timeout of the SYN-ACK is a loss of what was sent meanwhile",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460>
      > S. 0:0(0) ack 11`);
      t.accept();
      t.write(1460);
      t.play(`
      > P. 1:1461(1460) ack 11
      1 > S. 0:0(0) ack 11
      3 > S. 0:0(0) ack 11`);
      expect([t.info("ca_state"), t.info("snd_cwnd"), t.info("lost")]).toEqual([4, 1, 1]);
      expect([t.info("total_rto"), t.info("total_rto_recoveries")]).toEqual([2, 1]);
      t.play(`
      +0.1 < . 11:11(0) ack 1
      > P. 1:1461(1460) ack 11`);
    },
    FREE,
  );

  scripted(
    "RST counts twice as an attempt that failed",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5 });
      t.play(`
      < S 0:10(10) win 65535 <mss 1460>
      > S. 0:0(0) ack 11
      +0.1 < R 11:11(0)`);
      expect(t.counter("TcpAttemptFails")).toBe(2);
    },
    FREE,
  );
});

const ASK = "mss 1460,sackOK,TS ecr 0,nop,wscale 7";
const CLIENT = { config: { "net.ipv4.tcp_fastopen": 1 } };

/** A connection for which a cookie is asked with `asked`, and given by `given`; its TCP_INFO tells why it was not fast. */
function once(t: Script, asked: string, given: string): void {
  t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
  t.play(`
    > S 0:0(0) <${ASK}${asked}>
    +0.05 < S. 0:0(0) ack 1 win 65535 <mss 1460${given}>
    > . 1:1(0) ack 1`);
  expect(t.info("fastopen_client_fail")).toBe(1);
  t.play("+0.05 < R 1:1(0)");
}

describe("the experimental option: the client", () => {
  scripted(
    "asks in it after the other was not answered, and only then",
    (t) => {
      once(t, ",FO,nop,nop", "");
      once(t, ",0xfe04f989", "");
      once(t, ",FO,nop,nop", "");
    },
    CLIENT,
  );

  scripted(
    "gives back a cookie as it came",
    (t) => {
      once(t, ",FO,nop,nop", "");
      once(t, ",0xfe04f989", ",0xfe0cf9890123456789abcdef");
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.write(10);
      t.play(`> S 0:10(10) <${ASK},0xfe0cf9890123456789abcdef>`);
    },
    CLIENT,
  );
});

describe("fastopen_client_fail", () => {
  scripted(
    "2: the data was not taken; 3: the SYN had to be sent again",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.write(10);
      t.play(`
      > S 0:10(10) <${ASK}>
      +0.05 < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > P. 1:11(10) ack 1`);
      expect(t.info("fastopen_client_fail")).toBe(2);
      t.play("+0.05 < R 1:1(0)");
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.write(10);
      t.play(`
      > S 0:10(10) <${ASK}>
      +1 > S 0:0(0) <${ASK}>
      +0.05 < S. 0:0(0) ack 1 win 65535 <mss 1460>
      > P. 1:11(10) ack 1`);
      expect([t.info("fastopen_client_fail"), t.info("rehash")]).toEqual([3, 1]);
      expect(t.counter("TcpExtTCPOrigDataSent")).toBe(2);
    },
    { config: { "net.ipv4.tcp_fastopen": 5 } },
  );

  scripted(
    "a write of nothing sends the SYN, and says that it is under way",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      expect(t.tryWrite(0)).toBe(-115);
      t.play(`> S 0:0(0) <${ASK}>`);
    },
    { config: { "net.ipv4.tcp_fastopen": 5 } },
  );
});

describe("the data of a SYN in memory", () => {
  scripted(
    "is a segment like any other: what follows is put into it, and it is given back when it has been read",
    (t) => {
      t.listen(80, undefined, { TCP_FASTOPEN: 5, SO_RCVBUF: 5000 });
      t.play(`
      < S 0:500(500) win 65535 <mss 1460>
      > S. 0:0(0) ack 501 win 4380 <mss 1460>`);
      t.accept();
      t.read(250);
      t.play(`
      +0.1 < . 501:501(0) ack 1
      +0.01 < P. 501:511(10) ack 1
      > . 1:1(0) ack 511 win 4370`);
      counts(t, { TcpExtTCPRcvCoalesce: 1 });
      for (let seq = 511; seq < 4511; seq += 1000) {
        t.play(`+0.01 < P. ${seq}:${seq + 1000}(1000) ack 1`);
        t.takeAll();
      }
      t.skip(0.05);
      // 1280 + 4 * 2304 bytes of memory, 2 * 5000 bytes of buffer: the next would find none
      counts(t, { TcpExtTCPRcvCoalesce: 1, TcpExtPruneCalled: 0 });
      t.read(260);
      t.play("+0.01 < P. 4511:4521(10) ack 1");
      t.skip(0.05);
      counts(t, { TcpExtTCPRcvCoalesce: 2, TcpExtPruneCalled: 0 });
      t.read(4010);
      t.skip(0.05);
    },
    FREE,
  );
});

/** The socket opens once more. Linux says first that the attempt before has failed. */
function connectAgain(t: Script, port: number): void {
  try {
    t.socket.connect(port, PEER_ADDRESS);
  } catch (error) {
    expect((error as Error).message).toMatch(/ECONNABORTED/);
    t.socket.connect(port, PEER_ADDRESS);
  }
  t.flow = t.flowOf(t.socket.localPort, port);
}

describe("a socket used again", () => {
  scripted(
    "keeps TCP_FASTOPEN_CONNECT",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_CONNECT: 1 });
      t.play(`
      > S 0:0(0) <${ASK},FO,nop,nop>
      +0.05 < R. 0:0(0) ack 1`);
      expect(t.error()).toBe("ECONNREFUSED");
      connectAgain(t, 80);
      t.play(`> S 0:0(0) <${ASK},FO,nop,nop>`);
      expect(t.socket.getOption("TCP_FASTOPEN_CONNECT")).toBe(1);
    },
    CLIENT,
  );

  scripted(
    "keeps TCP_FASTOPEN_KEY",
    (t) => {
      t.connect(80, { TCP_FASTOPEN_KEY: KEY });
      t.play(`
      > S 0:0(0) <${ASK}>
      +0.05 < R. 0:0(0) ack 1`);
      expect(t.error()).toBe("ECONNREFUSED");
      t.socket.setOption("TCP_FASTOPEN", 5);
      expect(t.socket.getOption("TCP_FASTOPEN_KEY")).toBe(KEY);
      connectAgain(t, 80);
      t.play(`> S 0:0(0) <${ASK}>`);
      expect(t.socket.getOption("TCP_FASTOPEN_KEY")).toBe(KEY);
    },
    { linux: "the kernel's key is no text" },
  );
});
