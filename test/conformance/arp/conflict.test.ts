import { describe, expect, it } from "vitest";
import type { SystemError } from "../../../src/base/errors.js";
import type { ConflictDetection } from "../../../src/neighbour/conflict.js";
import { addr, arp, Lab, describe as line, OTHER_MAC, OUR_MAC, PEER_MAC, prefix, US } from "../../unit/ip/lab.js";

const PROBE = "ff:ff:ff:ff:ff:ff arp who-has 10.77.0.2 tell 0.0.0.0";
const ANNOUNCEMENT = "ff:ff:ff:ff:ff:ff arp who-has 10.77.0.2 tell 10.77.0.2";

class Claiming {
  readonly lab = new Lab({ address: null });
  result: SystemError | null | undefined;
  settledAt = -1;

  constructor(mode: ConflictDetection) {
    const { lab } = this;
    lab.ipv4.neighbours.conflicts.claim(lab.netif, addr(US), mode, (error) => {
      this.result = error;
      this.settledAt = lab.clock.now() / 1000;
      if (error !== null) return;
      lab.ipv4.addAddress(lab.netif, prefix(`${US}/24`));
      lab.ipv4.neighbours.conflicts.announce(lab.netif, addr(US));
    });
  }

  /** What was sent and when. */
  sent(): [number, string][] {
    return this.lab.take().map((s) => [s.at, line(s.bytes)]);
  }
}

describe("address conflict detection (RFC 5227)", () => {
  it("fast: one probe, 200 ms, an announcement", () => {
    const claim = new Claiming("fast");
    claim.lab.wait(1000);
    expect(claim.sent()).toEqual([
      [0, PROBE],
      [200, ANNOUNCEMENT],
    ]);
    expect(claim.result).toBeNull();
    expect(claim.lab.clock.pendingTimers()).toBe(0);
  });

  it("rfc5227: three probes 1 to 2 s apart, 2 s of silence, two announcements 2 s apart", () => {
    const claim = new Claiming("rfc5227");
    claim.lab.wait(20_000);
    const sent = claim.sent();
    expect(sent.map(([, what]) => what)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
    const [a, b, c, d, e] = sent.map(([at]) => at) as [number, number, number, number, number];
    expect(a).toBeLessThanOrEqual(1000);
    for (const gap of [b - a, c - b]) {
      expect(gap).toBeGreaterThanOrEqual(1000);
      expect(gap).toBeLessThanOrEqual(2001);
    }
    expect(d - c).toBe(2000);
    expect(e - d).toBe(2000);
    expect(claim.settledAt).toBe(d);
  });

  it("off: only the announcement", () => {
    const claim = new Claiming("off");
    claim.lab.wait(1000);
    expect(claim.sent().map(([, what]) => what)).toEqual([ANNOUNCEMENT]);
  });

  it.each([
    ["a reply", arp({ op: 2, senderMac: OTHER_MAC, sender: US, target: "0.0.0.0", to: OUR_MAC }), OTHER_MAC],
    ["a request from that address", arp({ senderMac: PEER_MAC, sender: US, target: "10.77.0.9" }), PEER_MAC],
    ["somebody else's probe for it", arp({ senderMac: OTHER_MAC, sender: "0.0.0.0", target: US }), OTHER_MAC],
  ])("%s while probing: refused with EADDRINUSE, naming the MAC address", (_, frame, owner) => {
    for (const mode of ["fast", "rfc5227"] as const) {
      const claim = new Claiming(mode);
      claim.lab.wait(mode === "fast" ? 100 : 1500);
      claim.lab.inject(frame);
      expect(claim.result?.code).toBe("EADDRINUSE");
      expect(claim.result?.address).toBe(US);
      expect(claim.result?.message).toContain(owner);
      claim.lab.take();
      claim.lab.wait(20_000);
      expect(claim.sent()).toEqual([]);
      expect(claim.lab.unaccounted()).toBe(0);
    }
  });

  it("our own probe coming back is no conflict", () => {
    const claim = new Claiming("fast");
    claim.lab.inject(arp({ senderMac: OUR_MAC, sender: "0.0.0.0", target: US }));
    claim.lab.wait(300);
    expect(claim.result).toBeNull();
  });

  it("defends an address in use, once in 10 s, and tells", () => {
    const claim = new Claiming("fast");
    const told: string[] = [];
    claim.lab.ipv4.neighbours.conflicts.onConflict = (_, __, mac) => told.push(Buffer.from(mac).toString("hex"));
    claim.lab.wait(1000);
    claim.lab.take();
    const thief = arp({ senderMac: OTHER_MAC, sender: US, target: US });
    for (let i = 0; i < 5; i++) claim.lab.inject(thief);
    expect(claim.sent().map(([, what]) => what)).toEqual([ANNOUNCEMENT]);
    expect(told).toEqual(Array.from({ length: 5 }, () => OTHER_MAC.replaceAll(":", "")));
    claim.lab.wait(10_001);
    claim.lab.inject(thief);
    expect(claim.sent().map(([, what]) => what)).toEqual([ANNOUNCEMENT]);
    expect(claim.lab.ipv4.neighbours.counters.TapstackArpInConflicts).toBe(6);
  });

  it("answers somebody else's probe for an address in use, which is no conflict", () => {
    const claim = new Claiming("fast");
    claim.lab.wait(1000);
    claim.lab.take();
    claim.lab.inject(arp({ senderMac: OTHER_MAC, sender: "0.0.0.0", target: US }));
    expect(claim.sent().map(([, what]) => what)).toEqual([`${OTHER_MAC} arp ${US} is-at ${OUR_MAC} to 0.0.0.0`]);
    expect(claim.lab.ipv4.neighbours.counters.TapstackArpInConflicts).toBe(0);
  });

  it("a thief's frames do not enter the table", () => {
    const claim = new Claiming("fast");
    claim.lab.wait(1000);
    claim.lab.inject(arp({ senderMac: OTHER_MAC, sender: US, target: US }));
    expect(claim.lab.ipv4.neighbours.size).toBe(0);
  });
});
