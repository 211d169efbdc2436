import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TapDriverName } from "../../src/link/tap/index.js";
import { HAVE_NETNS, type Outcome, ROOT, withNetns } from "./netns.js";
import { CASES } from "./scripts/driver-cases.js";

/** test/install-tools.mjs puts the real ffi-napi here. */
const OPTIONAL = join(tmpdir(), "tapstack-optional-drivers");
const temporary = HAVE_NETNS ? mkdtempSync(join(tmpdir(), "tapstack-drivers-")) : "";

/** Where a double of tuntap2 looks like an installed package. */
function doubleFolder(): string {
  const modules = join(temporary, "node_modules");
  mkdirSync(modules, { recursive: true });
  symlinkSync(join(ROOT, "test/e2e/doubles/tuntap2"), join(modules, "tuntap2"));
  return temporary;
}

function installed(name: string, folder: string): boolean {
  try {
    createRequire(join(folder, "index.js")).resolve(name);
    return true;
  } catch {
    return false;
  }
}

function jsonLines(outcome: Outcome): Record<string, unknown>[] {
  return outcome.stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface Subject {
  readonly title: string;
  readonly driver: TapDriverName;
  readonly modulePath: () => string;
  readonly skip: boolean;
}

const SUBJECTS: readonly Subject[] = [
  { title: "native", driver: "native", modulePath: () => OPTIONAL, skip: false },
  { title: "ffi-napi, the real package", driver: "ffi-napi", modulePath: () => OPTIONAL, skip: false },
  { title: "tuntap2, a double with its shape", driver: "tuntap2", modulePath: doubleFolder, skip: false },
  { title: "tuntap2, the real one", driver: "tuntap2", modulePath: () => ROOT, skip: !installed("tuntap2", ROOT) },
];

afterAll(() => {
  if (temporary !== "") rmSync(temporary, { recursive: true, force: true });
});

for (const { title, driver, modulePath, skip } of SUBJECTS) {
  describe.skipIf(!HAVE_NETNS || skip)(`driver contract: ${title}`, () => {
    let outcome: Outcome;
    let errors: Map<unknown, unknown>;

    beforeAll(async () => {
      const folder = modulePath();
      outcome = await withNetns("drv", (netns) =>
        netns.node("test/e2e/scripts/driver-contract.ts", [driver, folder], { timeout: 60_000 }),
      );
      errors = new Map(jsonLines(outcome).map(({ name, error }) => [name, error]));
    }, 70_000);

    for (const { name, drivers } of CASES)
      it.skipIf(drivers !== undefined && !drivers.includes(driver))(name, () => {
        expect(errors.get(name), outcome.stderr).toBe("");
      });

    it("ends by itself once every link is closed", () => {
      expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
    });
  });
}

describe.skipIf(!HAVE_NETNS)("the native driver in its process", () => {
  const modes: readonly [mode: string, what: string, expected: object][] = [
    ["unref", "an unref'd link lets the process end", { code: 0, signal: null, stderr: "" }],
    ["ref", "a link keeps the process alive", { code: null, signal: "SIGKILL", stdout: "open\n" }],
    ["exit", "process.exit() with an open link", { code: 0, signal: null, stderr: "" }],
    ["worker", "a worker thread has a link of its own, and may be terminated with it", { code: 0, stderr: "" }],
    ["throw", "an exception that nobody catches ends the process, as any other does", { code: 1, signal: null }],
    ["idle", "waiting takes no CPU time", { code: 0, signal: null, stderr: "" }],
  ];
  for (const [mode, what, expected] of modes)
    it(what, async () => {
      const timeout = mode === "ref" ? 2500 : 20_000;
      const outcome = await withNetns("prc", (netns) =>
        netns.node("test/e2e/scripts/driver-process.ts", [mode], { timeout }),
      );
      expect(outcome).toMatchObject(expected);
      if (mode === "throw") expect(outcome.stderr).toContain("thrown by the stack");
    }, 30_000);
});

describe.skipIf(!HAVE_NETNS)("a user who is not root", () => {
  it("uses what root prepared for him, and is told what he may not do", async () => {
    const device = join(temporary, "tun");
    // On most machines everybody may open /dev/net/tun; on those where it is root's, this one is everybody's.
    expect(spawnSync("mknod", ["-m", "666", device, "c", "10", "200"]).status).toBe(0);
    spawnSync("chmod", ["755", temporary]);
    const outcome = await withNetns("usr", (netns) => {
      for (const [name, user] of [
        ["mine0", "nobody"],
        ["off0", "nobody"],
        ["theirs0", "daemon"],
      ] as const)
        netns.ip("tuntap", "add", "dev", name, "mode", "tap", "user", user);
      netns.ip("address", "add", "10.77.0.1/24", "dev", "mine0");
      netns.ip("link", "set", "mine0", "up");
      return netns.node("test/e2e/scripts/driver-plain-user.ts", [device]);
    });
    expect(outcome.stderr).toBe("");
    expect(jsonLines(outcome)).toEqual([
      { created: false, hostAddress: "10.77.0.1/24", mtu: 1500 },
      { created: false, hostAddress: "10.77.0.1/24", mtu: 1500 },
      { code: "EPERM", message: expect.stringContaining("ip link set mine0 mtu 1400") },
      { code: "EPERM", message: expect.stringContaining("ip address add 10.99.0.1/24 dev mine0") },
      { code: "EPERM", message: expect.stringContaining("run as root") },
      { code: "EPERM", message: expect.stringContaining("ip tuntap add dev new0 mode tap user $USER") },
      { code: "EPERM", message: expect.stringContaining("ip link set off0 up") },
      { code: "ENOENT", message: expect.stringContaining("modprobe tun") },
    ]);
  }, 30_000);
});
