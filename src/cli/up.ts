import { Command } from "commander";
import { CliError, EXIT_OK } from "./errors.js";
import { checkUpOptions, upFlags } from "./up-options.js";

export function upCommand(): Command {
  const command = new Command("up")
    .summary("bring the stack up on a TAP device, with its services")
    .description("Bring the stack up on a TAP device, with its services, until Ctrl-C.")
    .addHelpText("after", "\nExamples:\n  tapstack up\n  tapstack up --services echo,http=8080 --capture all.pcapng");
  return upFlags(command).action(async (raw) => {
    const options = checkUpOptions(raw);
    // The stack itself is loaded only now: the other commands need none of it.
    const { up } = await import("./up-run.js");
    const code = await up(options);
    if (code !== EXIT_OK) throw new CliError("", code);
  });
}
