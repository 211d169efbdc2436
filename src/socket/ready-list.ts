import type { Clock } from "../platform/clock.js";
import type { SocketBase } from "./base.js";

/** Sockets that something happened to in this batch: they are told when it is over, never from inside it. */
export class ReadyList {
  private readonly clock: Clock;
  private readonly wake: () => void;
  private readonly list: (SocketBase | null)[] = [];
  private count = 0;

  /** @param wake the list is no longer empty: see to a {@link dispatch} at the end of the batch, or soon */
  constructor(clock: Clock, wake: () => void) {
    this.clock = clock;
    this.wake = wake;
  }

  /** Whether anybody waits to be told. */
  get pending(): boolean {
    return this.count > 0;
  }

  add(socket: SocketBase): void {
    if (socket.readyQueued) return;
    socket.readyQueued = true;
    this.list[this.count++] = socket;
    if (this.count === 1) this.wake();
  }

  /** Tells those that wait now; who is added meanwhile waits for the next call. */
  dispatch(): void {
    const { list } = this;
    const n = this.count;
    for (let i = 0; i < n; i++) {
      const socket = list[i] as SocketBase;
      list[i] = null;
      socket.readyQueued = false;
      const { onReady } = socket;
      if (onReady === null) continue;
      try {
        onReady(socket, socket.poll());
      } catch (error) {
        // The application's mistake is its own: it surfaces as an uncaught exception, the batch goes on.
        this.clock.defer(() => {
          throw error;
        });
      }
    }
    const added = this.count - n;
    for (let i = 0; i < added; i++) list[i] = list[n + i] as SocketBase;
    this.count = added;
  }
}
