import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTap } from "../../../src/link/tap/index.js";
import { loadOptional } from "../../../src/link/tap/modules.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe.runIf(process.platform === "linux")("native/build.mjs", () => {
  let folder: string;

  beforeAll(() => {
    // A copy, so that the addon in use stays as it is.
    folder = mkdtempSync(join(tmpdir(), "tapstack-build-"));
    mkdirSync(join(folder, "native"));
    cpSync(join(ROOT, "native"), join(folder, "native"), {
      recursive: true,
      filter: (from) => !from.endsWith("/build"),
    });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  function build(args: string[], env: Record<string, string> = {}): { status: number | null; stderr: string } {
    return spawnSync(process.execPath, [join(folder, "native/build.mjs"), ...args], {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
  }

  it("says what to install without a compiler, and lets npm go on", () => {
    const { status, stderr } = build([], { CC: "no-such-compiler" });
    expect(status).toBe(0);
    expect(stderr).toContain("there is no C compiler (no-such-compiler)");
    expect(stderr).toContain("apt-get install gcc libc6-dev");
    expect(build(["--strict"], { CC: "no-such-compiler" }).status).toBe(1);
    expect(existsSync(join(folder, "native/build/tap.node"))).toBe(false);
  });

  it("builds without a warning", () => {
    expect(build(["--strict"])).toMatchObject({ status: 0, stderr: "" });
    expect(existsSync(join(folder, "native/build/tap.node"))).toBe(true);
  }, 30_000);
});

describe("optional drivers that are not installed", () => {
  it.each([
    ["ffi-napi", "CXXFLAGS=-DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT npm install ffi-napi"],
    ["tuntap2", "npm install tuntap2"],
  ] as const)("%s: the error says how to", async (driver, command) => {
    const options = { driver, modulePath: "/nowhere" };
    await expect(openTap(options)).rejects.toMatchObject({
      name: "SystemError",
      code: "ENOENT",
      syscall: "openTap",
      message: expect.stringContaining(command),
    });
  });

  it("a package that does not load is told from one that is not there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapstack-modules-"));
    const broken = join(folder, "node_modules/broken");
    mkdirSync(broken, { recursive: true });
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(broken, "index.js"), "throw new Error('wrong Node');");
    await expect(loadOptional("broken", folder)).rejects.toThrow(/does not load \(wrong Node\).*npm install broken/);
    rmSync(folder, { recursive: true });
  });

  it("tuntap2 refuses what the package cannot do", async () => {
    const refusals = [{ name: "tap0" }, { persist: true }, { owner: 0 }];
    for (const options of refusals)
      await expect(openTap({ driver: "tuntap2", ...options })).rejects.toThrow(/the native driver can do it/);
  });
});
