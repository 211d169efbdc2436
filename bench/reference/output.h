// What goes out: the decision about sending and acknowledging at the end of a batch, and the ACKs themselves
// (src/tcp/settle.ts, src/tcp/sending/output.ts, src/ip/output.ts, src/link/tx-queue.ts).

static void flush(struct stack *s) {
  struct tx *tx = &s->tx;
  if (tx->count == tx->taken) return;
  u32 taken = s->transmit(tx);
  s->counters.out_frames += taken;
  tx->taken += taken;
  if (tx->taken < tx->count) return;
  tx->count = tx->taken = tx->used = tx->piece_base = tx->piece_count = 0;
}

static u8 *tx_begin(struct stack *s, u32 length) {
  struct tx *tx = &s->tx;
  for (int i = 0; i < 2; i++) {
    u32 at = ((tx->used + 3) & ~3u) + 2;
    if (tx->count < ROWS && at + length <= ARENA) {
      tx->piece_count = tx->piece_base;
      return tx->open = tx->arena + at;
    }
    flush(s);
  }
  return NULL;
}

static void tx_commit(struct tx *tx, u8 *head, u32 head_length, u32 length, u32 gso, u32 csum, u32 l4) {
  struct row *row = &tx->rows[tx->count++];
  *row = (struct row){head, head_length, tx->piece_base, tx->piece_count - tx->piece_base, length, gso, csum, l4};
  tx->used = (u32)(head + head_length - tx->arena);
  tx->piece_base = tx->piece_count;
}

/** Writes the headers in front of `inline_length` bytes at `l4`, and commits the frame. */
static int ip_finish(struct stack *s, struct route *r, u8 *l4, u32 inline_length, u32 protocol, u32 src, u32 csum_offset, u32 ttl,
                     u32 tos, u32 df) {
  u8 *ip = l4 - 20, *frame = ip - 14;
  u32 total = 20 + inline_length;
  s->counters.out_requests++;
  s->counters.out_octets += total;
  if (total > r->mtu || !df || !r->neighbour || !(r->neighbour->state & NUD_CONNECTED)) {
    s->counters.slow++;
    return -1;
  }
  u32 third = (ttl << 8) | protocol, second = 0x4000;
  u32 sum = r->header_sum + tos + total + second + third;
  if (src != r->src) sum += (src >> 16) + (src & 0xffff) + (~r->src >> 16) + (~r->src & 0xffff);
  put32(ip, 0x45000000 | (tos << 16) | total);
  put32(ip + 4, second);
  put32(ip + 8, (third << 16) | (~fold(sum) & 0xffff));
  put32(ip + 12, src);
  put32(ip + 16, r->dst);
  put16(l4 + csum_offset, (u16)fold(pseudo_sum(src, r->dst, protocol, inline_length)));
  if (s->software) put16(l4 + csum_offset, (u16)~sum_bytes(l4, inline_length));
  memcpy(frame, r->neighbour->mac, 6);
  memcpy(frame + 6, s->mac, 6);
  put16(frame + 12, 0x0800);
  tx_commit(&s->tx, frame, 14 + total, 14 + total, 0, s->software ? 0 : (34 << 16) | csum_offset, 14 + 40);
  return 0;
}

static i32 least_update(const struct conn *c) { return c->rcv_limit >> 1 < c->adv_mss ? c->rcv_limit >> 1 : c->adv_mss; }

/** RFC 9293 3.8.6.2.2: the edge never moves back, and forward by a segment or half the buffer at least. */
static u32 window_to_offer(struct conn *c) {
  i32 current = c->rcv_adv - c->rcv_nxt, room = c->rcv_limit - c->rcv_queued, shift = c->rcv_wscale, field;
  if (room - current < least_update(c)) field = (current + (1 << shift) - 1) >> shift;
  else field = room >> shift;
  if (field > 65535) field = 65535;
  i32 offered = field << shift;
  if (offered > current) c->rcv_adv = c->rcv_nxt + offered;
  return (u32)field;
}

static int window_update_due(const struct conn *c) {
  i32 current = c->rcv_adv - c->rcv_nxt, room = c->rcv_limit - c->rcv_queued, most = 65535 << c->rcv_wscale;
  if (room > most) room = most;
  i32 step = room - current;
  return step >= least_update(c) && (current * 2 <= room || step >= c->rcv_limit >> 1);
}

static void send_ack(struct stack *s, struct conn *c) {
  struct route *r = c->route;
  if (!r || r->generation != s->generation || c->mss > (i32)r->mtu - 40) {
    s->counters.slow++;
    return;
  }
  u8 *frame = tx_begin(s, 14 + 20 + 28);
  if (!frame) return;
  u8 *tcp = frame + 34;
  u32 window = window_to_offer(c);
  put32(tcp, (c->local_port << 16) | c->remote_port);
  put32(tcp + 4, (u32)c->snd_max);
  put32(tcp + 8, (u32)c->rcv_nxt);
  put32(tcp + 12, (5u << 28) | (0x10u << 16) | window);
  put32(tcp + 16, 0);
  if (ip_finish(s, r, tcp, 20, 6, c->local, 16, c->ttl, c->tos, c->dont_fragment) < 0) return;
  s->counters.out_segs++;
  s->counters.acks++;
  c->segs_out++;
  if (c->quick_acks > 0 && c->ack_due) c->quick_acks--;
  c->ack_due = c->ack_now = 0;
  c->rcv_acked = c->rcv_nxt;
  c->timers &= ~TIMER_DELACK;
}

/** Sends what may be sent: in this benchmark nothing ever is, but that has to be found out. */
static void output(struct stack *s, struct conn *c) {
  i32 state = c->state;
  if (state != ESTABLISHED && state != CLOSE_WAIT && state != FIN_WAIT_1 && state != LAST_ACK && state != CLOSING) return;
  c->cwnd_limited = 0;
  i32 sent = c->snd_nxt - c->snd_una;
  i32 fin_out = c->fin_sent && sent > c->snd_queued;
  i32 unsent = c->snd_queued - (fin_out ? sent - 1 : sent);
  if (unsent > 0 || (c->fin_queued && !fin_out)) s->counters.slow++;
  if (c->snd_nxt != c->snd_una) {
    c->timers &= ~TIMER_PERSIST;
    if (!(c->timers & TIMER_RETRANSMIT)) set_timer(s, c, TIMER_RETRANSMIT, s->ms + c->rto);
  } else if (c->snd_queued > 0 || c->fin_queued) s->counters.slow++;
}

/** One decision for all that came in the batch. */
static void settle(struct stack *s) {
  for (i32 i = 0; i < s->touched_count; i++) {
    struct conn *c = s->touched[i];
    c->touched = 0;
    if (c->index < 0) continue;
    output(s, c);
    int opened = c->window_moved;
    c->window_moved = 0;
    if (c->ack_now || (opened && window_update_due(c))) {
      send_ack(s, c);
      continue;
    }
    if (!c->ack_due) continue;
    if (c->rcv_nxt - c->rcv_acked > c->rcv_mss || c->quick_acks > 0 || c->ooo_count > 0) send_ack(s, c);
    else if (!(c->timers & TIMER_DELACK)) set_timer(s, c, TIMER_DELACK, s->ms + c->ato);
  }
  s->touched_count = 0;
}
