import { ControlClient, RemoteError } from "../observe/control-client.js";
import { controlDirectory, controlPath, controlSockets } from "../observe/paths.js";
import type { StackOptions } from "./arguments.js";
import { CliError } from "./errors.js";

/** Connects to the running stack that the options name, or to the only one there is. Throws a CliError. */
export async function connectToStack(options: StackOptions): Promise<ControlClient> {
  const named =
    options.control ?? (options.tap === undefined ? process.env.TAPSTACK_CONTROL : controlPath(options.tap));
  if (named !== undefined) return openNamed(named);
  const live: [path: string, client: ControlClient][] = [];
  for (const path of controlSockets()) {
    const client = await ControlClient.open(path).catch(() => null);
    if (client !== null) live.push([path, client]);
  }
  const [first] = live;
  if (first !== undefined && live.length === 1) return first[1];
  for (const [, client] of live) client.close();
  if (first === undefined)
    throw new CliError(
      `no tapstack runs here (${controlDirectory()}); start one with "tapstack up", or name its socket with --control`,
    );
  const taps = live.map(([, client]) => client.hello.tap);
  throw new CliError(`several stacks run here: ${taps.join(", ")}; choose one with --tap`);
}

async function openNamed(path: string): Promise<ControlClient> {
  try {
    return await ControlClient.open(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED") throw new CliError(`no tapstack runs at ${path}`);
    if (code === "EACCES") throw new CliError(`${path} belongs to another user; run this as that user or as root`);
    throw new CliError(`cannot talk to the stack at ${path}: ${message}`);
  }
}

/** Runs something with a connection, which is closed after. A refusal of the stack becomes a CliError. */
export async function withStack<T>(options: StackOptions, use: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = await connectToStack(options);
  try {
    return await use(client);
  } catch (error) {
    if (error instanceof RemoteError) throw new CliError(error.message);
    throw error;
  } finally {
    client.close();
  }
}
