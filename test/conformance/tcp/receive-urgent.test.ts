import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

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
});
