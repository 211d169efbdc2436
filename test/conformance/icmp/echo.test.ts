import { describe, expect, it } from "vitest";
import { arp, BROADCAST_MAC, bytes, checksum, ethernet, icmp, ip, Lab, PEER_MAC } from "../../unit/ip/lab.js";

const ping = (payload: Uint8Array, fields = {}): Uint8Array => ethernet(ip(icmp(payload), { protocol: 1, ...fields }));

describe("echo (RFC 792, RFC 1122 §3.2.2.6)", () => {
  it("asks for the peer's address, then answers with the same data", () => {
    const lab = new Lab();
    lab.inject(ping(bytes(56)));
    expect(lab.lines()).toEqual(["ff:ff:ff:ff:ff:ff arp who-has 10.77.0.1 tell 10.77.0.2"]);
    lab.inject(arp({ op: 2 }));
    const [reply] = lab.take();
    const packet = reply?.bytes.slice(14) as Uint8Array;
    expect(checksum(packet.slice(0, 20))).toBe(0);
    expect(checksum(packet.slice(20))).toBe(0);
    expect([...packet.slice(20)]).toEqual([...icmp(bytes(56), { type: 0 })]);
    expect(lab.unaccounted()).toBe(0);
  });

  it("answers large, fragmented requests in fragments", () => {
    const lab = new Lab();
    lab.meetPeer();
    const whole = icmp(bytes(65_000));
    for (let at = 0; at < whole.length; at += 1480) {
      const part = whole.slice(at, at + 1480);
      lab.inject(ethernet(ip(part, { protocol: 1, offset: at, more: at + 1480 < whole.length })));
    }
    const sent = lab.take();
    expect(sent.length).toBe(Math.ceil(whole.length / 1480));
    const back = Buffer.concat(sent.map((s) => s.bytes.slice(34)));
    expect(Buffer.compare(back, Buffer.from(icmp(bytes(65_000), { type: 0 })))).toBe(0);
    expect(sent.every((s) => checksum(s.bytes.slice(14, 34)) === 0)).toBe(true);
    expect(lab.unaccounted()).toBe(0);
  });

  it.each([
    ["to a broadcast address", { dst: "10.77.0.255" }, BROADCAST_MAC],
    ["to 255.255.255.255", { dst: "255.255.255.255" }, BROADCAST_MAC],
    ["to all hosts", { dst: "224.0.0.1" }, "01:00:5e:00:00:01"],
  ])("does not answer a request %s", (_, fields, dst) => {
    const lab = new Lab();
    lab.meetPeer();
    lab.inject(ethernet(ip(icmp(bytes(8)), { protocol: 1, ...fields }), { dst }));
    expect(lab.lines()).toEqual([]);
    expect(lab.icmp.counters.TapstackIcmpEchoIgnored).toBe(1);
  });

  it("answers broadcasts from its own address when told to", () => {
    const lab = new Lab({ settings: { "net.ipv4.icmp_echo_ignore_broadcasts": 0 } });
    lab.meetPeer();
    lab.inject(ethernet(ip(icmp(bytes(8)), { protocol: 1, dst: "10.77.0.255" }), { dst: BROADCAST_MAC }));
    expect(lab.lines()).toEqual([`${PEER_MAC} 10.77.0.2 > 10.77.0.1 icmp 0/0 length 36`]);
  });

  it("drops a request with a bad checksum", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.inject(ethernet(ip(icmp(bytes(8), { checksum: 0x1234 }), { protocol: 1 })));
    expect(lab.lines()).toEqual([]);
    expect(lab.icmp.counters).toMatchObject({ IcmpInMsgs: 1, IcmpInErrors: 1, IcmpInCsumErrors: 1, IcmpInEchos: 0 });
  });

  it("is silent under icmp_echo_ignore_all, from then on", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.env.config.set("net.ipv4.icmp_echo_ignore_all", 1);
    lab.inject(ping(bytes(8)));
    expect(lab.lines()).toEqual([]);
  });

  it("reflects the type of service and takes the default TTL", () => {
    const lab = new Lab({ settings: { "net.ipv4.ip_default_ttl": 33 } });
    lab.meetPeer();
    lab.inject(ping(bytes(8), { tos: 0x28 }));
    const [reply] = lab.take();
    expect(reply?.bytes[15]).toBe(0x28);
    expect(reply?.bytes[22]).toBe(33);
  });
});
