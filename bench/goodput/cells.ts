import type { Impairment } from "../../src/link/delay-line.js";

/** One network: what the data meet on their way, and what the ACKs meet on theirs. */
export interface Cell {
  /** Of use as a name on the command line and in results. */
  readonly id: string;
  readonly group: "loss" | "reordering" | "ack loss" | "queue";
  /** What is special about it, for tables. */
  readonly title: string;
  /** Of the data, 0 to 1. */
  readonly loss: number;
  /** Without queueing, milliseconds. */
  readonly roundTrip: number;
  /** Of the bottleneck, bits in a second. */
  readonly rate: number;
  readonly forward: Impairment;
  readonly reverse: Impairment;
  /** How long a transfer is watched in real time: long enough for dozens of losses. */
  readonly seconds: number;
}

/** Socket buffers: Linux's defaults, given to the kernel's namespaces and to our stacks alike. */
export const BUFFERS: Readonly<Record<string, string>> = {
  "net.ipv4.tcp_rmem": "4096 131072 6291456",
  "net.ipv4.tcp_wmem": "4096 16384 4194304",
};

export const RATE = 20e6;
export const LOSSES: readonly number[] = [0, 0.001, 0.01, 0.05];
export const ROUND_TRIPS: readonly number[] = [1, 20, 100, 200];
/** Bytes of a full-sized frame with its Ethernet header, which is what the bottleneck counts. */
export const FRAME = 1514;
/** Of payload in it, with timestamps. */
export const PAYLOAD = 1448;
/** A queue is never shorter, however short the way: what a switch has. */
const QUEUE_LEAST = 64 * 1024;
/** Frames on the way never count, only what waits. */
const LIMIT = 1_000_000;

/** Bytes on the way when the bottleneck is busy and nothing waits. */
export function bandwidthDelay(rate: number, roundTrip: number): number {
  return (rate / 8) * (roundTrip / 1000);
}

interface Particular {
  readonly id: string;
  readonly group: Cell["group"];
  readonly title: string;
  readonly roundTrip: number;
  readonly seconds: number;
  readonly loss?: number;
  /** Of the queue, in bandwidth-delay products; 1 by default, and at least 64 KiB. */
  readonly queue?: number;
  readonly forward?: Impairment;
  readonly reverse?: Impairment;
}

function cell(particular: Particular): Cell {
  const { id, group, title, roundTrip, seconds, loss = 0, queue, forward, reverse } = particular;
  const product = bandwidthDelay(RATE, roundTrip);
  const limitBytes = queue === undefined ? Math.max(QUEUE_LEAST, product) : Math.round(queue * product);
  const way = { delay: roundTrip / 2, limit: LIMIT };
  const bottleneck = { ...way, rate: RATE, limitBytes, loss };
  return {
    id,
    group,
    title,
    loss,
    roundTrip,
    rate: RATE,
    seconds,
    forward: { ...bottleneck, ...forward },
    reverse: { ...way, ...reverse },
  };
}

/** The lossier and the longer, the fewer frames, and the more time for as many losses. */
const SECONDS: readonly (readonly number[])[] = [
  [6, 6, 10, 15],
  [8, 10, 30, 40],
  [10, 20, 40, 60],
  [20, 30, 60, 90],
];

function losses(): Cell[] {
  return LOSSES.flatMap((loss, row) =>
    ROUND_TRIPS.map((roundTrip, column) => {
      const seconds = (SECONDS[row] as readonly number[])[column] as number;
      const percent = `${loss * 100} %`;
      return cell({ id: `loss-${loss * 100}-${roundTrip}`, group: "loss", title: percent, loss, roundTrip, seconds });
    }),
  );
}

function others(): Cell[] {
  const seconds = 10;
  const reordering = { group: "reordering", seconds } as const;
  const acks = { group: "ack loss", seconds } as const;
  const queues = { group: "queue", seconds } as const;
  return [
    cell({
      ...reordering,
      id: "reorder-1",
      title: "1 % of frames up to 10 ms late",
      roundTrip: 20,
      forward: { reorder: 0.01, reorderBy: 10 },
    }),
    cell({
      ...reordering,
      id: "reorder-10",
      title: "10 % of frames up to 10 ms late",
      roundTrip: 40,
      seconds: 20,
      forward: { reorder: 0.1, reorderBy: 10 },
    }),
    cell({ ...reordering, id: "jitter", title: "jitter of 10 ms, in order", roundTrip: 40, forward: { jitter: 10 } }),
    cell({ ...acks, id: "ack-10", title: "10 % of ACKs lost", roundTrip: 20, reverse: { loss: 0.1 } }),
    cell({ ...acks, id: "ack-30", title: "30 % of ACKs lost", roundTrip: 100, reverse: { loss: 0.3 } }),
    cell({ ...queues, id: "bloat", title: "a queue of 10 BDP", roundTrip: 20, queue: 10, seconds: 20 }),
    cell({ ...queues, id: "short-40", title: "a queue of 0.5 BDP", roundTrip: 40, queue: 0.5 }),
    cell({ ...queues, id: "short-100", title: "a queue of 0.25 BDP", roundTrip: 100, queue: 0.25, seconds: 20 }),
  ];
}

export const CELLS: readonly Cell[] = [...losses(), ...others()];

/** Bits in a second that a cell's bottleneck will pass at most: for planning, not for judging. */
export function expectedRate({ loss, roundTrip, rate }: Cell): number {
  if (loss === 0) return rate;
  // Reno's and CUBIC's response functions (RFC 9438 §5.1, §5.2), whichever lets more through. Linux gets up to 1.3 times that.
  const reno = Math.sqrt(1.5 / loss);
  const cubic = 1.054 * (roundTrip / 1000 / loss) ** 0.75;
  return Math.min(rate, (1.3 * Math.max(reno, cubic) * FRAME * 8 * 1000) / roundTrip);
}
