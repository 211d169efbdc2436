import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SYN = "< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>";
const SYN_ACK = "> S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS ecr 100,nop,wscale 7>";

function syn(t: Script): void {
  t.listen();
  t.play(`${SYN}\n${SYN_ACK}`);
}

describe("what a SYN-ACK answers to what a SYN offers (RFC 9293 §3.7.1, RFC 7323 §2 and §3, RFC 2018 §2)", () => {
  const offers: [what: string, theirs: string, window: number, ours: string][] = [
    ["everything", "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7", 65160, "mss 1460,sackOK,TS ecr 100,nop,wscale 7"],
    ["nothing", "", 64240, "mss 1460"],
    ["an MSS", "mss 1000", 64240, "mss 1460"],
    ["SACK", "mss 1460,nop,nop,sackOK", 64240, "mss 1460,nop,nop,sackOK"],
    ["timestamps", "mss 1460,nop,nop,TS val 7 ecr 0", 65160, "mss 1460,nop,nop,TS ecr 7"],
    ["window scale", "mss 1460,nop,wscale 3", 64240, "mss 1460,nop,wscale 7"],
    ["no SACK", "mss 1460,nop,nop,TS val 7 ecr 0,nop,wscale 7", 65160, "mss 1460,nop,nop,TS ecr 7,nop,wscale 7"],
    ["no timestamps", "mss 1460,nop,nop,sackOK,nop,wscale 7", 64240, "mss 1460,nop,nop,sackOK,nop,wscale 7"],
    ["SACK and timestamps", "mss 1460,sackOK,TS val 1 ecr 0", 65160, "mss 1460,sackOK,TS ecr 1"],
    ["an option it does not know", "mss 1460,0xfd04abcd", 64240, "mss 1460"],
  ];
  for (const [what, theirs, window, ours] of offers)
    scripted(`${what}`, (t) => {
      t.listen();
      t.play(`
        < S 0:0(0) win 65535 <${theirs}>
        > S. 0:0(0) ack 1 win ${window} <${ours}>`);
    });

  const settings: [name: string, value: number, window: number, ours: string][] = [
    ["tcp_timestamps", 0, 64240, "mss 1460,nop,nop,sackOK,nop,wscale 7"],
    ["tcp_timestamps", 2, 65160, "mss 1460,sackOK,TS ecr 100,nop,wscale 7"],
    ["tcp_sack", 0, 65160, "mss 1460,nop,nop,TS ecr 100,nop,wscale 7"],
    ["tcp_window_scaling", 0, 65160, "mss 1460,sackOK,TS ecr 100"],
  ];
  for (const [name, value, window, ours] of settings)
    scripted(
      `${name}=${value}`,
      (t) => {
        t.listen();
        t.play(`${SYN}
          > S. 0:0(0) ack 1 win ${window} <${ours}>`);
      },
      { config: { [`net.ipv4.${name}`]: value } },
    );

  scripted("TCP_MAXSEG of the listener is what is offered", (t) => {
    t.listen(80, undefined, { TCP_MAXSEG: 1000 });
    t.play(`
      < S 0:0(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 1 <mss 1000>`);
  });

  scripted(
    "with an MTU of 9000: an MSS of 8960",
    (t) => {
      t.listen();
      t.play(`
      < S 0:0(0) win 65535 <mss 8960>
      > S. 0:0(0) ack 1 win 62720 <mss 8960>`);
    },
    { mtu: 9000 },
  );
});

describe("ECN-setup (RFC 3168 §6.1.1)", () => {
  const cases: [setting: number, flags: string, ip: string, answer: string][] = [
    [2, "SEW", "", "SE."],
    [1, "SEW", "", "SE."],
    [0, "SEW", "", "S."],
    [2, "SE", "", "S."],
    [2, "SW", "", "S."],
    [2, "S", "", "S."],
    [2, "SEW", "[ect0] ", "S."],
  ];
  for (const [setting, flags, ip, answer] of cases)
    scripted(
      `tcp_ecn=${setting}: to ${ip}${flags} the answer is ${answer}, and not ECN-capable itself`,
      (t) => {
        t.listen();
        t.play(`
          < ${ip}${flags} 0:0(0) win 65535 <mss 1460>
          > [noecn] ${answer} 0:0(0) ack 1`);
      },
      { config: { "net.ipv4.tcp_ecn": setting } },
    );

  scripted("the SYN-ACK that is sent again says so too", (t) => {
    t.listen();
    t.play(`
      < SEW 0:0(0) win 65535 <mss 1460>
      > SE. 0:0(0) ack 1
      +1 > SE. 0:0(0) ack 1`);
  });
});

describe("SYN-ACK retransmission (RFC 6298 §5, RFC 9293 §3.8.1)", () => {
  scripted("after 1, 3, 7, 15, 31 s, with a new timestamp; at 63 s it is given up", (t) => {
    syn(t);
    t.play(`
       1 > S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 1000 ecr 100,nop,wscale 7>
       3 > S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 3000 ecr 100,nop,wscale 7>
       7 > S. 0:0(0) ack 1
      15 > S. 0:0(0) ack 1
      31 > S. 0:0(0) ack 1`);
    t.quiet(31.5);
    expect(t.count("synRecords")).toBe(1);
    t.quiet(4);
    expect(t.count("synRecords")).toBe(0);
    expect(t.counter("TcpExtTCPSynRetrans")).toBe(5);
  });

  scripted("TCP_SYNCNT of the listener counts for it, too", (t) => {
    t.listen(80, undefined, { TCP_SYNCNT: 1 });
    t.play(`
      ${SYN}
      ${SYN_ACK}
      1 > S. 0:0(0) ack 1`);
    t.quiet(3);
    expect(t.count("synRecords")).toBe(0);
  });

  scripted(
    "tcp_synack_retries=1",
    (t) => {
      syn(t);
      t.play("1 > S. 0:0(0) ack 1");
      t.quiet(4);
    },
    { config: { "net.ipv4.tcp_synack_retries": 1 } },
  );

  scripted("a SYN that comes again is answered at once; the clock starts anew; once in 500 ms", (t) => {
    syn(t);
    t.play(`
      0.2 ${SYN}
      0.2 > S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 200 ecr 100,nop,wscale 7>
      0.4 ${SYN}
      0.6 ${SYN}
      0.8 ${SYN}
      0.8 > S. 0:0(0) ack 1
      1.8 > S. 0:0(0) ack 1
      3.8 > S. 0:0(0) ack 1`);
    expect(t.counter("TcpExtTCPACKSkippedSynRecv")).toBe(2);
  });
});

describe("the round trip of the handshake (RFC 6298 §2, §5.7, RFC 7323 §4)", () => {
  scripted("from SYN-ACK to ACK", (t) => {
    syn(t);
    t.play("0.1 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>");
    t.accept();
    t.about("rtt", 100_000);
    t.about("rto", 300_000, 40_000);
  });

  scripted("the SYN-ACK was sent again: no measurement, an RTO of 3 s; the window stays", (t) => {
    t.listen();
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1000>
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      1.1 < . 1:1(0) ack 1`);
    t.accept();
    expect([t.info("snd_cwnd"), t.info("rto"), t.info("rtt")]).toEqual([10, 3_000_000, 0]);
    expect([t.info("total_retrans"), t.info("total_rto")]).toEqual([1, 1]);
  });

  scripted("twice: one segment (RFC 5681 §3.1)", (t) => {
    t.listen();
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1000>
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      3 > S. 0:0(0) ack 1
      3.1 < . 1:1(0) ack 1`);
    t.accept();
    expect([t.info("snd_cwnd"), t.info("rto")]).toEqual([1, 3_000_000]);
  });

  scripted("but the echo of a timestamp is never ambiguous", (t) => {
    syn(t);
    t.play(`
      1 > S. 0:0(0) ack 1
      1.1 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 1000>`);
    t.accept();
    t.about("rtt", 100_000);
    expect(t.info("snd_cwnd")).toBe(10);
  });

  scripted("twice, in vain as the echo of the first one says (RFC 3522): the window stays", (t) => {
    syn(t);
    t.play(`
      1 > S. 0:0(0) ack 1
      3 > S. 0:0(0) ack 1
      3.1 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>`);
    t.accept();
    expect(t.info("snd_cwnd")).toBe(10);
  });
});

describe("SYN-RECEIVED: what comes before the ACK (RFC 9293 §3.10.7.4)", () => {
  scripted("out of the window: an ACK says what is expected, once in 500 ms", (t) => {
    syn(t);
    t.play(`
      < . 100000:100000(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS val 0 ecr 100>
      +0.1 < . 100000:100000(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      +0.5 < . 100000:100000(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>`);
  });

  scripted("text out of the window is answered every time", (t) => {
    syn(t);
    t.play(`
      < P. 100000:100010(10) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>
      < P. 100000:100010(10) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>`);
  });

  scripted("an old timestamp: the same (RFC 7323 §5.3)", (t) => {
    syn(t);
    t.play(`
      < . 1:1(0) ack 1 win 500 <nop,nop,TS val 99 ecr 0>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS val 0 ecr 100>
      < . 1:1(0) ack 1 win 500 <nop,nop,TS val 100 ecr 0>`);
    t.accept();
    expect(t.counter("TcpExtPAWSEstab")).toBe(1);
  });

  scripted("an echo of what was never sent: the same (RFC 7323 §3.2)", (t) => {
    syn(t);
    t.play(`
      < . 1:1(0) ack 1 win 500 <nop,nop,TS val 100 ecr 5000>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>`);
    expect(t.counter("TcpExtTSEcrRejected")).toBe(1);
  });

  for (const ack of [0, 2, 1000])
    scripted(`an ACK of ${ack} is reset, and the attempt goes on`, (t) => {
      syn(t);
      t.play(`
        < . 1:1(0) ack ${ack} win 500 <nop,nop,TS val 200 ecr 0>
        > R ${ack}:${ack}(0) win 0
        < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>`);
      t.accept();
    });

  scripted("RST at the very number ends the attempt", (t) => {
    syn(t);
    t.play("< R 1:1(0)");
    expect(t.count("synRecords")).toBe(0);
    expect([t.counter("TcpAttemptFails"), t.counter("TcpExtEmbryonicRsts")]).toEqual([1, 1]);
  });

  scripted("RST elsewhere in the window is challenged, once in 500 ms (RFC 5961 §3.2)", (t) => {
    syn(t);
    t.play(`
      < R 30000:30000(0)
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>
      +0.1 < R 30000:30000(0)`);
    expect(t.count("synRecords")).toBe(1);
    expect(t.counter("TcpExtTCPChallengeACK")).toBe(1);
  });

  scripted("RST out of the window is dropped (RFC 5961 §3)", (t) => {
    syn(t);
    t.play("< R 100000:100000(0)");
    expect(t.count("synRecords")).toBe(1);
  });

  scripted("another SYN in the window: reset, and back to LISTEN", (t) => {
    syn(t);
    t.play(`
      < S 5000:5000(0) win 65535 <mss 1460>
      > R. ack 5001 win 0`);
    expect(t.count("synRecords")).toBe(0);
    expect([t.counter("TcpAttemptFails"), t.counter("TcpExtEmbryonicRsts")]).toEqual([1, 1]);
  });

  scripted("without ACK: dropped", (t) => {
    syn(t);
    t.play(`
      < 0 1:11(10) win 500 <nop,nop,TS val 200 ecr 0>
      < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>`);
    t.accept();
    expect(t.tryRead(10)).toBe(-11);
  });

  scripted("a SYN-ACK stands before the window", (t) => {
    syn(t);
    t.play(`
      < S. 0:0(0) ack 1 win 500 <mss 1460,sackOK,TS val 200 ecr 0,nop,wscale 7>
      > . 1:1(0) ack 1 win 509 <nop,nop,TS ecr 100>`);
    expect(t.listener.accept()).toBe(null);
  });

  scripted("a SYN with FIN is dropped in LISTEN", (t) => {
    t.listen();
    t.play("< SF 0:0(0) win 65535 <mss 1460>");
    expect(t.count("synRecords")).toBe(0);
  });
});

describe("what completes the handshake (RFC 9293 §3.10.7.4, fifth step)", () => {
  scripted("the window of the ACK is scaled, that of the SYN was not", (t) => {
    syn(t);
    t.play("< . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>");
    t.accept();
    expect([t.info("snd_wnd"), t.info("snd_wscale"), t.info("rcv_wscale")]).toEqual([64_000, 7, 7]);
    expect([t.info("snd_mss"), t.info("segs_in")]).toEqual([1448, 2]);
  });

  scripted("with data: it can be read, and is acknowledged", (t) => {
    syn(t);
    t.play(`
      < P. 1:101(100) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      > . 1:1(0) ack 101`);
    t.accept();
    t.read(100);
  });

  scripted("with data and FIN: CLOSE-WAIT, and a delayed ACK", (t) => {
    syn(t);
    t.play(`
      < FP. 1:101(100) ack 1 win 500 <nop,nop,TS val 200 ecr 0>
      +0.04 > . 1:1(0) ack 102`);
    t.accept();
    t.state("CLOSE-WAIT");
    t.read(100);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("the timestamp of the ACK is echoed from then on", (t) => {
    syn(t);
    t.play("0.1 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 200 ecr 0>");
    t.accept();
    t.write(10);
    t.play("0.1 > P. 1:11(10) ack 1 <nop,nop,TS val 100 ecr 200>");
  });
});

describe("a peer with a small window (Linux's tcp_bound_to_half_wnd; RFC 1122 §4.2.3.4)", () => {
  const cases: [window: number, mss: number][] = [
    [65535, 1460],
    [2000, 1000],
    [536, 536],
    [300, 300],
  ];
  for (const [window, mss] of cases)
    scripted(`of ${window} is sent segments of ${mss}`, (t) => {
      t.listen();
      t.play(`
        < S 0:0(0) win 65535 <mss 1460>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win ${window}`);
      t.accept();
      expect(t.info("snd_mss")).toBe(mss);
    });
});
