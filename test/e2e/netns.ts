import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { accessSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a command did. */
export interface Outcome {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Milliseconds until it is killed; 30,000 by default. */
  readonly timeout?: number;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function usable(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    accessSync("/dev/net/tun");
  } catch {
    return false;
  }
  return spawnSync("ip", ["-V"]).status === 0;
}

/** Namespaces and TAPs can be made here: Linux, root, /dev/net/tun, iproute2. */
export const HAVE_NETNS: boolean = usable();

function collect(child: ChildProcess, options: RunOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 30_000);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
    child.stdin?.on("error", () => {}); // it need not read what it is given
    child.stdin?.end(options.input);
  });
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.trim()}`);
}

let made = 0;

/** A network namespace of its own; what runs in it ends with it. */
export class Netns {
  readonly name: string;
  private readonly children = new Set<ChildProcess>();
  private closed = false;
  private readonly onExit = (): void => this.remove();

  constructor(label: string) {
    this.name = `ts-${label}-${process.pid}-${made++}`;
    ip("netns", "add", this.name);
    // When the test process ends in the middle.
    process.once("exit", this.onExit);
    ip("-n", this.name, "link", "set", "lo", "up");
  }

  /** Starts a command inside; it is killed when the namespace is closed. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.name, command, ...args], { cwd: ROOT, ...options });
    this.children.add(child);
    child.once("close", () => this.children.delete(child));
    return child;
  }

  /** Runs a command inside to its end. */
  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const env = { ...process.env, ...options.env };
    return collect(this.spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] }), options);
  }

  /** Runs a TypeScript file of the repository (path from its root) inside. */
  node(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
    return this.run(process.execPath, ["--import", "tsx", script, ...args], options);
  }

  /** `ip ARGS` on the namespace. Throws when it fails. */
  ip(...args: string[]): void {
    ip("-n", this.name, ...args);
  }

  /** Ends what runs inside and removes the namespace. Idempotent. */
  async close(): Promise<void> {
    const ends = [...this.children].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once("close", () => resolve());
          child.kill("SIGKILL");
        }),
    );
    await Promise.all(ends);
    this.remove();
    process.removeListener("exit", this.onExit);
  }

  private remove(): void {
    if (this.closed) return;
    this.closed = true;
    for (const child of this.children) child.kill("SIGKILL");
    spawnSync("ip", ["netns", "del", this.name]);
  }
}

/** Runs `body` with a namespace that is removed afterwards, whatever happens. */
export async function withNetns<T>(label: string, body: (netns: Netns) => Promise<T>): Promise<T> {
  const netns = new Netns(label);
  try {
    return await body(netns);
  } finally {
    await netns.close();
  }
}
