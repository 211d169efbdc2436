// Who may have which port, and what happens when there are none left; the kernel is the peer.
import { describe, expect, it } from "vitest";
import { HAVE_NETNS, withNetns } from "./netns.js";

const TIMEOUT = 120_000;

/** Runs a case of scripts/port-cases.ts in a namespace of its own. */
async function play(name: string): Promise<unknown> {
  const outcome = await withNetns("prt", (netns) =>
    netns.node("test/e2e/scripts/port-cases.ts", [name], { timeout: TIMEOUT }),
  );
  expect(outcome).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(outcome.stdout);
}

describe.skipIf(!HAVE_NETNS)("ports", { timeout: TIMEOUT }, () => {
  it("the default range gives 28,232 connections to one server, closed first by us; the next is told why not", async () => {
    // TIME-WAIT lasts 60 s, so this holds only if they all come within that time: 500 a second do.
    expect(await play("exhaust")).toEqual({
      opened: 28_232,
      different: 28_232,
      least: 32_768,
      most: 60_999,
      last: {
        code: "EADDRNOTAVAIL",
        message: expect.stringMatching(/EADDRNOTAVAIL 10\.77\.0\.1:7000.*\S+ \S+ \S+/),
      },
      // One local port serves many remotes.
      elsewhere: "connected",
      waiting: 28_232,
    });
  });

  it("of ten ports, the eleventh connection to one destination fails; one to another does not", async () => {
    const { ports, eleventh, elsewhere, freed, again } = (await play("smallRange")) as Record<string, unknown>;
    expect(ports).toEqual(Array.from({ length: 10 }, (_, i) => 40_000 + i));
    expect(eleventh).toMatchObject({ code: "EADDRNOTAVAIL", message: expect.stringContaining("ip_local_port_range") });
    expect(ports).toContain(elsewhere);
    expect(again).toBe(freed);
  });

  it("TCP 53 and UDP 53 live side by side", async () => {
    expect(await play("sideBySide")).toMatchObject({
      second: { tcp: { code: "EADDRINUSE" }, udp: { code: "EADDRINUSE" } },
      datagram: "by UDP",
      bytes: "by TCP",
    });
  });

  it("a REUSEPORT group spreads connections, and keeps each peer where it is", async () => {
    const result = (await play("reusePort")) as Record<string, unknown>;
    expect(result).toMatchObject({ moved: 0, udpMoved: 0, udpClients: 100, stranger: { code: "EADDRINUSE" } });
    // 25 each on average; fewer than 5 happens once in 10^8 runs.
    for (const counts of [result.counts, result.udpCounts] as number[][]) {
      expect(counts.reduce((sum, count) => sum + count)).toBe(100);
      expect(Math.min(...counts)).toBeGreaterThan(4);
    }
  });

  it("port 80 needs a privilege when ip_unprivileged_port_start says so", async () => {
    const eacces = { code: "EACCES", message: expect.stringContaining("ip_unprivileged_port_start") };
    expect(await play("privileged")).toEqual({ tcp80: eacces, udp80: eacces, tcp81: null, lowered: null });
  });
});
