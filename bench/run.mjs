// npm run bench                 lists the benchmarks
// npm run bench -- NAME [...]   compiles src/ and bench/ and runs bench/NAME.bench.ts with the arguments that follow
//
// The benches are compiled together with src by the same tsc and options as dist, into node_modules/.cache. Running the
// sources through tsx would measure other code: esbuild's keepNames wraps every closure. 0.5 s, so there is no cache to go stale.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SUFFIX = ".bench.ts";
const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const out = join(root, "node_modules", ".cache", "tapstack-bench");

const names = readdirSync(here)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length));

function usage() {
  console.log("usage: npm run bench -- NAME [arguments]\n");
  const width = Math.max(...names.map((name) => name.length));
  for (const name of names) {
    const first = readFileSync(join(here, name + SUFFIX), "utf8").split("\n", 1)[0];
    console.log(`  ${name.padEnd(width)}  ${first.replace(/^\/\/ ?/, "")}`);
  }
}

/** Compiles into `out`. Says whether there is something to run: tsc emits in spite of type errors elsewhere. */
function compile() {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { rootDir: root, outDir: out, sourceMap: true, typeRoots: [join(root, "node_modules", "@types")] },
    include: [join(root, "src"), here],
  };
  writeFileSync(join(out, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(out, "package.json"), '{ "type": "module" }\n');
  // The TAP addon is looked for beside src/.
  symlinkSync(join(root, "native"), join(out, "native"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", out], { encoding: "utf8" });
  if (done.status !== 0) console.error(`bench: tsc found errors; what it emitted is run all the same\n${done.stdout}`);
}

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`bench: there is no benchmark called ${name}\n`);
  usage();
  process.exit(name === undefined ? 0 : 2);
}
compile();
const flags = [
  "--expose-gc",
  "--enable-source-maps",
  ...(process.env.BENCH_NODE_FLAGS ?? "").split(" ").filter(Boolean),
];
const run = spawnSync(process.execPath, [...flags, join(out, "bench", `${name}.bench.js`), ...rest], {
  stdio: "inherit",
  cwd: root,
});
process.exit(run.status ?? 1);
