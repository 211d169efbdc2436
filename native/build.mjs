// npm's `install` script: compiles native/*.c to native/build/tap.node with the C compiler at hand.
//
// Headers come from the node-api-headers package, so nothing is downloaded. When it cannot be built, a warning says
// what to install and the exit code is still 0: the stack over memory and stream links needs no addon, and openTap()
// repeats the sentence. `--strict` makes a failure (or a compiler warning) an error; the tests use it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const strict = process.argv.includes("--strict");
const output = join(here, "build", "tap.node");

function fail(reason) {
  console.error(`
tapstack: the native TAP driver was not built: ${reason}
  The stack works without it over memory and stream links; openTap() will not.
  On Debian or Ubuntu:  apt-get install gcc libc6-dev  and then  npm rebuild tapstack
  (in a clone of tapstack:  node native/build.mjs)
`);
  process.exit(strict ? 1 : 0);
}

function headers() {
  try {
    return createRequire(import.meta.url)("node-api-headers").include_dir;
  } catch {
    const own = join(dirname(dirname(process.execPath)), "include", "node");
    for (const folder of [own, "/usr/include/node"]) if (existsSync(join(folder, "node_api.h"))) return folder;
    return fail("the package node-api-headers is not installed (npm install node-api-headers)");
  }
}

function compile() {
  const compiler = process.env.CC || "cc";
  // A name of its own, moved into place at the end: a running process keeps the old file, and never sees half of one.
  const temporary = `${output}.${process.pid}`;
  const sources = readdirSync(here).filter((file) => file.endsWith(".c"));
  const flags = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-fPIC",
    "-fvisibility=hidden",
    "-shared",
    "-DNAPI_VERSION=8",
  ];
  if (strict) flags.push("-Werror");
  const args = [...flags, `-I${headers()}`, "-o", temporary, ...sources.map((file) => join(here, file))];
  mkdirSync(dirname(output), { recursive: true });
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: "utf8" });
  if (stderr) process.stderr.write(stderr);
  if (error || status !== 0) {
    rmSync(temporary, { force: true });
    const missing = error?.code === "ENOENT";
    return fail(missing ? `there is no C compiler (${compiler})` : `${compiler} failed; its messages are above`);
  }
  renameSync(temporary, output);
}

if (process.platform === "linux") compile();
else fail(`TAP devices of this kind exist on Linux only, and this is ${process.platform}`);
