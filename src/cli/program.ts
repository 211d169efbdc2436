import { Command, CommanderError } from "commander";
import { CliError, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, sentenceOf } from "./errors.js";
import { fuserCommand } from "./fuser.js";
import { lsofCommand } from "./lsof.js";
import { ncCommand } from "./nc.js";
import { netstatCommand } from "./netstat.js";
import { nstatCommand } from "./nstat.js";
import { packageVersion } from "./package-version.js";
import { pingCommand } from "./ping.js";
import { ssCommand } from "./ss.js";
import { sysctlCommand } from "./sysctl.js";
import { upCommand } from "./up.js";

const COMMANDS = [
  upCommand,
  ssCommand,
  netstatCommand,
  lsofCommand,
  fuserCommand,
  pingCommand,
  ncCommand,
  sysctlCommand,
  nstatCommand,
];

/** Commander's ways to end after showing what was asked for. */
const SHOWN = new Set(["commander.helpDisplayed", "commander.version"]);

function program(): Command {
  const root = new Command("tapstack")
    .description("A TCP/UDP/IPv4 stack in user space, on a TAP device.")
    .version(packageVersion(), "-V, --version");
  for (const make of COMMANDS) root.addCommand(make());
  for (const command of [root, ...root.commands]) prepare(command);
  return root;
}

/** Errors are sentences that name the command, and leave the exit code to {@link run}. */
function prepare(command: Command): void {
  const name = command.parent === null ? "tapstack" : `tapstack ${command.name()}`;
  command.exitOverride().configureOutput({
    outputError: (text, write) => {
      const sentence = text.replace(/^error: /, "").trim();
      if (sentence !== "") write(`tapstack: ${sentence}\nSee "${name} --help".\n`);
    },
  });
}

/** Runs a command line. @returns the exit code: 0, 1 (it failed) or 2 (it makes no sense) */
export async function run(words: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...words], { from: "user" });
    return EXIT_OK;
  } catch (error) {
    // Commander has said what it has to say.
    if (error instanceof CommanderError) return SHOWN.has(error.code) ? EXIT_OK : EXIT_USAGE;
    const sentence = sentenceOf(error);
    if (sentence !== "") process.stderr.write(`tapstack: ${sentence}\n`);
    return error instanceof CliError ? error.exitCode : EXIT_FAILURE;
  }
}
