import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { EINVAL, SystemError } from "../base/errors.js";
import { connectFor, listenFor } from "./dial.js";
import { controlDirectory, privateDirectory } from "./paths.js";
import { Pinger } from "./pinger.js";
import { type Hello, PROTOCOL, type Reply, type Request } from "./protocol.js";
import { Session, wireError } from "./session.js";
import { settingRows } from "./settings.js";
import type { StackApi } from "./stack-api.js";

/** Rows of a socket listing sent at a time: between two such messages the stack runs. */
const ROWS_PER_MESSAGE = 1000;
/** Bytes of the buffer that relays and pings share: the largest datagram. */
const SCRATCH = 65536;

/** The control socket of a running stack. */
export interface ControlServer {
  readonly path: string;
  /** Ends every session and removes the socket. */
  close(): Promise<void>;
}

/**
 * Opens the control socket at `path`, mode 0600. A stale one, left by a killed process, is replaced.
 * Throws an Error with a sentence when a live stack answers there, or the place is not ours to use.
 */
export async function openControl(
  path: string,
  stack: StackApi,
  about: Omit<Hello, "tapstack">,
): Promise<ControlServer> {
  const directory = dirname(path);
  if (directory === controlDirectory()) privateDirectory(directory);
  else mkdirSync(directory, { recursive: true, mode: 0o700 });
  await removeStale(path);
  const sessions = new Set<Session>();
  const scratch = new Uint8Array(SCRATCH);
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    const session = new Session(connection, (from, request) => answer(from, request, stack, scratch));
    sessions.add(session);
    connection.on("close", () => sessions.delete(session));
    connection.on("end", () => session.finish());
    session.send({ tapstack: PROTOCOL, ...about } as object);
  });
  await listen(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.connection.destroy();
      }),
  };
}

function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return Promise.resolve();
  if (!stat.isSocket()) return Promise.reject(new Error(`${path} exists and is not a socket; remove it first`));
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.on("connect", () => {
      probe.destroy();
      reject(
        new Error(`a running tapstack already answers at ${path}; stop it, or choose another TAP or --control PATH`),
      );
    });
    probe.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNREFUSED" && error.code !== "ENOENT") {
        reject(new Error(`cannot use ${path} as the control socket: ${error.message}`));
        return;
      }
      rmSync(path, { force: true });
      resolve();
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`cannot open the control socket ${path}: ${error.message}`)));
    // The socket is made inside listen(): with this mask nobody else can enter it in the meantime.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function answer(session: Session, request: Request, stack: StackApi, scratch: Uint8Array): void {
  switch (request.op) {
    case "sockets":
      new RowSender(session, stack, request.details === true).drain();
      return;
    case "counters":
      session.send({ counters: stack.counters(), done: true });
      return;
    case "sysctl":
      session.send(sysctl(stack, request.name, request.value));
      return;
    case "ping":
      new Pinger(session, stack, request, scratch);
      return;
    case "connect":
      connectFor(session, stack, request, scratch);
      return;
    case "listen":
      listenFor(session, stack, request, scratch);
      return;
    default:
      throw new SystemError(EINVAL, "control", { sentence: `unknown request ${JSON.stringify(request)}` });
  }
}

/** A setting that cannot be set does not end the connection: more may be asked. */
function sysctl(stack: StackApi, name?: string, value?: string): Reply {
  try {
    return { settings: settingRows(stack.config, name, value), done: true };
  } catch (error) {
    return { error: wireError(error) };
  }
}

/** Sends a listing as fast as the client takes it. */
class RowSender {
  private readonly session: Session;
  private readonly rows: readonly unknown[];
  private at = 0;

  constructor(session: Session, stack: StackApi, details: boolean) {
    this.session = session;
    // The stack knows of no users: its sockets are those of the process it runs in.
    const uid = process.getuid?.() ?? 0;
    this.rows = stack.sockets(details).map((row) => ({ ...row, uid }));
    session.task = this;
  }

  drain(): void {
    for (;;) {
      const rows = this.rows.slice(this.at, this.at + ROWS_PER_MESSAGE);
      if (rows.length === 0) break;
      this.at += rows.length;
      if (!this.session.send({ rows })) return;
    }
    this.session.task = null;
    this.session.send({ done: true });
  }

  data(): void {}
  end(): void {}
  close(): void {}

  stop(): void {
    this.session.finish();
  }
}
