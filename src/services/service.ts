import type { StackApi } from "../observe/stack-api.js";

/** Where services run. */
export interface ServiceHost {
  readonly stack: StackApi;
  /** The stack's address, `10.77.0.2`: what the DNS service answers. */
  readonly address: string;
  /** A few facts about the running stack that the web page shows: name, value. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** A service that runs. */
export interface Running {
  /** Stops listening and closes its connections: what was written is still delivered, then FIN. */
  stop(): void;
}

/** A small program on the public socket API. */
export interface Service {
  readonly name: string;
  /** Half a sentence for help texts. */
  readonly doc: string;
  /** The usual port. */
  readonly port: number;
  readonly protocols: readonly ("tcp" | "udp")[];
  /** Throws a SystemError, with nothing left open, when it cannot have its port. */
  start(host: ServiceHost, port: number): Running;
}

/** Stops several things as one. */
export function together(parts: readonly Running[]): Running {
  return {
    stop: () => {
      for (const part of parts) part.stop();
    },
  };
}

/** Starts each part in turn; when one fails, those before it are stopped. */
export function startAll(starters: readonly (() => Running)[]): Running {
  const running: Running[] = [];
  try {
    for (const start of starters) running.push(start());
  } catch (error) {
    together(running).stop();
    throw error;
  }
  return together(running);
}
