import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

/** What a sender knew at the end. */
export interface SenderReport {
  readonly retransmits: number;
  /** Data segments sent, retransmissions included. */
  readonly segments: number;
  /** Retransmission timeouts; -1: not told. */
  readonly timeouts: number;
  /** Microseconds. */
  readonly minRtt: number;
  /** The median of the smoothed RTT over the transfer, microseconds. */
  readonly rtt: number;
}

export const PORT = 5001;

/** Compiles bench/goodput/peer.c into `folder`. Returns the program's path. */
export function compilePeer(root: string, folder: string): string {
  const program = join(folder, "peer");
  const source = join(root, "bench", "goodput", "peer.c");
  const cc = spawnSync("cc", ["-O2", "-Wall", "-Wextra", "-o", program, source], { encoding: "utf8" });
  if (cc.error !== undefined) throw new Error("there is no C compiler; apt-get install gcc libc6-dev");
  if (cc.status !== 0) throw new Error(`cc failed:\n${cc.stderr}`);
  return program;
}

/** An end of a transfer that the kernel's TCP plays. */
export class Peer {
  /** It listens, or is about to connect. */
  readonly ready: Promise<void>;
  /** The line of JSON with which it ends. */
  readonly result: Promise<Record<string, number>>;
  private readonly child: ChildProcess;
  private stdout = "";
  private stderr = "";

  constructor(program: string, role: "sink" | "source", netns: string, address: string, cc: string, seconds: number) {
    const args = [role, netns, address, PORT, cc, seconds].map(String);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ready = new Promise((resolve) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        this.stdout += text;
        if (this.stdout.startsWith("ready\n")) resolve();
      });
      child.once("close", () => resolve());
    });
    this.result = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        const line = this.stdout.split("\n")[1] ?? "";
        if (code === 0 && line !== "") resolve(JSON.parse(line) as Record<string, number>);
        else reject(new Error(`${role} ${address} ended with ${code ?? signal}: ${this.stderr.trim()}`));
      });
    });
    // Looked at later; meanwhile it is no unhandled rejection.
    this.result.catch(() => {});
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}
