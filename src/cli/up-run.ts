import { capture } from "../link/capture.js";
import type { Link } from "../link/link.js";
import { openTap, type TapLink } from "../link/tap/index.js";
import { type ControlServer, openControl } from "../observe/control-server.js";
import { ssState } from "../observe/listing.js";
import { RealClock } from "../platform/clock.js";
import { type Running, startAll } from "../services/index.js";
import { createStack, type Stack } from "../stack.js";
import { CliError, EXIT_FAILURE, EXIT_OK, usage } from "./errors.js";
import { FileSink } from "./file-sink.js";
import { packageVersion } from "./package-version.js";
import type { UpOptions } from "./up-options.js";
import { readyJson, readyText } from "./up-ready.js";

/** How long connections may take to close in good order, in microseconds. */
const GRACE = 2_000_000;
const GRACE_STEP = 20_000;
/** States that nobody need wait for. */
const QUIET = new Set(["LISTEN", "TIME-WAIT", "UNCONN"]);

/** What is up so far. */
class Assembly {
  readonly stack: Stack;
  control: ControlServer | null = null;
  tap: TapLink | null = null;
  services: Running | null = null;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  /** Connections are closed in good order, as far as their peers let them within a bounded time. */
  async finish(): Promise<void> {
    this.services?.stop();
    await this.control?.close();
    await connectionsClosed(this.stack);
  }

  /** Takes everything down; what is still connected is reset. */
  async close(): Promise<void> {
    await this.control?.close();
    await this.stack.close();
    await this.tap?.close();
  }
}

/** Runs the stack until a signal or the end of its link. @returns the exit code */
export async function up(options: UpOptions): Promise<number> {
  const assembly = new Assembly(createStack({ clock: new RealClock() }));
  const ending = new Ending();
  try {
    await assemble(options, assembly, ending);
    const error = await ending.promise;
    if (error !== null) {
      process.stderr.write(`tapstack: ${error.message}\n`);
      return EXIT_FAILURE;
    }
    await assembly.finish();
    return EXIT_OK;
  } finally {
    await assembly.close();
    ending.forget();
  }
}

/** The end: a signal, or an error that cannot be lived with. A second signal ends the process at once. */
class Ending {
  readonly promise: Promise<Error | null>;
  private end: (error: Error | null) => void = () => {};
  private signals = 0;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.end = resolve;
    });
    process.on("SIGINT", this.onSignal);
    process.on("SIGTERM", this.onSignal);
  }

  fail(error: Error): void {
    this.end(error);
  }

  forget(): void {
    process.removeListener("SIGINT", this.onSignal);
    process.removeListener("SIGTERM", this.onSignal);
  }

  private readonly onSignal = (): void => {
    if (++this.signals > 1) process.exit(EXIT_FAILURE);
    this.end(null);
  };
}

/** Puts everything together, each piece known to `assembly` as soon as it is there. */
async function assemble(options: UpOptions, assembly: Assembly, ending: Ending): Promise<void> {
  const { stack } = assembly;
  for (const [name, value] of options.sysctl) set(stack, name, value);
  assembly.control = await controlFor(options, stack);
  const tap = await openTap(tapOptions(options));
  assembly.tap = tap;
  const attachment = await stack.attach(captured(tap, options), {
    address: options.address,
    ...(options.gateway === null ? {} : { gateway: options.gateway }),
    ...(options.mac === null ? {} : { mac: options.mac }),
    conflictDetection: options.conflictDetection,
  });
  attachment.onDown = (error) => ending.fail(error);
  const host = { stack, address: options.address.replace(/\/.*/, ""), facts: factsAbout(options, tap) };
  assembly.services = startAll(
    options.services.map(
      ({ service, port }) =>
        () =>
          service.start(host, port),
    ),
  );
  if (options.json) process.stdout.write(readyJson(options, tap));
  else if (!options.quiet) process.stdout.write(readyText(options, tap));
}

function set(stack: Stack, name: string, value: string): void {
  try {
    stack.config.set(name, value);
  } catch (error) {
    throw usage(`--sysctl: ${(error as Error).message}`);
  }
}

async function controlFor(options: UpOptions, stack: Stack): Promise<ControlServer> {
  try {
    const { tap, address } = options;
    const started = stack.clock.wallTime();
    return await openControl(options.control, stack, {
      version: packageVersion(),
      pid: process.pid,
      tap,
      address,
      started,
    });
  } catch (error) {
    throw new CliError((error as Error).message);
  }
}

function tapOptions(options: UpOptions): Parameters<typeof openTap>[0] {
  return {
    // The tuntap2 driver names its device itself.
    ...(options.driver === "tuntap2" && options.tap === "tap0" ? {} : { name: options.tap }),
    ...(options.hostAddress === null ? {} : { address: options.hostAddress }),
    ...(options.mac === null ? {} : { mac: options.mac }),
    ...(options.mtu === null ? {} : { mtu: options.mtu }),
    driver: options.driver,
    offload: options.offload,
  };
}

function captured(tap: TapLink, options: UpOptions): Link {
  if (options.capture === null) return tap;
  const sink = new FileSink(options.capture, (sentence) => process.stderr.write(`tapstack: ${sentence}\n`));
  return capture(tap, sink);
}

function factsAbout(options: UpOptions, tap: TapLink): (readonly [string, string])[] {
  return [
    ["address", options.address],
    ["device", `${tap.name} (host side ${tap.hostAddress ?? "without an address"})`],
    ["MTU", String(tap.mtu)],
    ["services", options.services.map(({ service, port }) => `${service.name} ${port}`).join(", ") || "none"],
    ["version", `tapstack ${packageVersion()}, pid ${process.pid}, Node ${process.versions.node}`],
  ];
}

/** Waits, a bounded time, until no connection is left but in TIME-WAIT; closing the stack resets the others. */
function connectionsClosed(stack: Stack): Promise<void> {
  const deadline = stack.clock.now() + GRACE;
  const busy = (): boolean => stack.sockets().some((row) => row.proto === "tcp" && !QUIET.has(ssState(row.state)));
  return new Promise((resolve) => {
    const look = (): void => {
      const now = stack.clock.now();
      if (now >= deadline || !busy()) resolve();
      else stack.clock.setTimer(now + GRACE_STEP, look);
    };
    look();
  });
}
