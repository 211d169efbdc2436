import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { End } from "./end.js";
import type { Call, Reply } from "./kernel-peer.js";

const SCRIPT = fileURLToPath(new URL("kernel-peer.ts", import.meta.url));
const METHODS: readonly (keyof End)[] = [
  "listen",
  "accepted",
  "connect",
  "write",
  "resume",
  "received",
  "shutdown",
  "ended",
  "close",
  "reset",
  "report",
];

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The process that plays the kernel's ends in a namespace. */
export class KernelHost {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private id = 0;
  private readonly ready: Promise<void>;

  /** @param netns where it runs; empty: where we are */
  constructor(netns: string) {
    const enter = netns === "" ? [] : ["ip", "netns", "exec", netns];
    const words = [...enter, process.execPath, "--import", "tsx", SCRIPT];
    this.child = spawn(words[0] as string, words.slice(1), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.ready = new Promise((resolve) => this.waiting.set(0, { resolve: () => resolve(), reject: () => {} }));
    this.child.on("message", (reply: Reply) => this.answer(reply));
    this.child.once("exit", (code, signal) => {
      for (const { reject } of this.waiting.values())
        reject(new Error(`the kernel's ends are gone: ${code ?? signal}`));
    });
  }

  started(): Promise<void> {
    return this.ready;
  }

  /** An end of connection `flow`. */
  end(flow: number, local: string, remote: string): End {
    const methods = METHODS.map((method) => [
      method,
      (...args: unknown[]) => this.call({ flow, local, remote, method, args }),
    ]);
    return Object.fromEntries(methods) as End;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.disconnect();
    await exited;
  }

  private call(call: Omit<Call, "id">): Promise<unknown> {
    const id = ++this.id;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, ...call });
    });
  }

  private answer({ id, value, error }: Reply): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }
}
