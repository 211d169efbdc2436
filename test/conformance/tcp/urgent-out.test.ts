import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";
import { pattern } from "../harness-player.js";

function urgent(t: Script, at: number, length: number): void {
  expect(t.socket.sendUrgent(pattern(at, length))).toBe(length);
}

describe("urgent data that we send", () => {
  scripted("one octet: the pointer stands behind it (RFC 6093 §2.1)", (t) => {
    t.passive();
    urgent(t, 0, 1);
    t.play(`
      > PU. 1:2(1) ack 1 urg 1
      < . 1:1(0) ack 2`);
  });

  scripted("each segment of it tells where it ends (RFC 9293 §3.8.5)", (t) => {
    t.passive();
    urgent(t, 0, 3000);
    t.play(`
      > U. 1:1461(1460) ack 1 urg 3000
      > U. 1461:2921(1460) ack 1 urg 1540
      > PU. 2921:3001(80) ack 1 urg 80
      < . 1:1(0) ack 3001`);
  });

  scripted("text behind it is not urgent (RFC 9293 §3.8.5)", (t) => {
    t.passive();
    t.set("TCP_NODELAY", 1);
    urgent(t, 0, 1);
    t.play("> PU. 1:2(1) ack 1 urg 1");
    expect(t.socket.write(pattern(1, 10))).toBe(10);
    t.play(`
      > P. 2:12(10) ack 1
      < . 1:1(0) ack 12`);
  });

  scripted("text before it announces it (RFC 9293 §3.8.5)", (t) => {
    t.passive("win 2920 <mss 1460>");
    expect(t.socket.write(pattern(0, 4380))).toBe(4380);
    t.play(`
      > p. 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1`);
    urgent(t, 4380, 1);
    t.play(`
      +0.1 < . 1:1(0) ack 2921 win 1460
      > U. 2921:4381(1460) ack 1 urg 1461
      < . 1:1(0) ack 4381
      > PU. 4381:4382(1) ack 1 urg 1
      < . 1:1(0) ack 4382`);
  });

  scripted("Nagle does not hold it back (RFC 9293 §3.7.4)", (t) => {
    t.passive();
    expect(t.socket.write(pattern(0, 10))).toBe(10);
    t.play("> P. 1:11(10) ack 1");
    urgent(t, 10, 1);
    t.play(`
      > PU. 11:12(1) ack 1 urg 1
      < . 1:1(0) ack 12`);
  });

  scripted("sent again it is still urgent (RFC 9293 §3.8.5)", (t) => {
    t.passive();
    urgent(t, 0, 5);
    t.play(`
      > PU. 1:6(5) ack 1 urg 5
      +0.3~0.05 > PU. 1:6(5) ack 1 urg 5
      < . 1:1(0) ack 6`);
  });

  scripted("acknowledged, it is over (RFC 9293 §3.8.5)", (t) => {
    t.passive();
    urgent(t, 0, 5);
    t.play(`
      > PU. 1:6(5) ack 1 urg 5
      < . 1:1(0) ack 6`);
    expect(t.socket.write(pattern(5, 5))).toBe(5);
    t.play(`
      > P. 6:11(5) ack 1
      < . 1:1(0) ack 11`);
  });
});
