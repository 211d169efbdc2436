import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

const WIDE = "win 65535 <mss 1000,nop,wscale 7>";

/*
 * What write takes. Linux asks whether there is room when it begins a buffer, not for each byte, and counts more for a
 * buffer than its data; the numbers are such that the few bytes by which kernels differ in that do not matter.
 */
describe("how much a write takes (RFC 9293 §3.10.2)", () => {
  scripted("one large: the buffer that is begun is filled, and once more when its head has gone", (t) => {
    t.passive(WIDE);
    t.set("SO_SNDBUF", 23_040);
    expect(t.tryWrite(100_000)).toBe(75_000);
    expect(t.tryWrite(1)).toBe(-11);
    expect(t.info("notsent_bytes")).toBe(65_000);
    t.takeAll();
  });

  scripted("many small ones, each sent at once: by the cost of a segment", (t) => {
    t.passive(WIDE);
    t.set("TCP_NODELAY", 1);
    t.set("SO_SNDBUF", 0);
    expect(t.socket.getOption("SO_SNDBUF")).toBe(4608);
    const took = [1, 2, 3, 4, 5, 6, 7].map(() => t.tryWrite(1));
    expect(took).toEqual([1, 1, 1, 1, 1, 1, -11]);
    expect(t.takeAll().length).toBe(6);
    t.play("+0.1 < . 1:1(0) ack 4");
    expect([1, 2, 3, 4].map(() => t.tryWrite(1))).toEqual([1, 1, 1, -11]);
    t.takeAll();
  });

  scripted("small ones that wait are one buffer, whatever SO_SNDBUF is", (t) => {
    t.passive(WIDE);
    t.set("SO_SNDBUF", 0);
    t.play("+0.1 < . 1:1(0) ack 1 win 0");
    expect(t.tryWrite(30_000)).toBe(30_000);
    expect(t.tryWrite(30_000)).toBe(30_000);
    expect(t.tryWrite(30_000)).toBe(5000);
    expect(t.tryWrite(1)).toBe(-11);
  });

  scripted("half the largest window is the size of a buffer", (t) => {
    t.passive("win 20000 <mss 1000>");
    t.set("SO_SNDBUF", 10_000);
    expect(t.tryWrite(100_000)).toBe(20_000);
    expect(t.info("notsent_bytes")).toBe(10_000);
    t.takeAll();
  });

  scripted("what is acknowledged makes room; two thirds in use are too much to be writable", (t) => {
    t.passive(WIDE);
    t.set("SO_SNDBUF", 10_000);
    expect(t.tryWrite(12_000)).toBe(12_000);
    t.takeAll();
    expect([t.socket.poll(), t.tryWrite(1)]).toEqual([0, 1]);
    t.takeAll();
    t.play("+0.1 < . 1:1(0) ack 4001");
    t.takeAll();
    expect(t.socket.poll()).toBe(4);
  });

  scripted(
    "BBR has room for three windows",
    (t) => {
      t.passive(WIDE);
      expect(t.socket.getOption("SO_SNDBUF")).toBe(69_120);
    },
    { config: { "net.ipv4.tcp_congestion_control": "bbr" } },
  );
});
