// What each TAP driver costs on this machine: `node --import tsx bench/drivers.ts [DRIVER...]`, as root. Prints a table.
//
// A C client in the driver's own namespace keeps 64 (then 1) datagrams of 64 bytes on their way through the TAP to a
// driver that turns them around; then the driver writes frames that nobody wants. Best of three: on a shared machine
// the disturbances only ever make it slower.
import { type ChildProcess, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Netns, ROOT, withNetns } from "../test/e2e/netns.js";

const SECONDS = "1.5";
const ROUNDS = 3;
/** test/install-tools.mjs puts ffi-napi there. */
const MODULES = process.env.TAPSTACK_DRIVER_PATH ?? join(tmpdir(), "tapstack-optional-drivers");

interface Variant {
  readonly name: string;
  readonly driver: string;
  readonly offload: boolean;
  readonly spin: number;
}

const VARIANTS: readonly Variant[] = [
  { name: "native, 20 µs spin", driver: "native", offload: true, spin: 20 },
  { name: "native, no spin", driver: "native", offload: true, spin: 0 },
  { name: "native, no vnet header", driver: "native", offload: false, spin: 20 },
  { name: "ffi-napi", driver: "ffi-napi", offload: false, spin: 0 },
  { name: "tuntap2", driver: "tuntap2", offload: false, spin: 0 },
];

interface Result {
  /** Datagrams turned around per second, and the driver's CPU time for each in µs, at 64 outstanding. */
  many: number;
  cpu: number;
  batch: number;
  /** Round trip in µs at 1 outstanding. */
  p50: number;
  p99: number;
  /** µs for each frame written, in batches of 64. */
  write: number;
}

interface Report {
  readonly framesIn: number;
  readonly batches: number;
  readonly cpu: number;
  readonly frames: number;
  readonly ns: number;
}

/** Reads the JSON lines of a subject, one at a time. */
class Subject {
  readonly child: ChildProcess;
  private text = "";

  constructor(netns: Netns, mode: string, { driver, offload, spin }: Variant) {
    const args = ["--import", "tsx", "bench/drivers/subject.ts", mode, driver, offload ? "1" : "0", `${spin}`, MODULES];
    this.child = netns.spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
  }

  async line(): Promise<string> {
    while (!this.text.includes("\n")) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error("the driver's process ended");
      await Promise.race([once(this.child.stdout as NodeJS.EventEmitter, "data"), once(this.child, "exit")]);
    }
    const end = this.text.indexOf("\n");
    const line = this.text.slice(0, end);
    this.text = this.text.slice(end + 1);
    return line;
  }

  async report(signal?: NodeJS.Signals): Promise<Report> {
    if (signal !== undefined) this.child.kill(signal);
    return JSON.parse(await this.line()) as Report;
  }
}

/** Round trips per second, p50 and p99 in µs. */
async function runClient(netns: Netns, client: string, outstanding: number): Promise<number[]> {
  const { code, signal, stdout } = await netns.run(client, ["10.77.0.2", `${outstanding}`, SECONDS]);
  const figures = stdout.split(" ").map(Number);
  if (code !== 0 || figures[0] === 0) throw new Error(`the client ended with ${signal ?? code} and said "${stdout}"`);
  return figures;
}

async function measure(client: string, variant: Variant): Promise<Result> {
  const blast = await withNetns("bench", async (netns) => {
    const subject = new Subject(netns, "blast", variant);
    await subject.line();
    return subject.report();
  });
  return withNetns("bench", async (netns) => {
    const subject = new Subject(netns, "reflect", variant);
    await subject.line();
    const before = await subject.report("SIGUSR2");
    const many = await runClient(netns, client, 64);
    const after = await subject.report("SIGTERM");
    const again = new Subject(netns, "reflect", variant);
    await again.line();
    const one = await runClient(netns, client, 1);
    const frames = after.framesIn - before.framesIn;
    return {
      many: many[0] ?? 0,
      cpu: (after.cpu - before.cpu) / frames,
      batch: frames / (after.batches - before.batches),
      p50: one[1] ?? 0,
      p99: one[2] ?? 0,
      write: blast.ns / 1000 / blast.frames,
    };
  });
}

function best(results: readonly Result[]): Result {
  const least = (of: (result: Result) => number): number => Math.min(...results.map(of));
  return {
    many: Math.max(...results.map((result) => result.many)),
    cpu: least((result) => result.cpu),
    batch: Math.max(...results.map((result) => result.batch)),
    p50: least((result) => result.p50),
    p99: least((result) => result.p99),
    write: least((result) => result.write),
  };
}

async function main(wanted: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tapstack-bench-"));
  const client = join(folder, "udp-client");
  try {
    const { status } = spawnSync("cc", ["-O2", "-o", client, join(ROOT, "bench/drivers/udp-client.c")], {
      stdio: "inherit",
    });
    if (status !== 0) throw new Error("cc failed; apt-get install gcc libc6-dev");
    console.log(
      "| driver | 64 outstanding, k/s | CPU µs per datagram | frames per batch | 1 outstanding, p50 / p99 µs | write, µs |",
    );
    console.log("|---|---|---|---|---|---|");
    for (const variant of VARIANTS) {
      if (wanted.length > 0 && !wanted.includes(variant.driver)) continue;
      if (variant.driver !== "native" && !existsSync(join(MODULES, "node_modules", variant.driver))) {
        console.log(`| ${variant.name} | not installed in ${MODULES} | | | | |`);
        continue;
      }
      const results: Result[] = [];
      for (let i = 0; i < ROUNDS; i++) results.push(await measure(client, variant));
      const { many, cpu, batch, p50, p99, write } = best(results);
      const cells = [(many / 1000).toFixed(1), cpu.toFixed(2), batch.toFixed(1), `${p50} / ${p99}`, write.toFixed(2)];
      console.log(`| ${variant.name} | ${cells.join(" | ")} |`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main(process.argv.slice(2));
