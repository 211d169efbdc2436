import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, EHOSTUNREACH, EINVAL, EMSGSIZE, ENETUNREACH } from "../../../src/base/errors.js";
import type { EchoEndpoint } from "../../../src/icmp/echo.js";
import { addr, bytes, checksum, ethernet, icmp, ip, Lab, PEER, US } from "../../unit/ip/lab.js";

const request = (length = 16, sequence = 1): Uint8Array => icmp(bytes(length), { rest: sequence });

function reply(id: number, { src = PEER, sequence = 1, length = 16, ttl = 64 } = {}): Uint8Array {
  return ethernet(ip(icmp(bytes(length), { type: 0, rest: (id << 16) | sequence }), { protocol: 1, src, ttl }));
}

/** Reads everything: sequence numbers and senders. */
function drain(endpoint: EchoEndpoint): number[] {
  const target = new Uint8Array(70_000);
  const got = [];
  while (endpoint.receive(target) >= 0) got.push(Buffer.from(target).readUInt16BE(6));
  return got;
}

describe("echo endpoints", () => {
  it("send with their own identifier and a right checksum, and get replies to it only", () => {
    const lab = new Lab();
    lab.meetPeer();
    const a = lab.icmp.openEcho(0x1111);
    const b = lab.icmp.openEcho(0x2222);
    expect(a.send(addr(PEER), request())).toBe(24);
    const packet = lab.take()[0]?.bytes.slice(14) as Uint8Array;
    expect(checksum(packet.slice(20))).toBe(0);
    expect([...packet.slice(20, 22), ...packet.slice(24, 28)]).toEqual([8, 0, 0x11, 0x11, 0, 1]);
    lab.inject(reply(0x2222, { sequence: 9, ttl: 17 }));
    lab.inject(reply(0x3333));
    const target = new Uint8Array(100);
    expect(a.receive(target)).toBe(-EAGAIN);
    expect(b.peek(target)).toBe(24);
    expect(b.receive(target)).toBe(24);
    expect([...target.slice(8, 24)]).toEqual([...bytes(16)]);
    expect(b).toMatchObject({ lastTtl: 17, lastFrom: addr(PEER), pending: 0 });
    expect(lab.icmp.counters).toMatchObject({ IcmpOutEchos: 1, IcmpInEchoReps: 2, TapstackIcmpNoEndpoint: 1 });
    expect(lab.env.pool.inUse).toBe(0);
  });

  it("ping ourselves", () => {
    const lab = new Lab();
    const endpoint = lab.icmp.openEcho(0);
    for (const to of ["127.0.0.1", US]) {
      endpoint.send(addr(to), request(1000));
      lab.settle();
    }
    expect(endpoint.pending).toBe(2);
    expect(drain(endpoint)).toEqual([1, 1]);
  });

  it("send and receive 65,507 bytes, and no more", () => {
    const lab = new Lab();
    lab.meetPeer();
    const endpoint = lab.icmp.openEcho(0);
    expect(endpoint.send(addr(PEER), request(65_507))).toBe(65_515);
    expect(lab.take().length).toBe(45);
    expect(endpoint.send(addr(PEER), request(65_508))).toBe(-EMSGSIZE);
    endpoint.df = 1;
    expect(endpoint.send(addr(PEER), request(1500))).toBe(-EMSGSIZE);
    endpoint.send(addr("127.0.0.1"), request(60_000));
    lab.settle();
    expect(endpoint.nextLength).toBe(60_008);
    expect(drain(endpoint)).toEqual([1]);
  });

  it.each([
    ["an echo reply", icmp(bytes(8), { type: 0 }), -EINVAL],
    ["7 bytes", Uint8Array.of(8, 0, 0, 0, 0, 0, 0), -EINVAL],
  ])("refuse to send %s", (_, message, errno) => {
    const lab = new Lab();
    expect(lab.icmp.openEcho(0).send(addr(PEER), message)).toBe(errno);
  });

  it("say that there is no route", () => {
    const lab = new Lab();
    expect(lab.icmp.openEcho(0).send(addr("8.8.8.8"), request())).toBe(-ENETUNREACH);
  });

  it("hear of errors, their own only", () => {
    const lab = new Lab();
    lab.meetPeer();
    const endpoint = lab.icmp.openEcho(7);
    let told = 0;
    endpoint.onActivity = () => told++;
    for (const id of [7, 8]) {
      const quote = ip(icmp(bytes(4), { rest: (id << 16) | 5 }), { src: US, dst: PEER, protocol: 1, ttl: 1 });
      lab.inject(ethernet(ip(icmp(quote, { type: 11, rest: 0 }), { protocol: 1, src: "10.77.0.250" })));
    }
    expect(told).toBe(1);
    expect(endpoint.takeError()).toEqual({
      type: 11,
      code: 0,
      reporter: addr("10.77.0.250"),
      dst: addr(PEER),
      sequence: 5,
      errno: EHOSTUNREACH,
      hard: false,
      mtu: 0,
    });
    expect(endpoint.takeError()).toBeNull();
  });

  it("hear that nobody answers ARP", () => {
    const lab = new Lab();
    const endpoint = lab.icmp.openEcho(7);
    endpoint.send(addr(PEER), request(16, 3));
    lab.wait(3100);
    expect(endpoint.takeError()).toMatchObject({ type: 3, code: 1, sequence: 3, reporter: addr(US), dst: addr(PEER) });
  });

  it("believe a path MTU for requests of theirs only", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.icmp.openEcho(7);
    const tooBig = (id: number, mtu: number): void => {
      const quote = ip(icmp(bytes(4), { rest: (id << 16) | 5 }), { src: US, dst: PEER, protocol: 1, df: true });
      lab.inject(ethernet(ip(icmp(quote, { type: 3, code: 4, rest: mtu }), { protocol: 1, src: "10.77.0.250" })));
    };
    tooBig(8, 1300);
    expect(lab.ipv4.routeTo(addr(PEER))?.mtu).toBe(1500);
    tooBig(7, 1400);
    expect(lab.ipv4.routeTo(addr(PEER))?.mtu).toBe(1400);
  });

  it("take replies from their peer and to their address only, when these are set", () => {
    const lab = new Lab();
    const endpoint = lab.icmp.openEcho(7);
    endpoint.peer = addr("10.77.0.9");
    lab.inject(reply(7, { sequence: 1 }));
    lab.inject(reply(7, { sequence: 2, src: "10.77.0.9" }));
    endpoint.local = addr("127.0.0.1");
    lab.inject(reply(7, { sequence: 3, src: "10.77.0.9" }));
    expect(drain(endpoint)).toEqual([2]);
  });

  it("bound what waits, and give the memory back", () => {
    const lab = new Lab();
    const endpoint = lab.icmp.openEcho(7);
    endpoint.receiveBuffer = 5000;
    for (let sequence = 0; sequence < 20; sequence++) lab.inject(reply(7, { sequence, length: 736 }));
    expect(lab.icmp.counters.TapstackIcmpQueueDrops).toBe(15);
    expect(drain(endpoint)).toEqual([0, 1, 2, 3, 4]);
    expect(lab.env.pool.inUse).toBe(0);
    lab.inject(reply(7));
    endpoint.close();
    expect(lab.env.pool.inUse).toBe(0);
    expect(endpoint.receive(new Uint8Array(9))).toBe(-EBADF);
    expect(endpoint.send(addr(PEER), request())).toBe(-EBADF);
  });

  it("share no identifier, and give it back", () => {
    const lab = new Lab();
    const first = lab.icmp.openEcho(7);
    expect(() => lab.icmp.openEcho(7)).toThrow(/EADDRINUSE/);
    first.close();
    expect(lab.icmp.openEcho(7).id).toBe(7);
    const ids = new Set(Array.from({ length: 500 }, () => lab.icmp.openEcho(0).id));
    expect(ids.size).toBe(500);
    lab.icmp.close();
    expect(lab.icmp.openEcho(7).id).toBe(7);
  });
});
