import { type ChildProcess, type SpawnOptions, spawnSync } from "node:child_process";
import { join } from "node:path";
import { Netns, type Outcome, ROOT, type RunOptions } from "../netns.js";

/** The command line as it is shipped; `npm test` builds it first. */
const MAIN = join(ROOT, "dist/cli/main.js");
/** Where the stack lives when nobody says otherwise. */
export const STACK = "10.77.0.2";
export const HOST = "10.77.0.1";
/** Milliseconds that a slow machine may take to start something. */
const PATIENCE = 30_000;

/** Tests that need a namespace are slow on a small machine that does other things beside. */
export const SLOW = 60_000;

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `look` gives something. Rejects with `what` after 30 s. */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await delay(50);
  }
}

/** A process that goes on while the test does other things. */
export class Background {
  readonly pid: number;
  stdout = "";
  stderr = "";
  readonly stdin: ChildProcess["stdin"];
  /** Its end. */
  readonly ended: Promise<Outcome>;
  private readonly child: ChildProcess;
  private over = false;

  constructor(child: ChildProcess) {
    this.child = child;
    this.pid = child.pid as number;
    this.stdin = child.stdin;
    child.stdin?.on("error", () => {});
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.over = true;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits until it has printed that. Rejects when it ends before. */
  async prints(text: string): Promise<void> {
    await until(`${JSON.stringify(text)} in ${JSON.stringify(this.stdout + this.stderr)}`, () => {
      if (this.stdout.includes(text) || this.stderr.includes(text)) return true;
      if (this.over) throw new Error(`ended (${this.child.exitCode}) without ${text}: ${this.stdout}${this.stderr}`);
      return false;
    });
  }

  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** What `up --json` says when it is ready. */
export interface Ready {
  readonly address: string;
  readonly tap: string;
  readonly mtu: number;
  readonly hostAddress: string | null;
  readonly services: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  readonly control: string;
  readonly pid: number;
}

/** A running `tapstack up`. */
export interface Up {
  readonly process: Background;
  readonly ready: Ready;
}

/**
 * A network namespace, and a mount namespace with an empty /run: whatever else this machine does, `tapstack up` finds
 * neither its TAP's name nor its control socket taken. IPv6 is off, so that nobody speaks unasked.
 */
export class Lab {
  readonly netns: Netns;
  private readonly holder: Background;

  private constructor(netns: Netns, holder: Background) {
    this.netns = netns;
    this.holder = holder;
  }

  static async open(label: string): Promise<Lab> {
    const netns = new Netns(label);
    const script = [
      "mount -t tmpfs -o mode=0755 tmpfs /run",
      "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
      "echo ready",
      "exec sleep infinity",
    ].join("; ");
    const holder = new Background(
      netns.spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], { stdio: "pipe" }),
    );
    try {
      await holder.prints("ready");
    } catch (error) {
      await netns.close();
      throw error;
    }
    return new Lab(netns, holder);
  }

  private inside(words: readonly string[]): [string, string[]] {
    return ["nsenter", ["--target", `${this.holder.pid}`, "--mount", `--wd=${ROOT}`, "--", ...words]];
  }

  /** Runs a command inside to its end. */
  run(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.netns.run(...this.inside(words), options);
  }

  /** Runs a shell's script inside to its end; bash, and a pipe fails with any of its parts. */
  sh(script: string, options: RunOptions = {}): Promise<Outcome> {
    return this.run(["bash", "-o", "pipefail", "-c", script], options);
  }

  /** Starts a command inside; it is killed when the lab is closed. */
  start(words: readonly string[], options: SpawnOptions = {}): Background {
    return new Background(this.netns.spawn(...this.inside(words), { stdio: "pipe", ...options }));
  }

  /** Runs `tapstack WORDS` inside to its end. */
  tapstack(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.run([process.execPath, MAIN, ...words], options);
  }

  /** Starts `tapstack WORDS` inside. */
  startTapstack(words: readonly string[], options: SpawnOptions = {}): Background {
    return this.start([process.execPath, MAIN, ...words], options);
  }

  /** Starts `tapstack up` and waits until it is ready. */
  async up(words: readonly string[] = [], options: SpawnOptions = {}): Promise<Up> {
    const process = this.startTapstack(["up", "--json", ...words], options);
    await process.prints("}\n");
    return { process, ready: JSON.parse(process.stdout) as Ready };
  }

  /** The stack's counters since it started. */
  async counters(words: readonly string[] = []): Promise<Record<string, number>> {
    const { stdout, stderr } = await this.tapstack(["nstat", "-a", "-z", "--json", ...words]);
    if (stdout === "") throw new Error(stderr);
    return (JSON.parse(stdout) as { tapstack: Record<string, number> }).tapstack;
  }

  /** Ends everything inside, what a shell started too: it would hold the shell's output open. */
  async close(): Promise<void> {
    const { stdout } = spawnSync("ip", ["netns", "pids", this.netns.name], { encoding: "utf8" });
    for (const pid of stdout.split("\n").filter((line) => line !== "")) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended by itself meanwhile.
      }
    }
    await this.netns.close();
  }
}
