import type { Ipv4 } from "../ip/ipv4.js";
import type { Environment } from "../netif/environment.js";
import type { Netif } from "../netif/netif.js";
import type { Clock } from "../platform/clock.js";
import type { StackTime } from "../platform/time.js";
import type { TimerWheel } from "../platform/timer-wheel.js";
import type { ReadyList } from "../socket/ready-list.js";
import type { Tcp } from "../tcp/tcp.js";
import type { Udp } from "../udp/udp.js";

/** Times in one batch that sockets are told of what telling them brought about. */
const MOST_ROUNDS = 8;

/**
 * When things happen: input comes in batches, timers when they are due, and the application calls in a turn of its own.
 * Each of them ends in the same way: sockets are told, connections settle, what is to be sent goes out.
 */
export class Turns {
  /** The stack is closed: nothing happens any more. */
  closed = false;
  private readonly clock: Clock;
  private readonly time: StackTime;
  private readonly wheel: TimerWheel;
  private readonly ip: Ipv4;
  private readonly udp: Udp;
  private readonly tcp: Tcp;
  private readonly ready: ReadyList;
  /** Inside a batch, a timer or a turn: what is to be sent goes out at its end. */
  private busy = false;
  /** Batches received, and how many there had been when timers were last looked at. */
  private batches = 0;
  private batchesSeen = 0;
  /** Timers wait for input to end, and the tick since when. */
  private waiting = false;
  private waitingSince = 0;
  /** See Clock.slack. */
  private readonly slack: number;
  private scheduled = false;
  private readonly turn = (): void => {
    this.scheduled = false;
    if (!this.busy && !this.closed) this.finish();
  };

  constructor(env: Environment, ip: Ipv4, udp: Udp, tcp: Tcp, ready: ReadyList) {
    this.time = env.time;
    this.clock = env.time.clock;
    this.slack = this.clock.slack ?? 0;
    this.wheel = env.wheel;
    this.ip = ip;
    this.udp = udp;
    this.tcp = tcp;
    this.ready = ready;
  }

  /** A batch from a link: the whole way up, then the answers' whole way down. */
  receive(netif: Netif, rows: Int32Array, count: number): void {
    if (this.closed) return;
    this.time.refresh();
    this.busy = true;
    try {
      this.batches++;
      netif.receive(rows, count);
      // A clock that is exact has its timers in this very instant
      if (this.slack === 0) this.wheel.advanceTo(this.time.ms);
    } finally {
      this.finish();
    }
  }

  /** The wheel's host timer: something on it may be due. */
  timersDue(): void {
    if (this.closed) return;
    this.time.refresh();
    if (this.inputComes()) {
      this.clock.setTimer(this.clock.now(), () => this.timersDue());
      return;
    }
    this.busy = true;
    try {
      this.wheel.advanceTo(this.time.ms);
    } finally {
      this.finish();
    }
  }

  /** A link that was full has room again. */
  writable(netif: Netif): void {
    if (this.closed) return;
    this.time.refresh();
    this.busy = true;
    try {
      netif.flush();
      this.resume();
    } finally {
      this.finish();
    }
  }

  /** Those who found a link full try again. */
  resume(): void {
    this.tcp.resume();
    this.udp.resume();
  }

  /** The application calls, or is about to: outside a batch the clock is read once a turn. */
  enter(): void {
    if (this.busy || this.scheduled) return;
    this.time.refresh();
    this.schedule();
  }

  /** Something is to be done at the end of this batch, or, outside one, of this turn. */
  schedule(): void {
    if (this.busy || this.scheduled || this.closed) return;
    this.scheduled = true;
    this.clock.defer(this.turn);
  }

  /** The last turn, which has no end of its own: who closes the stack sends what is left. */
  last(): void {
    this.time.refresh();
    this.busy = true;
  }

  /**
   * Whether timers are to wait, since input is still coming that may make them needless: an ACK, say. A flood does not
   * starve them, and after a standstill of the process what came meanwhile is read first.
   */
  private inputComes(): boolean {
    const more = this.batches !== this.batchesSeen;
    this.batchesSeen = this.batches;
    if (more && this.slack > 0) {
      if (!this.waiting) this.waitingSince = this.time.ms;
      this.waiting = ((this.time.ms - this.waitingSince) | 0) < this.slack;
    } else this.waiting = false;
    return this.waiting;
  }

  /** The end of a batch: sockets are told, connections settle, everything goes out. */
  private finish(): void {
    this.busy = true;
    const { ready } = this;
    let rounds = 0;
    try {
      do {
        ready.dispatch();
        this.tcp.settle();
      } while (ready.pending && ++rounds < MOST_ROUNDS);
      this.flush(0);
    } finally {
      this.busy = false;
      // Somebody who is ready again each time he is told gets his turns, but not this one for ever.
      if (ready.pending) this.schedule();
    }
  }

  /** Flushes the interfaces from number `first` of the list on; one whose link throws does not keep back the others. */
  private flush(first: number): void {
    const { netifs } = this.ip;
    let i = first;
    try {
      for (; i < netifs.length; i++) (netifs[i] as Netif).flush();
    } finally {
      if (i < netifs.length) this.flush(i + 1);
    }
  }
}
