import type { Binding } from "../../ports/binding.js";
import type { Connection } from "../connection.js";
import type { TcpContext } from "../context.js";

/** How long SYN cookies are believed after one was sent: two of their periods (Linux's TCP_SYNCOOKIE_VALID). */
const COOKIES_VALID_MS = 120_000;
/** A request that was reset before its handshake was complete holds its place for so long (RFC 7413 §5.1). */
const RESET_HOLD_MS = 60_000;

/** Who listens from above. */
export interface ListenerOwner {
  /** A connection can be accepted. */
  listenerEvent(): void;
}

/** A listening port: the options its connections inherit, those half open, those waiting to be accepted. */
export class Listener {
  readonly tcp: TcpContext;
  readonly binding: Binding;
  /** Options of new connections stand in here; it is never connected itself. */
  readonly template: Connection;
  readonly owner: ListenerOwner;
  backlog: number;
  /** Records in SYN-RECEIVED, and those of them whose SYN-ACK has not timed out yet. */
  synCount = 0;
  young = 0;
  /** Established (or opened by fast open) and not accepted. */
  readonly queue: Connection[] = [];
  /** Connections of fast open whose handshake is not complete, and the reset ones that still count as such. */
  fastOpenPending = 0;
  /** Ticks at which those reset cease to count, in order. */
  private readonly resets: number[] = [];
  /** SYN cookies were sent, last at about this tick. */
  private overflowed = false;
  private overflowAt = 0;

  constructor(binding: Binding, template: Connection, owner: ListenerOwner, backlog: number) {
    this.tcp = template.tcp;
    this.binding = binding;
    this.template = template;
    this.owner = owner;
    this.backlog = backlog;
  }

  /** Linux's sk_acceptq_is_full: one more than the backlog fits. */
  get full(): boolean {
    return this.queue.length > this.backlog;
  }

  /** Linux's inet_csk_reqsk_queue_is_full. */
  get synQueueFull(): boolean {
    return this.synCount > this.backlog;
  }

  /** A SYN was answered by a cookie. */
  noteOverflow(): void {
    const { ms } = this.tcp.time;
    if (this.overflowed && ((ms - this.overflowAt) | 0) <= 1000) return;
    this.overflowed = true;
    this.overflowAt = ms;
  }

  /** An ACK may bear a cookie of ours: one was sent not long ago. */
  get recentOverflow(): boolean {
    return this.overflowed && ((this.tcp.time.ms - this.overflowAt) | 0) <= COOKIES_VALID_MS;
  }

  /**
   * Whether one more connection by fast open may stand before its handshake is complete (RFC 7413 §4.2.2's
   * PendingFastOpenRequests).
   */
  fastOpenRoom(): boolean {
    const most = this.template.fastOpenQueue;
    if (most === 0) return false;
    if (this.fastOpenPending < most) return true;
    const { time, counters } = this.tcp;
    if (this.resets.length === 0 || ((time.ms - (this.resets[0] as number)) | 0) < 0) {
      counters.TcpExtTCPFastOpenListenOverflow++;
      return false;
    }
    this.resets.shift();
    this.fastOpenPending--;
    return true;
  }

  /** RFC 7413 §5.1: a spoofed SYN with a stolen cookie is answered by the victim's RST, and still counts for a while. */
  holdReset(): void {
    this.fastOpenPending++;
    this.resets.push((this.tcp.time.ms + RESET_HOLD_MS) | 0);
  }
}
