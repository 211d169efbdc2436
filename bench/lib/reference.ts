import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Protocol } from "./traffic.js";

/** What bench/reference/dispatch.c prints. */
export interface ReferenceResult {
  readonly ns: number;
  readonly frames: number;
  readonly acks: number;
  readonly read: number;
  readonly slow: number;
  readonly drops: number;
  readonly unknown: number;
}

/** The C reference, compiled afresh. */
export class Reference {
  readonly program: string;
  private readonly folder = mkdtempSync(join(tmpdir(), "tapstack-bench-"));

  /** @throws Error that says what to install where there is no C compiler */
  constructor(root: string) {
    this.program = join(this.folder, "dispatch");
    const source = join(root, "bench", "reference", "dispatch.c");
    const cc = spawnSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", this.program, source], {
      encoding: "utf8",
    });
    if (cc.error !== undefined) throw new Error("there is no C compiler; apt-get install gcc libc6-dev");
    if (cc.status !== 0) throw new Error(`cc failed:\n${cc.stderr}`);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs the compiled reference. @throws Error when it lost a frame */
export function runReference(
  program: string,
  protocol: Protocol,
  connections: number,
  size: number,
  software: boolean,
  groups: number,
): ReferenceResult {
  const args = [protocol, connections, size, software ? "software" : "valid", groups].map(String);
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`the reference failed: ${done.stderr}`);
  const result = JSON.parse(done.stdout) as ReferenceResult;
  if (result.slow + result.drops + result.unknown > 0) throw new Error(`the reference lost frames: ${done.stdout}`);
  return result;
}
