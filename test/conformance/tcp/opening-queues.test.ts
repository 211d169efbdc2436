import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const OPTIONS = "<mss 1460>";

function syn(port: number): string {
  return `
    < [${port}] S 0:0(0) win 65535 ${OPTIONS}
    > [${port}] S. 0:0(0) ack 1`;
}

function open(t: Script, port: number): void {
  t.play(`${syn(port)}
    < [${port}] . 1:1(0) ack 1`);
}

describe("the accept queue (RFC 9293 §3.10.1 leaves its length to us; as Linux)", () => {
  scripted("full: a SYN is dropped", (t) => {
    t.listen(80, 1);
    open(t, 40001);
    open(t, 40002);
    t.play(`< [40003] S 0:0(0) win 65535 ${OPTIONS}`);
    t.quiet(0.5);
    expect([t.counter("TcpExtListenOverflows"), t.counter("TcpExtListenDrops")]).toEqual([1, 1]);
    t.accept();
    open(t, 40003);
  });

  /** One in the queue, which has room for one more; two half open. */
  function crowd(t: Script): void {
    t.listen(80, 1);
    open(t, 40000);
    t.play(`
      0 < [40001] S 0:0(0) win 65535 ${OPTIONS}
      0 > [40001] S. 0:0(0) ack 1
      0 < [40002] S 0:0(0) win 65535 ${OPTIONS}
      0 > [40002] S. 0:0(0) ack 1
      0 < [40001] . 1:1(0) ack 1
      0 < [40002] . 1:1(0) ack 1`);
  }

  scripted("full when the ACK comes: it is dropped, the SYN-ACK goes on, a later ACK finds room", (t) => {
    crowd(t);
    t.play(`
      1 > [40002] S. 0:0(0) ack 1
      1 < [40002] . 1:1(0) ack 1
      3 > [40002] S. 0:0(0) ack 1`);
    expect(t.counter("TcpExtListenOverflows")).toBe(2);
    t.accept();
    t.play("< [40002] . 1:1(0) ack 1");
    t.accept();
    t.accept();
    expect(t.socket.remotePort).toBe(40002);
  });

  scripted("data that comes meanwhile is not acknowledged", (t) => {
    crowd(t);
    t.play(`
      0 < [40002] P. 1:11(10) ack 1
      1 > [40002] S. 0:0(0) ack 1`);
    t.accept();
    t.play(`
      < [40002] P. 1:11(10) ack 1
      > [40002] . 1:1(0) ack 11`);
  });

  scripted(
    "tcp_abort_on_overflow: reset",
    (t) => {
      crowd(t);
      t.play("> [40002] R 1:1(0) win 0");
      expect(t.count("synRecords")).toBe(0);
    },
    { config: { "net.ipv4.tcp_abort_on_overflow": 1 } },
  );

  scripted("a connection reset while it waits is accepted all the same, and says so", (t) => {
    t.listen();
    open(t, 40001);
    t.play("< [40001] R. 1:1(0) ack 1");
    t.accept();
    expect(t.tryRead(1)).toBe(-104);
  });

  scripted("the listener closes: those in its queue are reset, those half open forgotten", (t) => {
    t.listen();
    open(t, 40001);
    t.play(syn(40002));
    t.listener.close();
    t.drain();
    t.play(`
      > [40001] R. 1:1(0) ack 1
      < [40002] . 1:1(0) ack 1
      > [40002] R 1:1(0) win 0`);
  });
});

describe("the SYN queue (RFC 4987 §3.2)", () => {
  scripted(
    "without cookies: no more than the backlog and one",
    (t) => {
      t.listen(80, 2);
      t.play(syn(40001) + syn(40002) + syn(40003));
      t.play(`< [40004] S 0:0(0) win 65535 ${OPTIONS}`);
      t.quiet(0.5);
      expect([t.counter("TcpExtTCPReqQFullDrop"), t.counter("TcpExtListenDrops")]).toEqual([1, 1]);
    },
    { config: { "net.ipv4.tcp_syncookies": 0 } },
  );

  scripted(
    "without cookies: the last quarter of tcp_max_syn_backlog is kept free",
    (t) => {
      t.listen();
      for (let port = 40001; port <= 40007; port++) t.play(syn(port));
      t.play(`< [40008] S 0:0(0) win 65535 ${OPTIONS}`);
      t.quiet(0.1);
      expect(t.counter("TcpExtListenDrops")).toBe(1);
    },
    { config: { "net.ipv4.tcp_syncookies": 0, "net.ipv4.tcp_max_syn_backlog": 8 } },
  );

  scripted(
    "with cookies tcp_max_syn_backlog bounds nothing",
    (t) => {
      t.listen();
      for (let port = 40001; port <= 40010; port++) t.play(syn(port));
      expect(t.count("synRecords")).toBe(10);
    },
    { config: { "net.ipv4.tcp_max_syn_backlog": 8 } },
  );

  scripted(
    "somaxconn bounds the backlog",
    (t) => {
      t.listen(80, 1000);
      open(t, 40001);
      open(t, 40002);
      t.play(`< [40003] S 0:0(0) win 65535 ${OPTIONS}`);
      t.quiet(0.1);
    },
    { config: { "net.core.somaxconn": 1 } },
  );
});

describe("TCP_DEFER_ACCEPT (Linux)", () => {
  const deferred = (t: Script, seconds: number): void => {
    t.listen(80, undefined, { TCP_DEFER_ACCEPT: seconds });
    t.play(`
      0 < S 0:0(0) win 65535 ${OPTIONS}
      0 > S. 0:0(0) ack 1
      0.1 < . 1:1(0) ack 1`);
    expect(t.listener.accept()).toBe(null);
    expect(t.counter("TcpExtTCPDeferAcceptDrop")).toBe(1);
  };

  scripted("a bare ACK wakes nobody; data does", (t) => {
    deferred(t, 10);
    t.play(`
      0.5 < P. 1:11(10) ack 1
      0.5 > . 1:1(0) ack 11`);
    t.accept();
    t.read(10);
  });

  scripted("at the end of the period the SYN-ACK goes again, and its ACK is enough", (t) => {
    deferred(t, 3);
    t.play(`
      3 > S. 0:0(0) ack 1
      3.1 < . 1:1(0) ack 1`);
    t.accept();
    t.state("ESTABLISHED");
  });

  for (const [where, options, config] of [
    ["TCP_RTO_MAX_MS", { TCP_RTO_MAX_MS: 1000 }, {}],
    ["tcp_rto_max_ms", {}, { "net.ipv4.tcp_rto_max_ms": 1000 }],
  ] as const)
    scripted(
      `${where} makes the period no other`,
      (t) => {
        t.listen(80, undefined, { ...options, TCP_DEFER_ACCEPT: 7 });
        expect(t.listener.getOption("TCP_DEFER_ACCEPT")).toBe(7);
        t.play(`
        0 < S 0:0(0) win 65535 ${OPTIONS}
        0 > S. 0:0(0) ack 1
        0.1 < . 1:1(0) ack 1
        7 > S. 0:0(0) ack 1`);
      },
      { config },
    );

  scripted("FIN wakes as data does", (t) => {
    deferred(t, 10);
    t.play(`
      0.5 < F. 1:1(0) ack 1
      0.5 > . 1:1(0) ack 2`);
    t.accept();
    t.state("CLOSE-WAIT");
  });

  scripted("who never answered is asked again as ever", (t) => {
    t.listen(80, undefined, { TCP_DEFER_ACCEPT: 10 });
    t.play(`
      0 < S 0:0(0) win 65535 ${OPTIONS}
      0 > S. 0:0(0) ack 1
      1 > S. 0:0(0) ack 1
      3 > S. 0:0(0) ack 1`);
  });
});
