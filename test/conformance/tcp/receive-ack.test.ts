import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const SYN = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";
const MSS = 1460;

/** The peer sends `n` full segments from `seq` on, each read at once: enough of them use the quick ACKs up. */
function stream(t: Script, seq: number, n: number, after = "0"): number {
  for (let i = 0; i < n; i++) {
    t.play(`+${after} < . ${seq}:${seq + MSS}(${MSS}) ack 1`);
    t.skip(0.001);
    t.read(MSS);
    t.skip(0.001);
    seq += MSS;
  }
  return seq;
}

/** An open connection whose quick ACKs are gone, nothing owed. @returns the next sequence number */
function settled(t: Script, syn = SYN, listen = {}): number {
  t.passive(syn, listen);
  const seq = stream(t, 1, 30);
  t.skip(0.1);
  return seq;
}

describe("acknowledging data (RFC 9293 §3.8.6.3, RFC 5681 §4.2)", () => {
  scripted("the first segments are acknowledged one by one, and the window opens by two segments each time", (t) => {
    t.passive(SYN);
    const windows = [
      525, 548, 571, 594, 592, 581, 570, 559, 548, 537, 526, 515, 504, 493, 482, 471, 460, 449, 438, 427,
    ];
    windows.forEach((window, i) => {
      t.play(`+0.003 < . ${1 + i * MSS}:${1 + (i + 1) * MSS}(${MSS}) ack 1
        > . 1:1(0) ack ${1 + (i + 1) * MSS} win ${window}`);
    });
    // Unread, they could only say that there is less room
    t.play(`+0.003 < . 29201:30661(1460) ack 1
      +0.003 < . 30661:32121(1460) ack 1
      +0.003 < . 32121:33581(1460) ack 1
      +0.034 > . 1:1(0) ack 33581`);
  });

  scripted("quick ACKs end when half of a small buffer is full", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    t.play(`
      +0.05 < . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001 win 3380
      +0.05 < . 1001:2001(1000) ack 1
      > . 1:1(0) ack 2001 win 2380
      +0.05 < . 2001:3001(1000) ack 1
      +0.04 > . 1:1(0) ack 3001 win 1380`);
  });

  scripted("then every second segment is, once it has been read", (t) => {
    let seq = settled(t);
    for (let i = 0; i < 4; i++) {
      t.play(`+0.005 < . ${seq}:${seq + MSS}(${MSS}) ack 1`);
      t.read(MSS);
      t.quiet(0.005);
      seq += MSS;
      t.play(`< . ${seq}:${seq + MSS}(${MSS}) ack 1
        > . 1:1(0) ack ${seq + MSS}`);
      t.read(MSS);
      seq += MSS;
    }
  });

  scripted(
    "two segments unread are acknowledged when they are read",
    (t) => {
      const seq = settled(t);
      t.play(`+0.005 < . ${seq}:${seq + 4 * MSS}(${4 * MSS}) ack 1`);
      t.skip(0.1);
      t.play(`
      +0.005 < . ${seq + 4 * MSS}:${seq + 5 * MSS}(${MSS}) ack 1
      +0.005 < . ${seq + 5 * MSS}:${seq + 6 * MSS}(${MSS}) ack 1`);
      t.read(6 * MSS);
      t.play(`> . 1:1(0) ack ${seq + 6 * MSS}`);
    },
    { mtu: 9000 },
  );

  scripted("one segment alone waits 40 ms", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < . ${seq}:${seq + MSS}(${MSS}) ack 1
      +0.04 > . 1:1(0) ack ${seq + MSS}`);
  });

  scripted("a small segment waits 40 ms while it is unread", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1
      +0.04 > . 1:1(0) ack ${seq + 100}`);
  });

  scripted("reading the last of a small segment acknowledges it: more may not come before", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1`);
    t.read(60);
    t.quiet(0.005);
    t.read(40);
    t.play(`> . 1:1(0) ack ${seq + 100}`);
  });

  scripted("so does reading a full one with PSH", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + MSS}(${MSS}) ack 1`);
    t.read(MSS);
    t.play(`> . 1:1(0) ack ${seq + MSS}`);
  });

  scripted("an answer bears the ACK, and the next one waits for an answer, too", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1`);
    t.write(10);
    t.play(`> P. 1:11(10) ack ${seq + 100}
      +0.005 < P. ${seq + 100}:${seq + 200}(100) ack 11`);
    t.read(200);
    t.quiet(0.02);
    t.write(10);
    t.play(`> P. 11:21(10) ack ${seq + 200}`);
  });

  scripted("no answer comes: the ACK goes after 40 ms, and the conversation is over", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1`);
    t.write(10);
    t.play(`> P. 1:11(10) ack ${seq + 100}
      +0.005 < P. ${seq + 100}:${seq + 200}(100) ack 11`);
    t.read(200);
    t.play(`+0.04 > . 11:11(0) ack ${seq + 200}
      +0.05 < P. ${seq + 200}:${seq + 300}(100) ack 11`);
    t.read(100);
    t.play(`> . 11:11(0) ack ${seq + 300}`);
  });

  scripted("a delayed ACK that had to be sent makes the next delay longer", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1
      +0.04 > . 1:1(0) ack ${seq + 100}
      +0.06 < P. ${seq + 100}:${seq + 200}(100) ack 1
      +0.08 > . 1:1(0) ack ${seq + 200}`);
    t.about("ato", 160_000, 1000);
  });

  scripted("but no longer than a round trip", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1
      +0.04 > . 1:1(0) ack ${seq + 100}
      +0.06 < P. ${seq + 100}:${seq + 200}(100) ack 1
      +0.08 > . 1:1(0) ack ${seq + 200}
      +0.18 < P. ${seq + 200}:${seq + 300}(100) ack 1
      +0.1 > . 1:1(0) ack ${seq + 300}`);
  });

  scripted("segments that follow each other closely bring it down again", (t) => {
    const seq = settled(t);
    t.play(`+0.005 < P. ${seq}:${seq + 100}(100) ack 1
      +0.04 > . 1:1(0) ack ${seq + 100}
      +0.005 < P. ${seq + 100}:${seq + 200}(100) ack 1`);
    t.about("ato", 85_000, 8000);
    t.play(`+0.005 < P. ${seq + 200}:${seq + 300}(100) ack 1`);
    t.about("ato", 62_000, 5000);
    t.skip(0.2);
  });

  scripted("after a silence of an RTO the peer is acknowledged quickly again", (t) => {
    const seq = settled(t);
    t.play(`+1 < . ${seq}:${seq + MSS}(${MSS}) ack 1
      > . 1:1(0) ack ${seq + MSS}
      +0.005 < . ${seq + MSS}:${seq + 2 * MSS}(${MSS}) ack 1
      > . 1:1(0) ack ${seq + 2 * MSS}`);
  });

  scripted("the peer's segment size is learnt when it is smaller than ours", (t) => {
    t.passive(SYN);
    for (let i = 0; i < 3; i++) {
      t.play(`< . ${1 + 1000 * i}:${1001 + 1000 * i}(1000) ack 1`);
      t.skip(0.005);
    }
    t.read(3000);
    t.skip(0.1);
    expect(t.info("rcv_mss")).toBe(1000);
    t.play("< . 3001:3701(700) ack 1");
    t.skip(0.1);
    expect(t.info("rcv_mss")).toBe(1000);
    t.play("< . 3701:4401(700) ack 1");
    t.skip(0.1);
    expect(t.info("rcv_mss")).toBe(700);
  });

  scripted(
    "one batch in order is one ACK, as of one packet that GRO made",
    (t) => {
      t.passive(SYN);
      t.play(`<& . 1:1461(1460) ack 1
      <& . 1461:2921(1460) ack 1
      <& . 2921:4381(1460) ack 1
      < . 4381:5841(1460) ack 1
      > . 1:1(0) ack 5841`);
    },
    { linux: "its GRO does not see what a TUN device injects" },
  );
});

describe("acknowledging FIN (RFC 9293 §3.10.7.4)", () => {
  scripted("with nothing before it, at once", (t) => {
    t.passive(SYN);
    t.play(`+0.01 < F. 1:1(0) ack 1
      > . 1:1(0) ack 2`);
  });

  scripted("after data it waits for the application to close, 40 ms", (t) => {
    t.passive(SYN);
    stream(t, 1, 3);
    t.play(`+0.05 < F. 4381:4381(0) ack 1
      +0.04 > . 1:1(0) ack 4382`);
  });

  scripted("and goes with our FIN if it does", (t) => {
    t.passive(SYN);
    stream(t, 1, 3);
    t.play("+0.05 < F. 4381:4381(0) ack 1");
    t.quiet(0.01);
    t.close();
    t.play("> F. 1:1(0) ack 4382");
  });

  scripted("in FIN-WAIT-2 at once", (t) => {
    t.passive(SYN);
    stream(t, 1, 3);
    t.shutdown();
    t.play(`> F. 1:1(0) ack 4381
      +0.01 < . 4381:4381(0) ack 2
      +0.01 < F. 4381:4381(0) ack 2
      > . 2:2(0) ack 4382`);
  });

  scripted("one that comes again is answered at once, and reported as a duplicate", (t) => {
    t.passive(SYN);
    stream(t, 1, 3);
    t.play(`+0.05 < F. 4381:4381(0) ack 1
      +0.04 > . 1:1(0) ack 4382
      +0.2 < F. 4381:4381(0) ack 1
      > . 1:1(0) ack 4382 <nop,nop,sack 4381:4382>`);
  });
});
