import { Command } from "commander";
import type { ControlClient } from "../observe/control-client.js";
import type { Lost, Pong } from "../observe/protocol.js";
import { RealClock } from "../platform/clock.js";
import { decimal, integer, resolveHost, type StackOptions, withStackOptions } from "./arguments.js";
import { CliError } from "./errors.js";
import { withStack } from "./running.js";

interface PingOptions extends StackOptions {
  readonly count?: number;
  readonly size: number;
  readonly interval: number;
  readonly timeout: number;
  readonly quiet?: boolean;
}

/** 65535 less an IPv4 header and an ICMP header. */
const SIZE_MAX = 65507;
const HEADERS = 28;

export function pingCommand(): Command {
  const command = new Command("ping")
    .summary("ping a host through the stack")
    .description("Send ICMP echo requests through the running stack, and print what iputils' ping prints.")
    .argument("<host>", "address or name")
    .option("-c, --count <n>", "requests to send; otherwise until Ctrl-C", integer(1, 0x7fffffff))
    .option("-s, --size <bytes>", "bytes of payload", integer(0, SIZE_MAX), 56)
    .option("-i, --interval <seconds>", "between requests", decimal(0.002, 3600), 1)
    .option("-W, --timeout <seconds>", "to wait for answers after the last request", decimal(0.001, 3600), 10)
    .option("-q, --quiet", "only the summary");
  return withStackOptions(command).action(async (host: string, options: PingOptions) => {
    const address = await resolveHost(host);
    const answered = await withStack(options, (client) => ping(client, host, address, options));
    if (!answered) throw new CliError("", 1);
  });
}

/** Round trips in milliseconds, and what else the summary says. */
export class PingSummary {
  received = 0;
  duplicates = 0;
  errors = 0;
  private least = Number.POSITIVE_INFINITY;
  private most = 0;
  private sum = 0;
  private squares = 0;

  add(pong: Pong): void {
    if (pong.duplicate) {
      this.duplicates++;
      return;
    }
    const ms = pong.us / 1000;
    this.received++;
    this.least = Math.min(this.least, ms);
    this.most = Math.max(this.most, ms);
    this.sum += ms;
    this.squares += ms * ms;
  }

  /** @param sent requests  @param elapsed milliseconds since the first */
  format(host: string, sent: number, elapsed: number): string {
    const loss = sent === 0 ? 0 : (100 * Math.max(0, sent - this.received)) / sent;
    const extra = [
      this.duplicates > 0 ? `+${this.duplicates} duplicates, ` : "",
      this.errors > 0 ? `+${this.errors} errors, ` : "",
    ].join("");
    const rate = `${Number(loss.toPrecision(6))}% packet loss`;
    const lines = [
      `\n--- ${host} ping statistics ---`,
      `${sent} packets transmitted, ${this.received} received, ${extra}${rate}, time ${Math.round(elapsed)}ms`,
    ];
    if (this.received > 0) {
      const mean = this.sum / this.received;
      const deviation = Math.sqrt(Math.max(0, this.squares / this.received - mean * mean));
      const numbers = [this.least, mean, this.most, deviation].map((ms) => ms.toFixed(3)).join("/");
      lines.push(`rtt min/avg/max/mdev = ${numbers} ms`);
    }
    return `${lines.join("\n")}\n`;
  }
}

/** One answer, as iputils prints it. */
export function formatPong(pong: Pong): string {
  const ttl = pong.ttl > 0 ? ` ttl=${pong.ttl}` : "";
  const dup = pong.duplicate ? " (DUP!)" : "";
  return `${pong.bytes} bytes from ${pong.from}: icmp_seq=${pong.seq}${ttl} time=${roundTrip(pong.us)} ms${dup}`;
}

/** iputils' precision: 0.045, 4.50, 45.0, 450. */
function roundTrip(us: number): string {
  const ms = us / 1000;
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

const REASONS: Readonly<Record<string, string>> = {
  EHOSTUNREACH: "Destination Host Unreachable",
  ENETUNREACH: "Destination Net Unreachable",
  ECONNREFUSED: "Destination Port Unreachable",
  EMSGSIZE: "Frag needed and DF set",
};

function formatLost(lost: Lost): string {
  const reason = REASONS[lost.error.code ?? ""] ?? lost.error.message;
  return `From ${lost.from} icmp_seq=${lost.seq} ${reason}`;
}

/** @returns whether anything was answered */
async function ping(client: ControlClient, host: string, address: string, options: PingOptions): Promise<boolean> {
  const { size, quiet } = options;
  const clock = new RealClock();
  const summary = new PingSummary();
  const print = (text: string): void => {
    if (!quiet) process.stdout.write(`${text}\n`);
  };
  process.stdout.write(`PING ${host} (${address}) ${size}(${size + HEADERS}) bytes of data.\n`);
  const stop = (): void => client.send({ op: "stop" });
  process.once("SIGINT", stop);
  const sent = await new Promise<number>((resolve, reject) => {
    client.onClose = () => reject(new CliError("the stack went away"));
    client.onReply = ({ pong, lost, error, done, sent: count }) => {
      if (pong !== undefined) {
        summary.add(pong);
        print(formatPong(pong));
      }
      if (lost !== undefined) {
        summary.errors++;
        print(formatLost(lost));
      }
      if (error !== undefined) reject(new CliError(error.message));
      if (done) resolve(count ?? 0);
    };
    client.send({
      op: "ping",
      address,
      count: options.count ?? 0,
      size,
      interval: options.interval * 1000,
      timeout: options.timeout * 1000,
      owner: `ping,pid=${process.pid}`,
    });
  }).finally(() => process.removeListener("SIGINT", stop));
  process.stdout.write(summary.format(host, sent, clock.now() / 1000));
  return summary.received > 0;
}
