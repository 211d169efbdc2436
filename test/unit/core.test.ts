import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Every file that `file` reaches by static imports and re-exports. */
function reach(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen;
  const specifiers = [...readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    (m) => m[1] as string,
  );
  seen.set(file, specifiers);
  for (const s of specifiers) if (s.startsWith(".")) reach(resolve(dirname(file), s.replace(/\.js$/, ".ts")), seen);
  return seen;
}

describe("tapstack/core", () => {
  it("reaches no module of Node's, so that a browser can import it", () => {
    const files = reach(join(import.meta.dirname, "../../src/core.ts"));
    expect(files.size).toBeGreaterThan(80);
    const outside = [...files].flatMap(([file, imports]) =>
      imports.filter((i) => !i.startsWith(".")).map((i) => `${file}: ${i}`),
    );
    expect(outside).toEqual([]);
  });

  it("would notice one", () => {
    const files = reach(join(import.meta.dirname, "../../src/index.ts"));
    expect([...files.values()].flat().some((i) => i.startsWith("node:"))).toBe(true);
  });
});
