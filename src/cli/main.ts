#!/usr/bin/env node
import { tuneEngine } from "./engine.js";
import { run } from "./program.js";

tuneEngine();
// A reader that has seen enough (`tapstack ss | head`) is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exit(await run(process.argv.slice(2)));
