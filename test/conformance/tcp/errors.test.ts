import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";
import { decode } from "../harness-wire.js";

const UNREACHABLE = 3;
const TIME_EXCEEDED = 11;

function lastSent(t: Script): { dontFragment: boolean; length: number } {
  const wire = decode((t.link.sent.at(-1) as { packet: Uint8Array }).packet);
  return { dontFragment: wire?.dontFragment ?? false, length: wire?.payload.length ?? -1 };
}

describe("ICMP errors in SYN-SENT end the attempt, as Linux has it", () => {
  const cases: readonly (readonly [string, number, number, string])[] = [
    ["network unreachable", UNREACHABLE, 0, "ENETUNREACH"],
    ["host unreachable", UNREACHABLE, 1, "EHOSTUNREACH"],
    ["protocol unreachable", UNREACHABLE, 2, "ENOPROTOOPT"],
    ["port unreachable", UNREACHABLE, 3, "ECONNREFUSED"],
    ["administratively prohibited", UNREACHABLE, 13, "EHOSTUNREACH"],
    ["TTL exceeded", TIME_EXCEEDED, 0, "EHOSTUNREACH"],
  ];
  for (const [name, type, code, errno] of cases)
    scripted(`${name}: ${errno}`, (t) => {
      t.connect();
      t.play("> S 0:0(0)");
      t.icmp(type, code);
      t.state("CLOSED");
      expect(t.error()).toBe(errno);
      t.quiet(200, 4);
    });

  scripted("not when it quotes another sequence number", (t) => {
    t.connect();
    t.play("> S 0:0(0)");
    t.icmp(UNREACHABLE, 1, { seq: 5 });
    t.state("SYN-SENT");
    expect(t.counter("TcpExtOutOfWindowIcmps")).toBe(1);
  });

  scripted("source quench is ignored (RFC 6633)", (t) => {
    t.connect();
    t.play("> S 0:0(0)");
    t.icmp(4, 0);
    t.state("SYN-SENT");
  });
});

describe("ICMP errors about an established connection (RFC 1122 §4.2.3.9, RFC 5927)", () => {
  for (const code of [0, 1, 2, 3, 13])
    scripted(`unreachable, code ${code}, does not end it`, (t) => {
      t.passive();
      t.write(100);
      t.play("> P. 1:101(100) ack 1");
      t.icmp(UNREACHABLE, code, { seq: 1 });
      t.state("ESTABLISHED");
      t.play("< . 1:1(0) ack 101");
      expect(t.error()).toBe("");
    });

  scripted(
    "but says why, when it times out",
    (t) => {
      t.passive();
      t.write(100);
      t.play("> P. 1:101(100) ack 1");
      t.icmp(UNREACHABLE, 1, { seq: 1 });
      t.skip(10);
      expect([t.socket.state, t.error()]).toEqual(["CLOSED", "EHOSTUNREACH"]);
    },
    { config: { "net.ipv4.tcp_retries2": 2 } },
  );

  scripted(
    "and is forgotten when there is progress",
    (t) => {
      t.passive();
      t.write(100);
      t.play("> P. 1:101(100) ack 1");
      t.icmp(UNREACHABLE, 1, { seq: 1 });
      t.play("< . 1:1(0) ack 101");
      t.write(100);
      t.play("> P. 101:201(100) ack 1");
      t.skip(10);
      expect(t.error()).toBe("ETIMEDOUT");
    },
    { config: { "net.ipv4.tcp_retries2": 2 } },
  );
});

describe("path MTU discovery (RFC 1191)", () => {
  scripted("segments go out with DF", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    expect(lastSent(t).dontFragment).toBe(true);
  });

  scripted("fragmentation needed: smaller segments at once, and from then on", (t) => {
    t.passive();
    t.write(3000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > P. 2921:3001(80) ack 1`);
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > p. 961:1921(960) ack 1
      > . 1921:2881(960) ack 1
      > P. 2881:2921(40) ack 1
      +0.1 < . 1:1(0) ack 3001`);
    expect([t.info("snd_mss"), t.info("pmtu"), t.info("snd_cwnd") >= 10]).toEqual([960, 1000, true]);
    t.write(1000);
    t.play(`
      > . 3001:3961(960) ack 1
      > P. 3961:4001(40) ack 1`);
  });

  scripted("what was learnt is forgotten after 10 minutes (§6.3)", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > P. 961:1461(500) ack 1
      < . 1:1(0) ack 1461`);
    t.quiet(600);
    t.write(1);
    t.play(`
      > P. 1461:1462(1) ack 1
      < . 1:1(0) ack 1462`);
    t.write(1460);
    t.play("> P. 1462:2922(1460) ack 1");
  });

  scripted("other connections to that address learn it with their next segment", others, {
    linux: "there it is found out by a timeout",
  });
  function others(t: Script): void {
    t.listen();
    t.handshake();
    const first = t.accept();
    t.play(`
      < [40001] S 0:0(0) win 65535 <mss 1460>
      > [40001] S. 0:0(0) ack 1
      < [40001] . 1:1(0) ack 1`);
    const second = t.accept();
    t.write(1460, first);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 1000 });
    t.play(`
      > . 1:961(960) ack 1
      > P. 961:1461(500) ack 1`);
    t.write(1460, second);
    t.play(`
      > [40001] . 1:961(960) ack 1
      > [40001] P. 961:1461(500) ack 1`);
  }

  scripted("a router that names no MTU: the least (min_pmtu 552)", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 0 });
    expect(t.info("snd_mss")).toBe(512);
    t.takeAll();
  });

  scripted("below min_pmtu it is 552, without DF", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 100 });
    t.play(`
      > . 1:513(512) ack 1
      > p. 513:1025(512) ack 1
      > P. 1025:1461(436) ack 1`);
    expect(lastSent(t).dontFragment).toBe(false);
  });

  scripted("not believed about what is not in flight", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 9000, second: 1000 });
    t.play("< . 1:1(0) ack 1461");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 1000 });
    t.write(1460);
    t.play("> P. 1461:2921(1460) ack 1");
  });

  scripted("a larger value is not believed", (t) => {
    t.passive();
    t.write(1460);
    t.play("> P. 1:1461(1460) ack 1");
    t.icmp(UNREACHABLE, 4, { seq: 1, second: 4000 });
    expect(t.info("snd_mss")).toBe(1460);
  });

  scripted("with IP_MTU_DISCOVER off there is no DF", (t) => {
    t.passive();
    t.set("IP_MTU_DISCOVER", 0);
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    expect(lastSent(t).dontFragment).toBe(false);
  });
});

describe("IP options of a socket", () => {
  scripted("IP_TTL and IP_TOS", (t) => {
    t.passive();
    t.set("IP_TTL", 7);
    t.set("IP_TOS", 0x10);
    t.write(1);
    t.play("> P. 1:2(1) ack 1");
    const wire = decode((t.link.sent.at(-1) as { packet: Uint8Array }).packet);
    expect([wire?.ttl, wire?.tos]).toEqual([7, 0x10]);
  });

  scripted(
    "ip_default_ttl",
    (t) => {
      t.passive();
      t.write(1);
      t.play("> P. 1:2(1) ack 1");
      expect(decode((t.link.sent.at(-1) as { packet: Uint8Array }).packet)?.ttl).toBe(33);
    },
    { config: { "net.ipv4.ip_default_ttl": 33 } },
  );
});
