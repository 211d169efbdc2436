import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const UNREACHABLE = 3;
const TOO_BIG = 4;

/** A segment of 1460 bytes is in flight. */
function flight(t: Script, discover = 1): void {
  t.passive();
  t.set("IP_MTU_DISCOVER", discover);
  t.write(1460);
  t.play(`> P. 1:1461(1460) ack 1 df ${discover === 1 || discover === 2 ? 1 : 0}`);
}

describe("IP_MTU_DISCOVER", () => {
  const names = ["IP_PMTUDISC_DONT: no DF", "IP_PMTUDISC_WANT: DF", "IP_PMTUDISC_DO: DF", "IP_PMTUDISC_PROBE: no DF"];
  for (const [value, name] of names.entries())
    scripted(`${name} (RFC 1191 §3)`, (t) => {
      flight(t, value);
      t.play("< . 1:1(0) ack 1461");
    });

  for (const value of [1, 2, 3])
    scripted(`${value}: what is too large goes again at once (RFC 1191 §6.4)`, (t) => {
      flight(t, value);
      t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
      t.play(`
        > . 1:961(960) ack 1
        > P. 961:1461(500) ack 1
        < . 1:1(0) ack 1461`);
      t.write(1460);
      t.play(`
        > . 1461:2421(960) ack 1
        > P. 2421:2921(500) ack 1`);
      expect([t.info("snd_mss"), t.info("pmtu")]).toEqual([960, 1000]);
    });

  scripted("0: what is too large waits for the timer (RFC 1191 §6.4)", (t) => {
    flight(t, 0);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.play(`
      +0.3~0.05 > . 1:961(960) ack 1
      < . 1:1(0) ack 1461`);
    expect([t.info("snd_mss"), t.info("pmtu")]).toEqual([960, 1000]);
  });
});

describe("a path that takes less", () => {
  for (const second of [0, 68, 100, 551])
    scripted(`MTU ${second}: 552, and no DF (RFC 1191 §5)`, (t) => {
      flight(t);
      t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second });
      t.play(`
        > . 1:513(512) ack 1 df 0
        > p. 513:1025(512) ack 1 df 0
        > P. 1025:1461(436) ack 1 df 0
        < . 1:1(0) ack 1461`);
      expect([t.info("snd_mss"), t.info("pmtu")]).toEqual([512, 552]);
    });

  scripted("552 itself keeps DF (RFC 1191 §5)", (t) => {
    flight(t);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 552 });
    t.play(`
      > . 1:513(512) ack 1 df 1
      > p. 513:1025(512) ack 1 df 1
      > P. 1025:1461(436) ack 1 df 1
      < . 1:1(0) ack 1461`);
  });

  scripted("IP_PMTUDISC_DO keeps DF below min_pmtu (RFC 1191 §5)", (t) => {
    flight(t, 2);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 100 });
    t.play(`
      > . 1:513(512) ack 1 df 1
      > p. 513:1025(512) ack 1 df 1
      > P. 1025:1461(436) ack 1 df 1
      < . 1:1(0) ack 1461`);
  });

  scripted("a second report of the same brings nothing (RFC 1191 §6.4)", (t) => {
    flight(t);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > P. 961:1461(500) ack 1`);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.quiet(0.1);
    t.play("< . 1:1(0) ack 1461");
  });

  scripted("a smaller one does (RFC 1191 §6.4)", (t) => {
    flight(t);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > P. 961:1461(500) ack 1`);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 600 });
    t.play(`
      > . 1:561(560) ack 1
      > p. 561:1121(560) ack 1
      > P. 1121:1461(340) ack 1`);
    t.play("< . 1:1(0) ack 1461");
  });

  scripted("the window is left as it is (RFC 1191 §6.4)", (t) => {
    flight(t);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > P. 961:1461(500) ack 1
      +0.1 < . 1:1(0) ack 1461`);
    expect(t.info("snd_cwnd")).toBeGreaterThanOrEqual(10);
  });

  scripted("with timestamps segments are 12 bytes less (RFC 6691 §4)", (t) => {
    t.passive("win 65535 <mss 1460,TS val 100 ecr 0>");
    t.write(1448);
    t.play("> P. 1:1449(1448) ack 1");
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1, second: 1000 });
    t.play(`
      > . 1:949(948) ack 1
      > P. 949:1449(500) ack 1
      < . 1:1(0) ack 1449`);
  });

  scripted("not believed about what was never sent (RFC 5927 §7.2)", (t) => {
    flight(t);
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 1462, second: 1000 });
    t.icmp(UNREACHABLE, TOO_BIG, { seq: 0, second: 1000 });
    t.play("+0.01 < . 1:1(0) ack 1461");
    expect([t.info("snd_mss"), t.counter("TcpExtOutOfWindowIcmps")]).toEqual([1460, 2]);
  });
});

describe("the least segment", () => {
  scripted("an MSS of 1 is taken for 48 (tcp_min_snd_mss, RFC 9293 §3.7.1)", (t) => {
    t.passive("win 65535 <mss 1>");
    t.write(100);
    t.play(`
      > . 1:49(48) ack 1
      > p. 49:97(48) ack 1
      > P. 97:101(4) ack 1
      < . 1:1(0) ack 101`);
  });

  scripted("... less the timestamps (tcp_min_snd_mss, RFC 9293 §3.7.1)", (t) => {
    t.passive("win 65535 <mss 1,TS val 1 ecr 0>");
    t.write(100);
    t.play(`
      > . 1:37(36) ack 1
      > p. 37:73(36) ack 1
      > P. 73:101(28) ack 1
      < . 1:1(0) ack 101`);
  });

  scripted("TCP_MAXSEG on a connection changes nothing (RFC 9293 §3.7.1)", (t) => {
    t.passive();
    t.set("TCP_MAXSEG", 500);
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
  });
});

const probing = (value: number): { config: Record<string, number> } => ({
  config: { "net.ipv4.tcp_mtu_probing": value },
});
const FLIGHT = 10_361;

/** Ten segments of tcp_base_mss and 12 bytes, as if there were timestamps, are acknowledged: a probe is in the second flight. */
function search(t: Script, sack: string): void {
  t.active(`win 65535 <mss 1460${sack}>`);
  t.write(26_900);
  for (let i = 0; i < 10; i++) t.play(`> p. ${1 + i * 1036}:${1037 + i * 1036}(1036) ack 1`);
  t.play(`
    +0.1 < . 1:1(0) ack ${FLIGHT}
    > . 10361:11603(1242) ack 1`);
  for (let at = 11_603; at < 26_901; at += 1036) {
    const end = Math.min(at + 1036, 26_901);
    t.play(`> p. ${at}:${end}(${end - at}) ack 1`);
  }
}

describe("packetization layer path MTU discovery", () => {
  scripted(
    "tcp_mtu_probing 2: begins with tcp_base_mss, and a probe that arrives counts (RFC 4821 §7.6.1)",
    (t) => {
      search(t, "");
      t.play("+0.1 < . 1:1(0) ack 11603");
      expect([t.info("snd_mss"), t.counter("TcpExtTCPMTUPSuccess")]).toEqual([1242, 1]);
      t.play("< . 1:1(0) ack 26901");
      t.write(1300);
      t.play(`
        > . 26901:28143(1242) ack 1
        > P. 28143:28201(58) ack 1`);
    },
    probing(2),
  );

  scripted(
    "one that is lost is no congestion (RFC 4821 §7.6.2)",
    (t) => {
      search(t, "");
      t.play(`
        +0.1 < . 1:1(0) ack 10361
        < . 1:1(0) ack 10361
        < . 1:1(0) ack 10361
        > . 10361:11397(1036) ack 1
        > p. 11397:11603(206) ack 1`);
      expect([t.info("snd_mss"), t.counter("TcpExtTCPMTUPFail")]).toEqual([1036, 1]);
      t.play("+0.1 < . 1:1(0) ack 26901");
      expect(t.counter("TcpExtTCPMTUPSuccess")).toBe(0);
    },
    probing(2),
  );

  scripted(
    "... known by SACK (RFC 4821 §7.6.2)",
    (t) => {
      search(t, ",sackOK");
      t.play(`
        +0.1 < . 1:1(0) ack 10361 <nop,nop,sack 11603:12639>
        < . 1:1(0) ack 10361 <nop,nop,sack 11603:13675>
        < . 1:1(0) ack 10361 <nop,nop,sack 11603:14711>
        > . 10361:11397(1036) ack 1
        > p. 11397:11603(206) ack 1`);
      expect([t.info("snd_mss"), t.counter("TcpExtTCPMTUPFail")]).toEqual([1036, 1]);
      t.play("+0.1 < . 1:1(0) ack 26901");
    },
    probing(2),
  );

  scripted(
    "tcp_mtu_probing 1: a black hole is found at tcp_retries1, and halved (RFC 4821 §7.6.3)",
    (t) => {
      t.passive();
      t.write(1460);
      t.play(`
        > P. 1:1461(1460) ack 1
        +0.3~0.2 > P. 1:1461(1460) ack 1
        +0.6~0.2 > P. 1:1461(1460) ack 1
        +1.2~0.3 > P. 1:1461(1460) ack 1
        +2.4~0.5 > . 1:1025(1024) ack 1
        +4.8~0.9 > . 1:513(512) ack 1`);
      expect([t.info("snd_mss"), t.info("pmtu")]).toEqual([512, 1500]);
      t.play("< . 1:1(0) ack 513");
      t.takeAll();
      t.play("+0.01 < . 1:1(0) ack 1461");
    },
    probing(1),
  );

  scripted("tcp_mtu_probing 0: the segment keeps its size (RFC 4821 §7.6.3)", (t) => {
    t.passive();
    t.write(1460);
    t.play(`
      > P. 1:1461(1460) ack 1
      +0.3~0.2 > P. 1:1461(1460) ack 1
      +0.6~0.2 > P. 1:1461(1460) ack 1
      +1.2~0.3 > P. 1:1461(1460) ack 1
      +2.4~0.5 > P. 1:1461(1460) ack 1
      < . 1:1(0) ack 1461`);
  });
});
