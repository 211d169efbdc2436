import { parentPort, workerData } from "node:worker_threads";
import { scripts } from "./collector.js";
import type { LinuxOptions } from "./linux-subject.js";
import { type Outcome, playLinux, playVirtual } from "./run.js";

/** What the runner asks of a worker: a script, and whom to play it to. */
export interface Task {
  index: number;
  linux: boolean;
  record: boolean;
}

export type Answer = Outcome & { index: number };

const linux = workerData as LinuxOptions;

/** On the kernel a script takes as long as it says: ours knows how long in no time. */
async function play({ index, linux: onLinux, record }: Task): Promise<Outcome> {
  const { registered } = scripts[index] as (typeof scripts)[number];
  if (!onLinux) return playVirtual(registered, record);
  if (registered.options.linux === undefined) {
    const { seconds } = await playVirtual(registered, record);
    if (seconds > linux.limit)
      return { verdict: "skipped", message: `longer than ${linux.limit} s: --slow`, seconds: 0, recorded: "" };
  }
  return playLinux(registered, linux, record);
}

/** Answers the runner's tasks until it ends the thread. */
export function serve(): void {
  parentPort?.on("message", (task: Task) => {
    play(task).then(
      (outcome) => parentPort?.postMessage({ ...outcome, index: task.index }),
      (error: Error) =>
        parentPort?.postMessage({
          index: task.index,
          verdict: "failed",
          message: `${error.stack}`,
          seconds: 0,
          recorded: "",
        }),
    );
  });
}
