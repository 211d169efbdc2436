import { Command } from "commander";
import { RemoteError } from "../observe/control-client.js";
import { type StackOptions, withStackOptions } from "./arguments.js";
import { CliError, usage } from "./errors.js";
import { withStack } from "./running.js";

interface SysctlOptions extends StackOptions {
  readonly all?: boolean;
  readonly values?: boolean;
  readonly names?: boolean;
  readonly describe?: boolean;
}

export function sysctlCommand(): Command {
  const command = new Command("sysctl")
    .summary("show or change the stack's settings")
    .description("Show or change the running stack's settings, which have Linux's names; without names: all of them.")
    .argument("[setting...]", "NAME or NAME=VALUE; net.ipv4. may be left out")
    .option("-a, --all", "all settings")
    .option("-n, --values", "values only")
    .option("-N, --names", "names only")
    .option("-d, --describe", "with a line about each")
    .addHelpText(
      "after",
      "\nExamples:\n  tapstack sysctl tcp_fin_timeout\n  tapstack sysctl net.ipv4.tcp_fin_timeout=30",
    );
  return withStackOptions(command).action(async (items: string[], options: SysctlOptions) => {
    const nameless = items.find((item) => /^\s*(=|$)/.test(item));
    if (nameless !== undefined) throw usage(`"${nameless}" names no setting; give NAME or NAME=VALUE`);
    const failures = await withStack(options, async (client) => {
      let failed = 0;
      for (const item of items.length === 0 || options.all ? [""] : items) {
        const [, name = "", value] = /^([^=]*?)\s*(?:=\s*(.*))?$/s.exec(item) ?? [];
        try {
          for (const row of await client.sysctl(name === "" ? undefined : name, value)) {
            if (options.describe) process.stdout.write(`# ${row.doc}\n`);
            const text = options.values ? row.value : options.names ? row.name : `${row.name} = ${row.value}`;
            process.stdout.write(`${text}\n`);
          }
        } catch (error) {
          // The others are still shown and set, as sysctl does.
          if (!(error instanceof RemoteError)) throw error;
          process.stderr.write(`tapstack: ${error.message}\n`);
          failed++;
        }
      }
      return failed;
    });
    if (failures > 0) throw new CliError("", 1);
  });
}
