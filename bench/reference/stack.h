// The state of the reference: the same objects as tapstack's, laid out as one would in C. What a segment in order, its
// reading and its acknowledging look at stands at the front of each.

#define CHUNK 8192
#define CHUNK_STRIDE (CHUNK + 64)
#define NONE (-1)
#define RX_CSUM_VALID 1
#define RX_CSUM_PARTIAL 2

enum { ESTABLISHED = 1, CLOSE_WAIT = 8, FIN_WAIT_1 = 4, LAST_ACK = 9, CLOSING = 11, CLOSED = 7 };
enum { TIMER_RETRANSMIT = 1, TIMER_PERSIST = 2, TIMER_DELACK = 4, TIMER_CORK = 32 };
enum { READABLE = 1, WRITABLE = 4, ERROR = 8, HANGUP = 16, READ_HANGUP = 0x2000 };
enum { NUD_CONNECTED = 0xc2 };

/** The unit in which payload is kept, last freed first taken; what an unflushed row refers to stays in limbo. */
struct pool { u8 *memory; i32 *list; i32 count, pins; };

/** src/base/stream-buffer.ts: bytes in chunks, of which one is mostly enough. */
struct buffer { i32 only, skip; u8 many; i32 *ring; i32 size, first, span; };

struct neighbour { u32 state; u8 mac[6]; };
struct route { u32 dst, src, generation, mtu, kind, header_sum; struct neighbour *neighbour; };

struct timer { struct timer *next, *prev; i32 slot, at; };

struct socket;

struct conn {
  struct timer timer;  // the first member, so that a timer is its connection
  i32 state, rcv_nxt, rcv_adv, snd_una, snd_wnd, snd_wscale, ooo_count;
  struct buffer *rcv;
  i32 rcv_queued, rcv_mss, last_receive, rto, snd_wl1;
  u8 read_shut, rcv_fin, touched, ack_due, ack_now, window_moved, fin_queued, fin_sent, no_space, blocked;
  struct socket *owner;
  i32 error, index, snd_nxt, snd_max, snd_queued, snd_limit, cwnd_limited, rcv_acked, quick_acks, timers, delack_at, ato;
  i32 segs_in, data_segs_in, segs_out;
  u64 bytes_received;
  struct route *route;
  i32 rcv_limit, rcv_wscale, mss, adv_mss;
  u32 local, remote, local_port, remote_port, ttl, tos, dont_fragment;
  // the rest of what a connection is
  struct buffer *snd;
  i32 irs, iss, snd_wl2, max_wnd, snd_sml, peer_mss, user_mss, scale_offer, rcv_fin_seq, soft_error;
  i32 cwnd, ssthresh, cwnd_credit, ca_state, dup_acks, recover, srtt, rttvar, rtt_timing, rtt_seq, rtt_start, min_rtt;
  i32 retransmit_at, persist_at, keepalive_at, fin_wait2_at, cork_at, backoff, retransmits, probes, keep_probes, last_send, last_ack;
  i32 no_delay, cork, keepalive, keep_idle, keep_interval, keep_count, user_timeout, syn_retries, linger2;
  i32 total_retransmits, data_segs_out;
  u64 bytes_acked, bytes_sent, bytes_retransmitted;
};

struct datagram { u32 src, port, length, dst; };
struct queue { i32 count, bytes, first, size; struct buffer *buffer; struct datagram *records; };

struct endpoint {
  struct queue *queue;  // the shared empty one while nothing waits
  struct socket *owner;
  i32 error, limit;
  u8 closed, blocked;
  u32 local, local_port, remote, remote_port;
  i32 ttl, tos, index;
};

/** What the application holds. */
struct socket {
  u8 ready, open, read_shut, write_shut;
  void (*on_ready)(struct socket *s, u32 mask);
  struct conn *conn;
  struct endpoint *endpoint;
  void *data;
};

enum { ROWS = 1024, PIECES = 8192, ARENA = 2 * 1024 * 1024 };
struct row { u8 *head; u32 head_length, piece, pieces, length, gso, csum, l4; };
struct tx { u8 *arena; u32 used, count, taken, piece_base, piece_count; u8 *open; struct row rows[ROWS]; };

enum { LEVELS = 5, BITS = 6, SLOTS = 1 << BITS };
struct wheel { struct timer *heads[LEVELS * SLOTS]; u32 occupied[LEVELS * 2]; i32 tick, size; };

/** What packet a frame is found to be, for the layers above. */
struct packet { u8 *frame, *ip, *l4; u32 flags, src, dst, protocol, ttl, tos, ip_length, l4_length, gso_size; };

struct counters {
  u64 in_frames, in_octets, ip_receives, ip_octets, ip_delivers, tcp_segs, tcp_frames, hits, udp_datagrams, udp_frames;
  u64 out_requests, out_octets, out_segs, out_frames, acks, no_ports, drops, slow;
};

/** Our addresses: an open-addressing table, asked about source and destination of each packet. */
struct locals { u32 keys[16]; u8 kinds[16]; };

struct stack {
  struct counters counters;
  u8 mac[6];
  u32 generation;
  struct locals locals;
  struct table table;
  struct conn **conns;
  struct endpoint **endpoints;
  struct pool pool;
  struct buffer **free_buffers;
  i32 free_buffer_count;
  struct queue **free_queues;
  struct queue empty;
  i32 free_queue_count;
  struct conn **touched;
  i32 touched_count;
  struct socket **ready;
  i32 ready_count;
  struct tx tx;
  u32 (*transmit)(struct tx *tx);
  struct wheel wheel;
  i32 ms, us;
  int software;
};
