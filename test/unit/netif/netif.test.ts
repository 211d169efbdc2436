import { describe, expect, it } from "vitest";
import { interfaceAddress } from "../../../src/netif/address.js";
import { addr, bytes, ethernet, ip, Lab, prefix, TestLink } from "../ip/lab.js";

/** Puts a raw frame of `length` bytes into the transmit queue. */
function commit(lab: Lab, length: number): void {
  const at = lab.netif.tx.begin(length);
  lab.env.memory.u8.fill(0, at, at + length);
  lab.netif.commit(at, length, length, 0, 0, 14);
}

/** A TCP row of `payload` bytes in segments of `mss`. */
function commitTcp(lab: Lab, payload: number, mss: number): void {
  const { ipv4, env } = lab;
  const route = ipv4.routeTo(addr("10.77.0.1"));
  if (route === null) throw new Error("no route");
  const at = ipv4.begin(route, 20);
  env.memory.u8.fill(0, at, at + 20);
  env.memory.u8[at + 12] = 0x50;
  for (let left = payload; left > 0; left -= 8192) ipv4.piece(route, env.pool.take(), Math.min(left, 8192));
  expect(ipv4.finish(route, at, 20, payload, 6, route.src, 16, (1 << 16) | mss, 20, 64, 0, 1)).toBe(0);
}

describe("an interface", () => {
  it("says once that rows wait, and again after a flush", () => {
    const lab = new Lab();
    let told = 0;
    lab.netif.onPending = () => told++;
    for (let i = 0; i < 3; i++) commit(lab, 60);
    expect(told).toBe(1);
    lab.netif.flush();
    commit(lab, 60);
    expect(told).toBe(2);
  });

  it("keeps what the link does not take, in order", () => {
    const lab = new Lab();
    lab.netif.onPending = () => {};
    lab.link.takes = 2;
    for (let i = 0; i < 5; i++) commit(lab, 60 + i);
    const lengths = (): number[] => lab.link.sent.map((s) => s.bytes.length);
    lab.netif.flush();
    expect(lengths()).toEqual([60, 61]);
    commit(lab, 65);
    lab.netif.flush();
    lab.netif.flush();
    expect(lengths()).toEqual([60, 61, 62, 63, 64, 65]);
    expect(lab.netif.txFrames).toBe(6);
  });

  it("cuts large rows for a link that cannot, losing none when the link is slow", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.netif.onPending = () => {};
    lab.link.takes = 7;
    for (let i = 0; i < 30; i++) {
      commitTcp(lab, 60_000, 1448);
      commit(lab, 60);
    }
    for (let i = 0; i < 1000 && lab.netif.tx.pending > 0; i++) lab.netif.flush();
    for (let i = 0; i < 100; i++) lab.netif.flush();
    const large = lab.link.sent.filter((s) => s.bytes.length > 60);
    expect(large.reduce((n, s) => n + s.bytes.length - 54, 0)).toBe(30 * 60_000);
    expect(large.every((s) => s.gso === 0 && s.csum === 0 && s.bytes.length <= 1502)).toBe(true);
    // The order is kept: each small frame stands behind its large one's last segment.
    const runs = lab.link.sent.map((s) => (s.bytes.length === 60 ? "|" : ".")).join("");
    expect(runs).toBe(`${".".repeat(42)}|`.repeat(30));
  });

  it("leaves large rows to a link that can", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.netif.features = 3;
    commitTcp(lab, 60_000, 1448);
    expect(lab.take().map((s) => [s.bytes.length, s.gso & 0xffff])).toEqual([[60_054, 1448]]);
  });

  it("drops what waits when its link is gone, and the payload with it", () => {
    const lab = new Lab();
    lab.meetPeer();
    lab.netif.onPending = () => {};
    commitTcp(lab, 8192, 1448);
    lab.netif.down();
    lab.netif.flush();
    expect(lab.link.sent).toEqual([]);
    expect(lab.netif.tx.pending).toBe(0);
  });

  it("gives its memory back", async () => {
    const lab = new Lab();
    const before = lab.env.memory.available;
    const extra = lab.attach(new TestLink("ip", "x0"));
    const used = before - lab.env.memory.available;
    expect(used).toBeGreaterThan(0);
    lab.ipv4.detach(extra);
    await extra.close();
    // The same again fits in what was given back.
    const again = lab.env.memory.available;
    lab.attach(new TestLink("ip", "x1"));
    expect(again - lab.env.memory.available).toBeLessThanOrEqual(used);
    expect(before - lab.env.memory.available).toBe(used);
  });

  it("takes the link's MAC address, or the one given, or a random local one", () => {
    const lab = new Lab();
    expect([...lab.netif.mac]).toEqual([2, 0, 0, 0, 0, 2]);
    const link = new TestLink("ethernet", "bare");
    Object.defineProperty(link, "mac", { value: undefined });
    const { mac } = lab.attach(link);
    expect((mac[0] as number) & 3).toBe(2);
    expect(mac.some((b) => b !== 0)).toBe(true);
  });

  it.each([
    ["10.77.0.2/24", "10.77.0.255"],
    ["10.77.0.2/16", "10.77.255.255"],
    ["10.77.0.2/31", "0.0.0.0"],
    ["10.77.0.2/32", "0.0.0.0"],
    ["10.77.0.2/0", "255.255.255.255"],
  ])("%s has broadcast address %s", (text, broadcast) => {
    expect(interfaceAddress(prefix(text)).broadcast).toBe(addr(broadcast));
  });

  it("counts frames and bytes of a batch", () => {
    const lab = new Lab();
    lab.inject(ethernet(ip(bytes(10))));
    lab.inject(ethernet(ip(bytes(20))));
    expect(lab.netif).toMatchObject({ rxFrames: 2, rxBytes: 44 + 54 });
    expect(lab.netifCounters).toMatchObject({ TapstackInFrames: 2, TapstackInOctets: 98 });
  });
});
