#!/usr/bin/env node
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundle, ROOT, scriptFiles } from "./bundle.mjs";
import { runAll } from "./pool.mjs";
import { report } from "./report.mjs";

const USAGE = `npm run conform -- [FILE...] [options]

Plays the scripts of test/conformance, or of the files and folders named.
  -t, --name TEXT   only scripts whose name contains TEXT
      --linux       on this machine's kernel in real time (as root), not on our stack in virtual time
      --slow        also those that take longer than --limit
      --limit N     seconds that a script may take on the kernel (8)
      --record      print what was sent, as a script, and go on where it differs
      --list        the names of the scripts, and no more
      --jobs N      scripts at a time (24 on the kernel)
      --json        outcomes as lines of JSON
  -q, --quiet       only the totals`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string", short: "t" },
    linux: { type: "boolean", default: false },
    slow: { type: "boolean", default: false },
    limit: { type: "string", default: "8" },
    record: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    jobs: { type: "string" },
    json: { type: "boolean", default: false },
    quiet: { type: "boolean", short: "q", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

async function main() {
  if (values.help) return console.log(USAGE);
  const { folder, module } = await bundle(scriptFiles(positionals));
  try {
    const { scripts, buildPuppet } = await import(pathToFileURL(module).href);
    const wanted = scripts
      .map(({ file, name }, index) => ({ file, name, index }))
      .filter(({ name }) => values.name === undefined || name.includes(values.name));
    if (values.list) return console.log(wanted.map(({ file, name }) => `${file}  ${name}`).join("\n"));
    const outcomes = await runAll(wanted, {
      module,
      jobs: Number(values.jobs ?? (values.linux ? 24 : 1)),
      linux: values.linux,
      record: values.record,
      // A failure of ours is the same again; the kernel's may be the machine's
      attempts: values.linux && !values.record ? 3 : 1,
      workerData: {
        program: values.linux ? buildPuppet(join(ROOT, "test/conformance/linux/puppet.c")) : "",
        limit: values.slow ? Number.POSITIVE_INFINITY : Number(values.limit),
      },
    });
    const failed = report(outcomes, values);
    process.exitCode = failed > 0 || outcomes.length === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
