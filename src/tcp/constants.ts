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

/** Tail loss probe, RACK's reordering timer: these and the two above never run side by side (Linux's icsk_pending). */
export const TIMER_LOSS_PROBE = 64;
export const TIMER_REORDER = 128;
/** Paced output goes on. */
export const TIMER_PACE = 256;
/** SACKs that are held back to go as one (Linux's compressed ACK). */
export const TIMER_SACK_DELAY = 512;
export const TIMERS_OF_SENDER = TIMER_RETRANSMIT | TIMER_PERSIST | TIMER_LOSS_PROBE | TIMER_REORDER;

/** Where loss recovery stands; Linux's tcpi_ca_state. */
export const CA_OPEN = 0;
/** Something is amiss: dup ACKs or SACKs, not yet enough. */
export const CA_DISORDER = 1;
/** The window was reduced for ECN or local congestion. */
export const CA_CWR = 2;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;

/** A slow start threshold, or clamp, that stands in nobody's way. */
export const SSTHRESH_INFINITE = 0x7fffffff;
export const MIN_RTT_NONE = 0x7fffffff;

/** A pacing rate that is no limit: of 64 bits, as near as a number comes. */
export const RATE_UNLIMITED = 2 ** 64;

/** IP_MTU_DISCOVER, as Linux numbers it. */
export const PMTU_DONT = 0;
export const PMTU_WANT = 1;
export const PMTU_DO = 2;
export const PMTU_PROBE = 3;
/** ICMP is not believed: it may be forged. */
export const PMTU_INTERFACE = 4;
export const PMTU_OMIT = 5;

/** Bits of {@link Connection.ecn}. */
export const ECN_OK = 1;
/** ECE goes out until the peer's CWR comes. */
export const ECN_DEMAND_CWR = 4;
/** CWR goes out with the next new data. */
export const ECN_QUEUE_CWR = 2;
/** A segment of this connection has borne ECT or CE. */
export const ECN_SEEN = 8;
/** Accurate ECN (RFC 9768) is agreed, and not RFC 3168's. */
export const ECN_ACC = 16;

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
/** pingpong value from which a connection is interactive. */
export const PINGPONG_THRESH = 1;
/** ACKs sent at once at the start of a connection and after idle (Linux's TCP_MAX_QUICKACKS). */
export const QUICK_ACKS = 16;
/** Bytes of payload that one row can carry: a 64 KB IP packet less the longest headers. */
export const GSO_MAX_PAYLOAD = 65535 - 60 - 60;
/** What Linux makes of 64 KB less its room for headers (sk_gso_max_size): bytes of a burst, or of a buffer, at most. */
export const GSO_MAX_SIZE = 65536 - 321;
/** Payload up to this size is copied behind its header; above, the row points into the send buffer. */
export const INLINE_PAYLOAD = 512;

/** Kinds of value in the tuple table: kind in the low two bits, slot index above. */
export const KIND_CONNECTION = 0;
export const KIND_SYN = 1;
export const KIND_TIME_WAIT = 2;

/** Urgent data has come (POLLPRI). */
export const EVENT_URGENT = 32;
/** Where the urgent octet is: not yet here, here, taken (Linux's TCP_URG_NOTYET, _VALID, _READ). */
export const URGENT_NONE = 0;
export const URGENT_AWAITED = 1;
export const URGENT_HERE = 2;
export const URGENT_TAKEN = 3;

/** Bits of {@link Connection.ackPushed}: one small segment, more than one (Linux's ICSK_ACK_PUSHED, _PUSHED2). */
export const ACK_PUSHED = 1;
export const ACK_PUSHED2 = 2;
/** Delayed ACKs, in ms: RFC 9293 §3.8.6.3 wants less than 500; Linux's TCP_ATO_MIN and TCP_DELACK_MAX. */
export const ATO_MIN = 40;
export const DELACK_MAX = 200;
