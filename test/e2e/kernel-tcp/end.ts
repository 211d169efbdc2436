/** Why a stream ended: the peer's FIN, or the errno of what broke it. */
export type StreamEnd = "FIN" | string;

/** What an end saw. */
export interface Report {
  /** Bytes that arrived. */
  readonly received: number;
  /** Offset of the first that was not what was sent; -1: none. */
  readonly wrongAt: number;
  /** The end of what came in; null: it has not ended. */
  readonly ended: StreamEnd | null;
}

/** One end of one connection, whoever's TCP it is. It reads all the time unless it is told to pause. */
export interface End {
  /** Resolves when a peer may connect. @param paused reads nothing until `resume` */
  listen(port: number, paused: boolean): Promise<void>;
  /** Resolves with the connection that came; with the errno when none will. */
  accepted(): Promise<void>;
  /** Resolves with "" when connected, else with the errno. */
  connect(port: number, paused: boolean): Promise<string>;
  /** Resolves when the stack has taken the next `length` bytes of the pattern. */
  write(length: number): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when so many bytes have arrived in all. */
  received(total: number): Promise<void>;
  /** Ends what is sent. */
  shutdown(): Promise<void>;
  /** Resolves when what comes in has ended. */
  ended(): Promise<StreamEnd>;
  /** Lets go: of unread data by a reset. */
  close(): Promise<void>;
  reset(): Promise<void>;
  report(): Promise<Report>;
}

/** Byte `offset` of what either end sends: no period that a segment's length could share. */
export function patternAt(offset: number): number {
  return (offset * 31 + (offset >> 8) * 7 + (offset >> 16)) & 0xff;
}

export function pattern(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = patternAt(offset + i);
  return bytes;
}

/** Counts what comes in, holds it against the pattern, and wakes who waits for it. */
export class Inflow {
  received = 0;
  wrongAt = -1;
  end: StreamEnd | null = null;
  private waiting: { readonly total: number; readonly resolve: (end: StreamEnd) => void }[] = [];

  take(bytes: Uint8Array, length = bytes.length): void {
    for (let i = 0; i < length && this.wrongAt < 0; i++)
      if (bytes[i] !== patternAt(this.received + i)) this.wrongAt = this.received + i;
    this.received += length;
    this.wake();
  }

  /** The first reason counts. */
  finish(reason: StreamEnd): void {
    this.end ??= reason;
    this.wake();
  }

  /** Resolves when so much has come, or nothing will any more. */
  until(total: number): Promise<StreamEnd> {
    return new Promise((resolve) => {
      this.waiting.push({ total, resolve });
      this.wake();
    });
  }

  private wake(): void {
    const { received, end } = this;
    const due = this.waiting.filter(({ total }) => end !== null || received >= total);
    this.waiting = this.waiting.filter(({ total }) => end === null && received < total);
    for (const { resolve } of due) resolve(end ?? "");
  }
}
