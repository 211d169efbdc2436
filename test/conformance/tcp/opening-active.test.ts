import { describe, expect } from "vitest";
import { scripted } from "../harness.js";

const ECN = { config: { "net.ipv4.tcp_ecn": 1 } };

describe("what a SYN offers (RFC 9293 §3.7.1, RFC 7323 §2 and §3, RFC 2018 §2)", () => {
  scripted("everything", (t) => {
    t.connect();
    t.play("> S 0:0(0) win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7>");
  });

  const settings: [name: string, value: number, options: string][] = [
    ["tcp_timestamps", 0, "mss 1460,nop,nop,sackOK,nop,wscale 7"],
    ["tcp_timestamps", 2, "mss 1460,sackOK,TS ecr 0,nop,wscale 7"],
    ["tcp_sack", 0, "mss 1460,nop,nop,TS ecr 0,nop,wscale 7"],
    ["tcp_window_scaling", 0, "mss 1460,sackOK,TS ecr 0"],
  ];
  for (const [name, value, options] of settings)
    scripted(
      `${name}=${value}`,
      (t) => {
        t.connect();
        t.play(`> S 0:0(0) win 64240 <${options}>`);
      },
      { config: { [`net.ipv4.${name}`]: value } },
    );

  scripted("TCP_MAXSEG", (t) => {
    t.connect(80, { TCP_MAXSEG: 1000 });
    t.play("> S 0:0(0) win 65000 <mss 1000,sackOK,TS ecr 0,nop,wscale 7>");
  });

  scripted(
    "an MTU of 9000",
    (t) => {
      t.connect();
      t.play("> S 0:0(0) win 62720 <mss 8960,sackOK,TS ecr 0,nop,wscale 7>");
    },
    { mtu: 9000 },
  );
});

describe("what a SYN-ACK agrees to", () => {
  const answers: [what: string, options: string, window: number, mss: number][] = [
    ["all of it", "mss 1460,sackOK,TS val 700,nop,wscale 7", 502, 1448],
    ["no timestamps", "mss 1460,nop,nop,sackOK,nop,wscale 7", 502, 1460],
    ["no window scale", "mss 1460,sackOK,TS val 700", 64240, 1448],
    ["nothing but an MSS", "mss 1000", 64240, 1000],
  ];
  for (const [what, options, window, mss] of answers)
    scripted(what, (t) => {
      t.connect();
      t.play(`
        > S 0:0(0)
        +0.05 < S. 0:0(0) ack 1 win 65535 <${options}>
        > . 1:1(0) ack 1 win ${window}`);
      t.about("rtt", 50_000);
      expect([t.info("snd_mss"), t.info("snd_wnd")]).toEqual([mss, 65535]);
    });

  scripted("the window of the SYN-ACK is not scaled (RFC 7323 §2.2)", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 7>
      > . 1:1(0) ack 1`);
    expect(t.info("snd_wnd")).toBe(1000);
  });

  scripted(
    "data and FIN in it are not for fast open's sake: they have to come again, as Linux has it",
    (t) => {
      t.connect();
      t.play(`
      > S 0:0(0)
      < SF. 0:50(50) ack 1 win 65535 <mss 1460>
      > . 1:1(0) ack 1
      < F. 1:51(50) ack 1
      +0.04 > . 1:1(0) ack 52`);
      t.read(50);
      expect(t.tryRead(1)).toBe(0);
    },
    {},
  );
});

describe("asking for ECN (RFC 3168 §6.1.1)", () => {
  scripted(
    "tcp_ecn=1: the SYN asks, the SYN-ACK agrees, data is ECN-capable",
    (t) => {
      t.connect();
      t.play(`
      > [noecn] SEW 0:0(0)
      < SE. 0:0(0) ack 1 win 65535 <mss 1460>
      > [noecn] . 1:1(0) ack 1`);
      t.write(10);
      t.play("> [ect0] P. 1:11(10) ack 1");
    },
    ECN,
  );

  scripted(
    "a SYN-ACK of S. does not agree; what one with CWR or AE means, accecn.test.ts says",
    (t) => {
      t.connect();
      t.play(`
        > SEW 0:0(0)
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > . 1:1(0) ack 1`);
      t.write(10);
      t.play("> [noecn] P. 1:11(10) ack 1");
    },
    ECN,
  );

  scripted(
    "a SYN sent again no longer asks (§6.1.1.1)",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +1 > S 0:0(0)`);
    },
    ECN,
  );

  scripted(
    "tcp_ecn_fallback=0: it does",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      +1 > SEW 0:0(0)`);
    },
    { config: { ...ECN.config, "net.ipv4.tcp_ecn_fallback": 0 } },
  );
});

describe("shutdown and write before ESTABLISHED", () => {
  scripted("a write in SYN-SENT: EAGAIN", (t) => {
    t.connect();
    t.play("> S 0:0(0)");
    expect(t.tryWrite(10)).toBe(-11);
  });

  for (const how of ["write", "read", "both"] as const)
    scripted(`shutdown("${how}") in SYN-SENT gives the attempt up: ECONNRESET`, (t) => {
      t.connect();
      t.play("> S 0:0(0)");
      t.shutdown(how);
      t.state("CLOSED");
      expect(t.error()).toBe("ECONNRESET");
      t.play(`
        < S. 0:0(0) ack 1 win 65535 <mss 1460>
        > R 1:1(0) win 0`);
    });
});

describe("simultaneous open (RFC 9293 §3.5, figure 8)", () => {
  scripted("the SYN-ACK offers what the SYN did", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < S 0:0(0) win 1000 <mss 1460>
      > S. 0:0(0) ack 1 win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7>`);
  });

  scripted(
    "with ECN",
    (t) => {
      t.connect();
      t.play(`
      > SEW 0:0(0)
      < SEW 0:0(0) win 1000 <mss 1460>
      > SE. 0:0(0) ack 1`);
    },
    ECN,
  );
});
