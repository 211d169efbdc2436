// Runs command lines one after another in one process: `command-lines.ts LINE...`. One JSON line each: code, output.
// Starting a process for each would take most of the test's time.
import { run } from "../../../src/cli/program.js";

type Write = typeof process.stdout.write;

async function main(): Promise<void> {
  const print = process.stdout.write.bind(process.stdout);
  for (const line of process.argv.slice(2)) {
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      process[name].write = ((text: string) => {
        texts[name] += text;
        return true;
      }) as Write;
    const code = await run(line.split(" ").filter((word) => word !== ""));
    print(`${JSON.stringify({ line, code, ...texts })}\n`);
  }
}

main().then(() => process.exit());
