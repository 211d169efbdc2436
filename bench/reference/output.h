// What goes out: the decision about acknowledging at the end of a batch, and the ACKs themselves.

static void transmit_rows(struct stack *s) {
  if (s->row_count == 0) return;
  u32 taken = s->transmit(s->rows, s->row_count);
  s->out_frames += taken;
  s->row_count = 0;
  s->arena_used = 0;
}

/** src/tcp/window.ts: the edge never moves back, and forward by a segment or half the buffer at least. */
static u32 window_to_offer(struct conn *c) {
  u32 current = c->rcv_adv - c->rcv_nxt;
  u32 room = c->rcv_limit - c->rcv_queued;
  u32 half = c->rcv_limit >> 1;
  u32 least = half < c->adv_mss ? half : c->adv_mss;
  u32 field;
  if ((i32)(room - current) < (i32)least) field = (current + (1u << c->rcv_wscale) - 1) >> c->rcv_wscale;
  else field = room >> c->rcv_wscale;
  if (field > 65535) field = 65535;
  u32 offered = field << c->rcv_wscale;
  if (offered > current) c->rcv_adv = c->rcv_nxt + offered;
  return field;
}

static void send_ack(struct stack *s, struct conn *c) {
  if (s->row_count == TX_ROWS || s->arena_used + 128 > TX_ARENA) transmit_rows(s);
  u8 *frame = s->arena + ((s->arena_used + 3) & ~3u) + 2;
  u8 *ip = frame + 14, *tcp = ip + 20;
  u32 total = 40;
  put32(tcp, (c->ports & 0xffff0000) | (c->ports & 0xffff));
  put32(tcp + 4, c->snd_max);
  put32(tcp + 8, c->rcv_nxt);
  put32(tcp + 12, (5u << 28) | (0x10u << 16) | window_to_offer(c));
  put32(tcp + 16, 0);
  u32 third = (c->ttl << 8) | 6;
  u32 sum = 0x4500 + c->tos + total + 0x4000 + third + pseudo_sum(c->local, c->remote, 0, 0);
  put32(ip, 0x45000000 | (c->tos << 16) | total);
  put32(ip + 4, 0x4000);
  put32(ip + 8, (third << 16) | (~fold(sum) & 0xffff));
  put32(ip + 12, c->local);
  put32(ip + 16, c->remote);
  u32 pseudo = fold(pseudo_sum(c->local, c->remote, 6, 20));
  put16(tcp + 16, (u16)pseudo);
  if (s->software_csum) put16(tcp + 16, (u16)~fold(sum_bytes(tcp, 20)));
  memcpy(frame, s->gateway_mac, 6);
  memcpy(frame + 6, s->mac, 6);
  put16(frame + 12, 0x0800);
  s->rows[s->row_count++] = (struct tx_row){frame, 54, s->software_csum ? 0 : (34 << 16) | 16};
  s->arena_used = (u32)(frame + 54 - s->arena);
  s->out_requests++;
  s->out_octets += total;
  s->out_segs++;
  s->acks++;
  c->segs_out++;
  if (c->quick_acks > 0 && c->ack_due) c->quick_acks--;
  c->ack_due = 0;
  c->ack_now = 0;
  c->rcv_acked = c->rcv_nxt;
  c->timers &= ~4u;
}

static int window_update_due(struct conn *c) {
  u32 current = c->rcv_adv - c->rcv_nxt;
  u32 most = 65535u << c->rcv_wscale, room = c->rcv_limit - c->rcv_queued;
  if (room > most) room = most;
  i32 step = (i32)(room - current);
  u32 half = c->rcv_limit >> 1;
  if (step < (i32)(half < c->adv_mss ? half : c->adv_mss)) return 0;
  return current * 2 <= room || step >= (i32)half;
}

/** src/tcp/settle.ts: one decision for all that came in the batch. */
static void settle(struct stack *s) {
  for (u32 i = 0; i < s->touched_count; i++) {
    struct conn *c = s->touched[i];
    c->touched = 0;
    if (c->snd_queued != 0 || c->fin_queued) s->slow++;
    if (c->ack_now || (c->ack_due && (c->rcv_nxt - c->rcv_acked > c->rcv_mss || c->quick_acks > 0 || c->ooo_count > 0))) {
      send_ack(s, c);
      continue;
    }
    if (!c->ack_due || (c->timers & 4)) continue;
    c->timers |= 4;
    c->delack_at = s->ms + 40;
    if (c->wheel_slot < 0) wheel_arm(s, c, c->delack_at);
    else if (c->delack_at - c->wheel_at < 0) {
      wheel_cancel(s, c);
      wheel_arm(s, c, c->delack_at);
    }
  }
  s->touched_count = 0;
}

/** Fires what is due up to the present tick. */
static void wheel_advance(struct stack *s) {
  while (s->tick - s->ms < 0) {
    s->tick++;
    struct conn *c = s->wheel[(u32)s->tick & (WHEEL - 1)];
    while (c) {
      struct conn *next = c->wheel_next;
      wheel_cancel(s, c);
      if ((c->timers & 4) && c->delack_at - s->tick > 0) wheel_arm(s, c, c->delack_at);
      else if (c->timers & 4) {
        c->timers &= ~4u;
        send_ack(s, c);
      }
      c = next;
    }
  }
}
