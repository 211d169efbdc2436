import { type Registered, Script } from "../harness.js";
import type { TestOptions } from "../harness-player.js";
import { NotPortable } from "../harness-subject.js";
import { VirtualSubject } from "../harness-virtual.js";
import { LinuxSubject, TooLong } from "./linux-subject.js";
import type { Puppet } from "./puppet.js";

export interface LinuxOptions {
  puppet: Puppet;
  /** Seconds that a script may take. */
  limit: number;
}

export interface Outcome {
  verdict: "passed" | "failed" | "skipped";
  /** Why it was skipped, or how it failed. */
  message: string;
  /** Seconds of the script's own time. */
  seconds: number;
  /** What was sent, as a script. */
  recorded: string;
}

/** Plays a script on our stack in virtual time. */
export async function playVirtual({ test, options }: Registered, recording = false): Promise<Outcome> {
  const t = new Script(await VirtualSubject.create(options), options, recording);
  try {
    await test(t);
    t.end();
    return outcome(t, "passed", "");
  } catch (error) {
    return outcome(t, "failed", (error as Error).message);
  } finally {
    await t.subject.close().catch(() => {});
  }
}

/** Plays a script on the kernel in real time. */
export async function playLinux(
  { test, options }: Registered,
  linux: LinuxOptions,
  recording = false,
): Promise<Outcome> {
  if (options.linux !== undefined) return skipped(options.linux === false ? "not for the kernel" : options.linux);
  const opened = open(options, linux);
  if ("verdict" in opened) return opened;
  const t = new Script(opened, options, recording);
  try {
    await test(t);
    t.end();
    return opened.unportable === "" ? outcome(t, "passed", "") : skipped(`it uses ${opened.unportable}`);
  } catch (error) {
    if (error instanceof TooLong) return skipped(`longer than ${linux.limit} s: --slow`);
    if (error instanceof NotPortable) return skipped(error.message);
    if (opened.unportable !== "") return skipped(`it uses ${opened.unportable}`);
    const { message } = error as Error;
    return outcome(t, "failed", message.includes("expected  ") ? message : `${message}\n${t.failure("").message}`);
  } finally {
    await opened.close();
  }
}

function open(options: TestOptions, linux: LinuxOptions): LinuxSubject | Outcome {
  try {
    return new LinuxSubject(options, linux.puppet, linux.limit);
  } catch (error) {
    if (error instanceof NotPortable) return skipped(error.message);
    throw error;
  }
}

function skipped(message: string): Outcome {
  return { verdict: "skipped", message, seconds: 0, recorded: "" };
}

function outcome(t: Script, verdict: Outcome["verdict"], message: string): Outcome {
  return { verdict, message, seconds: t.duration, recorded: t.trace.script() };
}
