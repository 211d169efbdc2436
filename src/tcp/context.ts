import type { ChunkPool } from "../base/chunks.js";
import type { Memory } from "../base/memory.js";
import { Slots } from "../base/slots.js";
import { StreamBuffers } from "../base/stream-buffer.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { Random } from "../platform/random.js";
import type { StackTime } from "../platform/time.js";
import type { TimerWheel } from "../platform/timer-wheel.js";
import type { PortSpace } from "../ports/port-space.js";
import type { TupleTable } from "../ports/tuple-table.js";
import { AckState } from "./acknowledged/ack-state.js";
import { RateSample } from "./acknowledged/rate.js";
import { SentRuns } from "./acknowledged/sent.js";
import { SynOptions } from "./arriving/options.js";
import { Segment } from "./arriving/segment.js";
import type { Connection } from "./connection.js";
import { TcpCounters } from "./counters.js";
import type { TimeWait } from "./ending/time-wait.js";
import { FastOpen } from "./opening/fast-open.js";
import { IsnGenerator } from "./opening/isn.js";
import { SynCookies } from "./opening/syn-cookie.js";
import type { SynRecord } from "./opening/syn-record.js";
import { SegmentQueues } from "./receiving/segment-queue.js";
import { Metrics } from "./sending/metrics.js";
import type { TcpSettings } from "./settings.js";

/** Calls from the data at the bottom of this folder to the code at its top. */
export interface TcpUpcalls {
  connectionTimer(c: Connection): void;
  synTimer(record: SynRecord): void;
  timeWaitTimer(record: TimeWait): void;
  /** A connection was touched: settle() is due at the end of the batch, or soon. */
  settleSoon(): void;
}

export interface TcpParts {
  readonly memory: Memory;
  readonly pool: ChunkPool;
  readonly ip: Ipv4;
  readonly time: StackTime;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly ports: PortSpace;
  readonly tuples: TupleTable;
  readonly settings: TcpSettings;
}

/** What every chapter of TCP shares: the tables, the layers around it, and the segment in hand. */
export class TcpContext {
  readonly memory: Memory;
  readonly pool: ChunkPool;
  /** Send and receive buffers for those who have something to keep. */
  readonly buffers: StreamBuffers;
  readonly segmentQueues = new SegmentQueues();
  readonly ip: Ipv4;
  readonly time: StackTime;
  readonly wheel: TimerWheel;
  readonly ports: PortSpace;
  readonly tuples: TupleTable;
  readonly settings: TcpSettings;
  readonly counters = new TcpCounters();
  readonly isn: IsnGenerator;
  readonly random: Random;
  readonly cookies: SynCookies;
  readonly fastOpen: FastOpen;
  readonly metrics = new Metrics();
  readonly connections = new Slots<Connection>();
  readonly synRecords = new Slots<SynRecord>();
  readonly timeWaits = new Slots<TimeWait>();
  /** Connections that nobody holds any more and that only finish; TIME-WAITs are none of them. */
  orphans = 0;
  /** Challenge ACKs that the stack may yet send in this second, where there is a limit. */
  challengeSecond = -1;
  challengesLeft = 0;
  readonly segment = new Segment();
  /** What all connections have in flight. */
  readonly sent = new SentRuns();
  /** What the ACK in hand says of the delivery rate. */
  readonly rate = new RateSample();
  /** What the ACK in hand was found to mean. */
  readonly ack = new AckState();
  /** The options of the SYN about to be written. */
  readonly synOptions = new SynOptions();
  /** Connections to look at when the batch ends; the first touchedCount entries count. */
  readonly touched: (Connection | null)[] = [];
  touchedCount = 0;
  /** Connections that found the link full. */
  readonly blocked: Connection[] = [];
  readonly upcalls: TcpUpcalls;

  constructor(parts: TcpParts, upcalls: TcpUpcalls) {
    this.memory = parts.memory;
    this.pool = parts.pool;
    this.buffers = new StreamBuffers(parts.pool);
    this.ip = parts.ip;
    this.time = parts.time;
    this.wheel = parts.wheel;
    this.ports = parts.ports;
    this.tuples = parts.tuples;
    this.settings = parts.settings;
    this.random = parts.random;
    this.isn = new IsnGenerator(parts.random, parts.time);
    this.cookies = new SynCookies(parts.random, parts.time);
    this.fastOpen = new FastOpen(parts.random, parts.time, parts.settings);
    this.upcalls = upcalls;
  }
}
