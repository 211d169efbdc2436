import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

const node = 'import { readFileSync } from "node:fs";';
const forbidden = [
  ["src/wire/a.ts", 'import { Memory } from "../link/memory.js";'],
  ["src/link/a.ts", 'import type { Netif } from "../netif/netif.js";'],
  ["src/ip/a.ts", 'export { Tcp } from "../tcp/tcp.js";'],
  ["src/ports/a.ts", 'import { Icmp } from "../icmp/icmp.js";'],
  ["src/tcp/congestion/a.ts", 'import { TcpSocket } from "../../socket/tcp-socket.js";'],
  ["src/tcp/a.ts", 'export const m = import("../stack.js");'],
  ["src/observe/a.ts", 'import { startAll } from "../services/index.js";'],
  ["src/services/a.ts", 'import { main } from "../cli/main.js";'],
  ["src/socket/c.ts", 'import type { Turns } from "../stack/turns.js";'],
  ["src/stack/a.ts", 'import type { Stack } from "../stack.js";'],
  ["src/socket/a.ts", 'import { createStack } from "../index.js";'],
  ["src/stack.ts", 'import { sort } from "./observe/listing.js";'],
  ["src/base/b.ts", node],
  ["src/tcp/b.ts", node],
  ["src/link/b.ts", node],
  ["src/socket/b.ts", node],
  ["src/stack/b.ts", node],
  ["src/core.ts", node],
] as const;
const allowed = [
  ["src/tcp/c.ts", 'import { Ipv4 } from "../ip/ipv4.js";'],
  ["src/link/tap/c.ts", node],
  ["src/stack/c.ts", 'import { Tcp } from "../tcp/tcp.js";'],
  ["src/cli/c.ts", 'import { createStack } from "../stack.js";'],
] as const;

/** Files of a made-up tree that the project's own lint rules find a forbidden import in. */
let found: Set<string>;
const folder = mkdtempSync(join(tmpdir(), "tapstack-imports-"));

beforeAll(() => {
  copyFileSync(join(root, "biome.json"), join(folder, "biome.json"));
  for (const [path, line] of [...forbidden, ...allowed]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${line}\n`);
  }
  // A cycle within one folder.
  writeFileSync(join(folder, "src/tcp/d.ts"), 'import { e } from "./e.js";\nexport const d = () => e;\n');
  writeFileSync(join(folder, "src/tcp/e.ts"), 'import { d } from "./d.js";\nexport const e = () => d;\n');
  const rules = ["--only=style/noRestrictedImports", "--only=suspicious/noImportCycles"];
  const args = ["lint", ...rules, "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=github", "."];
  const { stdout, stderr } = spawnSync(join(root, "node_modules/.bin/biome"), args, { cwd: folder, encoding: "utf8" });
  found = new Set(
    [...(stdout + stderr).matchAll(/file=([^,]+)/g)].map((m) => (m[1] as string).replace(`${folder}/`, "")),
  );
}, 30_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("imports run downward only", () => {
  it.each(forbidden)("%s may not say: %s", (path) => {
    expect(found).toContain(path);
  });

  it.each(allowed)("%s may say: %s", (path) => {
    expect(found).not.toContain(path);
  });

  it("and not in circles", () => {
    expect([...found].filter((f) => f === "src/tcp/d.ts" || f === "src/tcp/e.ts")).not.toEqual([]);
  });
});
