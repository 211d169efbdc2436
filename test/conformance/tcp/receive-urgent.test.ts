import { describe, expect } from "vitest";
import { EAGAIN } from "../../../src/base/errors.js";
import { type Script, scripted } from "../harness.js";
import { counts, tells } from "./flights.js";

const SYN = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";

describe("urgent data received (RFC 9293 §3.8.5, RFC 6093)", () => {
  scripted("a read stops in front of the urgent octet, which is not part of the stream", (t) => {
    t.passive(SYN);
    t.play(`+0.01 < PU. 1:11(10) ack 1 urg 5
      > . 1:1(0) ack 11`);
    const data = new Uint8Array(100);
    expect(t.socket.read(data)).toBe(4);
    expect(t.socket.read(data)).toBe(5);
    t.skip(0.1);
  });

  scripted("SO_OOBINLINE: it is, and a read stops in front of it all the same", (t) => {
    t.passive(SYN, { SO_OOBINLINE: 1 });
    t.play(`+0.01 < PU. 1:11(10) ack 1 urg 5
      > . 1:1(0) ack 11`);
    t.read(4);
    t.read(6);
    t.skip(0.1);
  });

  scripted(
    "tcp_stdurg 1: the pointer means the octet itself",
    (t) => {
      t.passive(SYN);
      t.play(`+0.01 < PU. 1:11(10) ack 1 urg 5
        > . 1:1(0) ack 11`);
      const data = new Uint8Array(100);
      expect(t.socket.read(data)).toBe(5);
      expect(t.socket.read(data)).toBe(4);
      t.skip(0.1);
    },
    { config: { "net.ipv4.tcp_stdurg": 1 } },
  );

  scripted("the pointer may come before the octet", (t) => {
    t.passive(SYN);
    t.play(`+0.01 < U. 1:1(0) ack 1 urg 3
      +0.01 < P. 1:6(5) ack 1
      > . 1:1(0) ack 6`);
    const data = new Uint8Array(100);
    expect(t.socket.read(data)).toBe(2);
    expect(t.socket.read(data)).toBe(2);
    t.skip(0.1);
  });

  scripted("an old pointer is nothing", (t) => {
    t.passive(SYN);
    t.play(`+0.01 < P. 1:11(10) ack 1
      > . 1:1(0) ack 11
      +0.01 < PU. 11:21(10) ack 1 urg 0`);
    t.skip(0.1);
    t.read(10);
    t.skip(0.1);
  });

  /** Ten segments of one urgent octet, 4 ms apart; `after` each of them. */
  function tenUrgent(t: Script, after: () => void): void {
    for (let seq = 1; seq < 11; seq++) {
      t.play(`+0.004 < PU. ${seq}:${seq + 1}(1) ack 1 urg 1`);
      after();
      t.takeAll();
    }
    // The last of their ACKs
    t.skip(0.05);
  }

  /** Five segments of 2304 bytes of memory, the fifth of which there is room for only if nothing else is held. */
  function fiveFit(t: Script): void {
    for (let seq = 11; seq < 5011; seq += 1000) {
      t.play(`+0.004 < P. ${seq}:${seq + 1000}(1000) ack 1`);
      t.takeAll();
    }
    t.skip(0.05);
    counts(t, { TcpExtPruneCalled: 0, TcpExtTCPRcvQDrop: 0 });
    tells(t, { bytes_received: 5010 });
  }

  scripted("octets that reads pass over give their memory back", (t) => {
    t.passive(SYN);
    t.set("SO_RCVBUF", 4700);
    tenUrgent(t, () => expect(t.socket.read(new Uint8Array(10))).toBe(-EAGAIN));
    fiveFit(t);
  });

  scripted("so do those that the next pointer passes over", (t) => {
    t.passive(SYN);
    t.set("SO_RCVBUF", 4700);
    tenUrgent(t, () => undefined);
    // It has left the last
    expect(t.socket.read(new Uint8Array(10))).toBe(-EAGAIN);
    fiveFit(t);
  });
});
