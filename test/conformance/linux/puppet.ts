import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sent } from "../harness-link.js";

/** Compiles the puppet where it is not compiled yet. @returns the program */
export function buildPuppet(source: string): string {
  const hash = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const folder = join(tmpdir(), `tapstack-puppet-${process.getuid?.() ?? 0}`);
  const program = join(folder, hash);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-o", `${program}.${process.pid}`, source]);
  renameSync(`${program}.${process.pid}`, program);
  return program;
}

/** What a request came to: a result or -errno, when it was acted on (µs of CLOCK_MONOTONIC), and what else it says. */
export interface Reply {
  result: number;
  acted: number;
  words: string[];
}

const MAX_READ = 1 << 18;

/** Makes the pipes that a puppet is asked and answers through. */
export function makePipes(path: string): void {
  execFileSync("mkfifo", ["-m", "600", `${path}.in`, `${path}.out`]);
}

/** A puppet process. It plays one script after another; its requests block until they are answered. */
export class Puppet {
  /** What the kernel has sent in this script. */
  sent: Sent[] = [];
  private readonly child: ChildProcess;
  private readonly requests: number;
  private readonly replies: number;
  private readonly buffer = Buffer.alloc(MAX_READ);
  private pending = "";

  /** @param path of the pipes that {@link makePipes} made */
  constructor(program: string, path: string) {
    const [thread] = readlinkSync("/proc/thread-self").split("/").slice(-1);
    this.child = spawn(program, [`${path}.in`, `${path}.out`, thread as string], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.requests = openSync(`${path}.in`, "w");
    this.replies = openSync(`${path}.out`, "r");
  }

  /** A namespace for a script. @returns the settings that it did not take */
  begin(mtu: number, settings: readonly string[]): string[] {
    this.sent = [];
    const { words } = this.request(`begin ${mtu} ${settings.join(";")};`);
    return words.map((place) => settings[Number(place)] as string);
  }

  end(): void {
    this.request("end");
  }

  request(line: string): Reply {
    const bytes = Buffer.from(`${line}\n`);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.requests, bytes, at);
    return this.answer();
  }

  close(): void {
    closeSync(this.requests);
    closeSync(this.replies);
    this.child.kill("SIGKILL");
  }

  private answer(): Reply {
    for (;;) {
      const [kind, ...words] = this.line().split(" ") as [string, ...string[]];
      if (kind === "P") {
        this.sent.push({ at: Number(words[0]), packet: Buffer.from(words[1] as string, "hex"), gso: 0 });
        continue;
      }
      return { result: Number(words[0]), acted: Number(words[1]), words: words.slice(3) };
    }
  }

  private line(): string {
    for (;;) {
      const end = this.pending.indexOf("\n");
      if (end >= 0) {
        const line = this.pending.slice(0, end);
        this.pending = this.pending.slice(end + 1);
        return line;
      }
      const n = readSync(this.replies, this.buffer);
      if (n === 0) throw new Error("the puppet is gone; is this root, with /dev/net/tun?");
      this.pending += this.buffer.toString("latin1", 0, n);
    }
  }
}
