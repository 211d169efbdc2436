// The receive path: Ethernet, IPv4, the demultiplexer, TCP in order, UDP (src/netif, src/ip/input.ts, src/tcp/arriving/input.ts,
// src/udp/udp.ts). What is not in order is counted, and fails the benchmark.

static inline void touch(struct stack *s, struct conn *c) {
  if (c->touched) return;
  c->touched = 1;
  s->touched[s->touched_count++] = c;
}

static inline void wake(struct stack *s, struct socket *socket) {
  if (!socket || socket->ready) return;
  socket->ready = 1;
  s->ready[s->ready_count++] = socket;
}

/** Van Jacobson's header prediction: the next data in order, with nothing else going on. */
static void connection_input(struct stack *s, struct conn *c, i32 seq, i32 ack, u32 flags, i32 window, u8 *data, i32 length) {
  c->segs_in++;
  if (length > 0) c->data_segs_in++;
  if (c->state != ESTABLISHED || (flags & 0x37) != 0x10 || seq != c->rcv_nxt || ack != c->snd_una || length == 0 ||
      window << c->snd_wscale != c->snd_wnd || c->ooo_count > 0 || c->rcv_fin || c->read_shut || length > c->rcv_adv - c->rcv_nxt) {
    s->counters.slow++;
    return;
  }
  s->counters.hits++;
  c->snd_wl1 = seq;
  if (s->ms - c->last_receive > c->rto) c->quick_acks = 16;
  c->last_receive = s->ms;
  if (length > c->rcv_mss) c->rcv_mss = length < c->adv_mss ? length : c->adv_mss;
  if (!c->rcv) c->rcv = buffer_take(s);
  i32 room = buffer_ensure(s, c->rcv, c->rcv_queued, length);
  if (room == 0) {
    s->counters.drops++;
    c->ack_now = 1;
    touch(s, c);
    return;
  }
  buffer_copy(s, c->rcv, c->rcv_queued, data, room, 1);
  c->rcv_nxt += room;
  c->rcv_queued += room;
  c->bytes_received += (u32)room;
  c->ack_due = 1;
  touch(s, c);
  wake(s, c->owner);
}

static void tcp_input(struct stack *s, struct packet *p) {
  u8 *tcp = p->l4;
  if (p->l4_length < 20) { s->counters.drops++; return; }
  u32 offset_flags = get16(tcp + 12), header = (offset_flags >> 12) << 2;
  if (header < 20 || header > p->l4_length) { s->counters.drops++; return; }
  if (!(p->flags & (RX_CSUM_VALID | RX_CSUM_PARTIAL)) &&
      fold(pseudo_sum(p->src, p->dst, 6, p->l4_length) + sum_bytes(tcp, p->l4_length)) != 0xffff) {
    s->counters.drops++;
    return;
  }
  s->counters.tcp_segs++;
  s->counters.tcp_frames++;
  u32 ports = get32(tcp);
  i32 value = table_find(&s->table, p->dst, (ports << 16) | (ports >> 16), p->src);
  if (value < 0) { s->counters.no_ports++; return; }
  if ((value & 3) != 0) { s->counters.slow++; return; }
  connection_input(s, s->conns[value >> 2], (i32)get32(tcp + 4), (i32)get32(tcp + 8), offset_flags & 0xff, get16(tcp + 14),
                   tcp + header, (i32)(p->l4_length - header));
}

static void udp_input(struct stack *s, struct packet *p) {
  u8 *udp = p->l4;
  u32 length = p->l4_length < 8 ? 0 : get16(udp + 4);
  if (length < 8 || length > p->l4_length) { s->counters.drops++; return; }
  if (!(p->flags & (RX_CSUM_VALID | RX_CSUM_PARTIAL)) && get16(udp + 6) != 0 &&
      fold(pseudo_sum(p->src, p->dst, 17, length) + sum_bytes(udp, length)) != 0xffff) {
    s->counters.drops++;
    return;
  }
  u32 ports = get32(udp);
  i32 index = table_find(&s->table, p->dst, (ports << 16) | (ports >> 16), p->src);
  if (index < 0) { s->counters.no_ports++; return; }
  struct endpoint *e = s->endpoints[index];
  length -= 8;
  if (e->queue == &s->empty) e->queue = queue_take(s);
  struct datagram about = {p->src, ports >> 16, length, p->dst};
  if (!queue_push(s, e->queue, udp + 8, (i32)length, about, e->limit)) { s->counters.drops++; return; }
  s->counters.udp_datagrams++;
  s->counters.udp_frames++;
  wake(s, e->owner);
}

static u32 local_kind(const struct locals *l, u32 addr) {
  for (u32 slot = (addr * 0x9e3779b1u) >> 28;; slot = (slot + 1) & 15)
    if (l->kinds[slot] == 0 || l->keys[slot] == addr) return l->kinds[slot];
}

static void ip_input(struct stack *s, struct packet *p, u8 *ip, u32 available) {
  s->counters.ip_receives++;
  s->counters.ip_octets += available;
  if (available < 20) { s->counters.drops++; return; }
  u32 first = get32(ip), second = get32(ip + 4), third = get32(ip + 8), src = get32(ip + 12), dst = get32(ip + 16);
  u32 header = (first >> 22) & 0x3c, total = first & 0xffff;
  if (first >> 28 != 4 || header < 20 || total < header || available < total) { s->counters.drops++; return; }
  u32 sum = (first >> 16) + total + (second >> 16) + (second & 0xffff) + (third >> 16) + (third & 0xffff);
  sum += (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
  if (header > 20) sum += sum_bytes(ip + 20, header - 20);
  if (fold(sum) != 0xffff) { s->counters.drops++; return; }
  p->ip = ip;
  p->l4 = ip + header;
  p->l4_length = total - header;
  p->ip_length = total;
  p->src = src;
  p->dst = dst;
  p->protocol = (third >> 16) & 0xff;
  p->ttl = third >> 24;
  p->tos = (first >> 16) & 0xff;
  u32 high = src >> 24;
  if (local_kind(&s->locals, dst) != 1 || local_kind(&s->locals, src) != 0 || high == 0 || high == 127 || high >= 224 ||
      (second & 0x3fff) != 0) {
    s->counters.drops++;
    return;
  }
  s->counters.ip_delivers++;
  if (p->protocol == 6) tcp_input(s, p);
  else if (p->protocol == 17) udp_input(s, p);
  else s->counters.drops++;
}

static void frame_input(struct stack *s, u8 *frame, u32 length, u32 flags) {
  struct packet packet;
  packet.frame = frame;
  packet.flags = flags;
  packet.gso_size = 0;
  s->counters.in_frames++;
  s->counters.in_octets += length;
  if (length < 14 || memcmp(frame, s->mac, 6) != 0 || get16(frame + 12) != 0x0800) { s->counters.drops++; return; }
  ip_input(s, &packet, frame + 14, length - 14);
}
