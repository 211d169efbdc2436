import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Netns, Outcome, RunOptions } from "./netns.js";

/** The command line as it is shipped; `npm test` builds it first. From the sources each start would compile them anew. */
const MAIN = "dist/cli/main.js";
export const ADDRESS = "10.77.0.2";
export const HOST = "10.77.0.1";

/** What `up --json` says. */
export interface Ready {
  readonly address: string;
  readonly tap: string;
  readonly mtu: number;
  readonly hostAddress: string | null;
  readonly services: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  readonly control: string;
  readonly pid: number;
}

/** A process that still runs, and what it has said. */
export class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Outcome>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Waits until it has said something; rejects when it ends before. */
  async said(what: RegExp, stream: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    let over = false;
    this.ended.then(() => {
      over = true;
    });
    for (let i = 0; i < 1000; i++) {
      const match = what.exec(this[stream]);
      if (match !== null) return match;
      if (over) break;
      await sleep(20);
    }
    throw new Error(`it did not say ${what}, but ${JSON.stringify(this.stdout)} ${JSON.stringify(this.stderr)}`);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A `tapstack up` in a namespace, and its command line. */
export class RunningStack {
  readonly netns: Netns;
  readonly control: string;
  readonly directory: string;
  up: Running | null = null;

  constructor(netns: Netns) {
    this.netns = netns;
    this.directory = mkdtempSync(join(tmpdir(), "tapstack-e2e-"));
    this.control = join(this.directory, "control.sock");
  }

  /** Starts `up --json` and waits until it is ready. */
  async start(...flags: string[]): Promise<Ready> {
    const up = this.launch("up", "--json", "--control", this.control, ...flags);
    this.up = up;
    const [line] = await up.said(/^\{.*\}$/m);
    return JSON.parse(line) as Ready;
  }

  /** Starts a command that goes on. */
  launch(...words: string[]): Running {
    const env = { ...process.env, TAPSTACK_CONTROL: this.control };
    return new Running(this.netns.spawn(process.execPath, [MAIN, ...words], { env, stdio: ["pipe", "pipe", "pipe"] }));
  }

  /** Runs a command to its end. */
  cli(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.netns.run(process.execPath, [MAIN, ...words], {
      ...options,
      env: { TAPSTACK_CONTROL: this.control, ...options.env },
    });
  }

  /** Sends a signal to `up` and waits for its end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    const { up } = this;
    if (up === null) throw new Error("nothing runs");
    this.up = null;
    up.child.kill(signal);
    return up.ended;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
