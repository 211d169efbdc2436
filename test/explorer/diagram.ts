import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  STATE_NAMES,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from "../../src/tcp/constants.js";

/*
 * RFC 9293's state diagram: figure 5, and what §3.10 says beside it. The walks must take every edge that is not
 * optional, and may take no other.
 */

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly on: string;
  readonly source: string;
  /** Allowed, but the walks need not come to it. */
  readonly optional: boolean;
}

export const EDGES: Edge[] = [];

function edge(from: number, to: number, on: string, source: string, optional = false): number {
  return EDGES.push({ from, to, on, source, optional }) - 1;
}

/** The same event from several states; index by state. */
function edges(from: readonly number[], to: number, on: string, source: string): Int32Array {
  const byState = new Int32Array(16).fill(-1);
  for (const state of from) byState[state] = edge(state, to, on, source);
  return byState;
}

const FIGURE = "figure 5";
const ACTIVE = [SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK] as const;
const SYNCHRONIZED = [ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK] as const;

export const PASSIVE_OPEN = edge(CLOSED, LISTEN, "passive OPEN", FIGURE);
export const ACTIVE_OPEN = edge(CLOSED, SYN_SENT, "active OPEN", FIGURE);
export const LISTEN_CLOSE = edge(LISTEN, CLOSED, "CLOSE", FIGURE);
export const LISTEN_SYN = edge(LISTEN, SYN_RECEIVED, "rcv SYN", FIGURE);
export const SENT_SYN = edge(SYN_SENT, SYN_RECEIVED, "rcv SYN", FIGURE);
export const SENT_SYNACK = edge(SYN_SENT, ESTABLISHED, "rcv SYN,ACK", FIGURE);
export const SENT_CLOSE = edge(SYN_SENT, CLOSED, "CLOSE", FIGURE);
export const RECEIVED_ACK = edge(SYN_RECEIVED, ESTABLISHED, "rcv ACK of SYN", FIGURE);
/** At once, or (§3.10.4: "queue for processing after entering ESTABLISHED") with the ACK of the SYN. */
export const RECEIVED_CLOSE = edge(SYN_RECEIVED, FIN_WAIT_1, "CLOSE", FIGURE);
export const RECEIVED_RST = edge(SYN_RECEIVED, LISTEN, "rcv RST, passive", FIGURE);
export const ESTABLISHED_CLOSE = edge(ESTABLISHED, FIN_WAIT_1, "CLOSE", FIGURE);
export const ESTABLISHED_FIN = edge(ESTABLISHED, CLOSE_WAIT, "rcv FIN", FIGURE);
export const CLOSE_WAIT_CLOSE = edge(CLOSE_WAIT, LAST_ACK, "CLOSE", FIGURE);
export const FIN_WAIT_1_ACK = edge(FIN_WAIT_1, FIN_WAIT_2, "rcv ACK of FIN", FIGURE);
export const FIN_WAIT_1_FIN = edge(FIN_WAIT_1, CLOSING, "rcv FIN", FIGURE);
export const FIN_WAIT_1_BOTH = edge(FIN_WAIT_1, TIME_WAIT, "rcv FIN with ACK of FIN", "figure 5, note 2");
export const FIN_WAIT_2_FIN = edge(FIN_WAIT_2, TIME_WAIT, "rcv FIN", FIGURE);
export const CLOSING_ACK = edge(CLOSING, TIME_WAIT, "rcv ACK of FIN", FIGURE);
export const LAST_ACK_ACK = edge(LAST_ACK, CLOSED, "rcv ACK of FIN", FIGURE);
export const TIME_WAIT_OVER = edge(TIME_WAIT, CLOSED, "2 MSL", FIGURE);

export const SENT_RST = edge(SYN_SENT, CLOSED, "rcv RST with ACK", "§3.10.7.3");
export const RECEIVED_SYN = edge(SYN_RECEIVED, LISTEN, "rcv SYN, passive", "§3.10.7.4, fourth");
export const RECEIVED_ABANDONED = edge(SYN_RECEIVED, LISTEN, "SYN-ACKs unanswered, passive", "§3.8.3");
export const RECEIVED_LISTEN_CLOSE = edge(SYN_RECEIVED, CLOSED, "CLOSE of the listener", "§3.10.4, as Linux");
/** tcp_abort_on_overflow. */
export const RECEIVED_OVERFLOW = edge(SYN_RECEIVED, LISTEN, "accept queue full", "tcp_abort_on_overflow");
export const RST = edges([SYN_RECEIVED, ...SYNCHRONIZED], CLOSED, "rcv RST", "§3.10.7.4, second");
export const TIME_WAIT_RST = edge(TIME_WAIT, CLOSED, "rcv RST", "§3.10.7.4, second");
export const ABORT = edges(ACTIVE, CLOSED, "ABORT", "§3.10.5");
/** CLOSE with data that was never read. */
export const UNREAD = edges(
  [ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK],
  CLOSED,
  "CLOSE with unread data",
  "§3.6.1",
);
export const LATE_DATA = edges([FIN_WAIT_1, FIN_WAIT_2], CLOSED, "rcv data after CLOSE", "§3.6.1");
/** It began before the FIN and runs beyond it. */
export const CONTRADICTION = edges([CLOSE_WAIT, CLOSING, LAST_ACK], CLOSED, "rcv data across the FIN", "as Linux");
export const TIMEOUT = edges(ACTIVE, CLOSED, "user timeout, R2 or keep-alive", "§3.10.8, §3.8.3, §3.8.4");
export const ICMP_ERROR = edges([SYN_SENT, SYN_RECEIVED], CLOSED, "ICMP error", "§3.9.2.2");
export const FIN_WAIT_2_ORPHAN = edge(FIN_WAIT_2, CLOSED, "orphan", "tcp_fin_timeout, TCP_LINGER2");
export const TIME_WAIT_SYN = edge(TIME_WAIT, SYN_RECEIVED, "rcv SYN above", "§3.10.7.4, fourth; §3.6.1");
/** The listener that was to take it had no room. */
export const TIME_WAIT_REFUSED = edge(TIME_WAIT, LISTEN, "rcv SYN above, no room", "§3.6.1, as Linux", true);
/** tcp_max_tw_buckets: without TIME-WAIT. */
export const CLOSING_SHORT = edge(CLOSING, CLOSED, "rcv ACK of FIN, no record", "tcp_max_tw_buckets", true);
export const FIN_WAIT_1_SHORT = edge(
  FIN_WAIT_1,
  CLOSED,
  "rcv FIN with ACK of FIN, no record",
  "tcp_max_tw_buckets",
  true,
);
export const FIN_WAIT_2_SHORT = edge(FIN_WAIT_2, CLOSED, "rcv FIN, no record", "tcp_max_tw_buckets", true);

export function edgeName(id: number): string {
  const { from, to, on } = EDGES[id] as Edge;
  return `${STATE_NAMES[from]} -> ${STATE_NAMES[to]} (${on})`;
}

/** The paths of the diagram that an event may take from the state in hand. Reused: nothing is allocated in a step. */
export class Moves {
  /** It may also stay where it is. */
  stay = true;
  count = 0;
  private readonly paths: number[][] = Array.from({ length: 12 }, () => []);

  /** An event that changes nothing. */
  none(): this {
    this.stay = true;
    this.count = 0;
    return this;
  }

  /** Allows a path of one to three edges. */
  add(a: number, b = -1, c = -1): void {
    const path = this.paths[this.count++] as number[];
    path.length = 0;
    path.push(a);
    if (b >= 0) path.push(b);
    if (c >= 0) path.push(c);
    for (const id of path) if (EDGES[id] === undefined) throw new Error("the model has no such edge");
  }

  /** It must take one of the paths. */
  must(a: number, b = -1, c = -1): void {
    this.stay = false;
    this.add(a, b, c);
  }

  /** The path that leads to `state`, or null. A tuple's LISTEN is seen as CLOSED: the listener is another socket. */
  to(state: number): readonly number[] | null {
    for (let i = 0; i < this.count; i++) {
      const path = this.paths[i] as number[];
      const end = (EDGES[path[path.length - 1] as number] as Edge).to;
      if (end === state || (end === LISTEN && state === CLOSED)) return path;
    }
    return null;
  }

  toString(): string {
    const all = this.stay ? ["stay"] : [];
    for (let i = 0; i < this.count; i++) all.push((this.paths[i] as number[]).map(edgeName).join(", then "));
    return all.join(" | ");
  }
}
