import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";

const OPTIONS = "<mss 1460,nop,nop,sackOK,nop,wscale 7>";

/** A passive open with ECN. */
function passive(t: Script): void {
  t.listen();
  t.play(`< SEW 0:0(0) win 65535 ${OPTIONS}
    > SE. 0:0(0) ack 1
    +0.1 < . 1:1(0) ack 1`);
  t.accept();
}

/** Segments read at once until the quick ACKs are gone. @returns the next number */
function settled(t: Script): number {
  passive(t);
  let seq = 1;
  for (let i = 0; i < 30; i++) {
    t.play(`< [ect0] . ${seq}:${seq + 1460}(1460) ack 1`);
    t.skip(0.001);
    t.read(1460);
    seq += 1460;
  }
  t.skip(0.1);
  return seq;
}

describe("congestion that routers have seen (RFC 3168 §6.1.3)", () => {
  scripted("CE is echoed in every ACK until the peer has heard of it", (t) => {
    passive(t);
    t.play(`
      +0.01 < [ect0] . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001
      +0.01 < [ce] . 1001:2001(1000) ack 1
      > E. 1:1(0) ack 2001
      +0.01 < [ect0] . 2001:3001(1000) ack 1
      > E. 1:1(0) ack 3001
      +0.01 < [ect0] W. 3001:4001(1000) ack 1
      > . 1:1(0) ack 4001
      +0.01 < [ect0] . 4001:5001(1000) ack 1
      > . 1:1(0) ack 5001`);
  });

  scripted("CE in the segment that bears CWR is new congestion", (t) => {
    passive(t);
    t.play(`
      +0.01 < [ce] . 1:1001(1000) ack 1
      > E. 1:1(0) ack 1001
      +0.01 < [ce] W. 1001:2001(1000) ack 1
      > E. 1:1(0) ack 2001`);
  });

  scripted("CE and CWR are answered at once", (t) => {
    const seq = settled(t);
    t.play(`
      < [ce] . ${seq}:${seq + 1460}(1460) ack 1
      > E. 1:1(0) ack ${seq + 1460}
      +0.005 < [ect0] . ${seq + 1460}:${seq + 2920}(1460) ack 1
      > E. 1:1(0) ack ${seq + 2920}
      +0.005 < [ect0] W. ${seq + 2920}:${seq + 4380}(1460) ack 1
      > . 1:1(0) ack ${seq + 4380}`);
  });

  scripted("a segment without ECT is one sent again: its ACK does not wait", (t) => {
    const seq = settled(t);
    t.play(`
      < . ${seq}:${seq + 1000}(1000) ack 1
      > . 1:1(0) ack ${seq + 1000}`);
  });

  scripted("without ECN agreed CE means nothing", (t) => {
    t.passive(`win 65535 ${OPTIONS}`);
    t.play(`
      +0.01 < [ce] . 1:1001(1000) ack 1
      > . 1:1(0) ack 1001`);
  });
});
