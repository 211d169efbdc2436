#!/usr/bin/env node
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundle, ROOT, scriptFiles } from "./bundle.mjs";
import { runAll } from "./pool.mjs";
import { report } from "./report.mjs";

// Run with --single-threaded-gc: the threads that play scripts run before all others, and may not wait for helpers.
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

function onOurs(scripts, _, how) {
  return runAll(scripts, { ...how, jobs: Number(values.jobs ?? 1), attempts: 1, program: "", limit: 0 });
}

async function onLinux(scripts, { durations, buildPuppet, makePipes }, how) {
  const limit = values.slow ? Number.POSITIVE_INFINITY : Number(values.limit);
  const seconds = await durations();
  const reason = ({ index, linux }) => {
    if (linux !== undefined) return linux || "not for the kernel";
    return seconds[index] > limit ? `longer than ${limit} s: --slow` : "";
  };
  const played = await runAll(
    // The longest first, so that none is waited for at the end
    scripts.filter((each) => reason(each) === "").sort((a, b) => seconds[b.index] - seconds[a.index]),
    {
      ...how,
      makePipes,
      jobs: Number(values.jobs ?? 24),
      // A failure of ours is the same again; the kernel's may be the machine's
      attempts: values.record ? 1 : 3,
      program: buildPuppet(join(ROOT, "test/conformance/linux/puppet.c")),
      limit: limit + 8,
    },
  );
  const skipped = scripts.filter((each) => reason(each) !== "");
  return [
    ...played,
    ...skipped.map((each) => ({ ...each, verdict: "skipped", message: reason(each), seconds: 0, recorded: "" })),
  ].sort((a, b) => a.index - b.index);
}

async function main() {
  if (values.help) return console.log(USAGE);
  const { folder, module } = await bundle(scriptFiles(positionals));
  try {
    const loaded = await import(pathToFileURL(module).href);
    const wanted = loaded.scripts
      .map(({ file, name, registered }, index) => ({ file, name, index, linux: registered.options.linux }))
      .filter(({ name }) => values.name === undefined || name.includes(values.name));
    if (values.list) return console.log(wanted.map(({ file, name }) => `${file}  ${name}`).join("\n"));
    const outcomes = await (values.linux ? onLinux : onOurs)(wanted, loaded, { module, folder, record: values.record });
    const failed = report(outcomes, values);
    process.exitCode = failed > 0 || outcomes.length === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
