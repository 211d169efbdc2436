import { type Socket as Connection, connect } from "node:net";
import { encodeData, encodeJson, FrameReader, KIND_JSON } from "./frames.js";
import type { SocketRow } from "./listing.js";
import { type Hello, PROTOCOL, type Reply, type Request, type SettingRow } from "./protocol.js";

/** A refusal that came from the running stack. */
export class RemoteError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.name = "RemoteError";
    this.code = code;
  }
}

/** The other end of the control socket: one request at a time. */
export class ControlClient {
  readonly hello: Hello;
  private readonly connection: Connection;
  /** Called with each message; a caller sets these before it asks. */
  onReply: (reply: Reply) => void = () => {};
  onData: (body: Buffer) => void = () => {};
  /** The connection ended (once). */
  onClose: () => void = () => {};
  /** More can be written. */
  onDrain: () => void = () => {};

  private constructor(connection: Connection, hello: Hello) {
    this.connection = connection;
    this.hello = hello;
  }

  /** Rejects when nobody listens there, or speaks another version. */
  static open(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const connection = connect({ path, allowHalfOpen: true });
      let client: ControlClient | null = null;
      const fail = (error: Error): void => {
        connection.destroy();
        reject(error);
      };
      const reader = new FrameReader((kind, body) => {
        if (client !== null) {
          if (kind === KIND_JSON) client.onReply(JSON.parse(body.toString()) as Reply);
          else client.onData(body);
          return;
        }
        const hello = JSON.parse(body.toString()) as Hello;
        if (hello.tapstack !== PROTOCOL)
          return fail(
            new Error(
              `the stack at ${path} speaks version ${hello.tapstack} of the control protocol, this command ${PROTOCOL}`,
            ),
          );
        client = new ControlClient(connection, hello);
        resolve(client);
      });
      connection.on("data", (chunk: Buffer) => {
        try {
          reader.push(chunk);
        } catch (error) {
          fail(error as Error);
        }
      });
      connection.on("error", fail);
      connection.on("drain", () => client?.onDrain());
      connection.on("end", () => connection.end());
      connection.on("close", () => {
        if (client === null) reject(new Error(`${path} closed at once; is it a tapstack?`));
        else client.onClose();
      });
    });
  }

  send(message: Request | { readonly end: true }): void {
    this.connection.write(encodeJson(message));
  }

  /** False: wait for {@link onDrain}. */
  sendData(body: Uint8Array): boolean {
    return this.connection.write(encodeData(body, body.length));
  }

  /** Stops and restarts the flow of messages, so that the stack holds back as well. */
  pause(): void {
    this.connection.pause();
  }

  resume(): void {
    this.connection.resume();
  }

  close(): void {
    this.connection.destroy();
  }

  /** Asks, and gathers replies until `done`. Rejects with a RemoteError, or when the stack goes away. */
  ask(request: Request): Promise<Reply[]> {
    return new Promise((resolve, reject) => {
      const replies: Reply[] = [];
      this.onReply = (reply) => {
        if (reply.error !== undefined) return reject(new RemoteError(reply.error.message, reply.error.code));
        replies.push(reply);
        if (reply.done === true) resolve(replies);
      };
      this.onClose = () => reject(new Error("the stack went away before it answered"));
      this.send(request);
    });
  }

  /** @param details with what `ss -i` shows of TCP sockets */
  async sockets(details = false): Promise<SocketRow[]> {
    const replies = await this.ask({ op: "sockets", details });
    return replies.flatMap((reply) => (reply.rows ?? []) as SocketRow[]);
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    const replies = await this.ask({ op: "counters" });
    return replies[0]?.counters ?? {};
  }

  async sysctl(name?: string, value?: string): Promise<readonly SettingRow[]> {
    const replies = await this.ask({ op: "sysctl", name, value });
    return replies[0]?.settings ?? [];
  }
}
