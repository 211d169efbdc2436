#!/usr/bin/env node
import { run } from "./program.js";

// A reader that has seen enough (`tapstack ss | head`) is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exit(await run(process.argv.slice(2)));
