import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

/** TIME-WAIT by an active close; with timestamps the peer's last is 200. */
function timeWait(t: Script, stamps: boolean): void {
  t.listen();
  if (stamps)
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
      0 > S. 0:0(0) ack 1
      0 < . 1:1(0) ack 1 win 500 <nop,nop,TS val 100>`);
  else
    t.play(`
      0 < S 0:0(0) win 65535 <mss 1460>
      0 > S. 0:0(0) ack 1
      0 < . 1:1(0) ack 1`);
  t.accept();
  t.close();
  t.play(
    stamps
      ? `0 > F. 1:1(0) ack 1
         0.1 < F. 1:1(0) ack 2 win 500 <nop,nop,TS val 200>
         0.1 > . 2:2(0) ack 2 <nop,nop,TS ecr 200>`
      : `0 > F. 1:1(0) ack 1
         0.1 < F. 1:1(0) ack 2
         0.1 > . 2:2(0) ack 2`,
  );
  expect(t.count("timeWaits")).toBe(1);
}

describe("TIME-WAIT (RFC 9293 §3.10.7.4)", () => {
  scripted("lasts 60 s", (t) => {
    timeWait(t, false);
    t.quiet(59);
    expect(t.count("timeWaits")).toBe(1);
    t.quiet(8);
    expect(t.count("timeWaits")).toBe(0);
    expect(t.counter("TcpExtTW")).toBe(1);
  });

  scripted("a FIN sent again is acknowledged, and 2 MSL start anew", (t) => {
    timeWait(t, false);
    t.play(`
      30 < F. 1:1(0) ack 2
      30 > . 2:2(0) ack 2`);
    t.quiet(58);
    expect(t.count("timeWaits")).toBe(1);
    t.quiet(10);
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("so is old data; empty segments out of order only once in 500 ms", (t) => {
    timeWait(t, false);
    t.play(`
      1 < P. 1:11(10) ack 2
      1 > . 2:2(0) ack 2
      1 < P. 1:11(10) ack 2
      1 > . 2:2(0) ack 2
      2 < . 100:100(0) ack 2
      2 > . 2:2(0) ack 2
      2.1 < . 100:100(0) ack 2
      2.6 < . 100:100(0) ack 2
      2.6 > . 2:2(0) ack 2`);
    expect(t.counter("TcpExtTCPACKSkippedTimeWait")).toBe(1);
  });

  scripted("a bare ACK of everything is not answered", (t) => {
    timeWait(t, false);
    t.play("1 < . 2:2(0) ack 2");
    t.quiet(0.5);
  });

  scripted("our answers carry timestamps", (t) => {
    timeWait(t, true);
    t.play(`
      1.1 < F. 1:1(0) ack 2 win 500 <nop,nop,TS val 300>
      1.1 > . 2:2(0) ack 2 <nop,nop,TS val 1100 ecr 200>`);
  });

  scripted("PAWS: an old timestamp is answered, whatever its number (RFC 7323 §5.3)", (t) => {
    timeWait(t, true);
    t.play(`
      1 < . 2:2(0) ack 2 win 500 <nop,nop,TS val 199>
      1 > . 2:2(0) ack 2 <nop,nop,TS ecr 200>
      2 < S 100000:100000(0) win 65535 <mss 1460,sackOK,TS val 150 ecr 0>
      2 > . 2:2(0) ack 2 <nop,nop,TS ecr 200>`);
    expect(t.counter("TcpExtPAWSTimewait")).toBe(2);
  });

  scripted("... and 2 MSL start anew, even by a SYN: of old duplicates more may come", (t) => {
    timeWait(t, true);
    t.play(`
      30 < S 100000:100000(0) win 65535 <mss 1460,sackOK,TS val 150 ecr 0>
      30 > . 2:2(0) ack 2 <nop,nop,TS ecr 200>`);
    t.quiet(58);
    expect(t.count("timeWaits")).toBe(1);
    t.quiet(10);
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("a newer timestamp in order is taken over", (t) => {
    timeWait(t, true);
    t.play(`
      1 < . 2:2(0) ack 2 win 500 <nop,nop,TS val 900>
      2 < F. 1:1(0) ack 2 win 500 <nop,nop,TS val 950>
      2 > . 2:2(0) ack 2 <nop,nop,TS ecr 900>`);
  });
});

describe("TIME-WAIT and RST (RFC 1337)", () => {
  scripted("at the very number it ends the wait", (t) => {
    timeWait(t, false);
    t.play("1 < R 2:2(0)");
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("elsewhere it is dropped", (t) => {
    timeWait(t, false);
    t.play(`
      1 < R 3:3(0)
      1 < R 1:1(0)`);
    expect(t.count("timeWaits")).toBe(1);
  });

  scripted(
    "tcp_rfc1337: it is dropped everywhere",
    (t) => {
      timeWait(t, false);
      t.play("1 < R 2:2(0)");
      expect(t.count("timeWaits")).toBe(1);
    },
    { config: { "net.ipv4.tcp_rfc1337": 1 } },
  );
});

describe("a new SYN in TIME-WAIT (RFC 9293 §3.6.1, RFC 1122 §4.2.2.13, RFC 6191 §2)", () => {
  /** Our ISN is that of the connection before, and 65537 and what it sent. */
  function opens(t: Script, syn: string, ack: number): void {
    const before = t.flow.iss as number;
    t.play(`
      1 < ${syn}
      1 > S. ack ${ack}`);
    expect(((t.flow.iss as number) - before) | 0).toBe(2 + 65537);
    expect(t.count("timeWaits")).toBe(0);
  }

  scripted("above the last number: a new connection", (t) => {
    timeWait(t, false);
    opens(t, "S 3:3(0) win 65535 <mss 1460>", 4);
  });

  for (const seq of [2, 1, -5000])
    scripted(`at ${seq}, not above it: an ACK`, (t) => {
      timeWait(t, false);
      t.play(`
        1 < S ${seq}:${seq}(0) win 65535 <mss 1460>
        1 > . 2:2(0) ack 2`);
      expect(t.count("timeWaits")).toBe(1);
    });

  scripted("2 MSL go on: it may be new, with a lower number", (t) => {
    timeWait(t, false);
    t.play(`
      30 < S 2:2(0) win 65535 <mss 1460>
      30 > . 2:2(0) ack 2`);
    t.quiet(38);
    expect(t.count("timeWaits")).toBe(0);
  });

  scripted("below, but with a newer timestamp: a new connection", (t) => {
    timeWait(t, true);
    opens(t, "S -5000:-5000(0) win 65535 <mss 1460,sackOK,TS val 201 ecr 0>", -4999);
  });

  scripted("below, with the same timestamp: an ACK", (t) => {
    timeWait(t, true);
    t.play(`
      1 < S -5000:-5000(0) win 65535 <mss 1460,sackOK,TS val 200 ecr 0>
      1 > . 2:2(0) ack 2`);
  });

  scripted("nobody listens any more: an ACK", (t) => {
    timeWait(t, false);
    t.listener.close();
    t.play(`
      1 < S 1000:1000(0) win 65535 <mss 1460>
      1 > . 2:2(0) ack 2`);
  });

  scripted("a SYN with ACK opens nothing", (t) => {
    timeWait(t, false);
    t.play(`
      1 < S. 1000:1000(0) ack 2 win 65535 <mss 1460>
      1 > . 2:2(0) ack 2`);
  });
});
