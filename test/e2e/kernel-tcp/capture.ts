import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { FIRST_PORT } from "./wire.js";

/** Milliseconds that tcpdump gets for what it has not read. */
const DRAIN = 200;

/** tcpdump on every interface of the namespace where this process runs. */
export class Capture {
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;
  private said = "";
  readonly file: string;

  constructor(file: string) {
    this.file = file;
    const args = [
      "-i",
      "any",
      "-n",
      "-s",
      "2048",
      "-B",
      "65536",
      "--immediate-mode",
      "-Z",
      "root",
      "-w",
      file,
      "tcp or icmp",
    ];
    this.child = spawn("tcpdump", args, { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
    this.ended = once(this.child, "close");
  }

  async started(): Promise<void> {
    while (!this.said.includes("listening on")) {
      if (this.child.exitCode !== null) throw new Error(`tcpdump: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    // What is on its way to it would be lost
    await new Promise((resolve) => setTimeout(resolve, DRAIN));
    this.child.kill("SIGINT");
    await this.ended;
    if (!/\b0 packets dropped by kernel/.test(this.said)) throw new Error(`tcpdump missed some: ${this.said}`);
  }
}

/** How often tshark's experts made each remark about a flow. */
export type Remarks = ReadonlyMap<string, number>;

/** A segment as tshark sees it, for a trace. */
interface Row {
  readonly port: number;
  readonly line: string;
  readonly remarks: readonly string[];
}

const FIELDS = [
  "frame.time_epoch",
  "ip.src",
  "tcp.srcport",
  "tcp.dstport",
  "tcp.flags.str",
  "tcp.seq",
  "tcp.ack",
  "tcp.len",
  "tcp.window_size",
  "tcp.options.sack_le",
  "tcp.options.sack_re",
  "_ws.expert.message",
];

/** What tshark has to say of a capture. */
export class Analysis {
  private readonly rows: readonly Row[];

  private constructor(rows: readonly Row[]) {
    this.rows = rows;
  }

  static async of(file: string): Promise<Analysis> {
    const checks = ["ip", "tcp"].flatMap((name) => ["-o", `${name}.check_checksum:TRUE`]);
    const form = [
      "-T",
      "fields",
      "-E",
      "separator=/t",
      "-E",
      "aggregator=;",
      ...FIELDS.flatMap((name) => ["-e", name]),
    ];
    const args = ["-n", "-r", file, ...checks, "-Y", "tcp && !icmp", ...form];
    const child = spawn("tshark", args, { stdio: ["ignore", "pipe", "ignore"] });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    const [code] = (await once(child, "close")) as [number];
    if (code !== 0) throw new Error(`tshark ended with ${code}`);
    return new Analysis(
      stdout
        .split("\n")
        .filter((line) => line !== "")
        .map(row),
    );
  }

  remarks(port: number): Remarks {
    const found = new Map<string, number>();
    for (const { remarks } of this.of(port))
      for (const remark of remarks) found.set(remark, (found.get(remark) ?? 0) + 1);
    return found;
  }

  /** The flow as text. */
  trace(port: number): string {
    const rows = this.of(port);
    const start = Number(rows[0]?.line.split("\t")[0]);
    return rows
      .map(({ line }) => {
        const [time, src, from, , flags, seq, ack, length, window, left, right, message] = line.split("\t");
        const edges = (right ?? "").split(";");
        const sack = (left ?? "").split(";").map((edge, i) => `${edge}:${edges[i]}`);
        const blocks = left === "" ? "" : `sack ${sack.join(" ")}`;
        const shown = (flags ?? "").replace(/[^A-Z]/g, "");
        const at = ((Number(time) - start) * 1000).toFixed(1).padStart(8);
        return `${at} ${src}:${from} ${shown} ${seq} ${length} ack ${ack} win ${window} ${blocks} ${message}`;
      })
      .join("\n");
  }

  private of(port: number): readonly Row[] {
    return this.rows.filter((row) => row.port === port);
  }
}

export const ARRIVED_BEFORE = "segment that had arrived";
export const BEHIND = "segment behind others";
export const REPEATED_ACK = "repeated acknowledgment";

/** Which of these it is hangs on a window that moves along, on microseconds: what they say is one thing. */
const ALIKE: readonly (readonly [RegExp, string])[] = [
  [/spurious retransmission/, ARRIVED_BEFORE],
  [/retransmission|out-of-order/, BEHIND],
  [/^Duplicate ACK|^TCP window update|^D-SACK/, REPEATED_ACK],
];

/** The kinds of what the experts say of one frame. Numbers in it do not matter. */
function kinds(messages: readonly string[]): string[] {
  const plain = messages.map((message) => message.replace(/0x[0-9a-f]+|\d+/g, "N").trim());
  const rest = plain.filter((message) => message !== "" && !ALIKE.some(([pattern]) => pattern.test(message)));
  const alike = ALIKE.find(([pattern]) => plain.some((message) => pattern.test(message)));
  return alike === undefined ? rest : [...rest, alike[1]];
}

function row(line: string): Row {
  const fields = line.split("\t");
  const ports = [Number(fields[2]), Number(fields[3])];
  return {
    port: Math.min(...ports.filter((port) => port >= FIRST_PORT)),
    line,
    remarks: kinds((fields.at(-1) ?? "").split(";")),
  };
}
