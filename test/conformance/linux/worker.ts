import { parentPort, workerData } from "node:worker_threads";
import type { Script } from "../harness.js";
import { scripts } from "./collector.js";
import { Puppet } from "./puppet.js";
import { type LinuxOptions, type Outcome, playLinux, playVirtual } from "./run.js";

/** What the runner asks of a worker: a script. */
export interface Task {
  index: number;
  record: boolean;
}

/** What a worker is told: the puppet program and its pipes ("": none is needed), and how long a script may take. */
export interface WorkerData {
  program: string;
  pipes: string;
  limit: number;
}

async function play({ index, record }: Task, linux: LinuxOptions | null): Promise<Outcome> {
  const { registered } = scripts[index] as (typeof scripts)[number];
  return linux === null ? playVirtual(registered, record) : playLinux(registered, linux, record);
}

/** On the kernel a script takes as long as it says; ours knows how long in no time. @returns seconds, of each script */
export async function durations(): Promise<number[]> {
  const seconds: number[] = [];
  for (const { registered } of scripts) seconds.push((await playVirtual(registered, true)).seconds);
  return seconds;
}

/** A script of everything that scripts do: what they need is loaded and compiled before times count. */
async function warmUp(linux: LinuxOptions): Promise<void> {
  const test = (t: Script): void => {
    t.passive("win 65535 <mss 1460,sackOK,TS,nop,wscale 7>");
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      < P. 1:101(100) ack 101
      > . 101:101(0) ack 101`);
    t.read(100);
    t.about("rtt", 100_000);
    t.close();
    t.play("> F. 101:101(0) ack 101");
  };
  for (let i = 0; i < 3; i++) await playLinux({ test, options: {} }, linux);
}

/** Says that it is ready, and answers the runner's tasks until it is told that there are no more. */
export async function serve(): Promise<void> {
  const { program, pipes, limit } = workerData as WorkerData;
  const linux = program === "" ? null : { puppet: new Puppet(program, pipes), limit };
  if (linux !== null) await warmUp(linux);
  const answer = (outcome: Outcome, { index }: Task): void => parentPort?.postMessage({ ...outcome, index });
  parentPort?.on("message", (task: Task | null) => {
    if (task === null) {
      linux?.puppet.close();
      parentPort?.close();
      return;
    }
    play(task, linux).then(
      (outcome) => answer(outcome, task),
      (error: Error) => answer({ verdict: "failed", message: `${error.stack}`, seconds: 0, recorded: "" }, task),
    );
  });
  parentPort?.postMessage("ready");
}
