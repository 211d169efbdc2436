import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";
import { tenOut } from "./flights.js";

const WIDE = "win 65535 <mss 1000,nop,wscale 7>";
const BBR = { config: { "net.ipv4.tcp_congestion_control": "bbr" } };

/** Two segments from `seq` on. */
function pair(t: Script, seq: number, after = 0): void {
  t.play(`
    +${after} > . ${seq}:${seq + 1000}(1000) ack 1
    > P. ${seq + 1000}:${seq + 2000}(1000) ack 1`);
}

describe("SO_MAX_PACING_RATE", () => {
  scripted("the first ten segments go at once, what follows at that rate", (t) => {
    t.passive(WIDE);
    t.set("SO_MAX_PACING_RATE", 20_000);
    expect(t.info("max_pacing_rate")).toBe(20_000);
    expect(t.info("pacing_rate")).toBe(20_000);
    t.write(20_000);
    for (let seq = 1; seq < 10_001; seq += 2000) pair(t, seq);
    // The tenth segment is the first that counts: 0.1 s for its row, less the half for having been late
    t.play("+0.1 < . 1:1(0) ack 10001");
    pair(t, 10_001);
    pair(t, 12_001, 0.1);
    pair(t, 14_001, 0.1);
    t.play("+0.05 < . 1:1(0) ack 16001");
    pair(t, 16_001, 0.05);
    pair(t, 18_001, 0.1);
  });

  scripted("the retransmission timer waits for the pace (RFC 6298 §5.1)", (t) => {
    t.passive(WIDE);
    t.set("SO_MAX_PACING_RATE", 20_000);
    t.write(12_000);
    for (let seq = 1; seq < 10_001; seq += 2000) pair(t, seq);
    t.play("+0.1 < . 1:1(0) ack 10001");
    pair(t, 10_001);
    // 0.3 s, and the 0.1 s by which what would come next is put off
    t.play("+0.4 > . 10001:11001(1000) ack 1");
  });

  scripted("a byte a second: what follows is half an hour away", (t) => {
    t.passive("win 65535 <mss 1460,nop,wscale 7>");
    t.set("SO_MAX_PACING_RATE", 1);
    t.write(20_000);
    expect(t.takeAll().length).toBe(10);
    t.play("+0.1 < . 1:1(0) ack 14601");
    t.quiet(100, 1);
    expect(t.info("unacked")).toBe(0);
  });

  scripted("is told as it was set, and inherited", (t) => {
    t.listen(80, undefined, { SO_MAX_PACING_RATE: 50_000 });
    t.handshake(WIDE);
    t.accept();
    expect(t.socket.getOption("SO_MAX_PACING_RATE")).toBe(50_000);
    expect(t.info("pacing_rate")).toBe(50_000);
  });

  scripted(
    "-1, or the largest number of 32 bits, is no limit",
    (t) => {
      t.passive(WIDE);
      expect(t.socket.getOption("SO_MAX_PACING_RATE")).toBe(4294967295);
      t.set("SO_MAX_PACING_RATE", 50_000);
      t.set("SO_MAX_PACING_RATE", -1);
      expect(t.info("max_pacing_rate")).toBe(2 ** 64);
    },
    { linux: "the kernel tells more than 4 bytes" },
  );
});

describe("BBR", () => {
  scripted(
    "does not pace the first ten segments; at less than 1.2 Mbit/s it sends segment by segment",
    (t) => {
      t.listen();
      t.handshake(WIDE, 0.3);
      t.accept();
      t.write(20_000);
      for (let seq = 1; seq < 10_001; seq += 1000) t.play(`> . ${seq}:${seq + 1000}(1000) ack 1`);
      t.quiet(0.1);
    },
    BBR,
  );

  scripted(
    "from there on it does",
    (t) => {
      tenOut(t, 20_000, WIDE);
      // 2/ln 2 windows a round trip
      t.play("+0.1 < . 1:1(0) ack 10001");
      pair(t, 10_001);
      // The flight before was late enough to count for half of the first pause
      pair(t, 12_001, 0.004);
      pair(t, 14_001, 0.007);
      pair(t, 16_001, 0.007);
      pair(t, 18_001, 0.007);
    },
    BBR,
  );
});
