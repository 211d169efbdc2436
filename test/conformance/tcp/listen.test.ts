import { describe, expect, it } from "vitest";
import { Script, scripted } from "../harness.js";

function open(t: Script, port: number): void {
  t.play(`
    < [${port}] S 0:0(0) win 65535 <mss 1460>
    > [${port}] S. 0:0(0) ack 1
    < [${port}] . 1:1(0) ack 1`);
}

describe("the backlog", () => {
  scripted("one more than it says fits; the next SYN is dropped, until somebody accepts", (t) => {
    t.listen(80, 1);
    open(t, 40001);
    open(t, 40002);
    t.play("< [40003] S 0:0(0) win 65535 <mss 1460>");
    expect([t.counter("TcpExtListenOverflows"), t.counter("TcpExtListenDrops")]).toEqual([1, 1]);
    t.accept();
    open(t, 40003);
  });

  scripted("full when the handshake completes: the ACK is dropped, and there is none sent again", (t) => {
    t.listen(80, 0);
    t.play(`
      < [40001] S 0:0(0) win 65535 <mss 1460>
      > [40001] S. 0:0(0) ack 1
      < [40002] S 0:0(0) win 65535 <mss 1460>
      > [40002] S. 0:0(0) ack 1
      < [40001] . 1:1(0) ack 1
      < [40002] . 1:1(0) ack 1`);
    t.quiet(4);
    expect(t.counter("TcpExtListenOverflows")).toBe(1);
    t.accept();
    expect(t.listener.accept()).toBe(null);
    t.play("< [40002] . 1:1(0) ack 1");
    t.accept();
    expect(t.socket.remotePort).toBe(40002);
  });

  scripted(
    "tcp_max_syn_backlog bounds the half open where there are no cookies",
    (t) => {
      t.listen();
      t.play(`
      < [40001] S 0:0(0) win 65535
      > [40001] S. 0:0(0) ack 1
      < [40002] S 0:0(0) win 65535
      > [40002] S. 0:0(0) ack 1
      < [40003] S 0:0(0) win 65535
      > [40003] S. 0:0(0) ack 1
      < [40004] S 0:0(0) win 65535
      > [40004] S. 0:0(0) ack 1
      < [40005] S 0:0(0) win 65535`);
      expect(t.counter("TcpExtListenDrops")).toBe(1);
    },
    { config: { "net.ipv4.tcp_max_syn_backlog": 4, "net.ipv4.tcp_syncookies": 0 } },
  );

  scripted(
    "somaxconn bounds the backlog",
    (t) => {
      t.listen(80, 1000);
      open(t, 40001);
      open(t, 40002);
      t.play("< [40003] S 0:0(0) win 65535 <mss 1460>");
    },
    { config: { "net.core.somaxconn": 1 } },
  );

  scripted("accept gives them in the order of their completion", (t) => {
    t.listen();
    for (const port of [40003, 40001, 40002]) open(t, port);
    expect([t.accept(), t.accept(), t.accept()].map((s) => s.remotePort)).toEqual([40003, 40001, 40002]);
    expect(t.listener.accept()).toBe(null);
  });

  scripted("one reset while it waits is accepted all the same, and says so", (t) => {
    t.listen();
    open(t, 40001);
    t.play("< [40001] R 1:1(0)");
    t.accept();
    expect(t.tryRead(1)).toBe(-104);
  });
});

describe("initial sequence numbers (RFC 6528)", () => {
  scripted(
    "rise by one in 4 us for one tuple (RFC 9293 §3.4.1)",
    (t) => {
      t.listen();
      const iss: number[] = [];
      for (let i = 0; i < 4; i++) {
        t.play(`
        < S 0:0(0) win 65535
        > S. 0:0(0) ack 1
        < R 1:1(0)
        `);
        iss.push(t.flow.iss as number);
        t.quiet(0.1);
      }
      for (let i = 1; i < 4; i++) {
        const rise = ((iss[i] as number) - (iss[i - 1] as number)) | 0;
        expect(rise).toBeGreaterThanOrEqual(25_000);
        expect(rise).toBeLessThan(25_001);
      }
    },
    { linux: "its clock ticks every 64 ns" },
  );

  scripted("differ from tuple to tuple", (t) => {
    t.listen();
    const seen = new Set<number>();
    for (let port = 1; port <= 50; port++) {
      t.play(`
        < [${port}] S 0:0(0) win 65535
        > [${port}] S. 0:0(0) ack 1
        < [${port}] R 1:1(0)`);
      seen.add(Math.floor((t.flowOf(80, port).iss as number) / 2 ** 20));
    }
    expect(seen.size).toBeGreaterThan(45);
  });

  it("differ from stack to stack", async () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 5; seed++) {
      const t = await Script.create({ seed });
      t.listen();
      t.play(`
        < S 0:0(0) win 65535
        > S. 0:0(0) ack 1`);
      seen.add(t.flow.iss as number);
      await t.stack.close();
    }
    expect(seen.size).toBe(5);
  });
});

describe("time that has run for long", () => {
  // Ticks are int32 milliseconds: they turn negative after 24.8 days, and wrap after 49.7
  for (const days of [24.8551, 30, 49.71, 60])
    scripted(
      `after ${days} days: handshake, delayed ACK, challenge, retransmission, TIME-WAIT`,
      (t) => {
        t.passive();
        t.set("TCP_QUICKACK", 0);
        t.play(`
        < P. 1:11(10) ack 1
        +0.04 > . 1:1(0) ack 11
        < R 100:100(0)
        > . 1:1(0) ack 11`);
        t.read(10);
        t.write(10);
        t.play(`
        +0 > P. 1:11(10) ack 11
        +0.3 > P. 1:11(10) ack 11
        +0.6 > P. 1:11(10) ack 11
        +0.1 < . 11:11(0) ack 11`);
        t.close();
        t.play(`
        > F. 11:11(0) ack 11
        < F. 11:11(0) ack 12
        > . 12:12(0) ack 12`);
        t.quiet(60);
        expect(t.count("timeWaits")).toBe(0);
      },
      { start: days * 86400 - 0.5 },
    );
});
