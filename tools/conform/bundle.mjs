import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LINUX = join(ROOT, "test/conformance/linux");

/** Test files with scripts in them: those named (files or folders), or all. */
export function scriptFiles(names) {
  const within = names.length > 0 ? names.map((name) => resolve(name)) : [join(ROOT, "test/conformance")];
  const files = within.flatMap((path) =>
    statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).map((name) => join(path, name)) : [path],
  );
  return [...new Set(files)]
    .filter((file) => file.endsWith(".test.ts") && /harness\.js"/.test(readFileSync(file, "utf8")))
    .sort();
}

/** esbuild comes with tsx. */
function esbuild() {
  const here = createRequire(import.meta.url);
  return createRequire(here.resolve("tsx/package.json"))("esbuild");
}

/**
 * One module out of the test files and all that they import, for threads to load quickly.
 * @returns {Promise<{ folder: string, module: string }>} a folder of its own, to be removed by the caller
 */
export async function bundle(files) {
  const folder = mkdtempSync(join(tmpdir(), "tapstack-conform-"));
  const loads = files.map(
    (file) => `begin(${JSON.stringify(relative(ROOT, file))});\nawait import(${JSON.stringify(file)});`,
  );
  const contents = [
    'import { begin, scripts } from "./collector.js";',
    'import { durations, serve } from "./worker.js";',
    'import { isMainThread } from "node:worker_threads";',
    'export { buildPuppet, makePipes } from "./puppet.js";',
    ...loads,
    "export { durations, scripts };",
    "if (!isMainThread) serve();",
  ].join("\n");
  const module = join(folder, "scripts.mjs");
  await esbuild().build({
    stdin: { contents, resolveDir: LINUX, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outfile: module,
    sourcemap: "inline",
    alias: { vitest: join(LINUX, "vitest-shim.ts") },
    logLevel: "error",
  });
  return { folder, module };
}
