import type { Socket as Connection } from "node:net";
import { EINVAL, SystemError } from "../base/errors.js";
import { encodeData, encodeJson, FrameReader, KIND_JSON } from "./frames.js";
import type { Reply, Request, WireError } from "./protocol.js";

/** Bytes waiting for a client that does not read; with more it is cut off, so that it cannot eat the stack's memory. */
const BACKLOG_LIMIT = 8 << 20;

/** A request that goes on: a ping, a relay. */
export interface Task {
  /** Bytes from the client. */
  data(body: Uint8Array): void;
  /** The client sends no more. */
  end(): void;
  /** The client wants it to finish. */
  stop(): void;
  /** The client takes bytes again. */
  drain(): void;
  /** The connection is gone; let go of everything. */
  close(): void;
}

/** One client of the control socket. */
export class Session {
  readonly connection: Connection;
  /** The request under way, when it is one that goes on. */
  task: Task | null = null;
  private readonly answer: (session: Session, request: Request) => void;

  constructor(connection: Connection, answer: (session: Session, request: Request) => void) {
    this.connection = connection;
    this.answer = answer;
    const reader = new FrameReader((kind, body) => this.frame(kind, body));
    connection.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.refuse(error);
      }
    });
    connection.on("drain", () => this.task?.drain());
    connection.on("error", () => connection.destroy());
    connection.on("close", () => this.finishTask());
  }

  /** True while the client keeps up; false: hold back until {@link Task.drain}. */
  send(reply: Reply): boolean {
    return this.put(encodeJson(reply));
  }

  /** The bytes are copied. */
  sendData(body: Uint8Array, length: number): boolean {
    return this.put(encodeData(body, length));
  }

  /** Answers with an error and ends the connection. */
  refuse(error: unknown): void {
    this.send({ error: wireError(error) });
    this.finish();
  }

  /** No more comes from our side. */
  finish(): void {
    this.finishTask();
    this.connection.end();
  }

  private put(frame: Buffer): boolean {
    const { connection } = this;
    if (connection.destroyed || connection.writableEnded) return false;
    if (connection.writableLength > BACKLOG_LIMIT) {
      connection.destroy();
      return false;
    }
    return connection.write(frame);
  }

  private finishTask(): void {
    const task = this.task;
    this.task = null;
    task?.close();
  }

  private frame(kind: number, body: Buffer): void {
    if (kind !== KIND_JSON) {
      this.task?.data(body);
      return;
    }
    const message = JSON.parse(body.toString()) as Partial<Request> & { end?: boolean };
    if (message.end === true) this.task?.end();
    else if (message.op === "stop") this.task?.stop();
    else if (this.task !== null) throw new SystemError(EINVAL, "control", { sentence: "a request is under way" });
    else this.answer(this, message as Request);
  }
}

export function wireError(error: unknown): WireError {
  if (error instanceof SystemError) return { message: error.message, code: error.code };
  return { message: error instanceof Error ? error.message : String(error) };
}
