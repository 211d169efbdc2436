import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FlowSpec, Stage } from "./flow.js";
import { makeNetns } from "./netns.js";
import type { Answer, Batch, Order } from "./worker.js";

/** A worker: a process in a namespace of its own, where its TAPs are made, with one for the kernel at each end. */
class Worker {
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;
  private settle: (answer: Answer) => void = () => {};

  constructor(index: number, program: string, algorithm: string) {
    const prefix = `tsgp-${process.pid}-${index}`;
    const own = `${prefix}-x`;
    const stage: Stage = { a: `${prefix}-a`, b: `${prefix}-b`, program, algorithm };
    makeNetns([own, stage.a, stage.b]);
    const script = fileURLToPath(new URL("worker.js", import.meta.url));
    const args = ["netns", "exec", own, process.execPath, ...process.execArgv, script, JSON.stringify(stage)];
    this.child = spawn("ip", args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.child.on("message", (answer: Answer) => this.settle(answer));
    this.ended = once(this.child, "exit").then(() => this.settle({ what: "error", message: "a worker ended" }));
  }

  async order(order: Order): Promise<Answer> {
    const answer = await new Promise<Answer>((resolve) => {
      this.settle = resolve;
      this.child.send(order);
    });
    if (answer.what === "error") throw new Error(answer.message);
    return answer;
  }

  async close(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** As many workers as there are CPUs to spare. */
export class Crew {
  private readonly workers: readonly Worker[];

  constructor(size: number, program: string, algorithm: string) {
    this.workers = Array.from({ length: size }, (_, i) => new Worker(i, program, algorithm));
  }

  /** Has the transfers take place at the same time. Those of a seed stay together, so that what slows one slows all. */
  async run(specs: readonly FlowSpec[]): Promise<Batch> {
    const shares = this.workers.map((_, i) => specs.filter(({ seed }) => seed % this.workers.length === i));
    await this.all((i) => ({ what: "prepare", specs: shares[i] as FlowSpec[] }));
    const answers = await this.all(() => ({ what: "run" }));
    await this.all(() => ({ what: "clear" }));
    const batches = answers.flatMap((answer) => (answer.what === "done" ? [answer.batch] : []));
    return {
      flows: batches.flatMap((batch) => batch.flows),
      lost: batches.reduce((sum, batch) => sum + batch.lost, 0),
      late: Math.max(...batches.map((batch) => batch.late)),
      cpu: Math.max(...batches.map((batch) => batch.cpu)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private all(order: (index: number) => Order): Promise<Answer[]> {
    return Promise.all(this.workers.map((worker, i) => worker.order(order(i))));
  }
}
