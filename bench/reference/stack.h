// The state of the reference stack: connections, UDP endpoints, chunks, the transmit queue, a timer wheel. Laid out as one
// would for speed in C: what a segment in order touches stands in the first two cache lines of its connection.

#define CHUNK 8192
#define FRAME_STRIDE 128
#define TX_ARENA (2 * 1024 * 1024)
#define TX_ROWS 1024
#define WHEEL 1024
#define RX_CSUM_VALID 1

struct conn;
typedef void (*ready_fn)(struct conn *c);

struct conn {
  // first line: what input looks at
  u32 rcv_nxt, rcv_adv, snd_una, snd_max, snd_wnd, rcv_acked;
  u8 state, snd_wscale, rcv_wscale, touched;
  u8 ack_due, ack_now, ready, ooo_count;
  u8 *rcv;  // chunk of unread bytes, or NULL: an idle connection owns none
  u32 rcv_head, rcv_queued;
  i32 last_receive;
  u32 rcv_mss;
  // second line: what settling and reading look at
  u32 timers;
  i32 delack_at;
  u32 rcv_limit, adv_mss, snd_queued, fin_queued, snd_wl1;
  u32 local, remote, ports, quick_acks;
  struct conn *wheel_next, *wheel_prev;
  // third line and on: the rest
  i32 wheel_at, wheel_slot;
  ready_fn on_ready;
  u64 bytes_received, segs_in, segs_out;
  u32 irs, iss, snd_nxt, cwnd, ssthresh, srtt, rttvar, rto, ttl, tos;
  u32 others[48];  // what a connection keeps beside: options, loss recovery, counts
} __attribute__((aligned(64)));

struct datagram { u32 src, port, length, dst; };

struct endpoint {
  u8 *buffer;
  struct datagram *records;
  u32 first, count, bytes, head, limit, capacity;
  u8 ready;
  void (*on_ready)(struct endpoint *e);
} __attribute__((aligned(64)));

struct tx_row { u8 *frame; u32 length, csum; };

struct stack {
  u32 addr;
  u8 mac[6], gateway_mac[6];
  int software_csum;
  struct table table;
  struct conn *conns;
  struct endpoint *endpoints;
  u8 **chunks;  // free ones, last in first out
  u32 chunk_count;
  struct conn **touched;
  u32 touched_count;
  struct conn **ready;
  struct endpoint **ready_endpoints;
  u32 ready_count;
  u8 *arena;
  u32 arena_used, row_count;
  struct tx_row rows[TX_ROWS];
  u32 (*transmit)(struct tx_row *rows, u32 count);
  struct conn *wheel[WHEEL];
  i32 tick, ms, us;
  // counters, as the layers of tapstack have them
  u64 in_frames, in_octets, ip_receives, ip_octets, ip_delivers, tcp_segs, tcp_frames, hits, slow, no_ports;
  u64 udp_datagrams, out_segs, out_requests, out_octets, out_frames, drops, delivered, acks;
};

static u8 *chunk_take(struct stack *s) { return s->chunk_count > 0 ? s->chunks[--s->chunk_count] : NULL; }
static void chunk_give(struct stack *s, u8 *chunk) { s->chunks[s->chunk_count++] = chunk; }

static void wheel_arm(struct stack *s, struct conn *c, i32 at) {
  u32 slot = (u32)at & (WHEEL - 1);
  c->wheel_at = at;
  c->wheel_slot = (i32)slot;
  c->wheel_prev = NULL;
  c->wheel_next = s->wheel[slot];
  if (c->wheel_next) c->wheel_next->wheel_prev = c;
  s->wheel[slot] = c;
}

static void wheel_cancel(struct stack *s, struct conn *c) {
  if (c->wheel_slot < 0) return;
  if (c->wheel_prev) c->wheel_prev->wheel_next = c->wheel_next;
  else s->wheel[c->wheel_slot] = c->wheel_next;
  if (c->wheel_next) c->wheel_next->wheel_prev = c->wheel_prev;
  c->wheel_slot = -1;
}
