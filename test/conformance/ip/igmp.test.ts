import { describe, expect, it } from "vitest";
import { addr, checksum, ethernet, ip, Lab, Recorder } from "../../unit/ip/lab.js";

const GROUP = "239.1.2.3";
const GROUP_MAC = "01:00:5e:01:02:03";
const JOIN_V3 = `01:00:5e:00:00:16 10.77.0.2 > 224.0.0.22 igmp 22 length 40`;

function igmp(type: number, code: number, group: string, extra: number[] = []): Uint8Array {
  const b = Buffer.concat([Buffer.alloc(8), Buffer.from(extra)]);
  b[0] = type;
  b[1] = code;
  b.writeInt32BE(addr(group), 4);
  b.writeUInt16BE(checksum(b), 2);
  return b;
}

/** A query as routers send it: TTL 1, Router Alert. */
const query = (message: Uint8Array, dst = "224.0.0.1", mac = "01:00:5e:00:00:01"): Uint8Array =>
  ethernet(ip(message, { protocol: 2, ttl: 1, dst, options: [0x94, 4, 0, 0] }), { dst: mac });

/** Record type and group of a version 3 report. */
const record = (frame: Uint8Array | undefined): [number | undefined, string] => [
  frame?.[46],
  [...(frame?.slice(50, 54) ?? [])].join("."),
];

describe("group membership (RFC 3376, RFC 2236)", () => {
  it("joining is reported twice, with TTL 1 and Router Alert; leaving once", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.wait(1100);
    const sent = lab.take();
    expect(sent.length).toBe(2);
    const frame = sent[0]?.bytes as Uint8Array;
    expect([frame[14], frame[22], ...frame.slice(34, 38)]).toEqual([0x46, 1, 0x94, 4, 0, 0]);
    expect(checksum(frame.slice(14, 38))).toBe(0);
    expect(checksum(frame.slice(38))).toBe(0);
    expect(sent.map((s) => record(s.bytes))).toEqual([4, 4].map((type) => [type, GROUP]));
    lab.ipv4.groups.leave(lab.netif, addr(GROUP));
    expect(record(lab.take()[0]?.bytes)).toEqual([3, GROUP]);
    expect(lab.env.wheel.size).toBe(0);
  });

  it("a second user changes nothing on the wire, nor does the first one's leaving", () => {
    const lab = new Lab();
    const { groups } = lab.ipv4;
    groups.join(lab.netif, addr(GROUP));
    lab.wait(2000);
    lab.take();
    groups.join(lab.netif, addr(GROUP));
    groups.leave(lab.netif, addr(GROUP));
    lab.wait(2000);
    expect(lab.lines()).toEqual([]);
    expect(groups.of(lab.netif)).toEqual([addr("224.0.0.1"), addr(GROUP)]);
  });

  it("packets to a group come in while we are in it", () => {
    const lab = new Lab();
    const recorder = new Recorder(lab, 253);
    const frame = ethernet(ip(new Uint8Array(4), { dst: GROUP }), { dst: GROUP_MAC });
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.inject(frame);
    lab.ipv4.groups.leave(lab.netif, addr(GROUP));
    lab.inject(frame);
    expect(recorder.packets.map((p) => p.to)).toEqual([2]);
    expect(lab.unaccounted()).toBe(0);
  });

  it("a general query is answered within its time", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.ipv4.groups.join(lab.netif, addr("239.9.9.9"));
    lab.wait(2000);
    lab.take();
    lab.inject(query(igmp(0x11, 20, "0.0.0.0", [2, 125, 0, 0])));
    lab.wait(2001);
    expect(lab.take().map((s) => record(s.bytes))).toEqual(
      expect.arrayContaining([
        [2, GROUP],
        [2, "239.9.9.9"],
      ]),
    );
  });

  it("a query for another group is not answered", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.wait(2000);
    lab.take();
    lab.inject(query(igmp(0x11, 20, "239.9.9.9", [2, 125, 0, 0])));
    lab.wait(5000);
    expect(lab.lines()).toEqual([]);
  });

  it("speaks version 2 to a version 2 querier, and is quiet when another member answers first", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.wait(2000);
    expect(lab.lines()).toEqual([JOIN_V3, JOIN_V3]);
    lab.inject(query(igmp(0x11, 100, "0.0.0.0")));
    lab.wait(10_001);
    expect(lab.lines()).toEqual([`${GROUP_MAC} 10.77.0.2 > ${GROUP} igmp 16 length 32`]);
    lab.inject(query(igmp(0x11, 100, "0.0.0.0")));
    lab.inject(query(igmp(0x16, 0, GROUP), GROUP, GROUP_MAC));
    lab.wait(10_001);
    expect(lab.lines()).toEqual([]);
    lab.ipv4.groups.leave(lab.netif, addr(GROUP));
    expect(lab.lines()).toEqual(["01:00:5e:00:00:02 10.77.0.2 > 224.0.0.2 igmp 17 length 32"]);
  });

  it("ignores a query with a bad checksum", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.wait(2000);
    lab.take();
    const bad = igmp(0x11, 20, "0.0.0.0", [2, 125, 0, 0]);
    bad[11] = 1;
    lab.inject(query(bad));
    lab.wait(5000);
    expect(lab.lines()).toEqual([]);
  });

  it.each([
    ["an address that is no group", "10.77.0.5", /EINVAL/],
    ["more groups than igmp_max_memberships", "239.0.0.99", /ENOBUFS/],
  ])("refuses %s", (_, group, error) => {
    const lab = new Lab();
    for (let i = 0; i < 20; i++) lab.ipv4.groups.join(lab.netif, addr(`239.0.0.${i}`));
    expect(() => lab.ipv4.groups.join(lab.netif, addr(group))).toThrow(error);
    expect(() => lab.ipv4.groups.leave(lab.netif, addr("239.5.5.5"))).toThrow(/EADDRNOTAVAIL/);
  });

  it("nothing is left of an interface that goes", () => {
    const lab = new Lab();
    lab.ipv4.groups.join(lab.netif, addr(GROUP));
    lab.ipv4.detach(lab.netif);
    expect(lab.env.wheel.size).toBe(0);
  });
});
