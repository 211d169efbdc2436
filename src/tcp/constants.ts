/** Connection states, under the numbers that Linux gives them in tcpi_state. */
export const ESTABLISHED = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const FIN_WAIT_1 = 4;
export const FIN_WAIT_2 = 5;
export const TIME_WAIT = 6;
export const CLOSED = 7;
export const CLOSE_WAIT = 8;
export const LAST_ACK = 9;
export const LISTEN = 10;
export const CLOSING = 11;

/** RFC 9293's names, indexed by state. */
export const STATE_NAMES: readonly string[] = [
  "",
  "ESTABLISHED",
  "SYN-SENT",
  "SYN-RECEIVED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "CLOSED",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
];

/** Which of a connection's deadlines run; bits of {@link Connection.timers}. */
export const TIMER_RETRANSMIT = 1;
export const TIMER_PERSIST = 2;
export const TIMER_DELACK = 4;
export const TIMER_KEEPALIVE = 8;
/** An orphan in FIN-WAIT-2. */
export const TIMER_FIN_WAIT_2 = 16;
/** A corked partial segment goes after 200 ms all the same. */
export const TIMER_CORK = 32;

/** Where loss recovery stands; Linux's tcpi_ca_state. */
export const CA_OPEN = 0;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;

/** What a connection tells its owner; bits. */
export const EVENT_READABLE = 1;
export const EVENT_WRITABLE = 2;
export const EVENT_CONNECTED = 4;
export const EVENT_ERROR = 8;
/** The connection is gone; nothing more will come. */
export const EVENT_CLOSED = 16;

/** RFC 6298 §2.1 and Linux: 1 s before a measurement, 200 ms at least, 120 s at most. */
export const RTO_INITIAL = 1000;
export const RTO_MIN = 200;
export const RTO_MAX = 120_000;
/** RFC 9293 §3.4.2: 2 x MSL with Linux's MSL of 30 s. */
export const TIME_WAIT_MS = 60_000;
/** RFC 6928. */
export const INITIAL_WINDOW_SEGMENTS = 10;
/** RFC 5681 §3.2. */
export const DUPTHRESH = 3;
/** RFC 5961 §7 as Linux has it: one challenge ACK per connection in this time. */
export const CHALLENGE_ACK_MS = 500;
/** Answers to empty segments outside the window: as many, so that two confused ends cannot keep each other busy. */
export const OUT_OF_WINDOW_ACK_MS = 500;
/** ACKs sent at once at the start of a connection and after idle (Linux's TCP_MAX_QUICKACKS). */
export const QUICK_ACKS = 16;
/** Bytes of payload that one row can carry: a 64 KB IP packet less the longest headers. */
export const GSO_MAX_PAYLOAD = 65535 - 60 - 60;
/** Payload up to this size is copied behind its header; above, the row points into the send buffer. */
export const INLINE_PAYLOAD = 512;

/** Kinds of value in the tuple table: kind in the low two bits, slot index above. */
export const KIND_CONNECTION = 0;
export const KIND_SYN = 1;
export const KIND_TIME_WAIT = 2;
